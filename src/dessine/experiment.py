"""An experiment: a spec as objects, built, and which of its steps end with something written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil, log2
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le, MaxLen

from dessine.choosing import Choice, Stop
from dessine.data import Dataset, Split
from dessine.games import Game
from dessine.node import Node
from dessine.paths import LONGEST_NAME, expanded
from dessine.registry import DEFAULTS, Count, Like, PathText, Problem, Problems, SpecError, Whole
from dessine.runs.checkpoint import Damaged
from dessine.scores.packed import judge_for, shipped
from dessine.streams import Streams

Array = np.ndarray

POOR = 0.8
"""Test success of a judge under which a line says so."""

EVENLY = 60
"""Pictures of what moves fast, before they become half as many, where the outputs do not say."""

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
