"""Compiled closeness of all pairs, against the plain form."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.nn import MinibatchDiscrimination, Network
from dessine.streams import Streams

pytest.importorskip("numba")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_closeness_is_that_of_the_plain_form(batch: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((2, batch, 6)).astype(dtype)
    x[:, -1] = x[:, 0]  # a pair without distance pulls nowhere
    found = []
    for compiled in ("1", "0"):
        monkeypatch.setenv("DESSINE_COMPILED", compiled)
        network = Network([MinibatchDiscrimination(7, 3)], 6, Streams(0, 2), dtype)
        y, backward = network.forward(x)
        found.append((y, backward(np.random.default_rng(1).standard_normal(y.shape)), network.grad))
    for fast, plain in zip(*found, strict=True):
        tolerance = 20 * np.finfo(dtype).eps
        np.testing.assert_allclose(fast, plain, tolerance, tolerance * abs(plain).max())
