"""Compiled pooling gives the numbers of the plain form: the largest in every bit, sums to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.nn import Network
from dessine.streams import Streams

pytest.importorskip("numba")

CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((6, 6, 3), {}),
    ((7, 5, 1), {"size": 3, "stride": 1, "padding": 1}),
    ((8, 9, 2), {"size": [2, 3], "stride": [3, 1], "padding": [1, 0]}),
    ((9, 8, 4), {"size": 4, "stride": 3, "padding": 2}),
    ((5, 7, 2), {"size": 1, "stride": 3}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "options"), CASES, ids=str)
@pytest.mark.parametrize("kind", ["max_pool", "average_pool"])
def test_compiled_pooling_is_the_plain_one(
    kind: str, shape: tuple[int, ...], options: dict[str, Any], dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, rng, found = {"type": kind, **options}, np.random.default_rng(0), []
    x = rng.integers(-2, 3, (2, 3, *shape)).astype(dtype)  # few numbers: many windows hold their largest twice
    x[0, 0, 1, 1, 0] = np.nan if kind == "average_pool" else np.inf
    for compiled in ("1", "0"):
        monkeypatch.setenv("DESSINE_COMPILED", compiled)
        y, backward = Network([node], shape, Streams(0, 2), dtype).forward(x)
        found.append((y, backward(np.random.default_rng(1).standard_normal(y.shape))))
    (y, dx), (plain, back) = found
    if kind == "max_pool":
        np.testing.assert_array_equal(y, plain)
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, plain, tolerance, tolerance)
    np.testing.assert_allclose(dx, back, tolerance, tolerance)


@pytest.mark.parametrize("compiled", ["1", "0"])
def test_the_first_that_is_no_number_is_the_largest(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_COMPILED", compiled)
    x = np.array([[1.0, np.nan], [np.nan, 3.0]]).reshape(1, 1, 2, 2, 1)
    y, backward = Network(["max_pool"], (2, 2, 1), dtype=np.float64).forward(x)
    assert np.isnan(y)
    np.testing.assert_array_equal(np.ravel(backward(np.full(y.shape, 2.0))), [0, 2, 0, 0])
