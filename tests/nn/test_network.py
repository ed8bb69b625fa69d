"""A network from Python: built from nodes of any kind, named parameters, its errors, and an optimizer that steps it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dessine.losses import Loss
from dessine.nn import Activate, BatchNorm, Dense, Dropout, Flatten, Layer, Mode, Network, Noise, Reshape
from dessine.nn.activations import Relu
from dessine.optimizers import Adam
from dessine.registry import SpecError
from dessine.streams import Streams

SQUARES = np.array([[[-1, -1], [-1, 1], [1, -1], [1, 1]]], np.float32)


def test_objects_names_and_mappings_make_the_same_network() -> None:
    objects: list[Any] = [Dense(4, activation=Relu()), BatchNorm(), Reshape([2, 2, 1]), Flatten(), Dense(1)]
    mappings: list[Any] = [
        {"type": "dense", "units": 4, "activation": "relu"},
        {"type": "batch_norm"},
        {"type": "reshape", "shape": [2, 2, 1]},
        "flatten",
        {"type": "dense", "units": 1},
    ]
    mixed = [Dense(4, "relu"), "batch_norm", Reshape((2, 2, 1)), {"type": "flatten"}, Dense(1)]  # type: ignore[arg-type]
    outputs = [Network(nodes, 2).forward(SQUARES)[0] for nodes in (objects, mappings, mixed)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_array_equal(outputs[0], outputs[2])


def test_parameters_and_gradients_have_the_same_names_and_shapes() -> None:
    network = Network([Dense(4, "tanh"), "batch_norm", Dense(1, bias=False)], 2, Streams(0, 3))
    shapes = {name: w.shape for name, w in network.parameters().items()}
    assert shapes == {
        "0.dense.w": (3, 2, 4),
        "0.dense.b": (3, 1, 4),
        "1.batch_norm.gamma": (3, 1, 4),
        "1.batch_norm.beta": (3, 1, 4),
        "2.dense.w": (3, 4, 1),
    }
    assert {name: dw.shape for name, dw in network.gradients().items()} == shapes
    assert {key: part.stop - part.start for key, part in network.slices.items()} == {
        "0.dense": 12,
        "1.batch_norm": 8,
        "2.dense": 4,
    }


def test_an_optimizer_that_steps_the_vector_teaches_the_layers() -> None:
    network, loss, adam = Network([Dense(6, "tanh"), Dense(1)], 2), Loss.of("binary_cross_entropy"), Adam(0.05)
    target = np.array([[[0], [1], [1], [0]]])
    first = None
    for _ in range(200):
        y, backward = network.forward(SQUARES)
        value, dy = loss(y, target)
        first = value if first is None else first
        network.grad.fill(0)
        backward(dy)
        adam.step(network.theta, network.grad)
    assert value < 0.05 < first
    assert ((network(SQUARES) > 0) == target).all()


def test_networks_of_one_seed_are_equal_and_of_another_differ() -> None:
    a, b, c = (Network([Dense(4)], 2, Streams(seed)).theta for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert (a[:, :8] != c[:, :8]).all()


def test_layers_of_one_network_start_with_different_weights() -> None:
    network = Network([Dense(4), Dense(4)], 4)
    w = network.parameters()
    assert not np.array_equal(w["0.dense.w"], w["1.dense.w"])


@pytest.mark.parametrize("shape", [2, (2,), [2], np.int64(2), np.array([2])], ids=repr)
def test_input_shape_is_a_number_or_any_sequence(shape: Any) -> None:
    network = Network([Dense(1)], shape)
    assert network.forward(SQUARES)[0].shape == (1, 4, 1)
    assert network.output_shape == (1,)


@pytest.mark.parametrize("x", [SQUARES.astype(np.float64), SQUARES.astype(int), SQUARES.tolist()], ids=["f8", "int", "list"])
def test_any_numbers_are_taken_in_the_dtype_of_the_network(x: Any) -> None:
    network = Network([Dense(3, "tanh")], 2)
    y, backward = network.forward(x)
    assert y.dtype == np.float32
    assert backward(np.ones(y.shape)).dtype == np.float32  # type: ignore[union-attr]
    assert network(x).dtype == np.float32
    np.testing.assert_array_equal(y, network.forward(SQUARES)[0])


@pytest.mark.parametrize("shape", [(4, 2), (1, 4, 3), (2, 4, 2), (1, 4, 2, 1), (2,), ()], ids=str)
def test_input_of_another_shape_is_refused_with_what_is_expected(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(1, B, 2\)"):
        Network([Dense(3)], 2).forward(np.zeros(shape))


ERRORS: list[tuple[Callable[[], Any], str]] = [
    (lambda: Network([Dense(3), "dens"], 2), r"^layers\[1\]: no layer 'dens'; did you mean 'dense'\?"),
    (lambda: Network([{"type": "dense"}], 2), r"^layers\[0\]: 'units' is missing"),
    (lambda: Network([{"type": "dense", "units": -3}], 2), r"^layers\[0\]\.units: .*at least 1.*-3"),
    (lambda: Network([{"type": "dense", "units": 3, "activation": "rellu"}], 2), r"^layers\[0\]\.activation: .*'relu'"),
    (lambda: Network([Dense(3), 7], 2), r"^layers\[1\]: expects a layer"),  # type: ignore[list-item]
    (lambda: Network([{"type": "reshape", "shape": []}], 2), r"^layers\[0\]\.shape: "),
    (
        lambda: Network([Dense(3), Reshape([2, 2])], 2),
        r"^layers\[1\]\.shape: \[2, 2\] holds 4 numbers, its input \[3\] holds 3",
    ),
    (lambda: Network([Dense(4), Reshape([2, 2]), Noise()], 2), r"^layers\[2\]: .*flat.*\[2, 2\]"),
]


@pytest.mark.parametrize(("build", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_error_names_the_layer(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build()


def test_every_bad_node_is_named_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        Network(["dens", {"type": "dense", "units": 0}, "flatten", {"type": "dropout", "p": 1.0}], 2)
    assert [p.path for p in caught.value.problems] == [("layers", 0), ("layers", 1, "units"), ("layers", 3, "p")]


def test_a_layer_serves_one_place_of_one_network() -> None:
    layer = Dense(2)
    with pytest.raises(SpecError, match=r"^layers\[1\]: .*make a new one"):
        Network([layer, layer], 2)
    Network([layer], 2)
    with pytest.raises(SpecError, match=r"^layers\[0\]: .*make a new one"):
        Network([layer], 2)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_network_says_that_it_cannot_be_copied(copied: Callable[[Network], Any]) -> None:
    with pytest.raises(TypeError, match="build it anew"):
        copied(Network([Dense(2)], 2))


def test_a_filled_vector_is_the_other_network() -> None:
    nodes: list[Any] = [{"type": "dense", "units": 3, "activation": "tanh"}, "batch_norm", {"type": "dense", "units": 1}]
    trained, again = Network(nodes, 2, Streams(0)), Network(nodes, 2, Streams(1))
    trained.forward(SQUARES)
    again.theta[:], again.buffers[:] = trained.theta, trained.buffers
    np.testing.assert_array_equal(again(SQUARES), trained(SQUARES))


def test_calling_a_network_changes_nothing_and_drops_nothing() -> None:
    network = Network([Dense(8), "batch_norm", Dropout(0.5), Dense(1)], 2)
    network.forward(SQUARES)
    theta, buffers = network.theta.copy(), network.buffers.copy()
    np.testing.assert_array_equal(network(SQUARES), network(SQUARES))
    np.testing.assert_array_equal(network.theta, theta)
    np.testing.assert_array_equal(network.buffers, buffers)
    assert not network.grad.any()


def test_a_pass_that_does_not_record_leaves_running_statistics() -> None:
    network = Network(["batch_norm"], 2)
    buffers = network.buffers.copy()
    network.forward(SQUARES, Mode(network.streams, record=False))
    np.testing.assert_array_equal(network.buffers, buffers)
    network.forward(SQUARES + 1)
    assert (network.buffers != buffers).any()


def test_walk_shows_each_layers_output() -> None:
    network = Network([Dense(3), Activate("tanh"), Dense(1)], 2)
    seen = dict(network.walk(SQUARES, Mode(network.streams, train=False)))
    assert list(seen) == ["0.dense", "1.activation", "2.dense"]
    np.testing.assert_array_equal(seen["1.activation"], np.tanh(seen["0.dense"]))
    np.testing.assert_array_equal(seen["2.dense"], network(SQUARES))


def test_mixing_of_examples_is_known() -> None:
    assert Network([Dense(2), "batch_norm"], 2).mixes_examples
    assert not Network([Dense(2), Dropout(), Noise("add")], 2).mixes_examples


def test_a_network_without_layers_is_the_identity() -> None:
    network = Network([], 2)
    y, backward = network.forward(SQUARES)
    np.testing.assert_array_equal(y, SQUARES)
    np.testing.assert_array_equal(backward(y), SQUARES)
    assert network.theta.shape == (1, 0)


def test_a_layer_needs_no_registration_to_be_used_from_python() -> None:
    class Twice(Layer):
        def declare(self, shape: tuple[int, ...]) -> Any:
            return Flatten().declare(shape)

        def forward(self, x: np.ndarray, mode: Mode) -> Any:
            return 2 * x, lambda dy, params=True, inputs=True: 2 * dy if inputs else None

    y, backward = Network([Twice()], 2).forward(SQUARES)
    np.testing.assert_array_equal(y, 2 * SQUARES)
    np.testing.assert_array_equal(backward(y), 4 * SQUARES)
