"""The smallest games against what can be computed by hand: each move, each eigenvalue, and the distances of Mescheder et al."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dessine.data import Dataset
from dessine.games import Adversarial, Context
from dessine.games.game import Game
from dessine.games.measures.standing import contraction
from dessine.games.pictures.plane import save_plane, words
from dessine.games.small import Small, point
from dessine.registry import SpecError
from dessine.streams import Streams
from dessine.training import _record

Array = np.ndarray
H = 0.2
IN_TURN = {"type": "alternating", "first": "generator"}


def dirac(
    at: list[float] = [0.0],  # noqa: B006
    constraint: Any = None,
    optimizer: Any = None,
    replicates: int = 1,
    start: Any = None,
    bias: bool = False,
    times: int = 1,
    **options: Any,
) -> Adversarial:
    descent = optimizer or {"type": "gradient_descent", "eta": H}
    theta = {"type": "constant", "init": start or {"type": "constant", "value": 1.0}}
    psi = {"type": "dense", "units": 1, "bias": bias, "init": start or {"type": "constant", "value": -1.0}}
    node = {
        "type": "adversarial",
        "generator": {"layers": [theta], "optimizer": descent},
        "discriminator": {"layers": [psi], "optimizer": descent, "constraint": constraint},
        "latent": {"size": 1},
        "scored": 0,
        "loss": "minimax",
        "update": "simultaneous",
    }
    game = Game.of(node | options)
    assert isinstance(game, Adversarial)
    data = Dataset.of({"type": "points", "at": at, "times": times}).load()
    game.build(data, len(data.train), Streams(0, replicates), np.float64)
    return game


def small(game: Adversarial) -> Small:
    assert game.small is not None
    return game.small


# The moves as they stand in Mescheder et al. 2018, whose critic has the other sign.


def s(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def gan(t: float, p: float) -> tuple[float, float]:
    return -p * s(-p * t), t * s(-p * t)


MOVES: dict[str, tuple[Callable[[float, float], tuple[float, float]], dict[str, Any]]] = {
    "GAN": (gan, {}),
    "NSGAN": (lambda t, p: (-p * s(p * t), gan(t, p)[1]), {"loss": "non_saturating"}),
    "WGAN": (lambda t, p: (-p, t), {"loss": "wasserstein", "constraint": {"type": "clip", "c": 1.0}}),
    "WGAN-GP": (
        lambda t, p: (-p, t - 0.7 * (abs(p) - 1) * np.sign(p)),
        {"loss": "wasserstein", "constraint": {"type": "gradient_penalty", "weight": 0.35}},
    ),
    "R1 0.3": (lambda t, p: (gan(t, p)[0], gan(t, p)[1] - 0.3 * p), {"constraint": {"type": "r1", "gamma": 0.3}}),
    "R1 1": (lambda t, p: (gan(t, p)[0], gan(t, p)[1] - p), {"constraint": {"type": "r1", "gamma": 1.0}}),
}


def by_hand(name: str, turns: int, critic_moves: int) -> tuple[float, float]:
    """critic_moves: after the generator's; 0: both at once."""
    v, within = MOVES[name][0], 1.0 if name == "WGAN" else math.inf
    t = p = 1.0
    for _ in range(turns):
        first = v(t, p)
        t += H * first[0]
        for _ in range(max(critic_moves, 1)):
            p = min(max(p + H * (v(t, p)[1] if critic_moves else first[1]), -within), within)
    return t, p


@pytest.mark.parametrize("critic_moves", [0, 1, 5])
@pytest.mark.parametrize("name", MOVES)
def test_every_move_is_the_one_computed_by_hand(name: str, critic_moves: int) -> None:
    game = dirac(**MOVES[name][1], update=IN_TURN if critic_moves else "simultaneous", n_critic=max(critic_moves, 1))
    game.turns(100)
    theta, psi = by_hand(name, 100, critic_moves)
    np.testing.assert_allclose(point(game)[0], [theta, -psi], rtol=1e-9, atol=1e-30)


DISTANCES = {
    "GAN": (3.10, 1.42),
    "WGAN": (1.00, 1.02),
    "WGAN-GP": (1.80, 1.22),
    "R1 0.3": (2.64e-6, 2.30e-7),
    "R1 1": (9.53e-22, 7.48e-17),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_after_500_turns_are_theirs(name: str) -> None:
    for update, expected in zip(("simultaneous", IN_TURN), DISTANCES[name], strict=True):
        game = dirac(**MOVES[name][1], update=update)
        game.turns(500)
        assert float(game.report()["distance"][0]) == pytest.approx(expected, rel=5e-3)


# What theory says of the same games.


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.5j, -0.5j]),
        ({"loss": "relativistic"}, [0.5j, -0.5j]),
        ({"loss": "wasserstein"}, [1j, -1j]),
        ({"loss": "hinge"}, [1j, -1j]),
        ({"constraint": {"type": "r1", "gamma": 0.3}}, [-0.15 + 0.4769696j, -0.15 - 0.4769696j]),
        ({"constraint": {"type": "r1", "gamma": 2.0}}, [-1 - math.sqrt(0.75), -1 + math.sqrt(0.75)]),
    ],
    ids=str,
)
def test_eigenvalues_of_the_field_are_the_theorys(options: dict[str, Any], expected: list[complex]) -> None:
    found = small(dirac(**options)).eigenvalues
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_instance_noise_pulls_the_critic_back_by_half_its_variance() -> None:
    found = small(dirac(instance_noise={"sigma": 0.7}, times=1000)).eigenvalues
    assert found is not None
    np.testing.assert_allclose(found[0], -0.49 / 4 + 1j * math.sqrt(0.25 - (0.49 / 4) ** 2), atol=0.005)


def largest(*polynomial: complex) -> float:
    return float(np.abs(np.roots(polynomial)).max())


@pytest.mark.parametrize(
    ("update", "constraint", "momentum", "expected"),
    [
        ("simultaneous", None, 0.0, math.sqrt(1 + H * H / 4)),
        (IN_TURN, None, 0.0, 1.0),
        ("simultaneous", {"type": "r1", "gamma": 0.3}, 0.0, abs(1 + H * (-0.15 + 0.4769696j))),
        ("simultaneous", {"type": "r1", "gamma": 1.0}, 0.0, 0.9),
        ("extragradient", None, 0.0, abs(1 + 0.1j - 0.01)),
        ("optimistic", None, 0.0, largest(1, -(1 + 0.2j), 0.1j)),
        ("simultaneous", None, -0.3, largest(1, -(0.7 + 0.1j), -0.3)),
        ({"type": "consensus", "weight": 1.0}, None, 0.0, abs(1 + H * (0.5j - 0.25))),
    ],
    ids=str,
)
def test_a_turn_has_the_spectral_radius_of_the_theory(update: Any, constraint: Any, momentum: float, expected: float) -> None:
    optimizer = {"type": "gradient_descent", "eta": H, "momentum": momentum}
    found = small(dirac(update=update, constraint=constraint, optimizer=optimizer)).radius
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("update", ["simultaneous", IN_TURN, "extragradient", "optimistic"], ids=str)
def test_near_rest_the_game_takes_the_theorys_way(update: Any) -> None:
    game = dirac(update=update, start={"type": "constant", "value": 1e-5})
    orbit, way = small(game).orbit(50), [point(game)[0]]
    for _ in range(50):
        game.turns(1)
        way.append(point(game)[0])
    assert orbit is not None
    np.testing.assert_allclose(way, orbit, atol=1e-11)


def test_where_a_penalty_has_a_kink_there_is_rest_but_nothing_linear() -> None:
    found = small(dirac(**MOVES["WGAN-GP"][1]))
    assert found.rest is not None
    assert found.rest.tolist() == [[0, 0]]
    assert found.eigenvalues is found.turn is found.radius is found.orbit(3) is None


def test_a_rule_that_divides_by_what_is_0_at_rest_has_no_linear_turn() -> None:
    found = small(dirac(optimizer={"type": "adam", "eta": 0.1}))
    assert found.eigenvalues is not None
    assert found.turn is None


def test_it_rests_on_the_mean_of_the_points() -> None:
    game = dirac(at=[-1.0, 2.0, 5.0])
    rest = small(game).rest
    assert rest is not None
    np.testing.assert_allclose(rest, [[2, 0]], atol=1e-9)
    assert game.goals == {"distance": "min"}


def test_the_field_is_minus_both_gradients() -> None:
    v = small(dirac()).field(np.array([[1.0, -1.0], [0.5, 2.0]]))
    expected = [(p * s(p * t), -t * s(p * t)) for t, p in ((1.0, -1.0), (0.5, 2.0))]
    np.testing.assert_allclose(v, expected, rtol=1e-12)


def test_looking_changes_nothing() -> None:
    games = [dirac(update="optimistic", instance_noise={"sigma": 0.1}, times=3) for _ in range(2)]
    for _ in range(3):
        looked = games[0]
        looked.report()
        looked.summary([{"step": 1, "theta": 0.0, "psi": 0.0, "distance": 1.0}])
        small(looked).field(np.zeros((4, 2)))
        for game in games:
            game.turn()
    (a, b) = (game.state() for game in games)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    assert games[0].streams.state() == games[1].streams.state()


def test_what_is_known_of_a_game_whose_numbers_move_does_not_depend_on_when_one_looks() -> None:
    noise = {"sigma": {"from": 1.0, "to": 0.1, "over": 4}}
    early, late = (dirac(instance_noise=noise, label_swap={"from": 0.3, "to": 0.0, "over": 4}) for _ in range(2))
    for _ in range(4):
        late.turn()
    for ask in (lambda game: small(game).eigenvalues, lambda game: small(game).turn):
        np.testing.assert_array_equal(ask(early), ask(late))
    assert late.instance_noise is not None
    assert (late.instance_noise.sigma, late.labels.swap) == pytest.approx((0.325, 0.075))


def test_players_of_two_numbers_are_told_by_name_and_each_repeat_has_its_rest() -> None:
    game = dirac(at=[3.0], bias=True, replicates=3, start={"type": "gaussian"})
    told = game.report()
    assert told["theta"].shape == told["distance"].shape == (3,)
    assert list(told["psi"]) == ["0.dense.w", "0.dense.b"]
    assert small(game).rest is not None
    np.testing.assert_allclose(small(game).rest[:, 0], 3, atol=1e-8)  # type: ignore[index]


def test_a_game_with_more_parameters_is_not_small() -> None:
    wide = [{"type": "dense", "units": 2}, {"type": "dense", "units": 1}]
    assert dirac(generator={"layers": wide}).small is None
    assert dirac(constraint="spectral_norm").small is None
    assert "distance" not in dirac(generator={"layers": wide}).report()


def test_contraction_is_the_factor_of_the_second_half() -> None:
    records = [{"step": t, "distance": [0.9**t, 0.0 if t > 50 else 1.0]} for t in range(0, 200, 2)]
    assert contraction(records, 2) == [pytest.approx(0.9), None]
    assert contraction(records[:5], 2) == [None, None]
    assert contraction([{}], 1) == [None]


@pytest.mark.parametrize("options", [{"replicates": 2}, {"bias": True}, MOVES["WGAN-GP"][1]], ids=str)
def test_its_plane_is_drawn(tmp_path: Path, options: dict[str, Any]) -> None:
    game, records = dirac(**options), []
    for step in range(1, 31):
        game.turn()
        records.append(_record(step, game, game.report()))
    made = save_plane(small(game), tmp_path, records, "tiny")
    assert made == [*tmp_path.iterdir()] == [tmp_path / ("distance.png" if "bias" in options else "plane.png")]
    summary = game.summary(records)
    assert summary["rest"] == [0.0] * (3 if "bias" in options else 2)
    assert summary["last"]["step"] == 30


def test_a_picture_of_data_on_a_line_has_what_the_critic_says(tmp_path: Path) -> None:
    dirac(at=[-1.0, 1.0]).show(tmp_path / "line.png", Context("tiny", 0, 1))
    dirac(at=[0.0], loss="wasserstein", pack=1).show(tmp_path / "point.png", Context("tiny", 0, 1))
    assert {path.name for path in tmp_path.iterdir()} == {"line.png", "point.png"}


def test_options_that_make_no_game_are_still_refused() -> None:
    with pytest.raises(SpecError, match="needs one output"):
        dirac(discriminator={"layers": [{"type": "dense", "units": 2}]})


def test_what_stands_beside_the_plane_says_that_it_is_eigenvalues() -> None:
    pair = np.array([1 + 0.1j, 1 - 0.1j])
    small: Any = SimpleNamespace(rest=np.zeros(2), eigenvalues=pair * 5, turn_eigenvalues=pair, radius=1.005, start=[0])
    first, second, third = words(small, []).splitlines()
    assert first == "eigenvalues at rest, of the field: 5.000 ± 0.500 i"
    assert (second, third) == ("of a turn: 1.00000 ± 0.10000 i", "spectral radius of a turn: 1.00500")


def test_the_contraction_is_that_of_the_second_half() -> None:
    """By half a turn at first, by a tenth later: what is far from rest may go another way."""
    d = np.concatenate([0.5 ** np.arange(20), 0.5**19 * 0.9 ** np.arange(1, 21)])
    lines = [{"step": t, "distance": [float(x), float(x) ** 2]} for t, x in enumerate(d)]
    assert contraction(lines, 2) == pytest.approx([0.9, 0.81])
