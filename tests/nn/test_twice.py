"""Gradients by the input that are differentiated again, against plain backward passes and differences; and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_table import LAYER_CASES, alone, inputs, labels

from dessine.nn import Mode, Network, dense
from dessine.nn.twice import twice
from dessine.streams import Streams

Array = np.ndarray
H = 1e-6
REFUSED = {"minibatch_discrimination"}  # layers without `along`
CASES = [case for case in LAYER_CASES if case.values[0]["type"] not in REFUSED]


def drawn(seed: int, network: Network, shape: tuple[int, ...]) -> Array:
    return Streams(seed, len(network.theta))["x"].gaussian(shape, np.float64)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("node", "shape"), CASES)
def test_going_up_adds_the_derivative_of_what_came_down(node: Any, shape: Any, train: bool) -> None:
    network = alone(node, shape)
    x, t = (np.array(inputs(shape, seed=seed)) for seed in (0, 1))
    state, mode = network.streams.state(), Mode(network.streams, train=train, record=False, labels=labels(x))
    y, down, up = twice(network, x, mode)
    after = network.streams.state()
    direction, dy = drawn(9, network, network.theta.shape[1:]), drawn(5, network, y.shape[1:])

    def slope(h: float) -> Array:
        """v, with the parameters moved by h."""
        network.theta += h * direction
        network.streams.restore(state)
        plain, backward = network.forward(x, mode)
        v = backward(dy, params=False)
        network.theta -= h * direction
        assert v is not None
        np.testing.assert_allclose(y if h == 0 else plain, plain, rtol=1e-12, atol=1e-13)
        return v

    np.testing.assert_allclose(down(dy), slope(0.0), rtol=1e-12, atol=1e-13)
    network.grad.fill(0)
    up(t)
    assert network.streams.state() == after  # layers that draw have done so once
    expected = ((slope(H) - slope(-H)) * t).sum() / (2 * H)
    np.testing.assert_allclose((network.grad * direction).sum(), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "softmax"])
def test_going_up_adds_to_the_gradients_that_are_there(activation: str) -> None:
    network = Network(
        [{"type": "dense", "units": 4, "activation": activation}, {"type": "dense", "units": 1}], 3, Streams(0, 2)
    )
    y, down, up = twice(network, np.ones((2, 5, 3), np.float32), Mode(network.streams))
    v, there = down(np.ones_like(y)), np.float32(0.25)
    up(v)
    once = network.grad.copy()
    network.grad.fill(there)
    up(v)
    np.testing.assert_allclose(network.grad, once + there, rtol=1e-6)


@pytest.mark.parametrize(("activation", "passes"), [("leaky_relu", 4), ("relu", 4), ("tanh", 6)])
def test_as_many_products_as_the_arithmetic_needs(activation: str, passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward, down, up and weights; where activations bend, down again and its weights."""
    made: list[int] = []

    def counted(product: Callable[..., Any], weights: int) -> Callable[..., Any]:
        def one(*arrays: Array, **options: Any) -> Any:
            made.append(arrays[weights][0].size)
            return product(*arrays, **options)

        return one

    monkeypatch.setattr(dense, "product", counted(dense.product, 1))
    monkeypatch.setattr(dense, "add_product", counted(dense.add_product, 0))
    nodes = [{"type": "dense", "units": n, "activation": activation} for n in (6, 5)]
    network = Network([*nodes, {"type": "dense", "units": 1}], 7, Streams(0))
    y, down, up = twice(network, np.ones((1, 3, 7)), Mode(network.streams))
    up(down(np.ones_like(y)))
    weights = sum(w.size for name, w in network.parameters().items() if name.endswith(".w"))
    unused = 0 if passes == 4 else network.parameters()["0.dense.w"].size + 2 * 5  # no input's error; the last sum is straight
    assert sum(made) == passes * weights - unused
