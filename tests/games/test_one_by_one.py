"""Compiled stretches of turns: the plain turns to rounding, and the same bits however they are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Classification
from dessine.games.watch import Watch
from dessine.streams import Streams

pytest.importorskip("numba")


@pytest.fixture(autouse=True)
def _compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESSINE_COMPILED", raising=False)


ACTIVATIONS: list[Any] = [
    {"type": "linear", "slope": 0.7},
    {"type": "sigmoid", "mu": 0.7},
    {"type": "centred_sigmoid", "mu": 0.7},
    {"type": "tanh", "k": 1.2, "alpha": 0.8},
    "relu",
    "leaky_relu",
    "softplus",
    "softmax",
]
LOSSES = [{"type": "quadratic", "factor": 0.8}, "binary_cross_entropy", "softmax_cross_entropy"]


def game(
    layers: list[Any], loss: Any = "quadratic", replicates: int = 1, seed: int = 0, pixels: bool = True, **rule: Any
) -> Classification:
    """Three classes, 30 examples, one at a time, float64; pixels are mostly 0."""
    rng = np.random.default_rng(5)
    images = (rng.integers(0, 256, (30, 3, 3, 1)) * (rng.random((30, 3, 3, 1)) < 0.4)).astype(np.uint8)
    examples = Examples(images if pixels else rng.standard_normal((30, 9)), rng.integers(0, 3, 30))
    optimizer = {"type": "gradient_descent", "eta": 0.1, **rule}
    network = {"layers": layers, "optimizer": optimizer}
    made = Classification.of({"type": "classification", "loss": loss, "network": network})
    made.build(Split(examples, examples), 1, Streams(seed, replicates), np.float64)
    made.metrics_period = 10
    return made


def chain(activation: Any = "tanh", last: Any = "linear", widest: int = 20) -> list[Any]:
    """9-20-4-3, the middle without biases; if its widest layer has 16 units or fewer, replicates learn side by side."""
    return [
        {"type": "dense", "units": widest, "activation": activation},
        {"type": "dense", "units": 4, "activation": activation, "bias": False},
        {"type": "dense", "units": 3, "activation": last},
    ]


def theta(made: Classification) -> np.ndarray:
    return made.player.network.theta


@pytest.mark.parametrize("widest", [20, 5])
@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_stretches_are_the_plain_turns_to_rounding(activation: Any, loss: Any, momentum: float, widest: int) -> None:
    layers = chain(activation, activation if loss == LOSSES[0] else "linear", widest)
    for pixels in (True, False):
        plain, compiled = (game(layers, loss, 2, pixels=pixels, momentum=momentum) for _ in range(2))
        assert compiled.one_by_one is not None
        assert compiled.one_by_one.narrow == (widest == 5 and activation != "softmax")
        plain.one_by_one = None
        for n in (1, 9, 25):
            expected, seen = plain.turns(n, measure=True), compiled.turns(n, measure=True)
            np.testing.assert_allclose(seen["loss"]["network"], expected["loss"]["network"], rtol=1e-11)
            assert seen["layers"].keys() == expected["layers"].keys()
        np.testing.assert_allclose(theta(compiled), theta(plain), rtol=1e-10, atol=1e-12)
        assert compiled.batches.cursor == plain.batches.cursor
        assert compiled.player.optimizer.t == plain.player.optimizer.t == 35


@pytest.mark.parametrize("widest", [20, 5])
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_neither_where_stretches_end_nor_what_is_measured_changes_a_bit(momentum: float, widest: int) -> None:
    once, often = (game(chain(widest=widest), momentum=momentum) for _ in range(2))
    once.turns(70)
    for n in (1, 33, 6, 30):
        often.turns(n, measure=n != 6)
    for name, value in once.state().items():
        np.testing.assert_array_equal(often.state()[name], value, err_msg=name)


ETA = {"from": 0.2, "to": 0.01, "over": 50, "shape": "exponential"}
MOMENTUM = {"from": 0.0, "to": 0.8, "over": 40, "shape": "steps"}


@pytest.mark.parametrize("widest", [20, 5])
@pytest.mark.parametrize("rule", [{"eta": ETA}, {"momentum": MOMENTUM}, {"eta": ETA, "momentum": MOMENTUM}], ids=str)
def test_numbers_that_move_stay_in_compiled_code(rule: dict[str, Any], widest: int) -> None:
    plain, once, often = (game(chain(widest=widest), replicates=2, **rule) for _ in range(3))
    assert once.one_by_one is not None
    plain.one_by_one = None
    expected, seen = plain.turns(70, measure=True), once.turns(70, measure=True)
    np.testing.assert_allclose(theta(once), theta(plain), rtol=1e-10, atol=1e-12)
    assert str(seen["scheduled"]) == str(expected["scheduled"])
    for n in (1, 33, 6, 30):
        often.turns(n, measure=n != 6)
    for name, value in once.state().items():
        np.testing.assert_array_equal(often.state()[name], value, err_msg=name)


@pytest.mark.parametrize("widest", [20, 5])
def test_a_schedule_that_stands_still_has_the_bits_of_its_number(widest: int) -> None:
    still = {"from": 0.3, "to": 0.3, "over": 50, "shape": "exponential"}
    number, schedule = (game(chain(widest=widest), eta=one, momentum=one) for one in (0.3, still))
    for made in (number, schedule):
        made.turns(60)
    np.testing.assert_array_equal(theta(number), theta(schedule))


@pytest.mark.parametrize("widest", [20, 5])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus"])
@pytest.mark.parametrize("replicates", [3, 35])
def test_a_repeat_is_the_single_run_with_its_seed(replicates: int, activation: str, widest: int) -> None:
    layers = chain(activation, widest=widest)
    together = game(layers, replicates=replicates, momentum=0.5)
    told = together.turns(45, measure=True)
    for r in range(0, replicates, 2):
        alone = game(layers, seed=r, momentum=0.5)
        assert alone.turns(45, measure=True)["loss"]["network"] == told["loss"]["network"][r]
        np.testing.assert_array_equal(theta(together)[r], theta(alone)[0])


@pytest.mark.parametrize("widest", [20, 5])
def test_a_replicate_that_diverges_leaves_the_others_alone(widest: int) -> None:
    broken, whole = (game(chain(widest=widest), replicates=2) for _ in range(2))
    theta(broken)[0] = np.nan
    for made in (broken, whole):
        made.turns(40)
    np.testing.assert_array_equal(theta(broken)[1], theta(whole)[1])
    assert not np.isfinite(theta(broken)[0]).any()


@pytest.mark.parametrize(("activation", "eta", "seed"), [("tanh", 1e20, 5), ("sigmoid", 1e4, 1), ("linear", 1.0, 0)])
def test_the_watch_names_the_turn_in_which_a_stretch_stopped_being_finite(activation: str, eta: float, seed: int) -> None:
    """Plain turns of the first two stop being finite in the turn before."""
    alone, made = (game(chain(activation), eta=eta, seed=seed) for _ in range(2))
    with np.errstate(all="ignore"):
        watch = Watch(made, 0, [])
        (found,) = watch.look(40, made.turns(40, measure=True))
        assert np.isfinite(alone.turns(found["step"] - 1)["loss"]["network"]).all()
        assert np.isfinite(theta(alone)).all()
        loss = alone.turns(1)["loss"]["network"]
    assert not np.isfinite([*loss, *theta(alone)[0]]).all()


@pytest.mark.parametrize(
    ("layers", "rule"),
    [
        ([{"type": "dense", "units": 8}, {"type": "dropout", "p": 0.5}, {"type": "dense", "units": 3}], {}),
        ([{"type": "dense", "units": 3}], {"weight_decay": 0.1}),
        ([{"type": "activation", "function": "relu"}, {"type": "dense", "units": 3}], {}),
        (
            [
                {"type": "dense", "units": 6},
                {"type": "reshape", "shape": [2, 3]},
                {"type": "activation", "function": "softmax"},  # of each row alone
                {"type": "dense", "units": 3},
            ],
            {},
        ),
    ],
)
def test_what_is_no_plain_chain_is_learnt_in_plain_turns(layers: list[Any], rule: dict[str, float]) -> None:
    assert game(layers, **rule).one_by_one is None


def test_an_activation_by_itself_belongs_to_the_layer_before() -> None:
    apart = [{"type": "flatten"}, {"type": "dense", "units": 5}, {"type": "activation", "function": "tanh"}]
    own = [{"type": "dense", "units": 5, "activation": "tanh"}]
    ends = []
    for layers in (apart, own):
        made = game([*layers, {"type": "dense", "units": 3}])
        theta(made)[:] = np.linspace(-1, 1, theta(made).size)
        made.turns(20)
        ends.append(theta(made))
    np.testing.assert_array_equal(*ends)


def test_nothing_is_compiled_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_COMPILED", "0")
    assert game(chain()).one_by_one is None
