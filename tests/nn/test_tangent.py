"""Derivatives along a direction of the input, and their gradients, against differences; every layer that a penalty may meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_table import LAYER_CASES, TRAINABLE_CASES, Repeated, alone, inputs, labels

from dessine.nn import Activation, Layer, Mode, Network
from dessine.nn.layer import Activate, Declaration
from dessine.nn.network import outline
from dessine.nn.tangent import along, refuse_along
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
H = 1e-6
REFUSED = {"minibatch_discrimination"}  # layers without `along`: no second derivatives are taken through them
CASES = [case for case in LAYER_CASES if case.values[0]["type"] not in REFUSED]


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("node", "shape"), CASES)
def test_the_derivative_along_t_and_its_gradient_are_those_of_differences(node: Any, shape: Any, train: bool) -> None:
    network = alone(node, shape)
    x, t, dx, dt = (np.array(inputs(shape, seed=seed)) for seed in range(4))
    state, mode = network.streams.state(), Mode(network.streams, train=train, labels=labels(x))
    repeated = Repeated(network, train)

    def at(h: float) -> tuple[Array, Array, Any]:
        """y and s with x, t and the parameters moved by h."""
        network.theta += h * direction
        network.streams.restore(state)
        y, s, backward = along(network, x + h * dx, t + h * dt, mode)
        network.theta -= h * direction
        return y, s, backward

    direction = np.zeros_like(network.theta)
    y, s, backward = at(0.0)
    np.testing.assert_allclose(y, repeated(x)[0], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(s, (repeated(x + H * t)[0] - repeated(x - H * t)[0]) / (2 * H), rtol=1e-6, atol=1e-7)

    direction = Streams(9, 2)["direction"].gaussian(network.theta.shape[1:], np.float64)
    ey, es = (Streams(seed, 2)["error"].gaussian(y.shape[1:], np.float64) for seed in (5, 6))
    network.grad.fill(0)
    found_dx, found_dt = backward(ey, es)
    found = (network.grad * direction).sum() + (found_dx * dx).sum() + (found_dt * dt).sum()
    (y1, s1, _), (y0, s0, _) = at(H), at(-H)
    expected = ((ey * (y1 - y0)).sum() + (es * (s1 - s0)).sum()) / (2 * H)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("node", TRAINABLE_CASES)
def test_bend_is_the_second_derivative(node: dict[str, Any]) -> None:
    function = Activation.of(node)
    x = np.array(inputs((4,)))
    bend = function.bend(x)
    if bend is None:
        assert node["type"] == "softmax"  # a function of several numbers
        return
    slope = [function.forward(x + h)[1](np.ones_like(x)) for h in (-H, H)]
    np.testing.assert_allclose(np.broadcast_to(bend, x.shape), (slope[1] - slope[0]) / (2 * H), rtol=1e-6, atol=1e-9)


def test_an_own_activation_is_back_in_its_place() -> None:
    network = Network([{"type": "dense", "units": 2, "activation": "tanh"}], 3, Streams(0), np.float64)
    x = np.ones((1, 2, 3))
    before = network(x)
    along(network, x, x, Mode(network.streams))
    np.testing.assert_array_equal(network(x), before)


class Cube(Layer):
    """A layer that somebody wrote without second derivatives."""

    def declare(self, shape: tuple[int, ...]) -> Declaration:
        return Declaration(shape)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Any]:
        return x**3, lambda dy, params=True, inputs=True: 3 * x * x * dy


class Square(Activation):
    """An activation of the same kind."""

    def forward(self, x: Array) -> tuple[Array, Any]:
        return x * x, lambda dy: 2 * x * dy


@pytest.mark.parametrize("node", [Cube(), Activate(Square())], ids=["layer", "activation"])
def test_what_has_no_rule_is_refused_and_not_approximated(node: Layer) -> None:
    layers = Network([{"type": "dense", "units": 2}, node], 3, Streams(0), np.float64).layers
    with pytest.raises(SpecError, match="second derivatives") as caught:
        refuse_along(layers, outline(layers, (3,)))
    assert caught.value.problems[0].path == ("layers", 1)
