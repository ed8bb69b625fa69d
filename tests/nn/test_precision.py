"""float32 stays float32, and huge inputs overflow nowhere that a formula can avoid it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_table import ACTIVATION_CASES, LAYER_CASES, alone, inputs, labels

from dessine.constraints import Constraint, constraints
from dessine.losses import GameLoss, Loss, game_losses, losses
from dessine.nn import Activation, Dense, Initialiser, Mode, Network, initialisers
from dessine.optimizers import Optimizer, optimizers
from dessine.streams import Streams

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
MODES = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


@DTYPES
@MODES
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_layer_keeps_the_dtype(node: dict[str, Any], shape: tuple[int, ...], batch: int, train: bool, dtype: type) -> None:
    network = alone(node, shape, dtype)
    x = inputs(shape, dtype, batch)
    mode = Mode(network.streams, train=train, labels=labels(x))
    y, backward = network.layers[0].forward(x, mode)  # the layer itself: a network converts what comes in
    dx = backward(np.ones_like(y))
    assert dx is not None
    assert (y.dtype, dx.dtype) == (dtype, dtype)
    assert {a.dtype for a in (network.theta, network.grad, network.buffers)} == {np.dtype(dtype)}


@DTYPES
@pytest.mark.parametrize("node", ACTIVATION_CASES)
def test_activation_keeps_the_dtype(node: dict[str, Any], dtype: type) -> None:
    y, backward = Activation.of(node).forward(inputs((4,), dtype))
    assert y.dtype == dtype
    if node["type"] != "heaviside":
        assert backward(np.ones_like(y)).dtype == dtype


@DTYPES
@pytest.mark.parametrize("name", initialisers.members)
def test_initialiser_draws_in_the_dtype(name: str, dtype: type) -> None:
    w = Initialiser.of(name).draw(Streams(0, 2)["w"], (3, 4), (3, 4), dtype)
    assert (w.dtype, w.shape) == (dtype, (2, 3, 4))


@DTYPES
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("name", optimizers.members)
def test_optimizer_keeps_the_dtype(name: str, momentum: float, dtype: type) -> None:
    optimizer, theta = Optimizer.of({"type": name, "momentum": momentum, "weight_decay": 0.1}), np.ones((2, 3), dtype)
    optimizer.step(theta, np.ones_like(theta))
    assert {slot.dtype for slot in optimizer.slots.values()} <= {np.dtype(dtype)}
    assert theta.dtype == dtype


@DTYPES
def test_losses_keep_the_dtype_of_the_outputs_whatever_the_targets(dtype: type) -> None:
    y = inputs((3,), dtype)
    results = [Loss.of(name)(y, target.astype(t)) for name in losses.members for t in "fdiB" for target in (np.ones(y.shape),)]
    both = np.concatenate([y, y], 1)[..., :1]
    results += [GameLoss.of(name).critic_of_both(both, np.ones((2, 10, 1))) for name in game_losses.members]
    results += [GameLoss.of(name).generator_of_both(both) for name in game_losses.members]
    for value, dy in results:
        assert (value.dtype, dy.dtype) == (dtype, dtype)


@DTYPES
@pytest.mark.parametrize("name", constraints.members)
def test_constraint_keeps_the_dtype(name: str, dtype: type) -> None:
    network, constraint = Network([Dense(1)], 3, Streams(0, 2), dtype), Constraint.of(name)
    constraint.attach(network)
    constraint.pull_back_(network)
    constraint.apply_(network)
    assert constraint.moved(network).dtype == network.theta.dtype == dtype
    assert {a.dtype for a in constraint.state().values()} <= {np.dtype(dtype)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize("node", ACTIVATION_CASES)
def test_activation_of_huge_inputs_stays_finite(node: dict[str, Any], size: float) -> None:
    x = np.array([[[size, -size, 0.0], [-size, -size, -size], [1.0, size, 1.0]]], np.float32)
    y, backward = Activation.of(node).forward(x)
    assert np.isfinite(y).all()
    if node["type"] != "heaviside":
        assert np.isfinite(backward(np.ones_like(y))).all()


@pytest.mark.filterwarnings("error")
@MODES
@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_layer_on_large_inputs_stays_finite(node: dict[str, Any], shape: tuple[int, ...], train: bool) -> None:
    network = alone(node, shape, np.float32)
    y, backward = network.forward(1e15 * inputs(shape, np.float32), Mode(network.streams, train=train))
    dx = backward(np.ones_like(y))
    assert dx is not None
    for a in (y, dx, network.grad, network.buffers):
        assert np.isfinite(a).all()


@pytest.mark.filterwarnings("error")
def test_batch_norm_of_constant_features_is_its_shift() -> None:
    network = alone("batch_norm", (3,), np.float32)
    y, backward = network.forward(np.full((2, 5, 3), 1e6, np.float32))
    np.testing.assert_array_equal(y, np.broadcast_to(network.parameters()["0.batch_norm.beta"], y.shape))
    assert np.isfinite(backward(np.ones_like(y))).all()  # type: ignore[arg-type]


def test_batch_norm_keeps_its_digits_far_from_zero() -> None:
    """The variance is that of centred numbers: E[x^2] - E[x]^2 would have no digit left here."""
    network = alone("batch_norm", (1,), np.float32)
    x = 1e4 + inputs((1,), np.float32, 64)
    y, _ = network.forward(x)
    exact = x.astype(np.float64)
    unit = (exact - exact.mean(1, keepdims=True)) / np.sqrt(exact.var(1, keepdims=True) + 1e-5)
    w = network.parameters()
    np.testing.assert_allclose(y, unit * w["0.batch_norm.gamma"] + w["0.batch_norm.beta"], atol=5e-3)
