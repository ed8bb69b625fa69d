"""Regions of the plane: what is inside, and that the points say so."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data import Dataset
from dessine.data.regions import SHAPES


@pytest.mark.parametrize(
    ("shape", "inside", "outside"),
    [
        ("half_plane", [[1, 1], [0.3, 0]], [[-1, 1], [0, 0.3]]),
        ("square", [[0, 0], [0.49, -0.49]], [[0.51, 0], [0, -0.9]]),
        ("concave", [[0, -0.5], [0.6, 0.6], [-0.6, 0.6]], [[0, 0], [0, 0.6], [0.8, 0]]),
    ],
)
def test_points_inside_and_outside(shape: str, inside: list, outside: list) -> None:
    assert SHAPES[shape](np.array(inside)).all()
    assert not SHAPES[shape](np.array(outside)).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_data_is_labelled_by_its_shape_and_repeats_with_its_seed(shape: str) -> None:
    data = Dataset.of({"type": "region", "shape": shape, "points": 500, "test_points": 100})
    split = data.load()
    np.testing.assert_array_equal(split.train.y[:, 0] > 0, SHAPES[shape](split.train.x))
    assert set(np.unique(split.train.y)) == {-1.0, 1.0}
    assert len(split.test) == 100
    np.testing.assert_array_equal(data.load().train.x, split.train.x)
    assert not np.array_equal(split.train.x[:100], split.test.x)
