"""Parameters are views of one vector; replicate r is, to the last bit, the single run of its seed; one NaN stays alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_table import ACTIVATION_CASES, LAYER_CASES, Array, Told, alone, inputs

from dessine.nn import Mode, Network
from dessine.optimizers import Optimizer
from dessine.streams import Streams

NODES = pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
MODES = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


@NODES
def test_parameters_and_gradients_are_views_of_the_flat_vectors(node: dict[str, Any], shape: tuple[int, ...]) -> None:
    network = alone(node, shape)
    layers = {place.key: place.layer for place in network.places()}
    seen = 0
    for name, w in network.parameters().items():
        key, _, short = name.rpartition(".")
        own, gradient = (getattr(layers[key], prefix + short) for prefix in ("", "d"))
        assert np.shares_memory(own, network.theta)
        assert np.shares_memory(w, network.theta)
        assert np.shares_memory(gradient, network.grad)
        assert np.shares_memory(network.gradients()[name], gradient)
        assert w.shape == gradient.shape == own.shape
        seen += w.size
    assert seen == network.theta.size  # nothing else is in it
    for place in network.places():
        for name in place.needs.buffers:
            assert np.shares_memory(getattr(place.layer, name), network.buffers)


@NODES
def test_views_are_still_views_after_training(node: dict[str, Any], shape: tuple[int, ...]) -> None:
    network = alone(node, shape)
    before = {name: (w, network.gradients()[name]) for name, w in network.parameters().items()}
    for _ in range(2):
        y, backward = network.forward(inputs(shape))
        backward(np.ones_like(y))
        Optimizer.of("adam").step(network.theta, network.grad)
    layers = {place.key: place.layer for place in network.places()}
    for name, (w, dw) in before.items():
        key, _, short = name.rpartition(".")
        assert getattr(layers[key], short) is w
        assert getattr(layers[key], f"d{short}") is dw
        assert np.shares_memory(w, network.theta)
        assert dw.any()


def results(network: Network, x: Array, train: bool) -> list[Array]:
    """All that a forward and a backward pass leave: (R, ...) each."""
    y, backward = network.forward(x, Mode(network.streams, train=train))
    network.grad.fill(0)
    dx = backward(y * y)
    assert dx is not None
    return [y, dx, network.grad.copy(), network.buffers.copy()]


def assert_replicates_repeat_single_runs(
    nodes: list[Any], shape: tuple[int, ...], dtype: Any, train: bool, batch: int, replicates: int = 3
) -> None:
    together = Told(nodes, shape, Streams(7, replicates), dtype)
    x = inputs(shape, dtype, batch, replicates)
    found = [*results(together, x, train), *results(together, x, train)]
    for r in range(replicates):
        single = Told(nodes, shape, Streams(7 + r), dtype)
        np.testing.assert_array_equal(single.theta[0], together.theta[r])
        expected = [*results(single, x[r : r + 1], train), *results(single, x[r : r + 1], train)]
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a[r], b[0])


@MODES
@pytest.mark.parametrize("batch", [1, 5])
@NODES
def test_replicate_of_a_layer_is_bit_equal_to_its_single_run(
    node: dict[str, Any], shape: tuple[int, ...], batch: int, train: bool
) -> None:
    assert_replicates_repeat_single_runs([node], shape, np.float32, train, batch)


@pytest.mark.parametrize("node", [c for c in ACTIVATION_CASES if c.values[0]["type"] != "heaviside"])  # type: ignore[index]
def test_replicate_of_an_activation_is_bit_equal_to_its_single_run(node: dict[str, Any]) -> None:
    assert_replicates_repeat_single_runs([{"type": "activation", "function": node}], (7,), np.float32, True, 5)


@given(
    widths=st.lists(st.integers(1, 90), min_size=1, max_size=3),
    features=st.integers(1, 90),
    batch=st.integers(1, 9),
    replicates=st.integers(2, 4),
    between=st.sampled_from(["batch_norm", "dropout", "noise", {"type": "activation", "function": "softmax"}]),
    activation=st.sampled_from(["tanh", "relu", "leaky_relu", "sigmoid", "softplus"]),
    train=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_replicate_of_any_network_is_bit_equal_to_its_single_run(
    widths: list[int], features: int, batch: int, replicates: int, between: Any, activation: str, train: bool
) -> None:
    nodes: list[Any] = [n for m in widths for n in ({"type": "dense", "units": m, "activation": activation}, between)]
    assert_replicates_repeat_single_runs(nodes, (features,), np.float32, train, batch, replicates)


@MODES
@NODES
def test_nan_in_one_replicate_stays_alone(node: dict[str, Any], shape: tuple[int, ...], train: bool) -> None:
    healthy, ill = alone(node, shape, np.float32, 3), alone(node, shape, np.float32, 3)
    ill.theta[1] = np.nan
    x = inputs(shape, np.float32, replicates=3).copy()
    expected = results(healthy, x, train)
    x[1] = np.nan
    with np.errstate(invalid="ignore"):
        found = results(ill, x, train)
    for a, b in zip(found, expected, strict=True):
        for r in (0, 2):
            np.testing.assert_array_equal(a[r], b[r])
    assert np.isnan(found[0][1]).any()


@pytest.mark.parametrize("rule", ["gradient_descent", "adagrad", "rmsprop", "adadelta", "adam"])
def test_nan_in_one_replicate_passes_no_optimizer(rule: str) -> None:
    theta, grad = np.ones((3, 4), np.float32), np.full((3, 4), 0.5, np.float32)
    grad[1] = np.nan
    optimizer = Optimizer.of(rule)
    with np.errstate(invalid="ignore"):
        for _ in range(3):
            optimizer.step(theta, grad)
    assert np.isfinite(theta[[0, 2]]).all()
    assert (theta[0] == theta[2]).all()
    assert np.isnan(theta[1]).all()
