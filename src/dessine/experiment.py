"""An experiment: a spec as objects, and the one training loop. The loop turns, logs, samples and saves; it knows no GAN.

What a turn is belongs to the game, where things are written to `runs/`, how they look to `plots/`.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le, MaxLen

from dessine.data import Dataset, Split
from dessine.games import Context, Game
from dessine.games.warnings import warnings
from dessine.games.watch import Watch, told
from dessine.paths import LONGEST_NAME
from dessine.plots import Pictures
from dessine.registry import DEFAULTS, Count, Like, Node, Problems, SpecError, Whole
from dessine.runs.files import write_json
from dessine.runs.run import Run, outcome
from dessine.scores.diagnosis import Diagnosis, diagnose
from dessine.scores.sampled import Sampled
from dessine.streams import Streams
from dessine.threads import one_blas_thread

Array = np.ndarray


class Training(Node):
    """How long, and in what portions.

    steps: turns of the game
    epochs: passes over the training examples, instead of steps
    batch_size: examples per batch
    """

    def __init__(self, steps: Count | None = None, epochs: Count | None = None, batch_size: Count = 64):
        if (steps is None) == (epochs is None):
            raise SpecError("give steps or epochs, one of the two (`steps: null` takes an inherited one away)")
        self.steps, self.epochs, self.batch_size = steps, epochs, batch_size


class Outputs(Node):
    """What a run writes, and how often.

    metrics: steps between two lines of metrics.jsonl; left out: 50, or the test_period of a classification
    samples: steps between two pictures of what the players can do; left out: 500, 100 where points are drawn, or one
        epoch of a classification; 0: none
    checkpoint: steps between two checkpoints; left out: 1000, or one epoch of a classification
    keep: how many checkpoints stay
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
    ):
        if len(grid) != 2:
            raise SpecError("expects [rows, columns]", ("grid",))
        if grid[0] * grid[1] > 10_000:
            raise SpecError("takes at most 10,000 pictures", ("grid",))
        self.metrics, self.samples, self.checkpoint, self.keep = metrics, samples, checkpoint, keep
        self.grid, self.gif, self.plots = (grid[0], grid[1]), gif, plots


class Experiment(Node):
    """Everything that one config describes.

    data: what is learnt
    game: who plays, and how
    training: how long
    outputs: what is written
    name: ends the run folder's name
    seed: of every random stream; replicate r of `repeats` repeats the run with seed + r
    dtype: precision of all numbers
    repeats: how many games of the same settings train at once
    """

    split: Split
    steps: int
    metrics_period: int
    samples_period: int
    checkpoint_period: int

    def __init__(
        self,
        data: Dataset,
        game: Game,
        training: Training,
        outputs: Like[Outputs] = DEFAULTS,
        name: Annotated[str, MaxLen(LONGEST_NAME)] = "run",
        seed: Whole = 0,
        dtype: Literal["float32", "float64"] = "float32",
        repeats: Annotated[int, Ge(1), Le(10_000)] = 1,
    ):
        self.data, self.game, self.training = data, game, training
        self.outputs = Outputs.of(outputs)
        self.name, self.seed, self.dtype, self.repeats = name, seed, dtype, repeats

    def build(self) -> None:
        """Load the data and allocate the players. Raises SpecError, with its path, where they do not fit."""
        try:
            self.split = self.data.load()
        except SpecError as error:
            raise error.below("data") from None
        problems, batch, examples = Problems(), self.training.batch_size, len(self.split.train)
        with problems.below("training", "batch_size"):
            if batch > examples:
                raise SpecError(f"{batch} is more than the {examples} training examples")
        with problems.below("game"):
            self.game.build(self.split, min(batch, examples), Streams(self.seed, self.repeats), self.dtype)
        with problems.below("training", "batch_size"):
            for layer in (layer for player in self.game.players.values() for layer in player.layers):
                if batch < layer.least_batch:
                    raise SpecError(f"must be at least {layer.least_batch} for a {layer.type} layer, got {batch}")
        problems.tell()
        epochs = self.training.epochs
        self.steps = self.training.steps or max(1, round((epochs or 1) * self.game.turns_per_epoch()))
        self.game.metrics_period = self.metrics_period = self.outputs.metrics or self.game.period()
        samples = self.outputs.samples
        self.samples_period = self.game.sample_period() if samples is None else samples
        self.checkpoint_period = self.outputs.checkpoint or self.game.checkpoint_period()

    def is_logged(self, step: int) -> bool:
        """Whether `step` ends with a line of metrics."""
        return step % self.metrics_period == 0 or step == self.steps

    def next_event(self, step: int) -> int:
        """The first step after `step` at which something is written."""
        periods = (self.metrics_period, self.samples_period, self.checkpoint_period)
        return min(self.steps, *(p * (step // p + 1) for p in periods if p))

    def is_shown(self, step: int) -> bool:
        """Whether `step` ends with a picture; the start and the end do, too."""
        return self.samples_period > 0 and (step % self.samples_period == 0 or step == self.steps)


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


class NonFiniteError(Exception):
    """A loss or parameter stopped being a number, in every replicate."""


def _signals() -> list[signal.Signals]:
    """Ctrl-C, the end that a system or a sweep asks for, and the terminal that closes, unless nohup has that ignored."""
    closing = [s for s in [getattr(signal, "SIGHUP", None)] if s and signal.getsignal(s) != signal.SIG_IGN]
    return [signal.SIGINT, signal.SIGTERM, *closing]


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Whether a signal to stop has come. The first lets the step finish; the second quits at once."""
    asked = threading.Event()

    def ask(signum: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    main = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, ask) for s in _signals()} if main else {}
    try:
        yield asked.is_set
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def train(
    experiment: Experiment, run: Run, progress: Callable[[int, dict[str, Any]], None], say: Callable[[str], None]
) -> dict[str, Any]:
    """Train `experiment`, built, in `run` from its newest checkpoint, or from the start. Returns the summary.

    `progress(step, record)` is called several times a second; record is empty but at logging steps. `say` gets what the
    user must see. Raises Stopped or NonFiniteError after everything has been saved.
    """
    began, game, last = time.perf_counter(), experiment.game, experiment.steps
    pictures = pictures_of(run, say)
    with stop_requests() as stop, np.errstate(all="ignore"), one_blas_thread():
        step, watch, pace, stopping = *_resume(experiment, run), Pace(), False
        if step == 0:
            if experiment.is_shown(0):
                _show(experiment, run, 0, pictures)
            _save(experiment, run, 0)
        while step < last and not stopping and not watch.gone.all():
            n = min(experiment.next_event(step) - step, pace.turns)
            logging = experiment.is_logged(step + n)
            with pace.timed(n):
                seen = game.turns(n, measure=logging)
            step += n
            stopping = stop()
            if stopping:
                say("stopping: saves, and draws its curves; Ctrl-C again stops at once")
            saving = stopping or step == last or step % experiment.checkpoint_period == 0
            record = _record(step, game, seen | game.report()) if logging else {}
            if logging:
                run.append_metrics(record)
            if logging or saving:  # no checkpoint holds numbers that the watch has not seen
                for finding in watch.look(step, seen):
                    say(told(finding, experiment.repeats))
                    run.log(told(finding, experiment.repeats))
                    _remember(experiment, run, watch)
                if watch.gone.all():
                    break
            progress(step, record)
            if experiment.is_shown(step):
                _show(experiment, run, step, pictures)
            if saving:
                _save(experiment, run, step)
    if watch.gone.all():
        finish(experiment, run, step, began, "failed", pictures)
        raise NonFiniteError(f"stopped at step {step:,} of {last:,}: no replicate is left with finite numbers")
    if step < last:
        finish(experiment, run, step, began, "interrupted", pictures)
        raise Stopped(f"stopped after step {step:,} of {last:,}")
    return finish(experiment, run, step, began, "completed", pictures)


def _resume(experiment: Experiment, run: Run) -> tuple[int, Watch]:
    """Take up the newest checkpoint; cut what was written after it, and what an earlier, shorter end added to the periods."""
    found, step = run.load_checkpoint(), 0
    if found:
        step, arrays, state = found
        experiment.game.restore(arrays)
        experiment.game.streams.restore(state["streams"])
        run.log(f"goes on from the checkpoint of step {step}")
    run.forget_after(step)
    run.keep_metrics(lambda r: r["step"] <= step and experiment.is_logged(r["step"]))
    for path in run.samples.glob("step_*.png"):
        at = int(path.stem.removeprefix("step_"))
        if at > step or not experiment.is_shown(at):
            path.unlink()
    watch = Watch(experiment.game, step, [one for one in run.info().get("non_finite", []) if one["step"] <= step])
    if run.info().get("non_finite"):
        _remember(experiment, run, watch)
    return step, watch


def _remember(experiment: Experiment, run: Run, watch: Watch) -> None:
    reason = "; ".join(told(finding, experiment.repeats) for finding in watch.found) or None
    run.update(non_finite=watch.found, reason=reason)


def _save(experiment: Experiment, run: Run, step: int) -> None:
    game = experiment.game
    run.save_checkpoint(step, game.state(), {"streams": game.streams.state()}, experiment.outputs.keep)


def _show(experiment: Experiment, run: Run, step: int, pictures: Pictures) -> None:
    pictures.draw(experiment.game.show, run.samples / f"step_{step:07d}.png", _context(experiment, step, pictures))


def _plain(value: Any) -> Any:
    """Metrics of shape (R,) as a number for one replicate, else a list; everything else as it is."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
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
    status = status if status == "failed" else outcome(step, experiment.steps)
    records = run.metrics()
    summary = summarise(records, experiment.game.goals) | experiment.game.summary(records) | {"status": status, "step": step}
    if run.info().get("reason"):
        summary["reason"] = run.info()["reason"]
    with np.errstate(all="ignore"):
        summary["diagnosis"] = diagnosis(experiment, run, records).plain()
    write_json(run.path / "summary.json", summary)
    if experiment.outputs.plots and records:
        with np.errstate(all="ignore"):
            pictures.draw(experiment.game.save_plots, run.plots, records, _context(experiment, step, pictures))
    frames = sorted(run.samples.glob("step_*.png"))
    if experiment.outputs.gif and len(frames) > 1:
        from dessine.plots.grid import save_gif

        pictures.draw(save_gif, run.samples / "samples.gif", frames)
    seconds = time.perf_counter() - began
    run.log(f"{status} at step {step} after {seconds:.1f} s")
    results = {goal: mean for goal in experiment.game.goals if (mean := _mean(summary["last"], goal)) is not None}
    run.end(status, seconds, step=step, results=results)
    return summary


def diagnosis(
    experiment: Experiment,
    run: Run,
    records: list[dict[str, Any]],
    sampled: Sequence[Sampled] = (),
    spec: Mapping[str, Any] | None = None,
) -> Diagnosis:
    """What is the matter with a run of `experiment`, built.

    sampled: what samples of a checkpoint show, repeat by repeat; spec: the resolved one, if not that of run.json
    """
    info = run.info()
    spec = spec or info.get("spec") or {}
    known, doubts = experiment.game.reference(experiment.split), warnings(spec, experiment.split) if spec else []
    found = info.get("non_finite") or []
    warned = [(str(one), one.override, one.hopeless) for one in doubts]
    return diagnose(records, spec, known, repeats=experiment.repeats, non_finite=found, sampled=sampled, warned=warned)


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
