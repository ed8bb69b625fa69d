"""Rules of play: who moves when, and along what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Player, pair
from dessine.games.look import Look
from dessine.games.pair import Pair
from dessine.games.play import Alternating, Rule
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
PLAIN = {"type": "gradient_descent", "eta": 0.1}


def made(
    optimizer: Any = PLAIN, built: bool = True, constraint: Any = None, normalised: bool = False, **options: Any
) -> Adversarial:
    """A game of two small players in the plane."""
    rng = np.random.default_rng(1)
    train, test = (Examples(rng.normal(size=(n, 2)), None) for n in (40, 8))
    layers: list[Any] = [{"type": "dense", "units": 5, "activation": "tanh", "init": "he"}]
    middle = ["batch_norm"] if normalised else []
    generator = Player([*layers, *middle, {"type": "dense", "units": 2, "init": "he"}], optimizer)  # type: ignore[list-item]
    critic = Player([*layers, {"type": "dense", "units": 1, "init": "he"}], optimizer, constraint)  # type: ignore[list-item]
    game = Adversarial(generator, critic, {"size": 3}, scored=0, **options)
    if built:
        game.build(Split(train, test), 8, Streams(0, 2), np.float64)
    return game


def thetas(game: Adversarial) -> list[Array]:
    return [player.network.theta.copy() for player in game.players.values()]


def gradients(game: Adversarial, looks: list[Look]) -> list[Array]:
    """Of each player, its gradients being cleared."""
    for look in looks:
        look.gradient()
    networks = [player.network for player in game.players.values()]
    told = [network.grad.copy() for network in networks]
    for network in networks:
        network.grad.fill(0)
    return told


def test_simultaneous_moves_are_one_step_along_the_field_at_one_point() -> None:
    game, asked = made(update="simultaneous"), made()
    before, field = thetas(asked), gradients(asked, list(asked.field()))
    game.turn()
    for new, old, grad in zip(thetas(game), before, field, strict=True):
        np.testing.assert_allclose(new, old - 0.1 * grad, rtol=1e-12)
        assert np.abs(grad).max() > 0


def test_alternating_the_generator_answers_to_a_critic_that_has_moved() -> None:
    game, asked = made(update="alternating"), made()
    start = thetas(asked)[1]
    asked.critic_look().learn()
    _, at_new_critic = gradients(asked, [asked.generator_look()])
    game.turn()
    np.testing.assert_allclose(thetas(game)[1], start - 0.1 * at_new_critic, rtol=1e-12)


def test_both_looks_at_the_field_are_at_the_same_examples() -> None:
    game, drawn = made(), []
    draw = game.latent.draw
    game.latent.draw = lambda *args: drawn.append(args) or draw(*args)  # type: ignore[func-returns-value, method-assign]
    game.field()
    assert len(drawn) == 1


@pytest.mark.parametrize("constraint", [None, "spectral_norm", "gradient_penalty"])
@pytest.mark.parametrize("optimizer", [PLAIN, "adam"], ids=["plain", "adam"])
def test_to_learn_is_to_take_the_gradient_and_to_move(optimizer: Any, constraint: str | None) -> None:
    one, other = (made(optimizer, constraint=constraint) for _ in range(2))
    for look_at in ("critic_look", "generator_look"):
        whole = getattr(one, look_at)().learn()
        parts = getattr(other, look_at)().gradient().move()
        np.testing.assert_allclose(whole.loss, parts.loss, rtol=1e-12)
        assert (whole.penalty is None) == (constraint != "gradient_penalty" or look_at == "generator_look")
    for a, b in zip(thetas(one), thetas(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize(("normalised", "passes"), [(False, [24, 8]), (True, [8, 8, 8, 8])], ids=["dense", "batch_norm"])
def test_while_it_stands_still_a_generator_makes_all_batches_in_one_pass(
    normalised: bool, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no layer looks across examples; and nothing else changes."""
    games = []
    for most in (pair.AHEAD, 0):
        monkeypatch.setattr(pair, "AHEAD", most)
        game = made("adam", n_critic=3, normalised=normalised)
        net, sizes = game.generator.network, list[int]()
        forward = net.forward
        net.forward = lambda x, *args: sizes.append(x.shape[1]) or forward(x, *args)  # type: ignore  # noqa: B023
        game.turn()
        games.append(game)
        assert sizes == (passes if most else [8, 8, 8, 8])
    for a, b in zip(*map(thetas, games), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("constraint", ["clip", "gradient_penalty"])
def test_repeats_of_critics_of_many_moves_are_bit_equal_to_single_runs(constraint: str) -> None:
    def after(seed: int, replicates: int) -> list[Array]:
        layers: list[Any] = [{"type": "dense", "units": 40, "activation": "leaky_relu"}]
        players = [Player([*layers, {"type": "dense", "units": n}], "adam", held) for n, held in ((50, None), (1, constraint))]  # type: ignore
        game = Adversarial(*players, {"size": 9}, "wasserstein", n_critic=3, scored=0)
        examples = Examples(np.random.default_rng(1).normal(size=(64, 50)), None)
        game.build(Split(examples, examples), 16, Streams(seed, replicates), np.float32)
        for _ in range(2):
            game.turn()
        return thetas(game)

    for r in range(2):
        for together, single in zip(after(4, 2), after(4 + r, 1), strict=True):
            np.testing.assert_array_equal(together[r], single[0])


@pytest.mark.parametrize(
    "options", [{"n_critic": 2}, {"critic_warmup": 3}, {"critic_extra": {"moves": 3}}, {"until": {"type": "plateau"}}], ids=str
)
def test_simultaneous_moves_are_one_of_each_player(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="simultaneous moves are one of each player") as error:
        made(built=False, update="simultaneous", **options)
    assert error.value.problems[0].path == tuple(options)


def test_ratios_of_moves_leave_no_other_rule() -> None:
    with pytest.raises(SpecError, match="give update or moves, not both"):
        made(built=False, update="simultaneous", moves={})


class Delayed(Rule):
    """Both move along the field of one turn before."""

    kept: list[Array]

    def attach(self, pair: Pair) -> None:
        self.kept = [np.zeros_like(player.network.grad) for player in (pair.discriminator, pair.generator)]

    def real_batches(self, pair: Pair) -> float:
        return 1

    def turn(self, pair: Pair) -> list[Look]:
        looks = [look.gradient() for look in pair.field()]
        for i, look in enumerate(looks):
            grad = look.player.network.grad
            self.kept[i], grad[...] = grad.copy(), self.kept[i]
            look.move()
        return looks

    def state(self) -> dict[str, Array]:
        return {str(i): kept.copy() for i, kept in enumerate(self.kept)}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.kept = [np.array(state[str(i)]) for i in range(2)]


def test_what_a_rule_keeps_is_saved_and_restored() -> None:
    game, again = made("adam", update=Delayed()), made("adam", update=Delayed())
    for _ in range(3):
        game.turn()
    again.restore({name: np.array(value) for name, value in game.state().items()})
    again.streams.restore(game.streams.state())
    for one in (game, again):
        one.turn()
    for a, b in zip(thetas(game), thetas(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_epoch_is_counted_by_the_batches_that_a_rule_takes() -> None:
    assert made().turns_per_epoch() == made(update="simultaneous").turns_per_epoch() == 5
    assert made(n_critic=5).turns_per_epoch() == 1
    assert made(moves={"real": 0, "generated": 1}).turns_per_epoch() == 5
    assert Alternating().real_batches(made(feature_matching={"layer": 0})) == 2
