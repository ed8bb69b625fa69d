"""The parts of a compiled turn; whole turns are held against the plain ones in tests/games/test_one_by_one.py."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from dessine.compiled import one_by_one
from dessine.losses import Quadratic


def test_relu_of_infinities_is_a_number() -> None:
    a = np.array([-np.inf, np.nan, -1.0, 2.0], np.float32)
    one_by_one._activate(one_by_one.ACTIVATIONS.index("relu"), np.float32(0), np.float32(0), a)
    np.testing.assert_array_equal(a, [0, np.nan, 0, 2])


def test_floats_are_not_made_doubles() -> None:
    """A sum beyond float32 is infinite, as in the plain form, whatever it is multiplied by after."""
    y, target, factor = np.full(3, 1.2e19, np.float32), np.zeros(3, np.float32), np.float32(0.5)
    with np.errstate(over="ignore"):
        expected, _ = Quadratic(0.5)(y[None, None], target[None, None])
    assert one_by_one._loss(0, factor, y, target, np.empty(3, np.float32)) == expected == np.inf
