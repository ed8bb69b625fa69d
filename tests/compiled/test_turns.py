"""The parts of a compiled turn; whole turns are held against the plain ones in tests/games/test_one_by_one.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from dessine.compiled import one_by_one
from dessine.compiled.loops import loop
from dessine.losses import Quadratic


def called(part: Any) -> Any:
    """A part of loops, in a loop of its own: Python calls no part."""
    return loop(lambda *given: part(*given))


activate, loss_of, expm1_, tanh_ = map(called, (one_by_one._activate, one_by_one._loss, one_by_one.expm1_, one_by_one.tanh_))
WORDS = {np.float32: np.int32, np.float64: np.int64}


def test_relu_of_infinities_is_a_number() -> None:
    a = np.array([-np.inf, np.nan, -1.0, 2.0], np.float32)
    activate(one_by_one.ACTIVATIONS.index("relu"), np.float32(0), np.float32(0), a, np.empty(4, np.int32))
    np.testing.assert_array_equal(a, [0, np.nan, 0, 2])


def test_floats_are_not_made_doubles() -> None:
    """A sum beyond float32 is infinite, as in the plain form, whatever it is multiplied by after."""
    y, target, factor = np.full(3, 1.2e19, np.float32), np.zeros(3, np.float32), np.float32(0.5)
    with np.errstate(over="ignore"):
        expected, _ = Quadratic(0.5)(y[None, None], target[None, None])
    assert loss_of(0, factor, y, target, np.empty(3, np.float32)) == expected == np.inf


def expm1(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    expm1_(y, np.empty(len(x), WORDS[x.dtype.type]))
    return y


def tanh(x: np.ndarray, steepness: float = 1.0) -> np.ndarray:
    y = x.copy()
    tanh_(y, x.dtype.type(steepness), np.empty(len(x), WORDS[x.dtype.type]))
    return y


def units(y: np.ndarray, exact: np.ndarray) -> float:
    """The largest distance, in units of the last place."""
    return float(np.max(np.abs(y - exact) / np.spacing(np.abs(exact).astype(y.dtype))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [1e-30, 1e-3, 0.5, 5.0, 43.0])
def test_exponentials_are_those_of_numpy_within_the_bound_they_are_documented_with(far: float, dtype: type) -> None:
    x = np.linspace(-far, far, 20_001).astype(dtype)
    x = x[x != 0]
    exact = x.astype(np.longdouble)
    assert units(expm1(x), np.expm1(exact)) <= 2
    assert units(tanh(x), np.tanh(exact)) <= 4
    assert units(tanh(x, 0.7), np.tanh(exact * np.longdouble(dtype(0.7)))) <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_of_what_is_infinite_or_no_number(dtype: type) -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0, -0.0, np.finfo(dtype).max, -100, 1e-40], dtype)
    np.testing.assert_array_equal(tanh(x), np.tanh(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_how_many_numbers_there_are_changes_no_bit_of_one(dtype: type) -> None:
    x = np.random.default_rng(0).standard_normal(67).astype(dtype) * 3
    alone = np.concatenate([tanh(x[i : i + 1]) for i in range(67)])
    for n in range(1, 68):
        np.testing.assert_array_equal(tanh(x[67 - n :]), alone[67 - n :])
