"""Numbers that move: their shapes, what they accept, and that games, resumed or repeated, play with them alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dessine import optimizers as module
from dessine.constraints import Constraint
from dessine.data import Examples, Split
from dessine.games import Adversarial, Player
from dessine.games.classification import Classification
from dessine.games.remedies import InstanceNoise, Unrolled
from dessine.optimizers import Adam, Optimizer
from dessine.registry import SpecError
from dessine.schedules import DecaySchedule, MomentumSchedule, NonNegativeSchedule, Schedule, ShareSchedule, TimesSchedule
from dessine.schema import check, options, summary
from dessine.streams import Streams

EXPONENTIAL = {"from": 0.1, "to": 0.001, "over": 4, "shape": "exponential"}
LINEAR = {"from": 0.4, "to": 0.0, "over": 4}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({}, [0.8, 0.65, 0.5, 0.35, 0.2]),
        ({"shape": "exponential"}, [0.8 / 4 ** (i / 4) for i in range(5)]),
        ({"shape": "cosine"}, [0.2 + 0.3 * (1 + math.cos(math.pi * i / 4)) for i in range(5)]),
        ({"shape": "steps", "stairs": 2}, [0.8, 0.8, 0.4, 0.4, 0.2]),
    ],
    ids=str,
)
def test_the_first_turn_has_the_first_value_and_the_last_one_stays(shape: dict[str, Any], expected: list[float]) -> None:
    schedule = NonNegativeSchedule.of({"from": 0.8, "to": 0.2, "over": 4} | shape)
    assert [schedule.at(t) for t in range(1, 6)] == pytest.approx(expected, rel=1e-12)
    assert schedule.at(1) == schedule.at(0) == 0.8
    assert {schedule.at(t) for t in (5, 6, 10**9)} == {0.2}


def test_stairs_between_numbers_of_either_sign_are_of_equal_height() -> None:
    schedule = MomentumSchedule(-0.5, 0.5, 4, "steps", 4)
    assert [schedule.at(t) for t in range(1, 6)] == pytest.approx([-0.5, -0.25, 0, 0.25, 0.5])


def test_as_many_stairs_as_turns_are_one_a_turn() -> None:
    schedule = NonNegativeSchedule(0, 100, 100, "steps", 100)
    assert [schedule.at(t) for t in range(1, 102)] == pytest.approx(range(101))


@pytest.mark.parametrize(
    ("eta", "message"),
    [
        ({"from": 0.1, "to": 0.0, "over": 3, "shape": "exponential"}, r"^eta\.to: an exponential schedule goes between"),
        ({"from": 0.1, "to": 0.01, "over": 0}, r"^eta\.over: expects a whole number of at least 1, got 0$"),
        ({"from": -0.1, "to": 0.01, "over": 5}, r"^eta\.from: expects a number of at least 0, got -0.1$"),
        ({"from": 0.1, "to": 0.01, "over": 5, "shape": "expo"}, r"^eta\.shape: expects linear, exponential, cosine or steps"),
        ({"from": 0.1, "to": 0.01, "over": 5, "stairs": 2}, r"^eta\.stairs: only the shape steps has stairs, this is linear$"),
        ({"from": 0.1, "to": 0.01}, r"^eta: 'over' is missing: a whole number of at least 1$"),
        ({"start": 0.1, "to": 0.01, "over": 5}, r"^eta\.start: unknown key 'start'; did you mean 'from'\?"),
        ("fast", r"^eta: expects a number above 0 or a mapping of from, to, over, shape, stairs, got 'fast'$"),
        (0.0, r"^eta: expects a number above 0 or a mapping"),
        ({"from": 0.1, "to": 0.01, "steps": 9}, "did you mean 'over'"),
        ({"from": 0.1, "to": 0.01, "over": 9, "type": "cosine"}, "did you mean 'shape'"),
    ],
    ids=str,
)
def test_what_is_no_schedule_gets_one_line(eta: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        Optimizer.of({"type": "adam", "eta": eta})
    assert len(error.value.problems) == 1


@pytest.mark.parametrize(
    ("kind", "node"),
    [
        (Optimizer, {"type": "rmsprop", "momentum": {"from": 0.0, "to": 1.0, "over": 5}}),
        (Constraint, {"type": "r1", "gamma": {"from": 1.0, "to": -1.0, "over": 5}}),
        (InstanceNoise, {"sigma": {"from": 1.0, "to": 0.5, "over": 5}, "until": 3}),
    ],
    ids=str,
)
def test_both_ends_are_checked_as_the_number_itself(kind: Any, node: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"\.to: |^until: "):
        kind.of(node)


def test_a_schedule_that_does_not_say_from_where_starts_at_the_default() -> None:
    momentum = {"to": 0.5, "over": 4}
    said = check(Optimizer, {"type": "rmsprop", "momentum": momentum}).model_dump()
    assert said["momentum"] | {"stairs": None} == {"from": 0.0, "shape": "linear", "stairs": None} | momentum
    with pytest.raises(SpecError, match=r"^limit: 'from' is missing: a number"):
        Optimizer.of({"type": "rmsprop", "limit": {"to": 0.1, "over": 3}})  # there is none where nothing is said


MOVING: dict[str, dict[str, Any]] = {
    "eta": {"optimizer": {"type": "adam", "eta": EXPONENTIAL}},
    "plain": {"optimizer": {"type": "gradient_descent", "eta": EXPONENTIAL}},
    "momentum": {"optimizer": {"type": "gradient_descent", "eta": 0.1, "momentum": {"from": 0, "to": 0.5, "over": 3}}},
    "weight": {"constraint": {"type": "gradient_penalty", "weight": EXPONENTIAL}},
    "gamma": {"constraint": {"type": "r1", "gamma": LINEAR}},
    "sigma": {"instance_noise": {"sigma": LINEAR}},
    "labels": {"real_labels": [{"from": 0.7, "to": 1.0, "over": 3}, 1.0], "label_swap": ShareSchedule.of(LINEAR)},
    "consensus": {"update": {"type": "consensus", "weight": LINEAR}},
    "betas": {
        "optimizer": {"type": "adam", "beta1": {"from": 0.5, "to": -0.2, "over": 3}, "beta2": {"from": 0, "to": 0.9, "over": 4}}
    },
    "gamma of rmsprop": {"optimizer": {"type": "rmsprop", "gamma": {"from": 0.5, "to": 0.9, "over": 4}}},
    "rho": {"optimizer": {"type": "adadelta", "rho": {"from": 0.5, "to": 0.9, "over": 4}}},
    "limit": {"optimizer": {"type": "gradient_descent", "limit": EXPONENTIAL}},
    "target": {"constraint": {"type": "gradient_penalty", "target": LINEAR}},
    "rescale": {"constraint": {"type": "rescale", "c": EXPONENTIAL}},
    "dropout": {"layers": [{"type": "dropout", "p": LINEAR}]},
    "noise": {"layers": [{"type": "residual", "layers": [{"type": "noise", "how": "add", "scale": EXPONENTIAL}]}]},
    "average": {"average": {"from": 0.1, "to": 0.9, "over": 4}},
    "unrolled": {"unrolled": {"steps": 2, "eta": LINEAR}},
    "optimistic": {"update": "optimistic", "optimizer": {"type": "adam", "eta": EXPONENTIAL}},
    "n_critic": {"n_critic": {"from": 3, "to": 1, "over": 4}},
    "code": {
        "auxiliary": {"type": "code", "categorical": [2], "continuous": 1, "weight": LINEAR, "continuous_weight": EXPONENTIAL}
    },
}


def game(name: str, seed: int = 0, replicates: int = 1) -> Adversarial:
    options = dict(MOVING[name])
    optimizer, held = options.pop("optimizer", "adam"), options.pop("constraint", None)
    layers: list[Any] = [{"type": "dense", "units": 5, "activation": "tanh"}, *options.pop("layers", [])]
    said = 4 if "auxiliary" in options else 1
    players = [Player([*layers, {"type": "dense", "units": n}], optimizer, c) for n, c in ((2, None), (said, held))]  # type: ignore[list-item]
    data = Examples(np.random.default_rng(0).normal(size=(40, 2)), None)
    made = Adversarial(*players, {"size": 3}, scored=0, **options)
    made.build(Split(data, data), 8, Streams(seed, replicates), np.float32)
    return made


@pytest.mark.parametrize("name", MOVING)
def test_a_resumed_game_has_the_numbers_of_its_turn(name: str) -> None:
    straight, again = game(name), game(name)
    for _ in range(2):
        straight.turn()
    again.restore({key: np.array(value) for key, value in straight.state().items()})
    again.streams.restore(straight.streams.state())
    assert straight.optimizing() == again.optimizing()
    for _ in range(4):
        assert straight.turn(measure=True)["scheduled"] == again.turn(measure=True)["scheduled"]
    for key, value in straight.state().items():
        np.testing.assert_array_equal(value, again.state()[key], err_msg=key)


@pytest.mark.parametrize("name", MOVING)
def test_a_repeat_is_its_single_run(name: str) -> None:
    together, single = game(name, 3, 2), game(name, 4)
    for _ in range(3):
        a, b = together.turn(measure=True), single.turn(measure=True)
    assert a["loss"]["generator"][1] == b["loss"]["generator"][0]
    np.testing.assert_array_equal(together.generator.network.theta[1], single.generator.network.theta[0])


def test_the_numbers_that_move_are_metrics_and_no_others() -> None:
    told = [game(name).turn(measure=True)["scheduled"] for name in MOVING]
    found = [{(whose, name) for whose in one for name in one[whose]} for one in told]
    assert found[0] == {("discriminator", "eta"), ("generator", "eta")}
    assert found[3:6] == [{("discriminator", "weight")}, {("discriminator", "gamma")}, {("instance_noise", "sigma")}]
    assert found[6] == {("labels", "low"), ("labels", "swap")}
    one = game("eta")
    assert [one.turn(measure=True)["scheduled"]["generator"]["eta"].item() for _ in range(5)] == pytest.approx(
        [0.1, 0.1 / 10**0.5, 0.01, 0.01 / 10**0.5, 0.001]
    )


def test_the_critic_moves_as_often_as_its_schedule_says() -> None:
    made, seen = game("n_critic"), list[int]()
    move = made.discriminator.move
    made.discriminator.move = lambda: seen.append(made.done) or move()  # type: ignore[func-returns-value, method-assign]
    told = [int(made.turn(measure=True)["scheduled"]["critic_moves"]["n_critic"].item()) for _ in range(6)]
    assert told == [seen.count(turn) for turn in range(1, 7)] == [3, 2, 2, 2, 1, 1]
    assert made.turns_per_epoch() == 40 // 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_critic": {"from": 1, "to": 3, "over": 4}, "update": "simultaneous"}, r"^n_critic: simultaneous moves"),
        ({"n_critic": {"from": 1, "to": 3, "over": 4}, "moves": {}}, r"^moves: give n_critic or moves"),
        ({"n_critic": {"from": 1, "to": 3, "over": 4}, "critic_extra": {"moves": 2}}, r"^critic_extra.moves: .* n_critic, 3"),
        ({"n_critic": {"from": 0, "to": 3, "over": 4}}, r"^n_critic.from: expects a whole number from 1 to 10000, got 0"),
        ({"n_critic": {"from": 1, "to": 1.5, "over": 4}}, r"^n_critic.to: expects a whole number"),
    ],
    ids=str,
)
def test_how_often_the_critic_moves_is_refused_for_what_it_comes_to_be(options: dict[str, Any], message: str) -> None:
    one = {"type": "dense", "units": 1}
    with pytest.raises(SpecError, match=message):
        Adversarial.of({"type": "adversarial", "generator": {"layers": [one]}, "discriminator": {"layers": [one]}} | options)


def test_layers_go_by_their_place_and_the_average_by_its_name() -> None:
    told = {name: game(name).turn(measure=True)["scheduled"] for name in ("dropout", "noise", "average", "unrolled")}
    assert told["dropout"].keys() == {"generator.1.dropout", "discriminator.1.dropout"}
    assert told["noise"].keys() == {f"{player}.1.residual.0.noise" for player in ("generator", "discriminator")}
    assert told["average"]["average"] == {"decay": 0.1}
    assert told["unrolled"]["unrolled"] == {"eta": 0.4}
    assert game("average").drawn_by() == "moving average 0.1 to 0.9"


@pytest.mark.parametrize("compiled", [False, True])
def test_adams_decays_may_move(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held against the means themselves, and what they would be of a gradient that is always 1."""
    monkeypatch.setattr(module, "COMPILED", 0 if compiled else 10**9)
    beta1, beta2 = MomentumSchedule(0.9, -0.3, 4), DecaySchedule(0.0, 0.99, 5)
    adam = Adam(0.1, beta1, beta2)
    x, y = np.ones((2, 3)), np.ones((2, 3))
    m, n, m1, n1 = np.zeros((2, 3)), np.zeros((2, 3)), 0.0, 0.0
    for turn in range(1, 9):
        adam.to_turn(turn)
        for _ in range(2):
            adam.step(x, x**3 - turn)
            b1, b2, g = beta1.at(turn), beta2.at(turn), y**3 - turn
            m, n, m1, n1 = b1 * m + (1 - b1) * g, b2 * n + (1 - b2) * g**2, b1 * m1 + (1 - b1), b2 * n1 + (1 - b2)
            y -= 0.1 * (m / m1) / (np.sqrt(n / n1) + 1e-8)
            np.testing.assert_allclose(x, y, rtol=1e-10)


def test_steps_ahead_know_no_decays_that_move() -> None:
    unrolled = Unrolled(by="own")
    unrolled.refuse(Adam())
    for adam in (Adam(beta2=DecaySchedule(0.9, 0.99, 5)), Adam(limit=1.0), Adam(limit=NonNegativeSchedule(1.0, 0.1, 5))):
        with pytest.raises(SpecError, match="limit, and betas that move"):
            unrolled.refuse(adam)


def test_a_number_that_cannot_move_says_so() -> None:
    with pytest.raises(SpecError, match=r"^epsilon: expects a number above 0, got \{from.*: this number cannot move$"):
        Optimizer.of({"type": "adam", "epsilon": LINEAR})


def test_python_may_write_a_schedule_as_a_config_does() -> None:
    assert Adam(eta=LINEAR).schedules["eta"].at(3) == 0.2  # type: ignore[arg-type]
    assert InstanceNoise(LINEAR).sigma == 0.4  # type: ignore[arg-type]
    one = Player([], "adam")
    made = Adversarial(one, Player([], "adam"), label_swap=LINEAR, real_labels=[0.9, {"from": 0.9, "to": 1.0, "over": 2}])  # type: ignore[arg-type, list-item]
    assert (made.labels.swap, made.labels.high) == (0.4, 0.9)
    with pytest.raises(SpecError, match="'over' is missing"):
        Adam(eta={"from": 0.1, "to": 0.2})  # type: ignore[arg-type]


def test_gammas_penalty_is_half_of_the_gamma_of_the_moment() -> None:
    held = Constraint.of({"type": "r1", "gamma": LINEAR})
    weights = []
    for turn in (1, 3, 9):
        held.to_turn(turn)
        weights.append(held.weight)  # type: ignore[attr-defined]
    assert weights == pytest.approx([0.2, 0.1, 0.0])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", ["gradient_descent", "adam"])
def test_steps_are_those_of_an_optimizer_that_is_told_its_numbers(
    kind: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Momentum rises from 0, where the velocity is the direction."""
    monkeypatch.setattr(module, "COMPILED", 0 if compiled else 10**9)
    eta, momentum = NonNegativeSchedule(0.1, 0.01, 5, "cosine"), MomentumSchedule(0.0, 0.5, 3)
    moving, told = (Optimizer.of({"type": kind, "momentum": 0.5}) for _ in range(2))
    moving.hold(eta=eta, momentum=momentum, weight_decay=0.0)
    a, b = np.ones((2, 3)), np.ones((2, 3))
    for turn in range(1, 8):
        moving.to_turn(turn)
        told.eta, told.momentum = eta.at(turn), momentum.at(turn)
        if not told.momentum:
            told.momentum = 1e-300  # a 0 would have no velocity
        moving.step(a, a**3 - turn)
        told.step(b, b**3 - turn)
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert moving.state().keys() == told.state().keys()


def test_one_example_at_a_time_follows_the_schedule_too() -> None:
    """Held against the same game whose optimizer is told its eta before each turn."""

    def made(eta: Any) -> Classification:
        layers: list[Any] = [{"type": "dense", "units": 3, "activation": "tanh"}, {"type": "dense", "units": 1}]
        one = Classification(Player(layers, {"type": "gradient_descent", "eta": eta}))
        x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
        data = Examples(x, np.array([[-1.0], [1], [1], [-1]]))
        one.build(Split(data, data), 1, Streams(0), np.float64)
        return one

    schedule = {"from": 0.1, "to": 0.02, "over": 4}
    moving, told = made(schedule), made(0.1)
    seen = moving.turns(6, measure=True)
    assert seen["scheduled"]["network"]["eta"] == 0.02
    for turn in range(1, 7):
        told.player.optimizer.eta = NonNegativeSchedule.of(schedule).at(turn)
        told.turns(1)
    np.testing.assert_allclose(moving.player.network.theta, told.player.network.theta, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "wasserstein", "real_labels": [{"from": 1, "to": 0.9, "over": 3}, 1.0]}, "has no labels to smooth"),
        ({"loss": "relativistic", "label_swap": {"from": 0, "to": 0.1, "over": 3}}, "has no labels to swap"),
        ({"real_labels": [{"from": 0.5, "to": 1, "over": 3}, 0.9]}, "expects an interval"),
        (
            {"real_labels": [{"from": 0.5, "to": 0.9, "over": 3}, {"from": 0.6, "to": 1.0, "over": 10**9}]},
            "expects an interval",
        ),
        ({"real_labels": {"from": 0.5, "to": 0.9, "over": 3}}, r"a list, each .*, over: 3\}$"),
    ],
    ids=str,
)
def test_labels_are_refused_for_what_they_come_to_be(options: dict[str, Any], message: str) -> None:
    one = {"type": "dense", "units": 1}
    with pytest.raises(SpecError, match=message):
        Adversarial.of({"type": "adversarial", "generator": {"layers": [one]}, "discriminator": {"layers": [one]}} | options)


@pytest.mark.parametrize("kind", [NonNegativeSchedule, ShareSchedule, MomentumSchedule, DecaySchedule, TimesSchedule])
def test_every_kind_says_what_it_is_of_and_has_the_options_of_all(kind: type[Schedule]) -> None:
    assert summary(kind) != summary(Schedule)
    assert options(kind) == options(Schedule)
