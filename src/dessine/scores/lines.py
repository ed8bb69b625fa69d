"""The lines of metrics of one repeat as arrays, and what holds over many of them: windows, trends, the first bad step.

What a number means belongs to the rules that read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np

Array = np.ndarray
Record = Mapping[str, Any]


class Lines:
    """The metrics of one repeat as arrays over the lines of a run.

    success, loss: names of a classifier's tests on the way, which may be those on the validation part
    """

    def __init__(self, records: Sequence[Record], repeat: int = 0, repeats: int = 1):
        self.records = [record for record in records if type(record.get("step")) is int]
        self.repeat, self.repeats = repeat, repeats
        self.steps = np.array([record["step"] for record in self.records], int)
        way = "validation" if any("validation_success" in record for record in self.records) else "test"
        self.success, self.loss = f"{way}_success", f"{way}_loss"
        self.late = slice(max(0, len(self.records) - max(3, ceil(len(self.records) / 5))), None)

    def __call__(self, name: str) -> Array:
        """(lines,), NaN where it was not measured."""
        return np.array([self._number(record, name.split(".")) for record in self.records])

    def _number(self, value: Any, keys: Sequence[str]) -> float:
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, list) and self.repeats > 1 and len(value) == self.repeats:
            value = value[self.repeat]
        return float(value) if isinstance(value, int | float) else float("nan")

    def layers(self, player: str, name: str) -> Array:
        """(lines, layers) of `grad_norm` or `update_ratio`; a layer's name may hold a dot."""
        every = (_below(_below(record, "layers"), player) for record in self.records)
        keys = next((list(told) for told in every if told), [])
        return np.array([[self._number(r, ["layers", player, key, name]) for key in keys] for r in self.records])

    def gradient(self, player: str) -> Array:
        """Norm of the whole gradient of a player."""
        norms = self.layers(player, "grad_norm")
        return np.sqrt(np.square(norms).sum(1)) if norms.size else np.full(len(self.steps), np.nan)

    def end(self, values: Array) -> float:
        """Median over the last lines; NaN without numbers."""
        found = values[self.late]
        found = found[np.isfinite(found)]
        return float(np.median(found)) if len(found) else float("nan")

    def trend(self, values: Array) -> tuple[float, float]:
        """Medians of the middle third of all lines with a number, and of the last third; NaN for fewer than three."""
        found = values[np.isfinite(values)]
        third = len(found) // 3
        if not third:
            return float("nan"), float("nan")
        return float(np.median(found[-2 * third : -third])), float(np.median(found[-third:]))

    def falls(self, values: Array) -> bool:
        """Whether most of the last third of the lines with a number lie below all of the middle third; of values without a
        trend 1 in 30 do.
        """
        found = values[np.isfinite(values)]
        third = len(found) // 3
        return third >= 3 and float(np.median(found[-third:])) < found[-2 * third : -third].min()

    def smooth(self, values: Array) -> Array:
        """Median of each line with the two before it, without what is missing; needs three."""
        windows = [values[i : i + 3] for i in range(len(values) - 2)]
        return np.array([float(np.median(w)) if np.isfinite(w).all() else np.nan for w in windows])

    def agree(self, flags: Array) -> tuple[int, int]:
        """How many of the last lines are flagged, of how many."""
        found = flags[self.late]
        return int(found.sum()), len(found)

    def since(self, flags: Array) -> int | None:
        """The step from which on most lines are flagged; one or two that are not, in between, do not count."""
        if not flags[self.late].any():
            return None
        wide = len(flags[self.late])
        mostly = [2 * flags[max(0, i + 1 - wide) : i + 1].sum() > min(wide, i + 1) for i in range(len(flags))]
        start = len(flags)
        while start and mostly[start - 1]:
            start -= 1
        start = min(start, len(flags) - 1)
        while start and flags[max(0, start - 2) : start].any():  # a majority is noticed late
            start -= 1
        return int(self.steps[start + int(np.argmax(flags[start:]))])


def _below(record: Any, key: str) -> Mapping[str, Any]:
    told = record.get(key) if isinstance(record, Mapping) else None
    return told if isinstance(told, Mapping) else {}


def above(values: Array, limit: float | Array) -> Array:
    """(lines,) flags; NaN is not above anything."""
    with np.errstate(invalid="ignore"):
        flags: Array = values > limit
    return flags


def below(values: Array, limit: float | Array) -> Array:
    """(lines,) flags; NaN is not below anything."""
    with np.errstate(invalid="ignore"):
        flags: Array = values < limit
    return flags


def kind(node: Any) -> str:
    """The type of a node of a spec, which may be a bare name."""
    return str(node.get("type", "")) if isinstance(node, Mapping) else str(node or "")
