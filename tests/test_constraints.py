"""Constraints: what each does to a network, that its gradients are right, and that it can be stopped and resumed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.constraints import Clip, Constraint, Rescale
from dessine.nn import Network
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
LAYERS: list[Any] = [
    {"type": "dense", "units": 5, "activation": "leaky_relu"},
    {"type": "activation", "function": "tanh"},
    {"type": "dense", "units": 1},
]


def network(layers: list[Any] | None = None, dtype: Any = np.float64, replicates: int = 2) -> Network:
    """Random parameters everywhere, biases too."""
    made = Network(layers or LAYERS, 4, Streams(0, replicates), dtype, "critic")
    made.theta[...] = Streams(1, replicates)["theta"].gaussian(made.theta.shape[1:], dtype)
    return made


def test_a_constraint_holds_nothing_by_itself() -> None:
    net, held = network(), Constraint()
    net.grad[...] = 3
    before = net.theta.copy()
    held.attach(net)
    held.pull_back_(net)
    held.apply_(net)
    held.restore(held.state())
    assert held.moved(net) is net.theta
    np.testing.assert_array_equal(net.theta, before)
    assert (net.grad == 3).all()
    assert held.measure(net) == {}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_moves_every_weight_and_bias_onto_the_bounds_in_place(dtype: type) -> None:
    net = network([{"type": "dense", "units": 1}], dtype)
    net.theta[...] = [[-1, -0.25, 0.1, 0.2, 0.3], [0.25, 0.3, 7, -0.1, -8]]
    Clip(0.25).apply_(net)
    expected = np.array([[-0.25, -0.25, 0.1, 0.2, 0.25], [0.25, 0.25, 0.25, -0.1, -0.25]], dtype)
    np.testing.assert_array_equal(net.theta, expected)
    assert net.parameters()["0.dense.b"].ravel().tolist() == [0.25, -0.25]


@pytest.mark.parametrize("kind", [Clip, Rescale])
def test_the_first_critic_is_in_the_set(kind: Any) -> None:
    net = network()
    kind(0.01).attach(net)
    assert np.abs(net.parameters()["0.dense.w"]).max() == 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipped_is_the_share_on_the_bounds_of_each_replicate(dtype: type) -> None:
    net, clip = network([{"type": "dense", "units": 1}], dtype), Clip(0.1)
    net.theta[...] = [[-1, -0.1, 0.05, 0.0, 3], [0.01, 0, 0, 0, 0]]
    clip.apply_(net)
    assert clip.measure(net)["clipped"].tolist() == [0.6, 0.0]


def test_rescale_keeps_the_direction_of_each_layer_and_leaves_biases_alone() -> None:
    net, plain = network(), network()
    net.parameters()["2.dense.w"][1] *= 1e-3  # a layer of one replicate is in the set already
    plain.theta[...] = net.theta
    Rescale(0.05).apply_(net)
    for name, w in net.parameters().items():
        before = plain.parameters()[name]
        for r in range(2):
            largest = np.abs(before[r]).max()
            factor = 0.05 / largest if name.endswith(".w") and largest > 0.05 else 1.0
            np.testing.assert_allclose(w[r], before[r] * factor, rtol=1e-15)


def test_a_spec_names_the_constraint() -> None:
    assert Constraint.of("clip").c == 0.01
    assert Constraint.of({"type": "clip", "c": 0.5}).c == 0.5
    with pytest.raises(SpecError, match="a number above 0"):
        Constraint.of({"type": "clip", "c": 0.0})
    with pytest.raises(SpecError, match="clip"):
        Constraint.of("clamp")
