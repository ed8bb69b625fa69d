"""Labels that are less than certain: smoothed, drawn from an interval, and swapped."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.schedules import MovingShare, Scheduled
from dessine.streams import Streams

Array = np.ndarray


class Labels(Scheduled):
    """What the discriminator is told of an example.

    low, high: the interval from which labels of real examples are drawn (smoothing on one side, Salimans et al. 2016)
    swap: probability with which an example gets the other side's label
    """

    low: float
    high: float
    swap: float

    def __init__(self, low: MovingShare = 1.0, high: MovingShare = 1.0, swap: MovingShare = 0.0):
        self.hold(low=low, high=high, swap=swap)

    @property
    def certain(self) -> bool:
        """Whether those of real examples are 1, in every turn."""
        return self.low == self.high == 1 and not {"low", "high"} & self.schedules.keys()

    @property
    def mean(self) -> float:
        """Of the labels of real examples, swaps apart."""
        return (self.low + self.high) / 2

    def draw(self, truth: float, count: int, streams: Streams, dtype: Any) -> Array:
        """(R, count, 1) targets for examples that are real (1) or generated (0)."""
        shape = (count, 1)
        real = np.full((streams.replicates, *shape), bool(truth))
        if self.swap:
            real ^= streams["swaps"].uniform(shape, np.float32) < self.swap
        labels: Array = real.astype(dtype)
        if self.low == self.high:
            labels *= self.high
        elif truth or self.swap:
            labels *= streams["labels"].uniform(shape, dtype, self.low, self.high)
        return labels
