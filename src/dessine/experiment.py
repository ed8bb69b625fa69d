"""An experiment: a spec as objects, and the one training loop. The loop turns, logs, samples and saves; it knows no GAN.

What a turn is belongs to the game, where things are written to `runs/`, how they look to `plots/`.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from math import ceil, log2
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le, MaxLen

from dessine.choosing import Best, Choice, Patience, Stop
from dessine.data import Dataset, Split
from dessine.games import Context, Game
from dessine.games.warnings import warnings
from dessine.games.watch import Watch, told
from dessine.machine import give_back
from dessine.mistakes import Told
from dessine.node import Node
from dessine.paths import LONGEST_NAME, expanded
from dessine.plots import Pictures
from dessine.registry import DEFAULTS, Count, Like, PathText, Problem, Problems, SpecError, Whole
from dessine.runs.checkpoint import Damaged
from dessine.runs.files import RunError, own, write_json
from dessine.runs.run import Run, outcome, picture_name
from dessine.scores.diagnosis import Diagnosis, diagnose
from dessine.scores.finding import SHORTEST
from dessine.scores.packed import judge_for, shipped
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled
from dessine.spec import BadSpec, Document, change
from dessine.streams import Streams
from dessine.threads import one_blas_thread

Array = np.ndarray


POOR = 0.8
"""Test success of a judge under which a line says so."""
EVENLY = 60
"""Pictures of what moves fast, before they become half as many, where the outputs do not say."""
LOOKED = 2000
"""Samples of the last checkpoint that a verdict looks at."""
GROWTH = 1.2
"""From one of its first pictures to the next, so much later."""


class Training(Node):
    """How long, and in what portions.

    steps: turns of the game
    epochs: passes over the training examples, instead of steps
    batch_size: examples per batch
    stop: when to end before the last step
    """

    def __init__(
        self,
        steps: Count | None = None,
        epochs: Count | None = None,
        batch_size: Count = 64,
        stop: Like[Stop] | None = None,
    ):
        if (steps is None) == (epochs is None):
            raise SpecError("give steps or epochs, one of the two (`steps: null` takes an inherited one away)")
        self.steps, self.epochs, self.batch_size = steps, epochs, batch_size
        self.stop = None if stop is None else Stop.of(stop)


class Outputs(Node):
    """What a run writes, and how often.

    metrics: steps between two lines of metrics.jsonl; left out: 50, or the test_period of a classification
    samples: steps between two pictures of what the players can do; left out: 500, 100 where points are drawn, twice as many
        after each 60 of them, or one epoch of a classification; 0: none. Where points are drawn there are more in the beginning
    checkpoint: steps between two checkpoints; left out: 1000, or one epoch of a classification
    keep: how many checkpoints stay
    best: metric or score, such as test_success or scores.frechet, by which the best checkpoint of each repeat stays, too
    grid: rows and columns of the sample grid
    gif: whether the sample grids become a GIF at the end
    plots: whether curves are drawn at the end
    """

    def __init__(
        self,
        metrics: Count | None = None,
        samples: Whole | None = None,
        checkpoint: Count | None = None,
        keep: Count = 2,
        grid: list[Count] = [8, 8],  # noqa: B006
        gif: bool = True,
        plots: bool = True,
        best: str | None = None,
    ):
        if len(grid) != 2:
            raise SpecError("expects [rows, columns]", ("grid",))
        if grid[0] * grid[1] > 10_000:
            raise SpecError("takes at most 10,000 pictures", ("grid",))
        self.metrics, self.samples, self.checkpoint, self.keep = metrics, samples, checkpoint, keep
        self.grid, self.gif, self.plots, self.best = (grid[0], grid[1]), gif, plots, best


class Scores(Node):
    """What samples are scored by.

    judge: a classification run, its folder, or a file of `dessine judge pack`: it reads samples of its shape, in place of the
        judge of digits in the package
    """

    def __init__(self, judge: PathText | None = None):
        self.judge = judge


class Experiment(Node):
    """Everything that one config describes.

    data: what is learnt
    game: who plays, and how
    training: how long
    outputs: what is written
    scores: what samples are scored by
    name: ends the run folder's name
    seed: of every random stream; replicate r of `repeats` repeats the run with seed + r
    dtype: precision of all numbers
    repeats: how many games of the same settings train at once
    plugins: Python files whose layers, losses, data sets and scores this config may name, too
    """

    split: Split
    no_judge: str = ""
    steps: int
    metrics_period: int
    samples_period: int
    checkpoint_period: int
    early: tuple[int, ...] = ()  # steps with a picture, before the first period ends
    best: Choice | None = None
    stops_by: Choice | None = None

    def __init__(
        self,
        data: Dataset,
        game: Game,
        training: Training,
        outputs: Like[Outputs] = DEFAULTS,
        scores: Like[Scores] = DEFAULTS,
        name: Annotated[str, MaxLen(LONGEST_NAME)] = "run",
        seed: Whole = 0,
        dtype: Literal["float32", "float64"] = "float32",
        repeats: Annotated[int, Ge(1), Le(10_000)] = 1,
        plugins: list[PathText] = [],  # noqa: B006
    ):
        self.data, self.game, self.training = data, game, training
        self.outputs, self.scores = Outputs.of(outputs), Scores.of(scores)
        self.name, self.seed, self.dtype, self.repeats = name, seed, dtype, repeats
        self.plugins = plugins

    def load(self) -> Split:
        """The data. Raises SpecError, with its path, where they cannot be read."""
        try:
            return self.data.load()
        except SpecError as error:
            raise error.below("data") from None

    def build(self, split: Split | None = None, allocate: bool = True, alone: bool = False) -> None:
        """Load the data, if `split` are not those, and allocate the players; or only see whether that could be done.

        alone: for whoever can do without the judge that is named: where it cannot be read, `no_judge` says why
        Raises SpecError, with its path, where they do not fit.
        """
        self.split, self.no_judge = split or self.load(), ""
        if not self.split.missing:
            self._take_judge(alone)
        problems, batch, examples = Problems(), self.training.batch_size, len(self.split.train)
        with problems.below("training", "batch_size"):
            if batch > examples:
                raise SpecError(f"{batch} is more than the {examples} training examples")
        with problems.below("game"):
            make = self.game.build if allocate else self.game.outline
            make(self.split, min(batch, examples), Streams(self.seed, self.repeats), self.dtype)
        with problems.below("training", "batch_size"):
            for layer in (place.layer for player in self.game.players.values() for place in player.places()):
                if batch < layer.least_batch:
                    raise SpecError(f"must be at least {layer.least_batch} for a {layer.type} layer, got {batch}")
        self._choose(problems)
        problems.tell()
        epochs = self.training.epochs
        self.steps = self.training.steps or max(1, round((epochs or 1) * self.game.turns_per_epoch()))
        self.game.metrics_period = self.metrics_period = self.outputs.metrics or self.game.period()
        samples = self.outputs.samples
        self.samples_period = self.game.sample_period() if samples is None else samples
        self.checkpoint_period = self.outputs.checkpoint or self.game.checkpoint_period()
        self.early = early(self.samples_period) if self.game.moves_fast else ()

    def _take_judge(self, alone: bool) -> None:
        """Let the judge that is named read these data, or the one in the package that knows them."""
        if self.scores.judge is None:
            if self.split.known_to and self.game.draws:
                self.split = replace(self.split, judge=shipped(self.split.known_to))
            return
        try:
            if not self.game.draws:
                raise SpecError("this game draws nothing that a judge could read: leave it out")
            self.split = replace(self.split, judge=judge_for(self.split, expanded(self.scores.judge)))
        except SpecError as error:
            if not alone:
                raise error.below("scores", "judge") from None
            self.no_judge = str(error)

    def _choose(self, problems: Problems) -> None:
        """By what the best checkpoint is kept, and by what the run stops, among all that the game can be judged by."""
        known, stop = self.game.directions(self.split), self.training.stop
        if self.outputs.best is not None:
            with problems.below("outputs", "best"):
                self.best = Choice.of(self.outputs.best, known)
        if stop is not None and self.repeats > 1:
            with problems.below("training", "stop"):
                raise SpecError("each repeat would end at another step: take repeats 1, and a sweep over seeds")
        if stop is not None and stop.metric is not None:
            with problems.below("training", "stop", "metric"):
                self.stops_by = Choice.of(stop.metric, known)

    def remarks(self) -> Iterator[Problem]:
        """Who judges, where somebody is named; and what is chosen by the test, which then no longer tells how good the chosen
        one is on new examples.
        """
        if (judge := self.split.judge) is not None and self.scores.judge is not None:
            known, doubt = judge.accuracy == judge.accuracy, ": what it says of samples is as often wrong"
            success = f"{judge.accuracy:.4f}{doubt if judge.accuracy < POOR else ''}" if known else "not known"
            yield Problem(("scores", "judge"), f"its hash is {judge.hash}, its test success {success}")
        for path, choice in ((("outputs", "best"), self.best), (("training", "stop", "metric"), self.stops_by)):
            if choice and self.game.draws and choice.metric.startswith("loss."):
                better = next((name for name in self.game.goals if name != choice.metric), "scores.diversity")
                yield Problem(path, f"what a player loses tells nothing of how good samples are: {better} does")
            if choice and choice.metric.startswith("test_"):
                yield Problem(
                    path, "chooses by the test: data.validation=0.1 keeps training examples apart to choose by instead"
                )

    def apart(self) -> list[str]:
        """Metrics that are chosen or stopped by, and that the game measures for nothing else: at checkpoints."""
        asked = [choice.metric for choice in (self.best, self.stops_by) if choice]
        return list(dict.fromkeys(metric for metric in asked if not self.game.is_on_lines(metric)))

    def is_logged(self, step: int) -> bool:
        """Whether `step` ends with a line of metrics: so do all checkpoints, where something is chosen by them."""
        chosen = (self.best is not None or self.apart()) and step % self.checkpoint_period == 0
        return step % self.metrics_period == 0 or step == self.steps or bool(chosen)

    def next_event(self, step: int) -> int:
        """The first step after `step` at which something is written."""
        periods = (self.metrics_period, self.samples_period, self.checkpoint_period)
        return min(self.steps, *(p * (step // p + 1) for p in periods if p), *(at for at in self.early if at > step))

    def is_shown(self, step: int) -> bool:
        """Whether `step` ends with a picture; the start and the end do, too."""
        period = self.samples_period
        if self.game.moves_fast and self.outputs.samples is None:
            period *= 2 ** max(0, ceil(log2(max(step, 1) / (EVENLY * period))))
        return period > 0 and (step % period == 0 or step == self.steps or step in self.early)

    def expects(self) -> dict[str, Array]:
        """Every array that a checkpoint may hold; what an optimizer keeps is not there before its first step."""
        arrays = self.game.state()
        for name, player in self.game.players.items():
            arrays |= {f"{name}.optimizer.{slot}": player.network.theta for slot in player.optimizer.names()}
        return arrays

    def restore(self, step: int, arrays: dict[str, Array], state: dict[str, Any], gone: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        """Go back to what `game.state()` and the streams were at `step`.

        gone: replicates whose numbers may be anything. Raises Damaged where this is no state of this experiment; then the game
        is of no use before another one is restored.
        """
        missing = sorted(set(self.game.state()) - set(arrays) - {"turns"})  # those of older versions count no turns
        if missing:
            raise Damaged(f"it has no {missing[0]}")
        if step > self.steps:
            raise Damaged(f"it is of step {step:,}, and the run has {self.steps:,}")
        left = [r for r in range(self.repeats) if r not in gone]
        for name, a in arrays.items():
            if a.dtype.kind in "iu" and not a.ndim and a < 0:
                raise Damaged(f"{name} is {a}")
            if name.endswith(".theta") and not np.isfinite(a[left]).all():
                raise Damaged(f"{name} holds numbers that are not finite, which the run has never had")
        streams = streams_of(state, self.repeats)
        if not set(self.game.streams.state()) <= set(streams):
            raise Damaged("it lacks the state of random streams")
        try:
            self.game.restore(arrays)
            self.game.streams.restore(streams)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise Damaged(f"its state is none of this run's ({type(error).__name__}: {error})") from None


def streams_of(state: dict[str, Any], repeats: int) -> dict[str, list[Any]]:
    """What a checkpoint says of each random stream, one state a replicate. Raises Damaged where it says something else."""
    streams = state.get("streams")
    if not isinstance(streams, dict):
        raise Damaged("it lacks the state of random streams")
    if not all(isinstance(states, list) and len(states) == repeats for states in streams.values()):
        raise Damaged(f"its random streams are not those of {repeats} replicates")
    return streams


def early(period: int) -> tuple[int, ...]:
    """Steps below `period` in geometric steps: most of what can be seen happens in the beginning."""
    return tuple(sorted({round(GROWTH**i) for i in range(ceil(log2(period) / log2(GROWTH)))} - {period})) if period > 1 else ()


class Pace:
    """How many turns to make before looking up again: about a tenth of a second's worth."""

    def __init__(self, seconds: float = 0.1):
        self.seconds, self.turns = seconds, 1

    @contextmanager
    def timed(self, turns: int) -> Iterator[None]:
        """Learn from how long `turns` turns take."""
        began = time.perf_counter()
        yield
        each = (time.perf_counter() - began) / turns
        self.turns = max(1, min(2 * self.turns, int(self.seconds / max(each, 1e-9))))


class Stopped(Exception):
    """The user asked the run to stop; everything is saved."""


class Failed(Told, Exception):
    """A training that could not go on; what it has saved stays."""


class NonFiniteError(Failed):
    """A loss or parameter stopped being a number, in every replicate."""


def _signals() -> list[signal.Signals]:
    """Ctrl-C, the end that a system or a sweep asks for, and the terminal that closes, unless nohup has that ignored."""
    closing = [s for s in [getattr(signal, "SIGHUP", None)] if s and signal.getsignal(s) != signal.SIG_IGN]
    return [signal.SIGINT, signal.SIGTERM, *closing]


class AtOnce(KeyboardInterrupt):
    """A second signal: nothing more is waited for."""


class Asked(threading.Event):
    """Whether somebody has asked for the end, as a signal does, or whoever follows a training and raises KeyboardInterrupt."""

    __call__ = threading.Event.is_set

    def heeding(self, follow: Callable[..., None]) -> Callable[..., None]:
        """`follow`, whose KeyboardInterrupt lets the step finish, as the first Ctrl-C does."""

        def heeded(*told: Any) -> None:
            try:
                follow(*told)
            except AtOnce:
                raise
            except KeyboardInterrupt:
                self.set()

        return heeded


@contextmanager
def stop_requests() -> Iterator[Asked]:
    """Whether a signal to stop has come. The first lets the step finish; the second quits at once."""
    asked = Asked()

    def ask(signum: int, frame: Any) -> None:
        if asked():
            raise AtOnce
        asked.set()

    main = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, ask) for s in _signals()} if main else {}
    try:
        yield asked
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def train(
    experiment: Experiment,
    run: Run,
    progress: Callable[[int, dict[str, Any]], None],
    say: Callable[[str], None],
    step: int = 0,
) -> dict[str, Any]:
    """Train `experiment`, built, in `run` from `step`, to which `take_up` has brought it, or from the start.

    `progress(step, record)` is called several times a second; record is empty but at logging steps. `say` gets what the
    user must see. Returns the summary. Raises Stopped or NonFiniteError after everything has been saved.
    """
    began, game, last = time.perf_counter(), experiment.game, experiment.steps
    pictures = pictures_of(run, say)
    with stop_requests() as stop, np.errstate(all="ignore"), one_blas_thread():
        progress = stop.heeding(progress)
        watch, pace, stopping = _cut(experiment, run, step, say), Pace(), False
        noted = False
        best = None if experiment.best is None else Best(experiment.best, run, experiment.repeats, say)
        patience, enough = _patience(experiment, run), ""
        if step == 0:
            if experiment.is_shown(0):
                _show(experiment, run, 0, pictures)
            _save(experiment, run, 0)
        while step < last and not stopping and not enough and not watch.gone.all():
            n = min(experiment.next_event(step) - step, pace.turns)
            logging = experiment.is_logged(step + n)
            with pace.timed(n):
                seen = game.turns(n, measure=logging)
            step += n
            stopping = stop()
            if stopping:
                say("stopping: saves, and draws its curves; Ctrl-C again stops at once")
            due = step == last or step % experiment.checkpoint_period == 0
            saving = stopping or due
            if logging and not noted:
                give_back()  # what compiling has left free
            record = _record(step, game, seen | game.report()) if logging else {}
            if logging:
                if due:
                    _add_apart(experiment, record)
                run.append_metrics(record)
                if not noted:
                    noted = True
                    run.update(reference=experiment.game.reference(experiment.split).plain())
            if logging or saving:  # no checkpoint holds numbers that the watch has not seen
                _look(experiment, run, watch, step, seen, say)
                if watch.gone.all():
                    break
            enough = patience.ended(record) if patience and record else ""
            progress(step, record)
            if experiment.is_shown(step) or enough:
                _show(experiment, run, step, pictures)
            if saving or enough:
                if best is not None and record and (due or enough):  # whenever the user stops it, the same are candidates
                    best.offer(step, record, game.state(), game.streams.state())
                _save(experiment, run, step)
    if watch.gone.all() and patience and "diverged" in patience.stop.on:
        enough = f"diverged: {told(watch.found[-1], experiment.repeats)}"
    if enough:
        say(f"stops at step {step:,} of {last:,}: {enough}")
        run.log(f"stops at step {step:,} of {last:,}: {enough}")
        run.update(stopped=enough)
    lost = "failed" if watch.gone.all() else "interrupted" if step < last else "completed"
    return _end(experiment, run, step, began, "completed" if enough else lost, pictures)


def _end(experiment: Experiment, run: Run, step: int, began: float, status: str, pictures: Pictures) -> dict[str, Any]:
    """Write what stands at the end. Returns the summary; raises Stopped or NonFiniteError where that was no end of its own."""
    summary, last = finish(experiment, run, step, began, status, pictures), experiment.steps
    if status == "failed":
        raise NonFiniteError(f"stopped at step {step:,} of {last:,}: no replicate is left with finite numbers")
    if status == "interrupted":
        raise Stopped(f"stopped after step {step:,} of {last:,}")
    return summary


def take_up(experiment: Experiment, run: Run, say: Callable[[str], None]) -> int:
    """Take `experiment` back to the newest checkpoint of `run` that can be used; nothing is written. Returns its step.

    Raises RunError where there is none though steps were made: to begin again at step 0 is for the user to say.
    """
    step = run.restore(experiment, say=say)
    made = max([run.info().get("step") or 0, *(record["step"] for record in run.metrics()[-1:])])
    if step is None and made > 0:
        raise RunError(f"{run.path} has made {made:,} steps, but holds no checkpoint")
    return step or 0


def _cut(experiment: Experiment, run: Run, step: int, say: Callable[[str], None]) -> Watch:
    """Cut what was written after `step`, and what an earlier, shorter end added to the periods."""
    if step:
        run.log(f"goes on from the checkpoint of step {step}")
    run.forget_after(step)
    run.keep_metrics(lambda r: r["step"] <= step and experiment.is_logged(r["step"]), say)
    for at, path in run.pictures().items():
        if at > step or not experiment.is_shown(at):
            path.unlink()
    watch = Watch(experiment.game, step, [one for one in run.info().get("non_finite") or [] if one["step"] <= step])
    if run.info().get("non_finite"):
        _remember(experiment, run, watch)
    return watch


def _patience(experiment: Experiment, run: Run) -> Patience | None:
    """What counts the lines for `training.stop`, those that are already there included."""
    stop = experiment.training.stop
    if stop is None:
        return None
    spec = run.info().get("spec") or {}
    known, warned = _known(experiment, spec)

    def verdict(records: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
        told = diagnose(records, spec, known, warned=warned)
        return told.verdict, told.words

    return Patience(stop, experiment.stops_by, verdict, run.metrics())


def _add_apart(experiment: Experiment, record: dict[str, Any]) -> None:
    """Put into a line of metrics what is measured at checkpoints alone."""
    for metric in experiment.apart():
        *above, name = metric.split(".")
        at = record
        for key in above:
            at = at.setdefault(key, {})
        at[name] = _plain(experiment.game.score(metric))


def _look(experiment: Experiment, run: Run, watch: Watch, step: int, seen: dict[str, Any], say: Callable[[str], None]) -> None:
    """Which replicates are no longer finite, said and kept."""
    for finding in watch.look(step, seen):
        say(told(finding, experiment.repeats))
        run.log(told(finding, experiment.repeats))
        _remember(experiment, run, watch)


def _remember(experiment: Experiment, run: Run, watch: Watch) -> None:
    reason = "; ".join(told(finding, experiment.repeats) for finding in watch.found) or None
    run.update(non_finite=watch.found, reason=reason)


def _save(experiment: Experiment, run: Run, step: int) -> None:
    game = experiment.game
    run.save_checkpoint(step, game.state(), {"streams": game.streams.state()}, experiment.outputs.keep)


def _show(experiment: Experiment, run: Run, step: int, pictures: Pictures) -> None:
    pictures.draw(experiment.game.show, run.samples / picture_name(step), _context(experiment, step, pictures))


def _plain(value: Any) -> Any:
    """Metrics of shape (R,) as a number for one replicate, else a list; everything else as it is."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return value
    numbers = np.asarray(value, np.float64).tolist()
    return numbers[0] if isinstance(numbers, list) and len(numbers) == 1 else numbers


def _record(step: int, game: Game, seen: dict[str, Any]) -> dict[str, Any]:
    return {"step": step, "epoch": step / game.turns_per_epoch(), **_plain(seen)}


def _context(experiment: Experiment, step: int, pictures: Pictures) -> Context:
    return Context(experiment.name, experiment.seed, step, experiment.outputs.grid, pictures)


def pictures_of(run: Run, say: Callable[[str], None] = lambda text: None) -> Pictures:
    """What draws the pictures of `run`, and tells on the screen and in log.txt what it could not draw."""

    def tell(text: str) -> None:
        say(text)
        with suppress(OSError):
            run.log(text)

    return Pictures(tell)


def finish(experiment: Experiment, run: Run, step: int, began: float, status: str, pictures: Pictures) -> dict[str, Any]:
    """Write the summary, plots, GIF, and the run's last status. Returns the summary.

    status: failed, or anything else; then it is the step that decides between completed and interrupted.
    """
    stopped = run.info().get("stopped")
    status = status if status == "failed" else outcome(step, experiment.steps, stopped)
    records = run.metrics()
    summary = summarise(records, experiment.game.goals)
    if status == "completed" and records:  # the test is looked at now; what the lines hold, choices may have been made by
        summary["last"] = records[-1] | _plain(experiment.game.tested())
    summary |= experiment.game.summary([*records, summary["last"]]) | {"status": status, "step": step}
    for key in ("reason", "stopped"):
        if run.info().get(key):
            summary[key] = run.info()[key]
    with np.errstate(all="ignore"):
        give_back()  # what the turns have left free is not where the samples find room
        summary["diagnosis"] = _at_the_end(experiment, run, records, status).plain()
    write_json(own(run.path, "summary.json"), summary)
    if experiment.outputs.plots and records:
        give_back()
        with np.errstate(all="ignore"):
            pictures.draw(experiment.game.save_plots, run.plots, records, _context(experiment, step, pictures))
    frames = run.pictures()
    if experiment.outputs.gif and len(frames) > 1:
        from dessine.plots.grid import save_gif

        give_back()
        pictures.draw(save_gif, run.samples / "samples.gif", list(frames.values()), list(frames))
    seconds = time.perf_counter() - began
    run.log(f"{status} at step {step} after {seconds:.1f} s, {pictures.seconds:.1f} s of them for pictures")
    results = {goal: mean for goal in experiment.game.goals if (mean := _mean(summary["last"], goal)) is not None}
    run.end(status, seconds, step=step, results=results)
    return summary


def _at_the_end(experiment: Experiment, run: Run, records: list[dict[str, Any]], status: str) -> Diagnosis:
    """What `dessine diagnose` will say of the run, for it looks at the same; of one that is not completed, what its lines say,
    for the user waits for it to stop.
    """
    game, sampled = experiment.game, list[Sampled]()
    if status == "completed" and game.draws and records and records[-1]["step"] >= SHORTEST:
        now = {name: np.array(value) for name, value in game.state().items()}, game.streams.state()
        with suppress(RunError):  # then the lines tell their part
            sampled = looked(experiment, run, [run.restore(experiment) or 0] * experiment.repeats)
        game.restore(now[0])
        game.streams.restore(now[1])
    return diagnosis(experiment, run, records, sampled)


def looked(
    experiment: Experiment, run: Run, steps: Sequence[int], count: int = LOOKED, seed: int = 0, average: bool | None = None
) -> list[Sampled]:
    """What `count` samples of each repeat show, beside those of the checkpoint before, where `experiment` is left.

    steps: of the checkpoint to which each repeat of it has been restored
    """
    if not min(steps):
        return []
    # Of repeats with a best of their own: before the earliest.
    return experiment.game.looked(count, seed, average, steps, lambda: bool(run.restore(experiment, before=min(steps))))


def diagnosis(
    experiment: Experiment,
    run: Run,
    records: list[dict[str, Any]],
    sampled: Sequence[Sampled] = (),
    spec: Mapping[str, Any] | None = None,
    until: Sequence[int] = (),
) -> Diagnosis:
    """What is the matter with a run of `experiment`, built; where its data are missing, it need not be.

    sampled: what samples of a checkpoint show, repeat by repeat; spec: the resolved one, if not that of run.json
    until: for each repeat, the step of the last line that counts, where not all do
    """
    info = run.info()
    spec = spec or info.get("spec") or {}
    known, warned = _known(experiment, spec)
    found = info.get("non_finite") or []
    return diagnose(
        records,
        spec,
        known,
        repeats=experiment.repeats,
        non_finite=found,
        sampled=sampled,
        warned=warned,
        until=until,
        accepts=partial(_accepts, spec, experiment.split),
    )


def _accepts(spec: Mapping[str, Any], split: Split, override: str) -> bool:
    """Whether the spec of a run would be one with KEY=VALUE, too, and fit its data."""
    document = Document(deepcopy(dict(spec)), "", {})
    try:
        change(document, [override])
        Experiment.of(document.data).build(split, allocate=False, alone=True)
    except (BadSpec, SpecError):
        return False
    return True


def _known(experiment: Experiment, spec: Mapping[str, Any]) -> tuple[Reference, list[tuple[str, str, bool]]]:
    """What the data let a run reach, and what its config is warned of; nothing where the data are missing."""
    if experiment.split.missing:
        return Reference(), []
    doubts = warnings(spec, experiment.split) if spec else []
    return experiment.game.reference(experiment.split), [(str(one), one.override, one.hopeless) for one in doubts]


def summarise(records: list[dict[str, Any]], goals: Mapping[str, str]) -> dict[str, Any]:
    """The last record, and for each goal its best value (mean over the repeats that have one) with its step."""
    best = {}
    for goal, direction in goals.items():
        rows = [(mean, record["step"]) for record in records if (mean := _mean(record, goal)) is not None]
        if rows:
            value, step = (min if direction == "min" else max)(rows, key=lambda row: row[0])
            best[goal] = {"value": value, "step": step}
    return {"last": records[-1] if records else {}, "best": best}


def _mean(record: dict[str, Any], metric: str) -> float | None:
    """Over the repeats that have a number; None if none has."""
    value: Any = record
    for key in metric.split("."):
        value = (value or {}).get(key)
    numbers = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, int | float)]
    return float(np.mean(numbers)) if numbers else None
