"""A player's move against the plain one: gradients by a backward pass into zeros, then the optimizer's step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_table import LAYER_CASES, labels

from dessine.games import Player
from dessine.games.gauge import Gauge
from dessine.nn import Mode
from dessine.streams import Streams

Array = np.ndarray
NETWORKS: dict[str, list[Any]] = {
    "dense": [
        {"type": "dense", "units": 70, "activation": "sigmoid"},
        {"type": "dense", "units": 60, "activation": "leaky_relu"},
        {"type": "dense", "units": 3},
    ],
    "batch_norm": [{"type": "dense", "units": 6}, "batch_norm", {"type": "dense", "units": 3, "activation": "tanh"}],
    "dropout": [{"type": "dense", "units": 8, "bias": False}, {"type": "dropout", "p": 0.4}, {"type": "dense", "units": 3}],
}
PLAIN = {"type": "gradient_descent", "eta": 0.05}
OTHERS: list[Any] = [{"type": "gradient_descent", "eta": 0.05, "momentum": 0.9}, "adam"]


def made(layers: list[Any], optimizer: Any, replicates: int, shape: tuple[int, ...], constraint: Any = None) -> Player:
    """A player in float64 with weights that no symmetry hides."""
    player = Player.of({"layers": layers, "optimizer": optimizer, "constraint": constraint})
    player.build(shape, Streams(3, replicates), np.float64, "player")
    return player


def plainly(player: Player, backward: Callable[..., Any], dy: Array) -> None:
    """The oracle."""
    player.network.grad.fill(0)
    backward(dy, inputs=False)
    player.move()


def play(player: Player, learn: Callable[..., Any], batch: int, measure: bool, steps: int = 4) -> list[Any]:
    """Steps on a quadratic error with moving targets; what a gauge tells of each, if it is to measure."""
    rng, seen, r = np.random.default_rng(1), [], len(player.network.theta)
    for _ in range(steps):
        player.gauge = Gauge() if measure else None
        x = rng.standard_normal((r, batch, *player.network.input_shape))
        y, backward = player.network.forward(x, Mode(player.network.streams, labels=labels(x)))
        learn(player, backward, (y - rng.standard_normal(y.shape)) / batch)
        seen.append(player.gauge.told if player.gauge else None)
    return seen


@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", NETWORKS)
def test_descent_straight_into_the_weights_is_the_plain_descent(name: str, batch: int, replicates: int) -> None:
    if name == "batch_norm" and batch == 1:
        batch = 2
    straight, plain = (made(NETWORKS[name], PLAIN, replicates, (90,)) for _ in range(2))
    seen, expected = play(straight, Player.learn, batch, True), play(plain, plainly, batch, True)
    np.testing.assert_allclose(straight.network.theta, plain.network.theta, rtol=1e-11, atol=1e-13)
    for a, b in zip(seen, expected, strict=True):
        assert a["layers"].keys() == b["layers"].keys()
        for key in a["layers"]:
            for metric in ("grad_norm", "update_ratio"):
                np.testing.assert_allclose(a["layers"][key][metric], b["layers"][key][metric], rtol=1e-8)
    assert straight.optimizer.t == plain.optimizer.t == 4
    assert not straight.network.grad.any()


@pytest.mark.parametrize(("node", "shape"), LAYER_CASES)
def test_every_layer_passes_its_error_back_before_it_moves(node: dict[str, Any], shape: tuple[int, ...]) -> None:
    layers = [{"type": "dense", "units": int(np.prod(shape))}, {"type": "reshape", "shape": list(shape)}, node]
    straight, plain = (made(layers, PLAIN, 2, (4,)) for _ in range(2))
    play(straight, Player.learn, 5, False)
    play(plain, plainly, 5, False)
    np.testing.assert_allclose(straight.network.theta, plain.network.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", OTHERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_other_rules_write_the_first_gradient_and_are_bit_equal(name: str, optimizer: Any) -> None:
    fast, plain = (made(NETWORKS[name], optimizer, 2, (90,)) for _ in range(2))
    play(fast, Player.learn, 5, False)
    play(plain, plainly, 5, False)
    np.testing.assert_array_equal(fast.network.theta, plain.network.theta)
    assert not fast.network.grad.any()


@pytest.mark.parametrize("optimizer", [PLAIN, *OTHERS])
@pytest.mark.parametrize("name", NETWORKS)
def test_measuring_changes_no_bit(name: str, optimizer: Any) -> None:
    watched, alone = (made(NETWORKS[name], optimizer, 2, (90,)) for _ in range(2))
    play(watched, Player.learn, 5, True)
    play(alone, Player.learn, 5, False)
    np.testing.assert_array_equal(watched.network.theta, alone.network.theta)


@pytest.mark.parametrize("batch", [1, 5])
def test_replicates_are_bit_equal_to_single_runs(batch: int) -> None:
    r, rng = 3, np.random.default_rng(0)
    x, error = rng.standard_normal((4, r, batch, 90)), rng.standard_normal((4, r, batch, 3))

    def after(seed: int, which: slice) -> Array:
        player = Player.of({"layers": NETWORKS["dense"], "optimizer": PLAIN})
        player.build((90,), Streams(seed, len(range(r)[which])), np.float32, "player")
        for i in range(4):
            _, backward = player.network.forward(x[i, which])
            player.learn(backward, error[i, which].astype(np.float32))
        return player.network.theta

    together = after(5, slice(0, r))
    for i in range(r):
        np.testing.assert_array_equal(together[i], after(5 + i, slice(i, i + 1))[0])


def test_a_constraint_is_kept_to() -> None:
    player = made(NETWORKS["dense"], {**PLAIN, "eta": 0.5}, 1, (90,), {"type": "clip", "c": 0.05})
    play(player, Player.learn, 5, False, steps=1)
    assert np.abs(player.network.theta).max() == 0.05
