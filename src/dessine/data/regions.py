"""Regions of the plane to be learnt: what one neuron, one layer and two layers can cut out (report, section 1.2.2)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dessine.data.dataset import Array, Dataset, Split, datasets
from dessine.data.points import in_square
from dessine.registry import Part, Points, Whole


def half_plane(x: Array) -> Array:
    """One side of a line: one neuron is enough."""
    return x @ np.array([1.0, 0.6]) > 0.2


def square(x: Array) -> Array:
    """|x| < 0.5 and |y| < 0.5: four lines and their conjunction, so four hidden neurons."""
    return np.abs(x).max(-1) < 0.5


def concave(x: Array) -> Array:
    """A square with a notch, which is not convex: a union or difference of convex parts, so two hidden layers."""
    notch = (np.abs(x[:, 0]) < 0.25) & (x[:, 1] > -0.1)
    return (np.abs(x).max(-1) < 0.7) & ~notch


SHAPES = {"half_plane": half_plane, "square": square, "concave": concave}


@datasets.register("region")
class Region(Dataset):
    """Points of [-1, 1]^2; the target is +1 inside a region, else -1.

    shape: half_plane, square, or concave (a square with a notch)
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    """

    def __init__(
        self,
        shape: Literal["half_plane", "square", "concave"] = "square",
        points: Points = 2000,
        test_points: Points = 2000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.shape, self.points, self.test_points = shape, points, test_points
        self.seed, self.validation = seed, validation

    def load(self) -> Split:
        return in_square(SHAPES[self.shape], self.points, self.test_points, self.seed, self.validation)
