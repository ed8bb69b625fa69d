"""Examples and points in one pass, against a pass for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.nn import Mode, Network, bias
from dessine.nn.together import is_straight, together
from dessine.nn.twice import twice
from dessine.streams import Streams

Array = np.ndarray
CHAINS: list[list[Any]] = [
    [{"type": "dense", "units": 1}],
    [
        {"type": "dense", "units": 6, "activation": "leaky_relu"},
        {"type": "dense", "units": 5, "activation": "relu", "bias": False},
        {"type": "dense", "units": 1, "activation": {"type": "linear", "slope": 0.5}},
    ],
]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("nodes", CHAINS, ids=["one layer", "three layers"])
def test_one_pass_for_all_is_a_pass_for_each(nodes: list[Any], compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias, "COMPILED", 0 if compiled else 10**9)
    network = Network(nodes, (2, 3, 1), Streams(0, 2), np.float64)
    network.theta[...] = Streams(1, 2)["theta"].gaussian(network.theta.shape[1:], np.float64)
    points, real, generated = Streams(2, 2)["x"].gaussian((3, 4, 2, 3, 1), np.float64).swapaxes(0, 1)
    dy = Streams(3, 2)["dy"].gaussian((8, 1), np.float64)

    y, backward = network.forward(np.concatenate([real, generated], 1))
    backward(dy, inputs=False)
    once, down, up = twice(network, points, Mode(network.streams))
    v = down(np.ones_like(once))
    up(0.3 * v)
    expected = network.grad.copy()

    for first in (True, False):
        network.grad.fill(0)
        found, down_all, up_all = together(network, points, [real, generated])
        np.testing.assert_allclose(found, y, rtol=1e-13, atol=1e-13)
        found_v = down_all(dy)
        np.testing.assert_allclose(found_v, v, rtol=1e-13, atol=1e-13)
        up_all(0.3 * v, first)
        np.testing.assert_allclose(network.grad, expected, rtol=1e-12, atol=1e-13)


def test_replicates_together_are_bit_equal_to_single_runs() -> None:
    def after(seed: int, replicates: int) -> Array:
        nodes = [{"type": "dense", "units": 300, "activation": "leaky_relu"}, {"type": "dense", "units": 1}]
        network = Network(nodes, 80, Streams(seed, replicates))
        points, examples = (Streams(seed, replicates)[name].gaussian((64, 80), np.float32) for name in "px")
        y, down, up = together(network, points, [examples])
        up(down(y), True)
        return network.grad

    both = after(5, 2)
    for r in range(2):
        np.testing.assert_array_equal(both[r], after(5 + r, 1)[0])


def test_what_bends_or_is_no_dense_layer_is_not_of_a_straight_chain() -> None:
    nodes: list[Any] = ["flatten", {"type": "dense", "units": 3, "activation": "tanh"}, {"type": "dense", "units": 1}]
    assert [is_straight(layer) for layer in Network(nodes, 3).layers] == [False, False, True]
