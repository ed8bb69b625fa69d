"""A player: what a move changes, what it measures, what it remembers, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Player
from dessine.games.player import measured
from dessine.nn import Dense, Layer
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray


def player(layers: list[Any] | None = None, optimizer: Any = "adam", dtype: Any = np.float64, **options: Any) -> Player:
    made = Player(layers or [Dense(4, "tanh"), "batch_norm", Dense(1)], optimizer, **options)  # type: ignore[arg-type,list-item]
    made.build((2,), Streams(0, 2), dtype, "player")
    return made


def teach(p: Player) -> None:
    """Gradients of the mean square of its outputs, on random inputs."""
    x = Streams(1, 2)["x"].gaussian((6, 2), p.network.dtype)
    y, backward = p.network.forward(x)
    backward(y / 6, inputs=False)


def test_a_move_is_the_step_of_its_optimizer_and_clears_the_gradients() -> None:
    p = player(optimizer={"type": "gradient_descent", "eta": 0.1})
    teach(p)
    expected = p.network.theta - 0.1 * p.network.grad
    p.move()
    np.testing.assert_allclose(p.network.theta, expected, rtol=1e-12)
    assert not p.network.grad.any()


def test_the_constraint_holds_after_every_move() -> None:
    p = player(constraint={"type": "clip", "c": 0.05})
    for _ in range(3):
        teach(p)
        p.move()
        assert np.abs(p.network.theta).max() == 0.05


@pytest.mark.parametrize("learn", [False, True], ids=["move", "learn"])
@pytest.mark.parametrize("optimizer", ["adam", {"type": "gradient_descent", "eta": 0.1}], ids=str)
def test_measured_norms_are_those_of_gradient_and_update(optimizer: Any, learn: bool) -> None:
    p, same = player(optimizer=optimizer), player(optimizer=optimizer)
    teach(same)
    gradients = {key: same.network.grad[:, part].copy() for key, part in same.network.slices.items()}
    before = p.network.theta.copy()
    if learn:
        x = Streams(1, 2)["x"].gaussian((6, 2), np.float64)
        y, backward = p.network.forward(x)
        with measured({"p": p}) as told:
            p.learn(backward, y / 6)
    else:
        teach(p)
        with measured({"p": p}) as told:
            p.move()
    seen = told["layers"]["p"]
    assert list(seen) == ["0.dense", "1.batch_norm", "2.dense"]
    for key, part in p.network.slices.items():
        moved = np.linalg.norm((p.network.theta - before)[:, part], axis=-1)
        np.testing.assert_allclose(seen[key]["grad_norm"], np.linalg.norm(gradients[key], axis=-1), rtol=1e-12)
        np.testing.assert_allclose(seen[key]["update_ratio"], moved / np.linalg.norm(before[:, part], axis=-1), rtol=1e-9)


def test_update_ratio_of_weights_that_are_zero_is_a_number() -> None:
    p = player([Dense(1, init="zeros")])  # type: ignore[arg-type]
    p.network.grad[...] = 1
    with measured({"p": p}) as told:
        p.move()
    assert np.isfinite(told["layers"]["p"]["0.dense"]["update_ratio"]).all()


def test_measuring_a_move_changes_nothing() -> None:
    plain, watched = player(dtype=np.float32), player(dtype=np.float32)
    for _ in range(3):
        teach(plain)
        plain.move()
        teach(watched)
        with measured({"p": watched}):
            watched.move()
    np.testing.assert_array_equal(plain.network.theta, watched.network.theta)
    assert watched.gauge is None


def test_restored_player_goes_on_bit_for_bit() -> None:
    p, again = player(dtype=np.float32), player(dtype=np.float32)
    for _ in range(3):
        teach(p)
        p.move()
    state = {name: np.array(value) for name, value in p.state().items()}
    again.network.grad[...] = 7  # left over from a turn that never ended
    again.restore(state)
    for one in (p, again):
        teach(one)
        one.move()
    for name, value in p.state().items():
        np.testing.assert_array_equal(again.state()[name], value, err_msg=name)


def shifted(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("last", [{"type": "sigmoid"}, {"type": "sigmoid", "mu": 0.1}], ids=str)
@pytest.mark.parametrize("form", ["dense", "conv2d", "activation"])
def test_reading_as_logits_keeps_the_probability(last: dict[str, Any], form: str) -> None:
    def layers() -> list[Any]:
        if form == "dense":
            return [{"type": "dense", "units": 3, "activation": last}]
        if form == "conv2d":
            image = {"type": "reshape", "shape": [1, 1, 2]}
            return [image, {"type": "conv2d", "channels": 3, "kernel": 1, "activation": last}]
        return [{"type": "dense", "units": 3}, {"type": "activation", "function": last}]

    written, read = player(layers()), Player([Layer.of(node) for node in layers()])
    read.read_as_logits()
    read.build((2,), Streams(0, 2), np.float64, "player")
    x = Streams(1, 2)["x"].gaussian((6, 2), np.float64)
    np.testing.assert_allclose(shifted(read.network(x)), written.network(x), rtol=1e-12)


def test_reading_softmax_as_logits_keeps_the_probabilities() -> None:
    written = player([{"type": "dense", "units": 3, "activation": "softmax"}])
    read = Player([Layer.of({"type": "dense", "units": 3, "activation": "softmax"})])
    read.read_as_logits("softmax")
    read.build((2,), Streams(0, 2), np.float64, "player")
    x = Streams(1, 2)["x"].gaussian((6, 2), np.float64)
    e = np.exp(read.network(x))
    np.testing.assert_allclose(e / e.sum(-1, keepdims=True), written.network(x), rtol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "softmax", "linear"])
def test_only_what_was_named_is_read_as_logits(activation: str) -> None:
    p = Player([Layer.of({"type": "dense", "units": 1, "activation": activation})])
    p.read_as_logits()
    assert p.layers[-1].activation.type == activation  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("node", "path"),
    [
        ({"type": "dense", "units": 2, "activation": "heaviside"}, ("player", "layers", 1, "activation")),
        ({"type": "activation", "function": "heaviside"}, ("player", "layers", 1, "function")),
    ],
)
def test_a_layer_that_nothing_can_be_learnt_through_is_refused_before_training(node: Any, path: Any) -> None:
    with pytest.raises(SpecError, match=r"heaviside.*sigmoid") as caught:
        player([Dense(2), node])
    assert caught.value.problems[0].path == path


def test_a_player_without_a_layer_is_refused() -> None:
    with pytest.raises(SpecError, match="layers: expects a list of 1 to 1000"):
        Player.of({"layers": []})


def test_shapes_that_do_not_fit_are_told_with_player_and_layer() -> None:
    with pytest.raises(SpecError, match=r"^player\.layers\[1\]\.shape: "):
        player([Dense(3), {"type": "reshape", "shape": [2, 2]}])


@pytest.mark.parametrize("end", ["flatten", {"type": "reshape", "shape": [1, 1, 1]}])
def test_a_final_sigmoid_is_found_behind_layers_that_only_give_another_shape(end: Any) -> None:
    p = Player([Dense(4, "tanh"), Dense(1, "sigmoid"), end], "adam")  # type: ignore[list-item]
    last = p.last_activation()
    assert last is not None
    assert last.type == "sigmoid"
    p.read_as_logits()
    assert p.last_activation().type == "linear"  # type: ignore[union-attr]


def test_the_share_of_limited_steps_is_counted_from_line_to_line() -> None:
    layer = {"type": "dense", "units": 1, "bias": False}
    rule = {"type": "gradient_descent", "eta": 0.01, "limit": 1.0}
    data = Examples(np.zeros((8, 1)), None)
    game = Adversarial(Player([layer], rule), Player([layer]), {"size": 1}, "wasserstein", scored=0)  # type: ignore[list-item]
    game.build(Split(data, data), 4, Streams(0, 2), np.float64)
    game.metrics_period = 3
    game.latent.draw = lambda streams, count, dtype: np.ones((2, count, 1))  # type: ignore[method-assign]
    critic, shares = game.discriminator.network, []
    for psi in (5, 0.5, 5, 0.5, 0.5, 0.5):
        critic.theta[...] = [[psi], [0.5]]
        shares.append(game.turn(measure=True)["limited"]["generator"].tolist())
    assert shares == [[1, 0], [1 / 2, 0], [2 / 3, 0], [0, 0], [0, 0], [0, 0]]
    assert list(game.turn(measure=True)["limited"]) == ["generator"], "the critic has no limit"
