"""`dessine sweep`: read what varies, check every cell, run them, say where they are."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click

from dessine.cli.completion import keys
from dessine.cli.errors import last_line, say
from dessine.cli.paths import PATH
from dessine.cli.sweep_plan import Kept, Plan, seconds_known
from dessine.cli.sweep_screen import Screen, duration
from dessine.cli.trust import trust_plugins
from dessine.experiment import Experiment
from dessine.plots import Pictures
from dessine.registry import SpecError
from dessine.runs.files import own_folder
from dessine.runs.run import RunError
from dessine.spec import anchor, dump, read, value
from dessine.stopping import stop_requests
from dessine.sweeps.cells import Cell, counted
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.launchers import Launcher, LauncherError, cores
from dessine.sweeps.places import launcher
from dessine.sweeps.running import Feed, Interrupted, Queue, run_cells
from dessine.sweeps.search import SearchError, SearchFeed, optuna
from dessine.threads import cores as allowed

EPILOG = """\b
Examples:
  dessine sweep configs/gan_ring.yaml game.loss=minimax,hinge 'seed=range(5)'
  dessine sweep configs/xor.yaml 'zip(seed=1,5; training.epochs=20,40)' -j 2
  dessine sweep configs/sweeps/gan_ring_loss.yaml training.steps=500 --dry-run
  dessine sweep configs/xor.yaml --sampler tpe --trials 50 \\
      'game.network.optimizer.eta=log_uniform(1e-3, 1.0)' \\
      --metric test_success --direction maximize"""


@click.command(epilog=EPILOG)
@click.argument("config", type=PATH)
@click.argument("words", nargs=-1, metavar="[KEY=VALUES ...]", shell_complete=keys)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Runs at once.  [default: cores; Dask: its threads; SLURM: 32]")
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="BLAS threads of each run.  [default: cores / jobs; elsewhere 1]",
)
@click.option("--runs-dir", type=PATH, default=Path("runs"), help="Where the sweep's folder is made or found.")
@click.option("--sweep-dir", type=PATH, help="The sweep's folder itself; it may hold cells of an earlier grid.")
@click.option("--name", help="Ends the folder's name.  [default: the config's]")
@click.option("--samples", type=click.IntRange(1), help="Random points, where a key is uniform(...) or log_uniform(...).")
@click.option("--fail-fast", is_flag=True, help="Stop everything when a run fails, instead of going on.")
@click.option("--retry-failed", is_flag=True, help="Go on with the runs that failed, too.")
@click.option("--dry-run", is_flag=True, help="List the cells and how long they may take; start and create nothing.")
@click.option(
    "--collect", is_flag=True, help="Only write results.csv, plots/ and report.html anew; CONFIG is a sweep's folder."
)
@click.option(
    "--executor",
    type=click.Choice(["local", "dask", "slurm"]),
    default="local",
    show_default=True,
    help="Where runs are started.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster, such as tcp://10.0.0.1:8786.")
@click.option("--slurm", multiple=True, metavar="KEY=VALUE", help="A parameter of submitit, such as slurm_partition=cpu.")
@click.option("--sampler", type=click.Choice(["tpe", "random"]), help="Search: let Optuna propose the values.")
@click.option("--trials", type=click.IntRange(1), help="Of a search: settings to try.")
@click.option("--metric", help="What is compared: a dotted name, or an end of one that is unambiguous.")
@click.option("--direction", type=click.Choice(["maximize", "minimize"]), help="Of a search.")
@click.option("--pruner", type=click.Choice(["none", "median", "halving"]), help="Of a search: give up trials on the way.")
@click.option("--quiet", is_flag=True, help="Print only failures and the sweep's folder.")
@trust_plugins
def command(config: Path, words: tuple[str, ...], **options: Any) -> None:
    """Run CONFIG once for every combination of what varies: one ordinary run folder each.

    CONFIG is a config, a sweep's YAML (configs/sweeps/), or the folder of a sweep to go on with.

    \b
    KEY=VALUES is one of
      key=a,b,c               a list: every combination of lists is run
      key=range(1, 4)         1, 2, 3, as in Python; steps may be decimal
      'zip(k=a,b; l=c,d)'     lists that go together: a with c, b with d
      key=log_uniform(1, 9)   drawn at random, also uniform(...), --samples times
      key=value               the same in every run

    Everything is checked before anything starts. A run that fails costs no other.

    The folder is RUNS_DIR/<time>_sweep_<name>. The same command finds it again by what the sweep is, and does only
    what is missing: after an interruption, runs go on from their last checkpoint. The last line of stdout is the folder.

    Ctrl-C lets every run save; a second one kills them. With --executor dask or slurm all machines must see the
    sweep's folder and the data under the same paths, and have the same version of dessine.

    Exit codes: 0 all done, 1 some run failed, 2 usage or config, 130 interrupted.
    """
    try:
        _sweep(config, words, options)
    except (LauncherError, SearchError) as error:
        raise click.ClickException(str(error)) from None


def _sweep(config: Path, words: Sequence[str], o: dict[str, Any]) -> None:
    given = o["sweep_dir"]
    for option, executor in (("scheduler", "dask"), ("slurm", "slurm")):
        if o[option] and o["executor"] != executor:
            raise click.ClickException(f"--{option} goes with --executor {executor}")
    launching = _launching(o)
    if SweepFolder.is_one(config):
        if given and given.resolve() != config.resolve():
            raise click.ClickException(f"--sweep-dir: {config} is the folder of a sweep already")
        given, config = config, config / "sweep.yaml"
    elif o["collect"]:
        raise click.ClickException(f"--collect: {config} is not the folder of a sweep")
    if o["collect"]:
        folder = SweepFolder(config.parent)
        known = folder.info().get("metrics")
        if words or o["metric"] or known is None:  # then a cell must tell what can be compared
            asked = Plan(config, words, o, alone=True)
            asked.check()
            asked.metrics = asked.metrics if o["metric"] or known is None else known
            _collect(asked, folder, o["quiet"])
        else:
            _collect(Kept(folder, known), folder, o["quiet"])
        click.echo(str(folder.path))
        return
    plan = Plan(config, words, o, given is not None and config.parent == given)
    if o["samples"] and not plan.sweep.axes.random:
        raise click.ClickException("--samples: nothing is drawn, as no key is uniform(...) or log_uniform(...)")
    found = SweepFolder(given) if given else SweepFolder.find(o["runs_dir"], plan.identity)
    states = {cell.identity: found.state(cell) for cell in plan.cells} if found else {}
    if plan.sweep.search:
        optuna()
        states = {}
    done = [cell for cell in plan.cells if states.get(cell.identity) == "completed"]
    seconds = plan.check(done, time_them=o["dry_run"])
    if o["dry_run"]:
        _tell(plan, states, seconds, seconds_known(found, plan.cells) if found else [], o["jobs"] or cores())
        return
    where = launcher(o["executor"], launching)
    with closing(where):
        _, complete = run(plan, where, given, o, click.echo)
    if not complete:
        raise click.exceptions.Exit(1)


def _launching(o: dict[str, Any]) -> dict[str, Any]:
    """What the chosen launcher needs."""
    if o["executor"] == "dask":
        return {"scheduler": o["scheduler"]}
    if o["executor"] != "slurm":
        return {}
    pairs = [pair.partition("=") for pair in o["slurm"]]
    if wrong := next((key + equals + text for key, equals, text in pairs if not key or not equals), None):
        raise click.ClickException(f"--slurm: expects KEY=VALUE, such as slurm_partition=cpu, got '{wrong}'")
    try:
        parameters = {key: value(text) for key, _, text in pairs}
    except SpecError as error:
        raise click.ClickException(f"--slurm: {error}") from None
    return {"cluster": parameters.pop("cluster", "slurm"), "parameters": parameters}


def _tell(plan: Plan, states: dict[str, str], timed: dict[str, float], known: list[float], jobs: int) -> None:
    """The cells, and how long they may take: from those that are done, else from a few turns of their networks."""
    if plan.sweep.search:
        search = plan.sweep.search
        runs = search.trials * len(plan.planner.seeds())
        each = sum(timed.values()) / len(timed)
        click.echo(f"{plan.name}: {search.trials} trials, {runs} runs, to {search.direction} {next(iter(plan.metrics))}")
        click.echo(
            f"about {duration(each * runs / jobs)} at {jobs} at once, from a few steps of {counted(len(timed), 'setting')}"
        )
        return
    mean = sum(known) / len(known) if known else sum(timed.values()) / max(len(timed), 1)
    total, count = 0.0, 0
    for cell in plan.cells:
        state = states.get(cell.identity, "missing")
        seconds = 0.0 if state == "completed" else mean if known else timed.get(cell.setting, mean)
        total, count = total + seconds, count + (state != "completed")
        click.echo(f"{cell.identity[:10]}  {state:<10} {duration(seconds):>7}  {cell.label}")
    source = f"from {counted(len(known), 'finished run')}" if known else f"from a few steps of {counted(len(timed), 'setting')}"
    ahead = f"about {duration(total / min(jobs, max(count, 1)))} at {jobs} at once, {source}" if count else "all are done"
    click.echo(f"{plan.name}: {counted(len(plan.cells), 'cell')}, {count} to run, {ahead}; nothing was started")


def _share(jobs: int) -> int:
    """Threads of each of so many runs at once: a share of the cores, and no more than OPENBLAS_NUM_THREADS and its like say."""
    return max(1, min(cores() // jobs, allowed()))


def run(
    plan: Plan, where: Launcher, given: Path | None, o: dict[str, Any], tell: Callable[[str], Any]
) -> tuple[SweepFolder, bool]:
    """Run what is missing of a checked plan; returns its folder, whose path `tell` gets at the end, and whether all is done."""
    jobs = o["jobs"] or where.slots
    threads = o["threads"] or (_share(jobs) if o["executor"] == "local" else 1)
    folder = SweepFolder.open(given, o["runs_dir"], plan.identity, plan.name)
    with folder.lock(say), stop_requests() as stop:
        _write(plan, folder)
        feed, total, done, failed = _feed(plan, folder, o["retry_failed"])
        screen = Screen(total, done, jobs, lambda cell: _steps(plan, cell), o["quiet"])
        _greet(plan, screen, folder, total, done, failed, jobs, threads)
        try:
            complete = _work(plan, folder, feed, where, screen, stop, (jobs, threads), o)
        finally:
            screen.close()
            last_line(str(folder.path), tell)
    return folder, complete


def _work(
    plan: Plan,
    folder: SweepFolder,
    feed: Feed,
    where: Launcher,
    screen: Screen,
    stop: Callable[[], bool],
    width: tuple[int, int],
    o: dict[str, Any],
) -> bool:
    """Run the cells and collect what they found; returns whether all is done. width: runs at once, and threads of each"""
    again = f"the same command goes on: {shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])}"
    try:
        run_cells(feed, folder, where, screen, stop, *width, o["fail_fast"])
    except Interrupted:
        screen.close()
        _collect(plan, folder, o["quiet"], feed, pictures=False)
        say(f"interrupted; {again}")
        raise click.exceptions.Exit(130) from None
    except KeyboardInterrupt:
        screen.close()
        say(f"stopped at once; {again}")
        raise
    screen.close()
    complete = _complete(plan, folder, feed)
    if not complete and not o["quiet"]:
        say("not all is done: the same command goes on with what was stopped or killed, --retry-failed with the rest")
    _collect(plan, folder, o["quiet"], feed)
    return complete


def _write(plan: Plan, folder: SweepFolder) -> None:
    """The sweep's own files. Raises RunError if the folder was made from another base."""
    at, command = folder.path / "base.yaml", folder.info().get("command") or shlex.join(["dessine", *sys.argv[1:]])
    if at.is_file():
        before = read(at)
        anchor(before, Experiment)
        if before.data != plan.base.data:
            raise RunError(
                f"{folder.path} was made from another base config: compare its base.yaml, or take another --sweep-dir"
            )
    source = folder.path / "source.yaml"
    own = source.read_text() if at.is_file() and source.is_file() else plan.source
    info = {"identity": plan.identity, "name": plan.name, "metrics": plan.metrics, "host": platform.node()}
    folder.write(dump(plan.data), dump(plan.base.data), own, info | {"command": command})


def _feed(plan: Plan, folder: SweepFolder, retry_failed: bool) -> tuple[Feed, int, int, int]:
    """What is to be run; and how many cells there are, are done, and failed before and are left alone."""
    if plan.sweep.search:
        feed = SearchFeed(plan.planner, plan.sweep.search, next(iter(plan.metrics)), folder, retry_failed)
        seeds, trials = len(plan.planner.seeds()), plan.sweep.search.trials
        return feed, trials * seeds, max(0, trials - feed.left - len(feed.again)) * seeds, 0
    states = [(cell, folder.state(cell)) for cell in plan.cells]
    ended = ("completed", "unreadable") if retry_failed else ("completed", "unreadable", "failed")
    left = [cell for cell, state in states if state not in ended]
    failed = 0 if retry_failed else sum(state == "failed" for _, state in states)
    return Queue(left), len(states), len(states) - len(left), failed


def _greet(
    plan: Plan, screen: Screen, folder: SweepFolder, total: int, done: int, failed: int, jobs: int, threads: int
) -> None:
    if screen.quiet:
        return
    screen.say(f"{folder.path}: {total} run{'s' * (total != 1)}, {done} done, {total - done} to go")
    screen.say(f"{jobs} at once, {threads} BLAS thread{'s' if threads > 1 else ''} each")
    if failed:
        screen.say(f"{failed} of them failed before: --retry-failed goes on with them")
    if notice := plan.notice():
        screen.say(notice)


def _steps(plan: Plan, cell: Cell) -> int:
    """How many steps a cell makes; 0 if it is not known before it runs."""
    if cell.setting in plan.steps:
        return plan.steps[cell.setting]
    fixed = plan.experiment is not None and not any(k.startswith(("training", "data")) for k in cell.values)
    return plan.experiment.steps if fixed and plan.experiment else 0


def _complete(plan: Plan, folder: SweepFolder, feed: Feed) -> bool:
    """Whether there is nothing left to be done or mended."""
    if isinstance(feed, SearchFeed):
        return feed.all_well()
    return all(folder.state(cell) == "completed" for cell in plan.cells)


def _collect(plan: Plan | Kept, folder: SweepFolder, quiet: bool, feed: Feed | None = None, pictures: bool = True) -> None:
    """results.csv, and unless time presses the pictures and the page."""
    from dessine.sweeps.results import UNREADABLE, best_settings, collect, save_table

    own_folder(folder.path, "plots")
    results = collect(folder, plan.sweep.axes, plan.metrics)
    save_table(results, folder.path / "results.csv")
    for row in results.rows:
        if row.status == UNREADABLE:
            click.echo(f"unreadable, and left as it is: {row.reason}", err=True)
    if not pictures:
        return
    if not quiet:
        say("collects the results, and draws the pictures and the page ...")
    from dessine.sweeps.page import save_page
    from dessine.sweeps.pictures import save_pictures

    if plan.sweep.search and feed is None:
        feed = SearchFeed(plan.planner, plan.sweep.search, next(iter(plan.metrics)), folder)
    trials = feed.trials if isinstance(feed, SearchFeed) else ()
    for old in folder.plots.glob("*.png"):
        old.unlink()
    made = save_pictures(results, folder.plots, plan.name, trials, Pictures(partial(click.echo, err=True)))
    text = (folder.path / "sweep.yaml").read_text()
    page = save_page(results, folder.path / "report.html", plan.name, made, text, folder.info().get("command", ""))
    if not quiet:
        for line in best_settings(results):
            say(line)
        say(f"report: {page}")
