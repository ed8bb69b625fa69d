"""The moving average of a generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from dessine.nn import Network
from dessine.schedules import MovingDecay, Scheduled

Array = np.ndarray


class Average(Scheduled):
    """A generator whose weights are the moving average of the plain one's; it draws and is scored, and never plays.

    decay: share of the average that stays at each move; in the first moves less, (1 + t) / (10 + t), so that the start is
    soon forgotten: decays of 0.99, 0.999 and 0.9999 begin to differ after 890 and 8,990 moves. Running statistics are averaged
    like weights.
    """

    decay: float

    def __init__(self, network: Network, decay: MovingDecay):
        self.hold(decay=decay)
        self.network, self.t = network, 0
        self.theta, self.buffers = network.theta.copy(), network.buffers.copy()

    def follow(self) -> None:
        """After a move of the plain generator."""
        self.t += 1
        new = 1 - min(self.decay, (1 + self.t) / (10 + self.t))
        for mine, its in ((self.theta, self.network.theta), (self.buffers, self.network.buffers)):
            mine += (its - mine) * mine.dtype.type(new)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Inside it the network has the averaged weights."""
        plain = self.network.theta.copy(), self.network.buffers.copy()
        self.network.theta[...], self.network.buffers[...] = self.theta, self.buffers
        try:
            yield
        finally:
            self.network.theta[...], self.network.buffers[...] = plain

    def state(self) -> dict[str, Array]:
        """For checkpoints."""
        return {"theta": self.theta, "buffers": self.buffers, "t": np.array(self.t)}

    def restore(self, state: dict[str, Array]) -> None:
        """Go back to what `state()` returned."""
        self.theta[...], self.buffers[...], self.t = state["theta"], state["buffers"], int(state["t"])
