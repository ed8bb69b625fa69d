"""Which state of a run is its best, and when a run has gone on for long enough: both are told by lines of metrics alone.

So neither needs a state of its own: a run that goes on from a checkpoint reads the lines before it, and chooses and stops as
one that was never interrupted. By what a game can be judged it says itself (`Game.directions`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import numpy as np

from dessine.node import Node
from dessine.registry import Count, SpecError
from dessine.runs import checkpoint
from dessine.runs.checkpoint import Damaged
from dessine.runs.files import own
from dessine.runs.metrics import full_name
from dessine.runs.run import Run, put_aside

Array = np.ndarray
Record = Mapping[str, Any]
Bad = Literal["diverged", "dead", "stuck", "collapsed", "memorising", "ignores its label", "collapsing"]


class Stop(Node):
    """When a run ends before its last step: what lines of metrics have said for `patience` of them in a row.

    on: verdicts of `dessine diagnose`, such as [collapsed, diverged]: each of these lines ends with one of them
    metric: none of these lines is better than the best before them; a score that lines do not have is measured at checkpoints
    patience: lines of metrics, or, of a score that is measured at checkpoints, checkpoints
    """

    def __init__(self, on: list[Bad] = [], metric: str | None = None, patience: Count = 10):  # noqa: B006
        if not on and metric is None:
            raise SpecError("stops at nothing: give on, such as [collapsed, diverged], or metric, or both")
        self.on, self.metric, self.patience = on, metric, patience


class Choice(NamedTuple):
    """A metric by its full name, and which way is better: min, max, or near 1."""

    metric: str
    way: str

    @staticmethod
    def of(text: str, known: Mapping[str, str]) -> Choice:
        """What `text` means among the metrics that have a better way. Raises SpecError."""
        apart = text.replace("test_", "validation_", 1)
        if text not in known and apart != text and apart in known:
            raise SpecError(f"where there is a validation part nothing is chosen by the test: take {apart}")
        name = full_name(text, known)
        return Choice(name, known[name])

    def values(self, record: Record) -> Array:
        """(R,) of a line of metrics, NaN where it has none; (0,) where it has none at all."""
        found: Any = record
        for key in self.metric.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is None:
            return np.zeros(0)
        return np.array([np.nan if v is None else v for v in (found if isinstance(found, list) else [found])], np.float64)

    def badness(self, values: Array) -> Array:
        """The less the better."""
        turned = {"min": values, "max": -values, "near 1": np.abs(values - 1)}[self.way]
        return np.where(np.isfinite(turned), turned, np.inf)


class Best:
    """The best state that a run has met at its checkpoints, each repeat's own: checkpoints/best.npz."""

    def __init__(self, choice: Choice, run: Run, repeats: int, say: Callable[[str], None]):
        self.choice, self.run = choice, run
        self.values, self.steps = [float("nan")] * repeats, [0] * repeats
        self.arrays: dict[str, Array] = {}
        self.streams: dict[str, list[Any]] = {}
        with suppress(FileNotFoundError):
            try:
                self._read(repeats)
            except Damaged as error:
                aside = put_aside(own(run.path, f"checkpoints/{checkpoint.BEST}"))
                say(f"{checkpoint.BEST} is damaged ({error}), and kept as {aside.name}: the best is looked for from here on")

    def _read(self, repeats: int) -> None:
        arrays, state = checkpoint.load(self.run.path, None)
        told = checkpoint.best_of(state, repeats)
        if told["metric"] == self.choice.metric:  # else what is best is another question now
            self.values, self.steps = [np.nan if v is None else float(v) for v in told["values"]], list(told["steps"])
            self.arrays, self.streams = arrays, state["streams"]

    def offer(self, step: int, record: Record, arrays: Mapping[str, Array], streams: Mapping[str, list[Any]]) -> None:
        """Keep this state for every repeat that has not been as good before; a line without the metric says nothing.

        Written before the checkpoint of the same step, so that it is never behind: if it is ahead, the run comes to it again.
        """
        values = self.choice.values(record)
        if len(values) != len(self.values):
            return
        better = self.choice.badness(values) < self.choice.badness(np.array(self.values))
        if not better.any():
            return
        for r in map(int, np.flatnonzero(better)):
            self.values[r], self.steps[r] = float(values[r]), step
        whole = not self.arrays or bool(better.all())
        for name, new in arrays.items():
            if whole or not new.ndim or self.arrays[name].shape != new.shape:  # what has no repeats is the same for all
                self.arrays[name] = np.array(new)
            else:
                self.arrays[name][better] = new[better]
        for name, states in streams.items():
            old = self.streams.get(name, states)
            self.streams[name] = [new if b else was for b, new, was in zip(better, states, old, strict=True)]
        told = {"metric": self.choice.metric, "values": self.values, "steps": self.steps}
        self.run.save_best(max(self.steps), self.arrays, {"streams": self.streams, "best": told})


class Patience:
    """Counts lines of metrics for a rule of stopping. verdict: of the lines so far, and its words; records: those there are."""

    def __init__(
        self,
        stop: Stop,
        choice: Choice | None,
        verdict: Callable[[Sequence[Record]], tuple[str, str]],
        records: Sequence[Record],
    ):
        self.stop, self.choice, self.verdict = stop, choice, verdict
        self.records: list[Record] = []
        self.best, self.at, self.since = np.inf, 0, 0
        self.well = max(0, len(records) - stop.patience)
        self.bad: dict[int, str] = {}
        for record in records:
            self._compare(record)

    def ended(self, record: Record) -> str:
        """Why the run ends with this line; empty if it goes on."""
        self._compare(record)
        return self._unwell() or self._no_better()

    def _compare(self, record: Record) -> None:
        self.records.append(record)
        if self.choice and len(values := self.choice.values(record)):
            badness = float(self.choice.badness(values)[0])
            self.since += 1
            if badness < self.best:
                self.best, self.at, self.since = badness, int(record["step"]), 0

    def _no_better(self) -> str:
        if not self.choice or self.since < self.stop.patience:
            return ""
        best = {"min": self.best, "max": -self.best, "near 1": self.best}[self.choice.way]
        off = " from 1" if self.choice.way == "near 1" else ""
        seen = f"the best is {best:.4g}{off}, of step {self.at:,}" if np.isfinite(self.best) else "it has never been a number"
        return f"{self.choice.metric} has not got better for {_lines(self.stop.patience)}: {seen}"

    def _unwell(self) -> str:
        """A verdict takes a while: it is asked for from the last line back, and one that is well spares all before it.

        well: lines, counted from the first, to the last that is known not to end with a verdict to stop on
        """
        lines = len(self.records)
        if not self.stop.on or lines < self.well + self.stop.patience:
            return ""
        for n in range(lines, lines - self.stop.patience, -1):
            if n not in self.bad:
                verdict, words = self.verdict(self.records[:n])
                if verdict not in self.stop.on:
                    self.well, self.bad = n, {k: v for k, v in self.bad.items() if k > n}
                    return ""
                self.bad[n] = f"{verdict}: {words}"
        return f"{self.bad[lines]}, for {_lines(self.stop.patience)}"


def _lines(count: int) -> str:
    return f"{count:,} lines in a row" if count > 1 else "one line"
