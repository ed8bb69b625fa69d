"""Instance noise: both sides are blurred before the discriminator sees them."""

from __future__ import annotations

import numpy as np

from dessine.node import Node
from dessine.registry import Count, SpecError
from dessine.schedules import MovingPositive, NonNegativeSchedule, Schedule, Scheduled, moving
from dessine.streams import Stream

Array = np.ndarray


class InstanceNoise(Scheduled, Node):
    """Gaussian noise on all that the discriminator is shown, real and generated (Sonderby et al. 2017).

    sigma: its standard deviation, in the scale of the data; or a schedule of it
    until: turns in which it goes to 0, in a straight line: short for the schedule {from: sigma, to: 0, over: until}
    """

    sigma: float

    def __init__(self, sigma: MovingPositive = 0.1, until: Count | None = None):
        sigma = moving(sigma)
        if until is not None and isinstance(sigma, Schedule):
            raise SpecError("sigma has a schedule already: leave it out", ("until",))
        self.hold(sigma=sigma if until is None else NonNegativeSchedule(sigma, 0.0, until))  # type: ignore[arg-type]

    def add(self, x: Array, stream: Stream) -> Array:
        """x: (R, B, ...), with fresh noise on it."""
        if not self.sigma:
            return x
        noise = stream.gaussian(x.shape[1:], x.dtype)
        noise *= self.sigma
        noise += x
        return noise
