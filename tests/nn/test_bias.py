"""A bias and an activation in one compiled pass, against the plain form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.nn import Activation, bias
from dessine.nn.bias import bend

pytest.importorskip("numba")

Array = np.ndarray
STRAIGHT: list[Any] = ["relu", "leaky_relu", {"type": "leaky_relu", "alpha": 0.3}, {"type": "linear", "slope": -0.7}, "linear"]


def both(monkeypatch: pytest.MonkeyPatch, node: Any, a: Array, b: Array | None, dy: Array) -> list[tuple[Array, ...]]:
    """y, dE/da and dE/db: plain, and compiled."""
    told = []
    for enough in (a.size + 1, 0):
        monkeypatch.setattr(bias, "COMPILED", enough)
        db = None if b is None else np.ones_like(b)
        y, through = bend(a.copy(), b, Activation.of(node))
        told.append((y, through(dy, db), *([] if db is None else [db])))
    return told


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("node", STRAIGHT, ids=str)
def test_the_compiled_pass_is_the_plain_one(node: Any, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_COMPILED", "1")
    rng = np.random.default_rng(0)
    a, dy = (rng.standard_normal((2, 6, 5)).astype(dtype) for _ in range(2))
    a[0, 0] = [0, -0.0, np.inf, -np.inf, np.nan]
    b = rng.standard_normal((2, 1, 5)).astype(dtype)
    b[0] = 0
    for bias_ in (b, None):
        plain, compiled = both(monkeypatch, node, a, bias_, dy)
        np.testing.assert_array_equal(compiled[0], plain[0])
        for found, expected in zip(compiled[1:], plain[1:], strict=True):
            assert found.dtype == expected.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


def test_errors_may_lie_in_memory_as_they_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_COMPILED", "1")
    a, b = np.random.default_rng(0).standard_normal((1, 4, 3)), np.zeros((1, 1, 3))
    for dy in (np.broadcast_to(2.0, a.shape), np.ones((1, 4, 6))[..., ::2]):
        plain, compiled = both(monkeypatch, "leaky_relu", a, b, dy)
        for found, expected in zip(compiled, plain, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_images_without_a_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_COMPILED", "1")
    a, dy = np.random.default_rng(0).standard_normal((2, 2, 3, 4, 5, 2))
    plain, compiled = both(monkeypatch, "relu", a, None, dy)
    np.testing.assert_array_equal(compiled[0], plain[0])
    np.testing.assert_array_equal(compiled[1], plain[1])


def test_a_straight_line_without_a_bias_is_passed_over() -> None:
    a = np.ones((1, 200, 100))
    y, through = bend(a, None, Activation.of("linear"))
    assert y is a
    assert through(a) is a
