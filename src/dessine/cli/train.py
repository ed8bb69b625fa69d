"""`dessine train`: parse, build, train, say where it is."""

from __future__ import annotations

import json
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from dessine import plugins
from dessine.cli.completion import config_and_keys
from dessine.cli.errors import explain, last_line, notices
from dessine.cli.errors import say as _say
from dessine.cli.loading import another_judge, as_trained, load, load_run, warned
from dessine.cli.paths import PATH, RUN
from dessine.cli.progress import Line
from dessine.cli.terminal import is_terminal, room
from dessine.cli.trust import trust_plugins
from dessine.data import PLACES
from dessine.data.progress import hidden
from dessine.experiment import Experiment
from dessine.games.kinds import Kinds
from dessine.registry import SpecError
from dessine.runs.comparison import differences
from dessine.runs.files import finite, own, own_folder, write_atomically
from dessine.runs.inside import folders
from dessine.runs.run import Run, RunError
from dessine.scores.diagnosis import verdict
from dessine.spec import BadSpec, Document, check_document, dump, read
from dessine.spec.document import Place
from dessine.stopping import Failed, Stopped
from dessine.sweeps.repeats import train_apart, train_repeats
from dessine.training import take_up, train

PERIOD = 10.0
"""Seconds between two plain lines of progress, on a screen that is no terminal and in log.txt."""

FREE = (
    *(
        "training.steps",
        "training.epochs",
        "training.stop",
        "outputs.checkpoint",
        "outputs.best",
        "outputs.keep",
        "outputs.gif",
        "outputs.plots",
    ),
    *(f"data.{key}" for key in PLACES),
    "scores.judge",
    "plugins",
)
"""What may change when a run goes on: how long it gets, what leaves no trace in the steps already made, and where the data,
the judge and the plugins lie, whose checksums tell whether they are the same."""

Make = Callable[[Experiment, Run], "Progress"]
Loaded = tuple[Experiment, Document, dict[str, Any]]
"""As `cli/loading.py` gives it: the experiment, its document, the resolved spec."""


EPILOG = """\b
Examples:
  dessine train configs/gan_mnist.yaml training.steps=1000 seed=3
  dessine train --resume last training.steps=2000    go on, for longer
  dessine train --resume last --restart              begin it again
"""


@click.command(epilog=EPILOG)
@click.argument("arguments", nargs=-1, metavar="CONFIG [KEY=VALUE ...]", shell_complete=config_and_keys)
@click.option("--runs-dir", type=PATH, default=Path("runs"), help="Where run folders are made.")
@click.option("--run-dir", type=PATH, help="The run folder itself, instead of a timestamped one.")
@click.option("--resume", type=RUN, metavar="RUN", help="Go on with a run in place: RUN is its folder, its name or 'last'.")
@click.option("--restart", is_flag=True, help="With --resume: begin again at step 0; what is there is put aside.")
@click.option("--force", is_flag=True, help="With --resume, where there are no locks: no other process trains there.")
@click.option("--from", "source", type=RUN, metavar="RUN", help="Start anew from a run's config.")
@click.option("--dry-run", is_flag=True, help="Check everything, create nothing.")
@click.option("--quiet", is_flag=True, help="Print only the run's folder.")
@click.option("--profile", is_flag=True, help="Tell where the time goes, at the end and in the run's profile.txt.")
@trust_plugins
def command(
    arguments: tuple[str, ...],
    runs_dir: Path,
    run_dir: Path | None,
    resume: str | None,
    restart: bool,
    force: bool,
    source: str | None,
    dry_run: bool,
    quiet: bool,
    profile: bool,
) -> None:
    """Train what CONFIG describes, with KEY=VALUE in place of what it says.

    The last line of stdout is the run's folder. Ctrl-C stops after the step and saves; twice, at once.
    """
    click.get_current_context().with_resource(notices(_quiet if quiet else _say))
    if quiet:
        click.get_current_context().with_resource(hidden())
    if resume and (source or run_dir):
        raise click.UsageError("--resume goes on in the run's own folder: it takes no --from and no --run-dir")
    if (restart or force) and not resume:
        raise click.UsageError("--restart and --force go with --resume RUN")
    named = [] if resume or source else list(arguments[:1])
    overrides = list(arguments[len(named) :])
    if not (named or resume or source):
        raise click.UsageError("which config? Example: dessine train configs/gan_mnist.yaml")
    old = Run.find(resume or source or "", runs_dir) if resume or source else None
    if resume and old:
        old.check()
    config = old.path / "config.yaml" if old else PATH.convert(named[0], None, click.get_current_context())
    loaded = load_run(old, overrides, not dry_run, not resume) if old else load(config, overrides, not dry_run)
    experiment, make = loaded[0], partial(Progress, quiet=quiet, profile=profile)
    if profile and train_apart(experiment):
        raise click.UsageError(
            "--profile: repeats of networks as large as these train in processes of their own; take repeats=1"
        )
    remarks = remarks_of(loaded, old if resume else None)
    for notice in () if quiet else remarks:
        _say(notice)
    if dry_run:
        if not quiet:
            _say(f"{config}: would train {experiment.steps:,} steps of {experiment.name}; nothing was created")
        return
    called = shlex.join(["dessine", *sys.argv[1:]])
    if resume and old:
        with old.lock(_say, force):
            go_on(old, loaded, called, make, restart)
        return
    run = Run.create_at(run_dir) if run_dir else Run.create(runs_dir, experiment.name)
    begin(run, loaded, called, overrides, remarks, make)


def remarks_of(loaded: Loaded, goes_on: Run | None = None) -> list[str]:
    """What the user must know of a loaded config. goes_on: the run that goes on with it; raises BadSpec where it may not."""
    experiment, document, resolved = loaded
    remarks = [experiment.split.notice] * bool(experiment.split.notice) + warned(experiment, document, resolved)
    return remarks + (_same_past(goes_on, experiment, resolved) if goes_on else [])


def begin(run: Run, loaded: Loaded, called: str, overrides: Sequence[str], remarks: Sequence[str], make: Make) -> None:
    """Train in a new folder. called: the command, as run.json tells it"""
    experiment, document, resolved = loaded
    info = _about(experiment, resolved) | {"command": called, "overrides": list(overrides), "resumes": []}
    with run.lock(_say):
        run.start(dump(resolved), document.source, info)
        _train(experiment, run, make(experiment, run), 0, [f"started: {called}", *remarks])


def _keep_plugins(run: Run, experiment: Experiment) -> None:
    """Their text, for the record."""
    for path in experiment.plugins:
        plugin = plugins.at(path)
        write_atomically(own_folder(run.path, "plugins") / plugin.copy, plugin.source)


def _about(experiment: Experiment, resolved: dict[str, Any]) -> dict[str, Any]:
    """What run.json says of a run before it begins; the spec, because a list of runs has no time to read YAML."""
    train, test = experiment.split.train.checksum, experiment.split.test.checksum
    data: dict[str, Any] = {"data": experiment.split.source, "data_checksum": train, "test_checksum": test}
    if experiment.split.validation is not None:
        data["validation_checksum"] = experiment.split.validation.checksum
    data["data_shape"] = list(experiment.split.train.x.shape)  # for those who have the run but not its data
    if kinds := Kinds.of(experiment.split):
        data["data_classes"] = kinds.plain()
    goals = dict(experiment.game.goals)
    networks = {name: player.architecture() for name, player in experiment.game.players.items()}
    data |= {"goals": goals, "networks": networks, "spec": resolved} | experiment.game.about()
    if found := plugins_of(experiment):
        data["plugins"] = found
    return {"seed": experiment.seed, "steps": experiment.steps, **data}


def plugins_of(experiment: Experiment) -> list[dict[str, str]]:
    """Whose code may have a part in a run: path and hash of each file, name and package of each that is installed."""
    return [{"path": path, "hash": plugins.at(path).hash} for path in experiment.plugins] + list(plugins.installed())


def go_on(run: Run, loaded: Loaded, called: str, make: Make, restart: bool = False) -> None:
    """Train a run for what it has left, or from its start; the lock is ours."""
    experiment, _, resolved = loaded
    bar = make(experiment, run)
    say = bar.remark
    run.sweep_up()
    aside = run.restart() if restart else run.end_restart()
    stopped = run.info().get("stopped")
    if run.is_complete(experiment.steps) and not (
        stopped and resolved["training"]["stop"] != _resolved(run)["training"]["stop"]
    ):
        before = _resolved(run)
        if resolved["data"] != before["data"]:
            run.rewrite(dump(resolved), spec=resolved, data=experiment.split.source)
            say(f"{run.path}: its data are now those in {experiment.split.source}, which are the same")
        if resolved["scores"] != before["scores"]:
            run.rewrite(dump(resolved), spec=resolved, **experiment.game.about())
            say(f"{run.path}: its judge is now {experiment.scores.judge}")
        longer = f"go on for longer with training.steps=N, more than {experiment.steps:,}"
        rule = f"it stopped by its own rule ({stopped}); training.stop=null goes on without it"
        say(f"{run.path} is complete: {rule if stopped else longer}")
        bar.ended()
        return
    told: list[str] = [f"begins again; what was there is in {aside}"] if aside else []
    about = {"steps": experiment.steps, "spec": resolved, "data": experiment.split.source}
    about |= {"goals": dict(experiment.game.goals), "test_checksum": experiment.split.test.checksum} | experiment.game.about()
    if found := plugins_of(experiment):
        about["plugins"] = found
    if not run.info():
        about |= _about(experiment, resolved)
        told.append(
            f"{run.path / 'run.json'} is not there: it is written anew, and nothing can tell whether the data are the same"
        )
    try:
        apart = train_apart(experiment)
        step = 0 if apart else take_up(experiment, run, told.append)
        for repeat in folders(run.path, "repeats") if apart else ():  # whose own words go to their logs
            Run(repeat).load_checkpoint(say=told.append)
    except RunError as error:
        again = f"{_resuming(run, experiment)} --restart"
        raise RunError(f"{error}; to begin again at step 0, with all that is there put aside: {again}") from None
    run.resume(dump(resolved), called, **about)
    for line in told:  # a step back is told whatever was asked not to be
        _say(line)
    _train(experiment, run, bar, step, [f"resumed: {called}", *told])


def _resuming(run: Run, experiment: Experiment) -> str:
    """The command that goes on with it."""
    return shlex.join(["dessine", "train", "--resume", str(run.path), *([plugins.TRUST] if experiment.plugins else [])])


def _same_past(run: Run, experiment: Experiment, resolved: dict[str, Any]) -> list[str]:
    """Refuse what would change the steps already made, showing the difference: be it on the command line, or in a config.yaml
    that was edited since, for run.json knows what the run began with. Returns what else the user must know.
    """
    info, before = run.info(), _resolved(run)
    wrong = [
        f"  {key}: was {was!r}, now {will!r}"
        for key, (was, will) in differences([before, json.loads(json.dumps(finite(resolved)))]).items()
        if not key.startswith(FREE)
    ]
    if wrong:
        raise BadSpec([f"{run.path}: this would change steps already made; start anew with --from, or take it back:", *wrong])
    if experiment.steps < (info.get("steps") or 0):
        raise BadSpec([f"{run.path}: a run can only get longer: it has {info['steps']:,} steps, not {experiment.steps:,}"])
    _same_plugins(run, experiment)
    remarks = _same_judge(run, experiment, before["scores"]["judge"])
    parts = {"training": ("data", experiment.split.train), "validation": ("validation", experiment.split.validation)}
    for what, (key, part) in (parts | {"test": ("test", experiment.split.test)}).items():
        if part is None:
            continue
        key = f"{key}_checksum"
        was, now = info.get(key, part.checksum), part.checksum
        if was != now:
            of, began = experiment.split.source, info.get("data")
            if (of, what) == ("made", "test"):  # those of XOR and regions were once drawn after the training points
                remarks.append(f"{run.path}: its test points are others than in the version that began it, drawn alike")
                continue
            text = f"the {what} examples of {of} are not those it began with, of {began}"
            raise BadSpec([f"{run.path}: {text} (checksum was {str(was)[:12]}, now {now[:12]})"])
    return remarks


def _same_plugins(run: Run, experiment: Experiment) -> None:
    """Raises BadSpec where a plugin is another by now: the steps already made were made by the other."""
    began = {one["path"]: one["hash"] for one in run.info().get("plugins", []) if "hash" in one}
    now = {}
    for path in experiment.plugins:
        try:
            now[path] = plugins.read(Path(path)).hash
        except SpecError:  # then the run's own copy was loaded
            now[path] = plugins.at(path).hash
    if sorted(now.values()) == sorted(began.values()):
        return
    changed = next((path for path, is_ in now.items() if is_ not in began.values()), None)
    what = f"{changed} is not the plugin that made its steps (hash {now[changed][:12]})" if changed else "a plugin is missing"
    kept = ", ".join(str(run.path / "plugins" / plugins.copy_name(Path(path), was)) for path, was in began.items())
    raise BadSpec([f"{run.path}: {what}: start anew with --from, or take back what it was, kept in {kept or 'no file'}"])


def _same_judge(run: Run, experiment: Experiment, named: str | None) -> list[str]:
    """That another judge reads from here on, or refuse it where lines of metrics would no longer be of the same scores, or
    where something is chosen among them. named: the one that the run began with.
    """
    now = experiment.scores.judge
    if (now is None) != (named is None):
        was, will = ("none", now) if named is None else (named, "none")
        raise BadSpec([f"{run.path}: scores.judge: was {was}, now {will}: start anew with --from, or take it back"])
    other = another_judge(run, experiment)
    chosen = [
        choice.metric for choice in (experiment.best, experiment.stops_by) if choice and choice.metric.startswith("scores.")
    ]
    if other and chosen:
        raise BadSpec([f"{run.path}: {other}, and {chosen[0]} chooses among all checkpoints: start anew with --from"])
    return [f"{run.path}: {other}"] if other else []


def _resolved(run: Run) -> Any:
    """What run.json says that the run began with, as JSON; with every default, for an older one lacks options that have come
    since. Of a run that says nothing of it, its config.yaml does.
    """
    began = run.info().get("spec") or read(own(run.path, "config.yaml"), alone=True).data
    with suppress(BadSpec):
        document = as_trained(run, Document(began, "", {(): Place(str(run.path / "run.json"))}))
        began = check_document(document, Experiment).model_dump()
    return json.loads(json.dumps(finite(began)))


def _train(experiment: Experiment, run: Run, bar: Progress, step: int, first: Sequence[str]) -> None:
    """Train from `step`, with progress; whatever happens, run.json and log.txt say how it ended. first: lines of the log"""
    began, resume = time.monotonic(), _resuming(run, experiment)
    try:
        with run.room():
            _keep_plugins(run, experiment)
            for line in first:
                run.log(line)
            how = train_repeats if train_apart(experiment) else partial(train, step=step)
            with notices(_quiet if bar.quiet else bar.say), _watched(experiment, run, bar) if bar.profile else nullcontext():
                summary = how(experiment, run, bar.step, bar.say)
        bar.close()
        if not summary["diagnosis"]["early"]:
            bar.remark(_on_screen(verdict(summary["diagnosis"])))
            bar.remark(
                f"more: dessine diagnose {shlex.join([str(run.path), *([plugins.TRUST] if experiment.plugins else [])])}"
            )
    except Stopped as stopped:
        bar.close()
        _say(f"{stopped}; go on with: {resume}")
        raise
    except BaseException as error:
        bar.close()
        try:
            _ended(run, error, time.monotonic() - began)
        except (OSError, RunError) as more:  # the very disk may be what failed
            _say(f"{run.path}: how it ended could not be written there ({explain(more)}): it is listed as lost")
        if isinstance(error, KeyboardInterrupt):
            _say(f"stopped at once; go on from the last checkpoint with: {resume}")
        if isinstance(error, RunError):  # damaged meanwhile: no mistake in what was asked for
            raise Failed(str(error)) from None
        if blamed := plugins.blamed(error):
            raise Failed(blamed) from None
        raise
    finally:
        bar.close()
        bar.ended()


def _watched(experiment: Experiment, run: Run, bar: Progress) -> AbstractContextManager[None]:
    from dessine.stopwatch import watched

    def told(text: str) -> None:
        bar.close()
        (_quiet if bar.quiet else _say)(text)

    return watched(experiment, run, told)


def _ended(run: Run, error: BaseException, seconds: float) -> None:
    """Note the end that the loop could not note itself."""
    with suppress(RunError):
        if run.info().get("status") != "running":
            return
    stopped = not isinstance(error, Exception)
    reason = "stopped at once, by a second signal or between two steps"
    if not isinstance(error, KeyboardInterrupt):
        reason = explain(error)
    told = reason if stopped else f"failed: {reason}\n" + "".join(traceback.format_exception(error)).rstrip()
    try:  # first what is listed: on a full disk there may be room for no more
        run.end("interrupted" if stopped else "failed", seconds, reason=reason)
    except (OSError, RunError):
        with suppress(OSError):
            run.log(told)
        raise
    run.log(told)


class Progress:
    """One line in a terminal; a plain line now and then elsewhere, and in log.txt."""

    def __init__(self, experiment: Experiment, run: Run, quiet: bool = False, profile: bool = False):
        self.headline, self.steps, self.run, self.quiet = experiment.game.headline, experiment.steps, run, quiet
        self.profile = profile
        self.draws = experiment.outputs.plots or experiment.outputs.gif
        self.terminal = is_terminal(sys.stderr) and not quiet
        self.bar: Line | None = None
        self.made = False  # all steps, and that has been said
        self.first: int | None = None  # a resumed run begins where its checkpoint is, and its speed counts from there
        self.began = self.last = time.monotonic()

    def step(self, step: int, record: dict[str, Any]) -> None:
        """Called several times a second."""
        if self.first is None:
            self.first, self.began = step, time.monotonic()
            self.bar = self.line(step)
        if self.bar is not None:
            if record:
                self.bar.metrics = _short(record, self.headline)
            self.bar.update(step - self.bar.n)
        if record and (time.monotonic() - self.last > PERIOD or step == self.steps):
            self.last = time.monotonic()
            speed = (step - self.first) / max(self.last - self.began, 1e-9)
            pace = f"{speed:.0f} steps/s  {(self.steps - step) / speed:.0f} s left  " if speed else ""
            line = f"step {step:,}/{self.steps:,}  {pace}{'  '.join(_short(record, self.headline))}"
            self.run.log(line)
            if self.bar is None and not self.quiet:
                _say(_on_screen(line))
        if step == self.steps and not self.quiet and not self.made:  # repeats in processes are there, and asked, for a while
            self.made = True
            self.close()
            _say("all steps are made: now its verdict" + (" and its pictures ..." if self.draws else " ..."))

    def line(self, step: int) -> Line | None:
        """What moves; None where nothing can. step: where it begins"""
        return Line(total=self.steps, initial=step, mininterval=0.2) if self.terminal else None

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self.bar is not None:
            self.bar.above(text)
        else:
            _say(text)

    def remark(self, text: str) -> None:
        """A line for whoever wants to hear more than where the run is."""
        if not self.quiet:
            _say(text)

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def ended(self) -> None:
        """Tell where the run is."""
        last_line(str(self.run.path))


def _short(record: dict[str, Any], headline: dict[str, str]) -> list[str]:
    """The metrics that matter, each the mean over repeats."""
    parts = []
    for metric, label in headline.items():
        value: Any = record
        for key in metric.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        values = [v for v in (value if isinstance(value, list) else [value]) if v is not None]
        if values:
            parts.append(f"{label} {sum(values) / len(values):.3g}")
    return parts


def _on_screen(line: str) -> str:
    """Wrapped at spaces in a terminal; as it is elsewhere, for whoever reads line by line."""
    wide = room(sys.stderr) if sys.stderr is not None and sys.stderr.isatty() else None
    return "\n".join(wrap(line, wide, break_on_hyphens=False, break_long_words=False)) if wide else line


def _quiet(text: str) -> None:
    pass
