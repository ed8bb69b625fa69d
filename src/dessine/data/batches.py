"""Batches in shuffled epochs, each replicate in its own order."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.data.dataset import Array, Examples
from dessine.registry import SpecError
from dessine.streams import Stream


class Batches:
    """Draws without replacement, in batches of one size.

    An epoch is as many whole batches as the data holds. The few examples left over wait for another epoch: each has its
    own order, so none is left out for good. Raises SpecError if a batch is larger than the data.
    """

    def __init__(self, examples: Examples, batch_size: int, stream: Stream):
        if batch_size > len(examples):
            raise SpecError(f"batch_size {batch_size} is more than the {len(examples)} training examples", ())
        self.examples, self.batch_size, self.stream = examples, batch_size, stream
        self.order, self.cursor = self._shuffled(), 0

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the data."""
        return len(self.examples) // self.batch_size

    def _shuffled(self) -> Array:
        return self.stream.permutations(len(self.examples)).astype(np.int32)

    def take(self, n: int) -> Array:
        """(R, k * B) indices of the next k batches: n, or as many as are left of the epoch."""
        if self.cursor + self.batch_size > len(self.examples):
            self.order, self.cursor = self._shuffled(), 0
        count = min(n, (len(self.examples) - self.cursor) // self.batch_size) * self.batch_size
        self.cursor += count
        return self.order[:, self.cursor - count : self.cursor]

    def at(self, index: Array, dtype: Any) -> tuple[Array, Array | None]:
        """x: (R, B, *shape) and y: (R, B, ...) or None."""
        y = self.examples.y
        return self.examples.floats(index, dtype), None if y is None else y[index]

    def next(self, dtype: Any) -> tuple[Array, Array | None]:
        """The next batch."""
        return self.at(self.take(1), dtype)

    def state(self) -> dict[str, Array]:
        """For checkpoints; the stream is saved with the others."""
        return {"order": self.order, "cursor": np.array(self.cursor)}

    def restore(self, state: dict[str, Array]) -> None:
        """Go back to what `state()` returned. Raises ValueError if that is no order of these examples."""
        order, cursor, n = state["order"], int(state["cursor"]), len(self.examples)
        if order.shape[-1:] != (n,) or (np.sort(order) != np.arange(n)).any() or not 0 <= cursor <= n:
            raise ValueError(f"no order of {n} examples, or no place in it")
        self.order, self.cursor = order.copy(), cursor
