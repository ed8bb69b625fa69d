"""What compiled convolutions do with numbers that are not finite; all else is held against loops in tests/nn/test_conv.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.nn import Network

pytest.importorskip("numba")


@pytest.mark.parametrize("kind", ["conv2d", "conv2d_transpose"])
def test_relu_of_infinities_is_a_number(kind: str) -> None:
    node: Any = {"type": kind, "channels": 1, "kernel": 1, "stride": 1, "padding": 0, "activation": "relu"}
    network = Network([node], (2, 2, 1))
    network.theta[:] = [[1, 0]]
    x = np.array([-np.inf, np.nan, -1.0, 2.0]).reshape(1, 1, 2, 2, 1)
    np.testing.assert_array_equal(network(x).ravel(), [0, np.nan, 0, 2])


@pytest.mark.parametrize("kind", ["conv2d", "max_pool", "average_pool", "batch_norm"])
def test_images_that_must_not_be_written_to_pass(kind: str) -> None:
    """As those of a test are, which all repeats are shown."""
    network = Network([{"type": kind, **({"channels": 2} if kind == "conv2d" else {})}], (4, 4, 1))
    x = np.random.default_rng(0).standard_normal((1, 3, 4, 4, 1)).astype(np.float32)
    expected = network.forward(x)[0]
    x.flags.writeable = False
    np.testing.assert_array_equal(network.forward(x)[0], expected)
