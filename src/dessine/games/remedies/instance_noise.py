"""Instance noise: both sides are blurred before the discriminator sees them."""

from __future__ import annotations

import numpy as np

from dessine.registry import Count, Node, Positive
from dessine.streams import Stream

Array = np.ndarray


class InstanceNoise(Node):
    """Gaussian noise on all that the discriminator is shown, real and generated (Sonderby et al. 2017).

    sigma: its standard deviation at the first turn, in the scale of the data
    until: turns in which it goes to 0, in a straight line; left out: it stays
    """

    def __init__(self, sigma: Positive = 0.1, until: Count | None = None):
        self.sigma, self.until = sigma, until

    def at(self, turn: int) -> float:
        """The standard deviation at turn `turn`, from 1 on."""
        return self.sigma if self.until is None else self.sigma * max(0.0, 1 - (turn - 1) / self.until)

    def add(self, x: Array, turn: int, stream: Stream) -> Array:
        """x: (R, B, ...), with fresh noise on it."""
        sigma = self.at(turn)
        if not sigma:
            return x
        noise = stream.gaussian(x.shape[1:], x.dtype)
        noise *= sigma
        noise += x
        return noise
