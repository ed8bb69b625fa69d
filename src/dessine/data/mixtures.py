"""Mixtures of Gaussians in the plane and on a line, made on the spot: every mode can be counted, and the true density is known.

What is counted, and how well a generator has learnt a mixture, belongs to `scores/mixture.py`.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from dessine.data.dataset import Array, Dataset, Split, datasets, made
from dessine.data.mixture import Mixture
from dessine.data.points import OnLine
from dessine.registry import Part, Points, Positive, Whole

Modes = Annotated[int, Ge(1), Le(1000)]
Imbalance = Annotated[float, Ge(1), Le(1e6)]


def split(mixture: Mixture, points: int, test_points: int, seed: int, validation: float = 0.0) -> Split:
    """Training and test part, and the share of the training part that is kept apart for validation."""
    return made(mixture.draw, points, test_points, np.random.default_rng(seed).spawn(2), validation, mixture)


def weights(modes: int, imbalance: float) -> Array:
    """(modes,) in geometric steps down from the first, which is `imbalance` times as likely as the last."""
    w = np.geomspace(imbalance, 1, modes) if modes > 1 else np.ones(1)
    return w / w.sum()


@datasets.register("ring")
class Ring(Dataset):
    """Gaussians equally spaced on a circle: every mode can be counted.

    modes: how many
    radius: of the circle
    sigma: standard deviation of each
    imbalance: how many times likelier the first mode is than the last, in equal ratios between; 1 for all alike
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    The label of a point is its mode, 0 at (radius, 0), then counter-clockwise.
    """

    def __init__(
        self,
        modes: Modes = 8,
        radius: Positive = 1.0,
        sigma: Positive = 0.01,
        imbalance: Imbalance = 1.0,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.modes, self.radius, self.sigma, self.imbalance = modes, radius, sigma, imbalance
        self.known_modes = modes
        self.points, self.test_points, self.seed, self.validation = points, test_points, seed, validation

    def mixture(self) -> Mixture:
        """Its last mode stands one step before the first, not on it."""
        angle = 2 * np.pi * np.arange(self.modes) / self.modes
        centres = self.radius * np.stack([np.cos(angle), np.sin(angle)], -1)
        return Mixture(centres, weights(self.modes, self.imbalance), self.sigma)

    def load(self) -> Split:
        return split(self.mixture(), self.points, self.test_points, self.seed, self.validation)


@datasets.register("grid")
class Grid(Dataset):
    """Gaussians on a square grid about 0, 25 of them as a rule: more modes than a weak generator finds.

    side: modes along each side
    spacing: between neighbours
    sigma: standard deviation of each
    imbalance: how many times likelier the first mode is than the last, in equal ratios between; 1 for all alike
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    The label of a point is its mode, row by row from below, each from the left.
    """

    def __init__(
        self,
        side: Annotated[int, Ge(1), Le(30)] = 5,
        spacing: Positive = 2.0,
        sigma: Positive = 0.05,
        imbalance: Imbalance = 1.0,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.side, self.spacing, self.sigma, self.imbalance = side, spacing, sigma, imbalance
        self.known_modes = side**2
        self.points, self.test_points, self.seed, self.validation = points, test_points, seed, validation

    def mixture(self) -> Mixture:
        """From -4 to 4 in steps of 2, if nothing else is asked for."""
        along = self.spacing * (np.arange(self.side) - (self.side - 1) / 2)
        y, x = np.meshgrid(along, along, indexing="ij")
        return Mixture(np.stack([x, y], -1).reshape(-1, 2), weights(self.side**2, self.imbalance), self.sigma)

    def load(self) -> Split:
        return split(self.mixture(), self.points, self.test_points, self.seed, self.validation)


@datasets.register("line")
class Line(Dataset):
    """Gaussians on a line: all that is learnt can be drawn as curves, the densities of both sides and what D says.

    at: their means
    sigma: standard deviation of each
    imbalance: how many times likelier the first mode is than the last, in equal ratios between; 1 for all alike
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    The label of a point is its mode, as `at` lists them.
    """

    def __init__(
        self,
        at: OnLine = [-2.0, 2.0],  # noqa: B006
        sigma: Positive = 0.5,
        imbalance: Imbalance = 1.0,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.at, self.sigma, self.imbalance = at, sigma, imbalance
        self.known_modes = len(at)
        self.points, self.test_points, self.seed, self.validation = points, test_points, seed, validation

    def mixture(self) -> Mixture:
        """Of so many modes in one dimension."""
        return Mixture(np.array(self.at)[:, None], weights(len(self.at), self.imbalance), self.sigma)

    def load(self) -> Split:
        return split(self.mixture(), self.points, self.test_points, self.seed, self.validation)
