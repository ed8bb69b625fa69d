"""The classes of a data set, as a game that is told them has them: which there are, and how often each comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dessine.data import Examples, Split
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
MOST = 1_000
"""Classes: a one-hot row for each example is made of them."""


@dataclass(frozen=True)
class Kinds:
    """values: (K,) the labels that there are, in order; names: of each; shares: (K,) of the training examples; examples: how
    many these are."""

    values: Array
    names: tuple[str, ...]
    shares: Array
    examples: int

    def __len__(self) -> int:
        return len(self.values)

    @staticmethod
    def of(data: Split) -> Kinds | None:
        """None where the examples have no labels, or what they have names no classes."""
        if (y := _labels(data.train)) is None:
            return None
        values, counts = np.unique(y, return_counts=True)
        if len(values) < 2 or len(values) > MOST or not np.array_equal(values, np.rint(values)):
            return None
        return Kinds(values, tuple(data.name_of(value) for value in values), counts / len(y), len(y))

    def plain(self) -> list[dict[str, Any]]:
        """For those who have a run but not its data: label, name and count of each."""
        counts = np.rint(self.shares * self.examples).astype(int).tolist()
        told = zip(self.values.astype(int).tolist(), self.names, counts, strict=True)
        return [{"label": label, "name": name, "count": count} for label, name, count in told if label >= 0]

    def index(self, y: Array) -> Array:
        """Labels, of any shape -> which class each is; one that no training example has is the one before it."""
        found: Array = np.clip(np.searchsorted(self.values, y), 0, len(self) - 1)
        return found

    def indices(self, examples: Examples, which: Array | None = None) -> Array:
        """(n,) which class each of some examples, (n,), or all, is of."""
        y = _labels(examples)
        assert y is not None
        return self.index(y if which is None else y[which])

    def draw(self, streams: Streams, count: int) -> Array:
        """(R, count) classes, each as often as the data have it, from a stream of their own."""
        u = streams["asked"].uniform((count,), np.float64)
        return np.minimum(np.searchsorted(np.cumsum(self.shares), u, side="right"), len(self) - 1)


def refuse_strange(data: Split, values: Array) -> None:
    """Raises SpecError where the test or the validation part has other classes than these, (K,), or no labels at all."""
    for part, examples in (("test", data.test), ("validation", data.validation)):
        if examples is None:
            continue
        if (y := _labels(examples)) is None:
            raise SpecError(f"the {part} part has no labels, the training part has", ("type",))
        if len(strange := np.setdiff1d(y, values)):
            some = ", ".join(map(data.name_of, strange[:5])) + (", ..." if len(strange) > 5 else "")
            hint = "; data.classes says which are learnt" if data.classes else ""
            raise SpecError(f"the {part} part has classes that the training part has not: {some}{hint}", ("type",))


def _labels(examples: Examples) -> Array | None:
    """(N,), or None where there is no one label to each example."""
    y = examples.y
    return None if y is None or y.size != len(y) else y.reshape(-1)
