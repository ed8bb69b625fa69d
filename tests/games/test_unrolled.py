"""Unrolled steps: the gradient through them is that of the value, for critics with kinks, draws and batch statistics, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.games.remedies import Unrolled
from dessine.games.remedies.unrolled import AdamAhead
from dessine.losses import GameLoss
from dessine.nn import Mode, Network
from dessine.optimizers import Adam, GradientDescent
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")


def critic(hidden: list[Any], dtype: Any = np.float64, replicates: int = 2) -> Network:
    return Network([*hidden, {"type": "dense", "units": 1}], 2, Streams(3, replicates), dtype)


def asked(
    network: Network, loss: str, generated: Array, steps: int = 3, n: int = 6, adam: Adam | None = None
) -> tuple[Array, Array]:
    real = np.random.default_rng(1).normal(size=(2, n, 2))
    labels = np.full((2, n, 1), 0.9), np.zeros((2, n, 1))
    state = network.streams.state()
    unrolled, mode = Unrolled(steps, 0.3, "own" if adam else "descent"), Mode(network.streams, record=False)
    told = unrolled.error(network, GameLoss.of(loss), real, generated, labels, (mode, mode), adam)
    network.streams.restore(state)
    return told


HIDDEN = {
    "leaky_relu": [
        {"type": "dense", "units": 9, "activation": "leaky_relu"},
        {"type": "dense", "units": 9, "activation": "relu"},
    ],
    "tanh": [{"type": "dense", "units": 5, "activation": "tanh"}],
    "draws": [{"type": "noise", "size": 2}, {"type": "dense", "units": 5, "activation": "tanh"}, {"type": "dropout", "p": 0.3}],
    "batch_norm": [{"type": "dense", "units": 5}, "batch_norm", {"type": "activation", "function": "softplus"}],
    "layer_norm": [{"type": "dense", "units": 5}, "layer_norm", {"type": "activation", "function": "leaky_relu"}],
    "closeness": [{"type": "dense", "units": 5}, "minibatch_closeness", {"type": "dense", "units": 4, "activation": "tanh"}],
    "nearest": [{"type": "dense", "units": 5}, {"type": "minibatch_closeness", "neighbours": 1, "scale": 0.7}],
    "std": [{"type": "dense", "units": 5, "activation": "tanh"}, {"type": "minibatch_std", "group": 3}],
    "softmax": [{"type": "dense", "units": 5, "activation": "softmax"}],
    "images": [
        {"type": "reshape", "shape": [1, 2, 1]},
        {"type": "conv2d", "channels": 2, "kernel": [1, 2], "activation": "leaky_relu"},
        {"type": "flatten"},
    ],
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", HIDDEN)
def test_the_gradient_is_that_of_the_value(name: str, loss: str) -> None:
    network, rng = critic(HIDDEN[name]), np.random.default_rng(2)
    generated, step, h = rng.normal(size=(2, 6, 2)), rng.normal(size=(2, 6, 2)), 1e-6
    before = network.theta.copy()
    _, dx = asked(network, loss, generated)
    ends = [asked(network, loss, generated + sign * h * step)[0] for sign in (1, -1)]
    np.testing.assert_allclose((dx * step).sum((1, 2)), (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(network.theta, before)
    assert not network.grad.any()


def test_a_zero_sum_game_counts_what_will_be_said_of_real_examples() -> None:
    """The critic psi x of the bilinear game: ahead it is psi + k eta (x - g), and f is (psi + k eta (x - g)) (x - g)."""
    network = Network([{"type": "dense", "units": 1, "bias": False}], 2, Streams(3, 2), np.float64)
    generated, real = np.random.default_rng(2).normal(size=(2, 6, 2)), np.random.default_rng(1).normal(size=(2, 6, 2))
    gap, psi = real.mean(1) - generated.mean(1), network.theta.reshape(2, 2)
    labels, mode = (np.ones((2, 6, 1)), np.zeros((2, 6, 1))), Mode(network.streams, record=False)
    value, dx = Unrolled(3, 0.3).error(network, GameLoss.of("wasserstein"), real, generated, labels, (mode, mode))
    np.testing.assert_allclose(value, ((psi + 3 * 0.3 * gap) * gap).sum(-1), rtol=1e-12)
    np.testing.assert_allclose(dx, np.repeat(-(psi + 2 * 3 * 0.3 * gap)[:, None], 6, 1) / 6, rtol=1e-12)


@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_only_the_zero_sum_loss_is_minus_the_critics(loss: str) -> None:
    """Ahead by one step of nothing, eta being next to 0, both losses are those of the critic as it stands."""
    network, generated = critic(HIDDEN["tanh"]), np.random.default_rng(2).normal(size=(2, 6, 2))
    real, mode = np.random.default_rng(1).normal(size=(2, 6, 2)), Mode(network.streams, record=False)
    labels = np.ones((2, 6, 1)), np.zeros((2, 6, 1))
    value, _ = Unrolled(1, 1e-300).error(network, GameLoss.of(loss), real, generated, labels, (mode, mode))
    d, g = (1 / (1 + np.exp(-network.forward(x, mode)[0][..., 0])) for x in (real, generated))
    wanted = (np.log(d) + np.log(1 - g)).mean(1) if loss == "minimax" else -np.log(g).mean(1)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        {"type": "dense", "units": 128, "activation": "leaky_relu"},
        {"type": "minibatch_closeness"},
        {"type": "minibatch_closeness", "neighbours": 1},
        {"type": "minibatch_std"},
        {"type": "batch_norm"},
        {"type": "layer_norm"},
        {"type": "activation", "function": "softmax"},
        {"type": "activation", "function": "softplus"},
    ],
    ids=str,
)
def test_no_difference_is_taken_across_kinks_and_changes_of_order(layer: dict[str, Any]) -> None:
    """In float32 the gradient is float64's but for rounding, with many units whose kinks, and neighbours, lie anywhere."""
    hidden = [{"type": "dense", "units": 128, "activation": "leaky_relu"}, layer]
    wide, narrow = critic(hidden), critic(hidden, np.float32)
    wide.theta[...] = wide.theta.astype(np.float32)
    narrow.theta[...] = wide.theta
    generated = np.random.default_rng(2).normal(size=(2, 32, 2)).astype(np.float32)
    exact, rounded = (asked(network, "non_saturating", generated, n=32)[1] for network in (wide, narrow))
    assert np.linalg.norm(rounded - exact) < 1e-5 * np.linalg.norm(exact)


def test_a_critic_that_starts_at_zero_gives_numbers() -> None:
    network = Network([{"type": "dense", "units": 1, "init": "zeros"}], 2, Streams(0, 2), np.float64)
    _, dx = asked(network, "wasserstein", np.ones((2, 6, 2)))
    assert np.isfinite(dx).all()
    assert dx.any(), "its later steps are not at zero"


@pytest.mark.parametrize("loss", LOSSES)
def test_curvature_is_the_second_derivative_of_each_loss(loss: str) -> None:
    made, rng, h = GameLoss.of(loss), np.random.default_rng(0), 1e-6
    logits, labels = rng.normal(size=(2, 7, 1)), rng.random((2, 7, 1))
    slopes = [made.critic(logits + sign * h, labels)[1] for sign in (1, -1)]
    np.testing.assert_allclose(made.curvature(logits), (slopes[0] - slopes[1]) / (2 * h), rtol=1e-6, atol=1e-9)
    slopes = [made.generator(logits + sign * h)[1] for sign in (1, -1)]
    np.testing.assert_allclose(made.generator_curvature(logits), (slopes[0] - slopes[1]) / (2 * h), rtol=1e-6, atol=1e-9)


def moved(network: Network, adam: Adam, steps: int = 4) -> Adam:
    """The optimizer after some steps along made up gradients."""
    rng = np.random.default_rng(5)
    for _ in range(steps):
        network.grad[...] = rng.normal(size=network.theta.shape)
        adam.step(network.theta, network.grad)
    network.grad.fill(0)
    return adam


@pytest.mark.parametrize("before", [0, 4], ids=["from the start", "from where its means are"])
@pytest.mark.parametrize("name", ["leaky_relu", "tanh", "draws", "batch_norm"])
def test_the_gradient_goes_through_adams_means(name: str, before: int) -> None:
    network, rng = critic(HIDDEN[name]), np.random.default_rng(2)
    adam = moved(network, Adam(eta=0.02, beta1=0.5, beta2=0.9, epsilon=1e-3), before)
    generated, step, h = rng.normal(size=(2, 6, 2)), rng.normal(size=(2, 6, 2)), 1e-6
    state, start = adam.state(), network.theta.copy()
    _, dx = asked(network, "non_saturating", generated, adam=adam)
    ends = [asked(network, "non_saturating", generated + sign * h * step, adam=adam)[0] for sign in (1, -1)]
    np.testing.assert_allclose((dx * step).sum((1, 2)), (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(network.theta, start)
    assert all(np.array_equal(value, state[key]) for key, value in adam.state().items())


def test_adam_ahead_makes_the_optimizers_own_steps() -> None:
    network, rng = critic(HIDDEN["tanh"]), np.random.default_rng(7)
    adam = moved(network, Adam(eta=0.02, beta1=0.5, beta2=0.9))
    ahead, theta = AdamAhead(adam, network.theta), network.theta.copy()
    for _ in range(3):
        network.grad[...] = rng.normal(size=theta.shape)
        theta -= ahead.step(network.grad.copy())
        adam.step(network.theta, network.grad)
    np.testing.assert_allclose(theta, network.theta, rtol=1e-12)


def test_adam_ahead_of_a_parameter_without_gradient_gives_numbers() -> None:
    ahead = AdamAhead(Adam(), np.zeros((1, 2)))
    ahead.step(np.array([[0.0, 1.0]]))
    v, _ = ahead.back(np.ones((1, 2)))
    assert np.isfinite(v).all()


@pytest.mark.parametrize("rule", [GradientDescent(0.1), Adam(momentum=0.5), Adam(weight_decay=0.1)])
def test_own_steps_are_plain_adams(rule: Any) -> None:
    with pytest.raises(SpecError, match="own steps are those of adam"):
        Unrolled(by="own").refuse(rule)
