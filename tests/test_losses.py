"""Every loss: against PyTorch's results, against finite differences, and at logits of any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessine.losses import GameLoss, Loss, Quadratic, game_losses, losses, sigmoid, softplus
from dessine.registry import SpecError

TORCH = np.load(Path(__file__).parent / "fixtures" / "torch_losses.npz")
Call = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

CASES: dict[str, tuple[Call, str]] = {
    "quadratic": (lambda y: Loss.of("quadratic")(y, TORCH["share"]), "y"),
    "binary_cross_entropy": (lambda y: Loss.of("binary_cross_entropy")(y, TORCH["share"]), "y"),
    "softmax_labels": (lambda y: Loss.of("softmax_cross_entropy")(y, TORCH["labels"]), "y"),
    "softmax_mixed": (lambda y: Loss.of("softmax_cross_entropy")(y, TORCH["mixed"]), "y"),
    "critic": (lambda y: GameLoss.of("minimax").critic(y, TORCH["smooth"]), "logits"),
    "minimax": (lambda y: GameLoss.of("minimax").generator(y), "logits"),
    "non_saturating": (lambda y: GameLoss.of("non_saturating").generator(y), "logits"),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_pytorch(name: str) -> None:
    loss, inputs = CASES[name]
    value, dy = loss(TORCH[inputs])
    np.testing.assert_allclose(value, TORCH[f"{name}_value"], rtol=1e-13)
    np.testing.assert_allclose(dy, TORCH[f"{name}_dy"], rtol=1e-12, atol=1e-16)


def assert_gradient_matches_finite_differences(loss: Call, y: np.ndarray, h: float = 1e-5) -> None:
    _, dy = loss(y)
    assert dy.shape == y.shape
    expected = np.zeros((len(y), *y.shape))
    for i in np.ndindex(y.shape):
        up, down = y.copy(), y.copy()
        up[i] += h
        down[i] -= h
        expected[:, *i] = (loss(up)[0] - loss(down)[0]) / (2 * h)
    for r in range(len(y)):
        own = np.zeros_like(y)
        own[r] = dy[r]
        # Also zero where the output belongs to the other replicate.
        np.testing.assert_allclose(expected[r], own, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_gradient_matches_finite_differences(name: str) -> None:
    loss, inputs = CASES[name]
    assert_gradient_matches_finite_differences(loss, TORCH[inputs])


ONE_BY_ONE = [name for name, loss in game_losses.members.items() if not loss.paired]
"""Losses that judge each example by itself."""


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_both_sides_of_a_game_match_finite_differences(name: str) -> None:
    loss, y = GameLoss.of(name), TORCH["logits"]
    assert_gradient_matches_finite_differences(loss.generator, y)
    assert_gradient_matches_finite_differences(lambda x: loss.critic(x, TORCH["smooth"]), y)


def of_both(count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits of real and of generated examples, beside none of which hinge has its kink, and their labels."""
    y = np.random.default_rng(3).uniform(-0.9, 0.9, (2, 2 * count, 1))
    return y, np.repeat([0.9, 0.0], count)[None, :, None]


@pytest.mark.parametrize("name", game_losses.members)
def test_what_a_game_is_played_for_matches_finite_differences(name: str) -> None:
    loss, (y, labels) = GameLoss.of(name), of_both()
    assert_gradient_matches_finite_differences(lambda x: loss.critic_of_both(x, labels), y)
    assert_gradient_matches_finite_differences(loss.generator_of_both, y)


@pytest.mark.parametrize("name", game_losses.members)
def test_gradients_bend_along_a_direction_as_differences_say(name: str) -> None:
    loss, (y, labels), h = GameLoss.of(name), of_both(), 1e-6
    s = np.random.default_rng(4).standard_normal(y.shape)
    for gradient, bent in (
        (lambda x: loss.critic_of_both(x, labels)[1], loss.critic_along(y, s)),
        (lambda x: loss.generator_of_both(x)[1], loss.generator_along(y, s)),
    ):
        np.testing.assert_allclose(bent, (gradient(y + h * s) - gradient(y - h * s)) / (2 * h), atol=1e-9)


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_what_a_critic_minimises_of_both_sides_is_the_sum_of_both(name: str) -> None:
    loss, (y, labels) = GameLoss.of(name), of_both()
    value, dy = loss.critic_of_both(y, labels)
    sides = [loss.critic(y[:, part], labels[:, part]) for part in (slice(3), slice(3, None))]
    np.testing.assert_allclose(value, sides[0][0] + sides[1][0], rtol=1e-14)
    np.testing.assert_allclose(dy, np.concatenate([dy for _, dy in sides], 1), rtol=1e-14)
    value, dy = loss.generator_of_both(y)
    alone = loss.generator(y[:, 3:])
    np.testing.assert_array_equal(value, alone[0])
    np.testing.assert_array_equal(dy[:, 3:], alone[1])
    assert not dy[:, :3].any()


def test_pairs_are_judged_by_how_far_the_real_one_is_ahead() -> None:
    loss, y = GameLoss.of("relativistic"), np.array([[[3.0], [1.0], [1.0], [1.0]]])
    ahead = np.array([2.0, 0.0])
    np.testing.assert_allclose(loss.critic_of_both(y, np.array(1.0))[0], np.log1p(np.exp(-ahead)).mean())
    np.testing.assert_allclose(loss.generator_of_both(y)[0], np.log1p(np.exp(ahead)).mean())
    for of in (lambda x: loss.critic_of_both(x, np.array(1.0)), loss.generator_of_both):
        np.testing.assert_allclose(of(y + 100)[0], of(y)[0])  # only differences count
        np.testing.assert_allclose(of(y)[1].sum(1), 0, atol=1e-16)
        np.testing.assert_allclose(of(0 * y)[0], np.log(2))


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_a_critic_that_is_right_loses_less_and_a_generator_that_deceives_it_too(name: str) -> None:
    loss, up, down = GameLoss.of(name), np.full((1, 3, 1), 0.9), np.full((1, 3, 1), 0.1)
    assert loss.critic(up, np.array(1.0))[0] < loss.critic(down, np.array(1.0))[0]
    assert loss.critic(down, np.array(0.0))[0] < loss.critic(up, np.array(0.0))[0]
    assert loss.generator(up)[0] < loss.generator(down)[0]


def test_known_values_of_the_losses_without_a_probability() -> None:
    y, one, zero = np.array([[[2.0], [-3.0]]]), np.array(1.0), np.array(0.0)
    least, hinge, wasserstein = (GameLoss.of(name) for name in ("least_squares", "hinge", "wasserstein"))
    assert [least.critic(y, one)[0], least.critic(y, zero)[0], least.generator(y)[0]] == [4.25, 3.25, 4.25]
    assert [hinge.critic(y, one)[0], hinge.critic(y, zero)[0], hinge.generator(y)[0]] == [2.0, 1.5, 0.5]
    assert [wasserstein.critic(y, one)[0], wasserstein.critic(y, zero)[0], wasserstein.generator(y)[0]] == [0.5, -0.5, 0.5]


def test_targets_of_least_squares_can_be_moved() -> None:
    loss = GameLoss.of({"type": "least_squares", "real": 1, "generated": -1, "wanted": 0})  # Mao et al. 2017, equation 8
    y = np.array([[[0.5]]])
    assert [loss.critic(y, np.array(1.0))[0], loss.critic(y, np.array(0.0))[0], loss.generator(y)[0]] == [0.125, 1.125, 0.125]
    with pytest.raises(SpecError, match="nothing to tell apart"):
        GameLoss.of({"type": "least_squares", "real": 1, "generated": 1})


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_quadratic_factor_matches_finite_differences(factor: float) -> None:
    loss = Quadratic(factor)
    assert_gradient_matches_finite_differences(lambda y: loss(y, TORCH["share"]), TORCH["y"])


def test_soft_targets_that_do_not_sum_to_one_match_finite_differences() -> None:
    loss = Loss.of("softmax_cross_entropy")
    assert_gradient_matches_finite_differences(lambda y: loss(y, TORCH["share"]), TORCH["y"])


def test_quadratic_factors_give_the_two_textbook_gradients() -> None:
    y, t = np.array([[[3.0, 1.0]]]), np.array([[[1.0, 0.0]]])
    assert Quadratic()(y, t)[0] == 2.5
    assert Quadratic()(y, t)[1].tolist() == (y - t).tolist()
    assert Quadratic(1.0)(y, t)[1].tolist() == (2 * (y - t)).tolist()


def test_labels_and_one_hot_targets_agree() -> None:
    loss, one_hot = Loss.of("softmax_cross_entropy"), np.eye(3)[TORCH["labels"]]
    for a, b in zip(loss(TORCH["y"], TORCH["labels"]), loss(TORCH["y"], one_hot), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", losses.members)
@pytest.mark.parametrize("shape", [(2, 5), (2, 1, 1), (1, 5, 1), (2, 5, 2), (2, 5, 1, 1), ()], ids=str)
def test_target_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    if name == "softmax_cross_entropy" and shape == (2, 5):
        shape = (2, 4)  # (2, 5) are labels
    with pytest.raises(ValueError, match="the target has shape"):
        Loss.of(name)(np.zeros((2, 5, 1)), np.zeros(shape, int))


def test_one_target_serves_the_whole_batch() -> None:
    logits = TORCH["logits"]
    loss = GameLoss.of("non_saturating")
    for a, b in zip(loss.critic(logits, np.array(0.9)), loss.critic(logits, np.full(logits.shape, 0.9)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_game_losses_at_an_undecided_critic() -> None:
    zero = np.zeros((2, 3, 1))
    for name, value, slope in [("minimax", -np.log(2), -0.5), ("non_saturating", np.log(2), -0.5)]:
        found, dl = GameLoss.of(name).generator(zero)
        np.testing.assert_allclose(found, [value, value])
        np.testing.assert_allclose(dl, np.full(zero.shape, slope / 3))


def test_non_saturating_keeps_the_gradient_where_minimax_loses_it() -> None:
    lost = np.full((1, 1, 1), -30.0, dtype=np.float32)
    assert abs(GameLoss.of("minimax").generator(lost)[1]).item() < 1e-6
    assert GameLoss.of("non_saturating").generator(lost)[1].item() == -1


@pytest.mark.parametrize("size", [5.0, 12.0, 20.0, 80.0])
def test_float32_gradients_are_small_but_right_where_a_player_wins(size: float) -> None:
    won, tiny = np.full((1, 1, 1), size, np.float32), np.exp(-size) / (1 + np.exp(-size))
    critic = GameLoss.of("minimax").critic
    found = [
        -critic(won, np.array(1.0))[1],  # real, and known to be
        critic(-won, np.array(0.0))[1],  # generated, and known to be
        -GameLoss.of("minimax").generator(-won)[1],
        -GameLoss.of("non_saturating").generator(won)[1],
    ]
    np.testing.assert_allclose(np.ravel(found), tiny, rtol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_float32_logits_stay_finite(size: float) -> None:
    logits = np.full((2, 3, 1), size, dtype=np.float32)
    apart = np.concatenate([logits, -logits], axis=1)
    results = [GameLoss.of(name).generator_of_both(apart) for name in game_losses.members]
    results += [GameLoss.of("relativistic").critic_of_both(apart, np.array(1.0))]
    results += [GameLoss.of("minimax").critic(logits, np.array(t)) for t in (0.0, 0.7, 1.0)]
    y = np.concatenate([logits, -logits], axis=2)
    results += [Loss.of(name)(y, np.ones_like(y)) for name in losses.members]
    results.append(Loss.of("softmax_cross_entropy")(y, np.ones((2, 3), dtype=np.int64)))
    for value, dy in results:
        assert np.isfinite(value).all()
        assert np.isfinite(dy).all()
        assert value.dtype == dy.dtype == np.float32
        assert value.shape == (2,)


@given(st.floats(-1e4, 1e4))
def test_sigmoid_and_softplus_hold_their_identities(x: float) -> None:
    at, mirrored = np.array([x]), np.array([-x])
    np.testing.assert_allclose(sigmoid(at) + sigmoid(mirrored), 1, rtol=1e-15)
    np.testing.assert_allclose(sigmoid(at), np.exp(-np.logaddexp(0, -at)), atol=1e-15)
    np.testing.assert_allclose(softplus(at), np.logaddexp(0, at), rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(softplus(at) - softplus(mirrored), at, rtol=1e-12, atol=1e-15)
