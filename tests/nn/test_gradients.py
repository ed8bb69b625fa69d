"""Every registered layer and activation against finite differences, in float64, with two replicates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_table import ACTIVATIONS, IMAGE, LAYER_CASES, LAYERS, TRAINABLE_CASES, Array, Repeated, alone, inputs

from dessine.nn import Activation, Layer, Network, activations, layers
from dessine.registry import SpecError
from dessine.streams import Streams

MODES = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
BATCHES = pytest.mark.parametrize("batch", [5, 1])


def test_every_registered_layer_is_in_the_table() -> None:
    assert set(LAYERS) == set(layers.members)


def test_every_registered_activation_is_in_the_table() -> None:
    assert set(ACTIVATIONS) == set(activations.members)


def differences(run: Repeated, x: Array, at: Array, dy: Array, h: float = 1e-6) -> Array:
    """(R, *at.shape): d sum(dy[r] * y[r]) / d at, by moving each number of `at`, (R, ...), up and down."""
    slopes = np.zeros((len(dy), *at.shape))
    axes = tuple(range(1, dy.ndim))
    for i in np.ndindex(at.shape):
        kept, values = at[i], []
        for step in (h, -h):
            at[i] = kept + step
            values.append((dy * run(x)[0]).sum(axes))
        at[i] = kept
        slopes[:, *i] = (values[0] - values[1]) / (2 * h)
    return slopes


def assert_own(slopes: Array, found: Array, what: str) -> None:
    """Replicate r's output moves with replicate r's numbers as `found` says, and with no other replicate's."""
    for r, own in enumerate(found):
        expected = np.zeros_like(slopes[r])
        expected[r] = own
        np.testing.assert_allclose(slopes[r], expected, rtol=1e-6, atol=1e-8, err_msg=what)


def check(network: Network, train: bool, batch: int) -> None:
    x = inputs(network.input_shape, batch=batch).copy()
    run = Repeated(network, train)
    y, backward = run(x)
    dy = Streams(9, len(x))["dy"].gaussian(y.shape[1:], np.float64)
    network.grad.fill(0)
    dx = backward(dy)
    assert y.shape == (len(x), batch, *network.output_shape)
    assert_own(differences(run, x, x, dy), dx, "inputs")
    assert_own(differences(run, x, network.theta, dy), network.grad, f"parameters {list(network.slices)}")


def few(network: Network) -> bool:
    return network.theta.size + np.prod(network.input_shape) < 500


@MODES
@BATCHES
@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_layer_matches_finite_differences(node: dict[str, Any], shape: tuple[int, ...], train: bool, batch: int) -> None:
    network = alone(node, shape)
    if few(network):
        check(network, train, batch)
    else:
        check_along_directions(network, train, batch)


def check_along_directions(network: Network, train: bool, batch: int, h: float = 1e-5) -> None:
    """The same for a layer with many parameters: along random directions in place of one number after another."""
    x = inputs(network.input_shape, batch=batch)
    run = Repeated(network, train)
    y, backward = run(x)
    dy = Streams(9, len(x))["dy"].gaussian(y.shape[1:], np.float64)
    network.grad.fill(0)
    dx = backward(dy)
    axes, start = tuple(range(1, dy.ndim)), network.theta.copy()
    for k in range(10):
        u, v = (Streams(k, len(x))[name].gaussian(like.shape[1:], np.float64) for name, like in (("u", start), ("v", x)))
        values = []
        for step in (h, -h):
            network.theta[...] = start + step * u
            values.append((dy * run(x + step * v)[0]).sum(axes))
        network.theta[...] = start
        expected = (network.grad * u).sum(-1) + (dx * v).sum(tuple(range(1, x.ndim)))
        np.testing.assert_allclose((values[0] - values[1]) / (2 * h), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), IMAGE], ids=str)
@pytest.mark.parametrize("node", TRAINABLE_CASES)
def test_activation_matches_finite_differences(node: dict[str, Any], shape: tuple[int, ...]) -> None:
    check(alone({"type": "activation", "function": node}, shape), train=True, batch=3)


@pytest.mark.parametrize("node", TRAINABLE_CASES)
def test_activation_inside_dense_matches_finite_differences(node: dict[str, Any]) -> None:
    check(alone({"type": "dense", "units": 3, "activation": node}, (2,)), train=True, batch=3)


@MODES
def test_layers_in_a_row_match_finite_differences(train: bool) -> None:
    nodes: list[Any] = [
        {"type": "dense", "units": 12, "activation": "softplus"},
        {"type": "noise", "size": 6},
        {"type": "reshape", "shape": [3, 3, 2]},
        "batch_norm",
        {"type": "activation", "function": "tanh"},
        {"type": "dropout", "p": 0.25},
        "flatten",
        {"type": "dense", "units": 2, "activation": {"type": "sigmoid", "mu": 0.5}},
    ]
    network = Network(nodes, 3, Streams(1, 2), np.float64)
    check(network, train, batch=4)


def test_training_through_heaviside_is_refused_with_a_reason() -> None:
    for node in ({"type": "dense", "units": 2, "activation": "heaviside"}, {"type": "activation", "function": "heaviside"}):
        y, backward = alone(node, (3,)).forward(inputs((3,)))
        assert set(np.unique(y)) <= {0.0, 1.0}
        with pytest.raises(SpecError, match=r"heaviside.*sigmoid"):
            backward(np.ones_like(y))


def test_heaviside_is_one_above_zero_only() -> None:
    y, _ = Activation.of("heaviside").forward(np.array([[[-1e-30, -0.0, 0.0, 1e-30, 5.0]]]))
    assert y.tolist() == [[[0, 0, 0, 1, 1]]]


# The checks can fail: a backward that is wrong by a thousandth, in any of its results, is noticed.


def mutated(node: dict[str, Any], shape: tuple[int, ...], what: str) -> Network:
    network = alone(node, shape)
    layer = network.layers[0]
    right = layer.forward

    def forward(x: Array, mode: Any) -> tuple[Array, Any]:
        y, backward = right(x, mode)

        def wrong(dy: Array, params: bool = True, inputs: bool = True) -> Array | None:
            dx = backward(dy, params=params, inputs=inputs)
            if what == "inputs":
                return None if dx is None else dx * 1.001
            for key, dw in network.gradients().items():
                if key.endswith(what):
                    dw *= 1.001
            return dx

        return y, wrong

    layer.forward = forward  # type: ignore[method-assign]
    return network


FELT = [c for c in LAYER_CASES if c.values[0]["type"] != "constant"]  # type: ignore[index]  whose gradient by its input is 0


@pytest.mark.parametrize(("node", "shape"), [c for c in FELT if few(alone(*c.values))])  # type: ignore[arg-type]
def test_check_notices_a_wrong_gradient_of_the_inputs(node: dict[str, Any], shape: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError, match="inputs"):
        check(mutated(node, shape, "inputs"), train=True, batch=5)


@pytest.mark.parametrize(
    ("node", "shape", "name"),
    [
        ({"type": "dense", "units": 4}, (3,), "w"),
        ({"type": "dense", "units": 4}, (3,), "b"),
        ({"type": "batch_norm"}, (3,), "gamma"),
        ({"type": "batch_norm"}, IMAGE, "beta"),
    ],
)
def test_check_notices_a_wrong_gradient_of_a_parameter(node: dict[str, Any], shape: tuple[int, ...], name: str) -> None:
    with pytest.raises(AssertionError, match="parameters"):
        check(mutated(node, shape, f".{name}"), train=True, batch=5)


# What every backward must keep to, besides being right.


@MODES
@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_forward_and_backward_write_into_no_array_they_are_given(
    node: dict[str, Any], shape: tuple[int, ...], train: bool
) -> None:
    network, x = alone(node, shape), inputs(shape)  # read-only: writing would raise
    y, backward = Repeated(network, train)(x)
    kept = y.copy()
    dy = inputs(network.output_shape, seed=8)
    first = backward(dy)
    np.testing.assert_array_equal(y, kept)
    network.grad.fill(0)
    np.testing.assert_array_equal(backward(dy), first)  # nothing was used up


@MODES
@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_backward_adds_to_the_gradients(node: dict[str, Any], shape: tuple[int, ...], train: bool) -> None:
    network, x = alone(node, shape), inputs(shape)
    _, backward = Repeated(network, train)(x)
    dy = inputs(network.output_shape, seed=8)
    backward(dy)
    once = network.grad.copy()
    network.grad.fill(2.5)
    backward(dy)
    np.testing.assert_allclose(network.grad, once + 2.5, rtol=1e-12)


@MODES
@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_backward_computes_only_what_is_asked_for(node: dict[str, Any], shape: tuple[int, ...], train: bool) -> None:
    network, x = alone(node, shape), inputs(shape)
    _, backward = Repeated(network, train)(x)
    dy = inputs(network.output_shape, seed=8)
    dx = backward(dy)
    grad = network.grad.copy()
    network.grad.fill(0)
    np.testing.assert_array_equal(backward(dy, params=False), dx)
    assert not network.grad.any()
    assert backward(dy, inputs=False) is None
    np.testing.assert_array_equal(network.grad, grad)


@MODES
@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_two_passes_coexist(node: dict[str, Any], shape: tuple[int, ...], train: bool) -> None:
    network = alone(node, shape)
    run, dy = Repeated(network, train), inputs(network.output_shape, seed=8)
    real, generated = inputs(shape, seed=4), inputs(shape, seed=5)

    def gradients(backward: Any) -> tuple[Array, Array]:
        network.grad.fill(0)
        return backward(dy), network.grad.copy()

    expected = [gradients(run(x)[1]) for x in (real, generated)]
    _, first = run(real)
    _, second = run(generated)
    Repeated(network, not train)(generated)  # an evaluation in between
    for backward, (dx, grad) in ((second, expected[1]), (first, expected[0])):
        found = gradients(backward)
        np.testing.assert_array_equal(found[0], dx)
        np.testing.assert_array_equal(found[1], grad)


def test_layers_below_the_first_that_learns_are_not_asked() -> None:
    asked: list[bool] = []

    class Watching(Layer):
        def declare(self, shape: tuple[int, ...]) -> Any:
            return layers["flatten"]().declare(shape)

        def forward(self, x: Array, mode: Any) -> tuple[Array, Any]:
            return x, lambda dy, params=True, inputs=True: asked.append(inputs) or dy

    network = Network([Watching(), {"type": "dense", "units": 2}], 3, Streams(0, 2))
    y, backward = network.forward(inputs((3,)))
    assert backward(np.ones_like(y), inputs=False) is None
    assert asked == []
    assert backward(np.ones_like(y)) is not None
    assert asked == [True]


@pytest.mark.parametrize("name", sorted(set(activations.members) - {"heaviside"}))
def test_an_activation_in_place_learns_as_it_does_beside_its_input(name: str) -> None:
    function, x = Activation.of(name), inputs((5,), batch=4).copy()
    y, backward = function.forward(x.copy())
    over = x.copy()
    through = function.forward_(over)
    np.testing.assert_array_equal(over, y)
    np.testing.assert_array_equal(through(x), backward(x))
