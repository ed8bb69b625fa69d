"""Each rule of play on the bilinear game, held against its theory: the spectral radius of the linear map that a turn is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Player
from dessine.games.jacobian import Jacobian
from dessine.optimizers import Optimizer
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
ETA = 0.2


def bilinear(
    momentum: float = 0.0, loss: str = "wasserstein", held: Any = None, critic: Any = None, **options: Any
) -> Adversarial:
    """L_D = psi theta = -L_G: the data are the point 0, the critic says psi x, the generator theta."""
    rule = {"type": "gradient_descent", "eta": ETA, "momentum": momentum}
    one = [{"type": "dense", "units": 1, "bias": False}]
    game = Adversarial(Player(one, rule), Player(critic or one, rule, held), {"size": 1}, loss, scored=0, **options)  # type: ignore[arg-type]
    data = Examples(np.zeros((4, 1)), None)
    game.build(Split(data, data), 4, Streams(0), np.float64)
    game.latent.draw = lambda streams, count, dtype: np.ones((1, count, 1))  # type: ignore[method-assign]
    return game


def spectral_radius(game: Adversarial) -> float:
    """Of a turn, as a map of parameters and of all that optimizers and the rule keep."""
    game.turn()
    kept = {name: np.array(value) for name, value in game.state().items()}
    moving = [name for name in kept if name.endswith((".theta", ".velocity")) or name.startswith("update.")]

    def after(i: int) -> list[float]:
        game.restore(kept | {name: np.full_like(kept[name], name == moving[i]) for name in moving})
        game.turn()
        now = game.state()
        return [float(now[name].item()) for name in moving]

    return float(np.abs(np.linalg.eigvals(np.array([after(i) for i in range(len(moving))]))).max())


def largest_root(*coefficients: complex) -> float:
    return float(np.abs(np.roots(coefficients)).max())


def in_turn(beta: float) -> float:
    """Of alternating descent with momentum: (l - 1)^2 (l - beta)^2 + eta^2 l^3 = 0 (Gidel et al. 2019)."""
    return largest_root(*np.polyadd(np.poly([1, 1, beta, beta]), [ETA**2, 0, 0, 0]))


EXTRA_IN_TURN = np.array([[1, 0], [ETA, 1 - ETA**2]]) @ np.array([[1 - ETA**2, -ETA], [0, 1]])

THEORY: list[tuple[Any, float, float]] = [
    ("simultaneous", 0.0, np.sqrt(1 + ETA**2)),
    ("alternating", 0.0, 1.0),
    ({"type": "alternating", "first": "generator"}, 0.0, 1.0),
    ("alternating", -0.5, in_turn(-0.5)),
    ("alternating", 0.5, in_turn(0.5)),
    ("simultaneous", -0.3, largest_root(1, -(1 - 0.3 - 1j * ETA), -0.3)),
    ("extragradient", 0.0, np.sqrt(1 - ETA**2 + ETA**4)),
    ({"type": "extragradient", "by": "descent", "second": "same"}, 0.0, np.sqrt(1 - ETA**2 + ETA**4)),
    ({"type": "extragradient", "order": "alternating"}, 0.0, float(np.abs(np.linalg.eigvals(EXTRA_IN_TURN)).max())),
    ({"type": "consensus", "weight": 2.0}, 0.0, np.hypot(1 - 2 * ETA, ETA)),
    ({"type": "consensus", "weight": 2.0, "order": "alternating"}, 0.0, 1 - 2 * ETA),
    ("optimistic", 0.0, largest_root(1, -(1 - 2j * ETA), -1j * ETA)),
]


@pytest.mark.parametrize(("update", "momentum", "expected"), THEORY, ids=str)
def test_on_the_bilinear_game_a_turn_has_the_spectral_radius_of_the_theory(
    update: Any, momentum: float, expected: float
) -> None:
    assert spectral_radius(bilinear(momentum, update=update)) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("by", ["optimizer", "descent"])
def test_extragradient_looks_at_weight_decay_where_it_looks(by: str) -> None:
    """Decay is a part of the field, v(w) = A w, and a turn I - eta A + eta^2 A^2, as in the authors' program."""
    game, a = bilinear(update={"type": "extragradient", "by": by}), np.array([[0.5, 1], [-1, 0.5]])
    for player in game.players.values():
        player.optimizer = Optimizer.of({"type": "gradient_descent", "eta": ETA, "weight_decay": 0.5})
    turn = np.eye(2) - ETA * a @ (np.eye(2) - ETA * a)
    assert spectral_radius(game) == pytest.approx(float(np.abs(np.linalg.eigvals(turn)).max()), rel=1e-9)


def test_negative_momentum_converges_where_plain_descent_circles_and_positive_momentum_does_not() -> None:
    assert in_turn(-0.5) < 1 < in_turn(0.5)


def test_who_moves_first_answers_to_the_other_at_rest() -> None:
    for first, moved in (("discriminator", (-ETA, 1 - ETA**2)), ("generator", (-ETA, 1.0))):
        game = bilinear(update={"type": "alternating", "first": first})
        for player, value in zip((game.discriminator, game.generator), (0.0, 1.0), strict=True):
            player.network.theta[...] = value
        game.turn()
        np.testing.assert_allclose([game.discriminator.network.theta.item(), game.generator.network.theta.item()], moved)


@pytest.mark.parametrize("update", ["extragradient", "optimistic", "consensus"])
def test_with_order_alternating_the_critic_moves_n_critic_times(update: str) -> None:
    game, moves = bilinear(update={"type": update, "order": "alternating"}, n_critic=3), list[str]()
    for name, player in game.players.items():
        step = player.step
        player.step = lambda amend=None, step=step, name=name: moves.append(name) or step(amend)  # type: ignore[misc, func-returns-value, method-assign]
    game.turn()
    assert moves == ["discriminator"] * 3 + ["generator"]


def test_extra_adam_knows_both_looks_and_descent_ahead_leaves_it_alone() -> None:
    steps = {}
    for by in ("optimizer", "descent"):
        game = bilinear(update={"type": "extragradient", "by": by})
        game.turn()
        steps[by] = game.discriminator.optimizer.t, game.generator.optimizer.t
    assert steps == {"optimizer": (2, 2), "descent": (1, 1)}


@pytest.mark.parametrize("update", ["extragradient", "optimistic", "consensus"])
def test_in_one_order_no_other_players_moves_are_counted(update: str) -> None:
    with pytest.raises(SpecError, match=f"take update {{type: {update}, order: alternating}}") as error:
        bilinear(update=update, n_critic=2)
    assert error.value.problems[0].path == ("n_critic",)


def test_settings_of_an_order_that_say_nothing_are_refused() -> None:
    with pytest.raises(SpecError, match="simultaneous moves have no first one"):
        bilinear(update={"type": "optimistic", "first": "generator"})
    with pytest.raises(SpecError, match="give update or moves, not both"):
        bilinear(update={"type": "alternating", "first": "generator"}, moves={})


def test_an_option_below_nothing_is_told_whose_it_would_be() -> None:
    one = {"layers": [{"type": "dense", "units": 1}]}
    node = {"type": "adversarial", "generator": one, "discriminator": one, "update": {"first": "generator"}}
    with pytest.raises(
        SpecError, match=r"^update: 'type' is missing: which rule of play\? .*; alternating where nothing is said\)$"
    ):
        Adversarial.of(node)


def test_optimistic_adam_is_that_of_the_paper() -> None:
    """w_t = w_(t-1) - 2 eta m_t / (sqrt v_t + eps) + eta m_(t-1) / (sqrt v_(t-1) + eps), means corrected for their start."""
    game = bilinear(update="optimistic")
    w = np.array([0.5, 0.75])  # psi, theta
    rule = {"type": "adam", "eta": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 1e-6}
    for player, value in zip((game.discriminator, game.generator), w, strict=True):
        player.optimizer, player.network.theta[...] = Optimizer.of(rule), value
    m, v, last = np.zeros(2), np.zeros(2), np.zeros(2)
    for t in range(1, 6):
        g = np.array([w[1], -w[0]])
        m, v = 0.5 * m + 0.5 * g, 0.75 * v + 0.25 * g * g
        d = m / (1 - 0.5**t) / (np.sqrt(v / (1 - 0.75**t)) + 1e-6)
        w, last = w - 0.2 * d + 0.1 * last, d
        game.turn()
        np.testing.assert_allclose(
            [game.discriminator.network.theta.item(), game.generator.network.theta.item()], w, rtol=1e-10
        )


CONSENSUS: dict[str, dict[str, Any]] = {
    **{loss: {"loss": loss} for loss in ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")},
    "drawn": {"pack": 2, "instance_noise": {"sigma": 0.3}, "real_labels": [0.5, 1.0], "label_swap": 0.25},
    "relativistic drawn": {"loss": "relativistic", "pack": 2, "instance_noise": {"sigma": 0.3}},
}


@pytest.mark.parametrize("name", CONSENSUS)
def test_the_gradient_of_the_fields_length_is_that_of_finite_differences(name: str) -> None:
    """J' v against differences of |v|^2 / 2 along random directions; layers that draw and mix examples take part."""
    dense = {"type": "dense", "units": 5, "activation": "tanh"}
    inner: list[Any] = [dense, "batch_norm", {"type": "noise", "size": 2}, {"type": "dropout", "p": 0.25}]
    players = [Player([*inner, {"type": "dense", "units": n}], "adam") for n in (2, 1)]  # type: ignore[list-item]
    game = Adversarial(*players, {"size": 3}, update="consensus", scored=0, **CONSENSUS[name])
    data = Examples(np.random.default_rng(1).normal(size=(40, 2)), None)
    game.build(Split(data, data), 8, Streams(0, 2), np.float64)
    game.done = 1
    networks = [game.discriminator.network, game.generator.network]
    at = Jacobian(game, game.batch())

    def field() -> list[Array]:
        for net in networks:
            net.grad.fill(0)
        at.field()
        return [net.grad.copy() for net in networks]

    def length() -> Array:
        return sum((0.5 * np.square(v).sum(-1) for v in field()), np.zeros(2))

    v = field()
    for net in networks:
        net.grad.fill(0)
    at.pulled(*v)
    pulled, rng, h = [net.grad.copy() for net in networks], np.random.default_rng(2), 1e-6
    for _ in range(4):
        w = [rng.normal(size=net.theta.shape) for net in networks]
        found = []
        for sign in (1, -1):
            for net, one in zip(networks, w, strict=True):
                net.theta += sign * h * one
            found.append(length())
            for net, one in zip(networks, w, strict=True):
                net.theta -= sign * h * one
        expected = sum((a * b).sum(-1) for a, b in zip(pulled, w, strict=True))
        np.testing.assert_allclose((found[0] - found[1]) / (2 * h), expected, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("loss", ["minimax", "relativistic", "wasserstein"])
def test_without_draws_the_field_is_that_of_both_looks(loss: str) -> None:
    game = bilinear(loss=loss)
    for net, value in ((game.discriminator.network, 0.7), (game.generator.network, -0.4)):
        net.theta[...] = value
    for look in game.field():
        look.gradient()
    wanted = [player.network.grad.copy() for player in game.players.values()]
    for player in game.players.values():
        player.network.grad.fill(0)
    Jacobian(game, game.batch()).field()
    for player, grad in zip(game.players.values(), wanted, strict=True):
        np.testing.assert_allclose(player.network.grad, grad, rtol=1e-12)


def test_only_consensus_asks_for_layers_that_can_be_differentiated_twice() -> None:
    maxout = {"critic": [{"type": "maxout", "units": 1}]}
    for update in ("optimistic", "extragradient"):
        bilinear(update=update, **maxout).turn()
    with pytest.raises(SpecError, match="second derivatives cannot be taken through the parameters of maxout"):
        bilinear(update="consensus", **maxout)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"held": "r1"}, ("discriminator", "constraint")),
        ({"unrolled": {}}, ("unrolled",)),
        ({"feature_matching": {"layer": 0}}, ("feature_matching",)),
    ],
    ids=str,
)
def test_consensus_refuses_what_it_cannot_differentiate(options: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match="take one of the two") as error:
        bilinear(update="consensus", **options)
    assert error.value.problems[0].path == path
