"""Compiled passes over single numbers give the plain forms' numbers, in every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.compiled import COMPILED
from dessine.nn import Activation, Dropout, Network
from dessine.streams import Streams

pytest.importorskip("numba")

Array = np.ndarray
NUMBERS = np.array([-np.inf, -2.5, -0.0, 0.0, 1e-40, 3.0, np.inf, np.nan])


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("node", ["relu", "leaky_relu", {"type": "leaky_relu", "alpha": 0.37}], ids=str)
def test_activations(node: Any, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.tile(NUMBERS, COMPILED // 8).astype(dtype).reshape(1, 64, -1)
    dy = np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    found = []
    for compiled in ("1", "0"):
        monkeypatch.setenv("DESSINE_COMPILED", compiled)
        y, through = Activation.of(node).forward(x)
        found.append((y, through(dy)))
    for fast, plain in zip(*found, strict=True):
        np.testing.assert_array_equal(fast, plain)
        np.testing.assert_array_equal(np.signbit(fast), np.signbit(plain))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.3, 0.5])
def test_dropout(p: float, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((2, 65, 128)).astype(dtype)
    found = []
    for compiled in ("1", "0"):
        monkeypatch.setenv("DESSINE_COMPILED", compiled)
        y, backward = Network([Dropout(p)], 128, Streams(0, 2), dtype).forward(x)
        found.append((y, backward(x)))
    for fast, plain in zip(*found, strict=True):
        np.testing.assert_array_equal(fast, plain)
