"""Points in the plane, made on the spot: XOR."""

from __future__ import annotations

import numpy as np

from dessine.data.dataset import Dataset, Examples, Split, datasets
from dessine.registry import Points, Whole


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
