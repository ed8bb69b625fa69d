"""Points of a square in the plane, made on the spot: XOR."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dessine.data.dataset import Array, Dataset, Split, datasets, made
from dessine.registry import Part, Points, Whole


@datasets.register("xor")
class Xor(Dataset):
    """Points of [-1, 1]^2; the target is +1 where x * y > 0, else -1.

    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    """

    def __init__(self, points: Points = 1000, test_points: Points = 1000, seed: Whole = 0, validation: Part = 0.0):
        self.points, self.test_points, self.seed, self.validation = points, test_points, seed, validation

    def load(self) -> Split:
        return in_square(lambda x: x[:, 0] * x[:, 1] > 0, self.points, self.test_points, self.seed, self.validation)


def in_square(inside: Callable[[Array], Array], points: int, test_points: int, seed: int, validation: float) -> Split:
    """Points evenly in [-1, 1]^2, with +1 where `inside` (N, 2) -> (N,) says so, else -1."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.uniform(-1, 1, (n, 2))
        return x, np.where(inside(x), 1.0, -1.0)[:, None]

    rng = np.random.default_rng(seed)
    return made(draw, points, test_points, (rng, *rng.spawn(1)), validation)
