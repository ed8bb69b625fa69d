"""Clipping: every parameter, in place, to the bounds."""

import numpy as np
import pytest

from dessine.constraints import Clip, Constraint
from dessine.registry import SpecError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_moves_every_entry_onto_the_bounds_in_place(dtype: type) -> None:
    theta = np.array([[-1, -0.25, 0.1], [0.25, 0.3, 7]], dtype=dtype)
    Clip(0.25).apply_(theta)
    np.testing.assert_array_equal(theta, np.array([[-0.25, -0.25, 0.1], [0.25, 0.25, 0.25]], dtype=dtype))
    assert theta.dtype == dtype


def test_clip_reaches_through_a_view() -> None:
    theta = np.full((2, 5), 3.0)
    Clip(1.0).apply_(theta[:, 1:3])
    assert theta.tolist() == [[3, 1, 1, 3, 3]] * 2


def test_a_spec_names_the_constraint() -> None:
    assert Constraint.of("clip").c == 0.01
    assert Constraint.of({"type": "clip", "c": 0.5}).c == 0.5
    with pytest.raises(SpecError, match="a number above 0"):
        Constraint.of({"type": "clip", "c": 0.0})
    with pytest.raises(SpecError, match="clip"):
        Constraint.of("clamp")
