"""Points in the plane, made on the spot: XOR, and a ring of Gaussians."""

from __future__ import annotations

import numpy as np

from dessine.data.dataset import Array, Dataset, Examples, Split, datasets
from dessine.registry import Points, Positive, Whole


@datasets.register("xor")
class Xor(Dataset):
    """Points of [-1, 1]^2; the target is +1 where x * y > 0, else -1.

    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    """

    def __init__(self, points: Points = 1000, test_points: Points = 1000, seed: Whole = 0):
        self.points, self.test_points, self.seed = points, test_points, seed

    def load(self) -> Split:
        rng = np.random.default_rng(self.seed)
        train, test = (rng.uniform(-1, 1, (n, 2)) for n in (self.points, self.test_points))
        labelled = [Examples(x, np.where(x[:, :1] * x[:, 1:] > 0, 1.0, -1.0)) for x in (train, test)]
        return Split(labelled[0], labelled[1], source="made")


@datasets.register("ring")
class Ring(Dataset):
    """Gaussians equally spaced on a circle: every mode can be counted.

    modes: how many
    radius: of the circle
    sigma: standard deviation of each
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    The label of a point is its mode, 0 at (radius, 0), then counter-clockwise.
    """

    def __init__(
        self,
        modes: Points = 8,
        radius: Positive = 1.0,
        sigma: Positive = 0.01,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
    ):
        self.modes, self.radius, self.sigma, self.seed = modes, radius, sigma, seed
        self.points, self.test_points = points, test_points

    def centres(self) -> Array:
        """(modes, 2); the last stands one step before the first."""
        angle = 2 * np.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angle), np.sin(angle)], -1)

    def load(self) -> Split:
        rng = np.random.default_rng(self.seed)

        def draw(n: int) -> Examples:
            mode = rng.integers(self.modes, size=n)
            return Examples(self.centres()[mode] + self.sigma * rng.standard_normal((n, 2)), mode)

        return Split(draw(self.points), draw(self.test_points), source="made")
