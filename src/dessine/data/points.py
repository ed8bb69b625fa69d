"""Points made on the spot: those of a square in the plane, XOR, and any few on a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from annotated_types import MaxLen, MinLen

from dessine.data.dataset import Array, Dataset, Examples, Split, datasets, made, parted
from dessine.data.density import along
from dessine.registry import NonNegative, Part, Points, SpecError, Whole

MOST_POINTS = 10_000_000
OnLine = Annotated[list[float], MinLen(1), MaxLen(1000)]


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


@datasets.register("swiss_roll")
class SwissRoll(Dataset):
    """Points along a spiral in the plane, a line rolled up: one piece, and no modes to count (Gulrajani et al. 2017).

    sigma: standard deviation of the noise, before all is divided by 7.5
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    (t cos t, t sin t) with t = 3 pi / 2 (1 + 2 u), u uniform in [0, 1), plus noise, all of it over 7.5: from 0.6 to 1.9 away
    from 0. The label of a point is u.
    """

    def __init__(
        self,
        sigma: NonNegative = 0.25,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.sigma, self.points, self.test_points, self.seed, self.validation = sigma, points, test_points, seed, validation

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """n points (n, 2) and u (n, 1)."""
        u = rng.uniform(size=(n, 1))
        x = self.rolled(u[:, 0]) + self.sigma * rng.standard_normal((n, 2))
        return x / 7.5, u

    @staticmethod
    def rolled(u: Array) -> Array:
        """(n,) -> (n, 2): the spiral, 7.5 times as large."""
        t = 1.5 * np.pi * (1 + 2 * u[:, None])
        return t * np.concatenate([np.cos(t), np.sin(t)], 1)

    def load(self) -> Split:
        streams = np.random.default_rng(self.seed).spawn(2)
        fastest = 3 * np.pi * np.hypot(1, 4.5 * np.pi) / 7.5  # at its outer end
        known = along(lambda u: self.rolled(u) / 7.5, fastest, self.sigma / 7.5)
        return made(self.draw, self.points, self.test_points, streams, self.validation, known=known)


def in_square(inside: Callable[[Array], Array], points: int, test_points: int, seed: int, validation: float) -> Split:
    """Points evenly in [-1, 1]^2, with +1 where `inside` (N, 2) -> (N,) says so, else -1."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.uniform(-1, 1, (n, 2))
        return x, np.where(inside(x), 1.0, -1.0)[:, None]

    rng = np.random.default_rng(seed)
    return made(draw, points, test_points, (rng, *rng.spawn(1)), validation)


@datasets.register("points")
class Listed(Dataset):
    """The points of a line that are named, and no others; the test examples are all of them.

    at: where they lie; [0.0] is all that the Dirac-GAN has to learn
    times: how often each of them is there, so that a batch of so many draws of noise can be taken at one point
    validation: share of the named points, always the same ones, that is kept apart for what is measured on the way: no training
        example lies there
    """

    def __init__(self, at: OnLine = [0.0], times: Points = 1, validation: Part = 0.0):  # noqa: B006
        self.at, self.times, self.validation = at, times, validation
        if len(at) * times > MOST_POINTS:
            raise SpecError(f"{len(at)} points {times:,} times are more than {MOST_POINTS:,}", ("times",))

    def load(self) -> Split:
        train, apart = parted(Examples(np.array(self.at)[:, None], None), self.validation)
        every = self._copied(self.at)
        validation = None if apart is None else self._copied(apart.x[:, 0])
        return Split(self._copied(train.x[:, 0]), every, source="made", validation=validation)

    def _copied(self, at: Array | list[float]) -> Examples:
        return Examples(np.tile(np.array(at), self.times)[:, None], None)
