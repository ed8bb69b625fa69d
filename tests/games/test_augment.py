"""Augmentation: exact transposes, gradients through it, and a p that follows what the discriminator says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial
from dessine.games.field import same_draws
from dessine.games.jacobian import Jacobian
from dessine.games.look import Look
from dessine.games.remedies import Augment
from dessine.losses import GameLoss
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
ALL = {"translate": 0.3, "flip": True, "cutout": 0.5, "p": 0.8}


def drawn(x: Array, low: float = -1.0, **options: Any) -> Any:
    one = Augment(**options)
    one.attach(len(x), low, GameLoss.of("hinge"))
    return one.draw(x, Streams(0, len(x))["augment"])


def some(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    "options", [ALL, {"cutout": 0}, {"translate": 0}, {"translate": 0, "cutout": 0, "flip": True}], ids=str
)
@pytest.mark.parametrize("shape", [(7, 5, 3), (6, 8, 1)])
def test_the_way_back_is_the_exact_transpose(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    x, t, y = some(2, 9, *shape), some(2, 9, *shape, seed=1), some(2, 9, *shape, seed=2)
    one = drawn(x, **options)
    assert float((one.along(t) * y).sum()) == pytest.approx(float((t * one.back(y)).sum()), rel=1e-12)
    np.testing.assert_allclose(one.show(x + t) - one.show(x), one.along(t), atol=1e-12)
    pixels = x[0, 0, ..., 0].size
    a = np.stack([one.along(np.broadcast_to(e.reshape(*shape[:2], 1), x.shape))[..., 0] for e in np.eye(pixels)], -1)
    assert set(np.unique(a)) <= {0.0, 1.0}
    assert a.sum(-1).max() <= 1  # a shown pixel is one of the image's, and none is shown twice
    assert a.sum((-2, -3)).max() <= 1


def test_each_change_does_what_it_says() -> None:
    x = np.arange(1.0, 1 + 8 * 8).reshape(1, 1, 8, 8, 1) * np.ones((1, 400, 1, 1, 1))
    shown = drawn(x, translate=0.25, cutout=0, low=0.0).show(x)[0, ..., 0]
    shifts = set()
    for one in shown:
        (i, *_), (j, *_) = np.nonzero(one)
        first = int(one[i, j]) - 1
        down, right = i - first // 8, j - first % 8
        expected = np.zeros((8, 8))
        expected[max(down, 0) : 8 + min(down, 0), max(right, 0) : 8 + min(right, 0)] = x[
            0, 0, max(-down, 0) : 8 - max(down, 0), max(-right, 0) : 8 - max(right, 0), 0
        ]
        np.testing.assert_array_equal(one, expected)
        shifts.add((down, right))
    assert shifts == {(a, b) for a in range(-2, 3) for b in range(-2, 3)}
    flipped = drawn(x, translate=0, cutout=0, flip=True).show(x)[0, ..., 0]
    mirrored = (flipped == x[0, 0, :, ::-1, 0]).all((1, 2))
    assert ((flipped == x[0, 0, ..., 0]).all((1, 2)) | mirrored).all()
    assert 150 < mirrored.sum() < 250
    cut = drawn(x, translate=0, cutout=0.5, low=-3.0).show(x)[0, ..., 0] == -3
    assert cut.sum((1, 2)).max() == 16
    assert cut.sum((1, 2)).min() >= 4  # the middle of the square is in the image
    assert (drawn(x, p=0.0).show(x) == x).all()
    assert (drawn(x, p=0.5, translate=0.0).show(x) == x).all((0, 2, 3, 4)).mean() == pytest.approx(0.5, abs=0.08)


def game(seed: int = 0, replicates: int = 1, augment: Any = ALL, layers: Any = (), **options: Any) -> Adversarial:
    """Images of 6 x 6, float64."""

    def player(units: int, held: Any = None) -> dict[str, Any]:
        dense = {"type": "dense", "units": 7, "activation": "tanh"}
        rows = [{"type": "flatten"}, dense, *layers, {"type": "dense", "units": units}]
        return {"layers": rows, "optimizer": {"type": "adam", "eta": 0.01}, "constraint": held}

    held = options.pop("constraint", None)
    made = Adversarial.of(
        {"type": "adversarial", "generator": player(36), "discriminator": player(1, held), "latent": {"size": 3}, "scored": 0}
        | {"augment": augment}
        | options
    )
    data = Examples(np.tanh(some(40, 6, 6, 1)), None, -1.0)
    made.build(Split(data, data), 8, Streams(seed, replicates), np.float64)
    return made


GAMES: dict[str, dict[str, Any]] = {
    "plain": {},
    "adaptive": {"augment": {"target": 0.6, "images": 50}, "n_critic": 2},
    "moving": {"augment": {"p": {"from": 0.0, "to": 1.0, "over": 5}, "flip": True}},
    "packs": {"pack": 2, "instance_noise": {"sigma": 0.1}, "average": 0.9},
    "relativistic": {"loss": "relativistic", "constraint": "r1_r2"},
    "wasserstein": {"loss": "wasserstein", "constraint": "gradient_penalty"},
    "unrolled": {"unrolled": {"steps": 2}},
    "feature_matching": {"feature_matching": {"layer": 1}},
    "extragradient": {"update": "extragradient"},
    "consensus": {"update": "consensus", "augment": {"target": 0.6, "images": 50}},
    "moves": {"moves": {"real": 1, "shared": 1}, "loss": "least_squares", "augment": {"target": 0.2, "images": 50}},
}


@pytest.mark.parametrize("name", GAMES)
def test_resumed_repeated_and_measured_games_are_the_same_game(name: str) -> None:
    straight, again, together = game(4, **GAMES[name]), game(4, **GAMES[name]), game(3, 2, **GAMES[name])
    for _ in range(2):
        straight.turn(measure=True)
    again.restore({key: np.array(value) for key, value in straight.state().items()})
    again.streams.restore(straight.streams.state())
    for _ in range(2):
        straight.turn()
        again.turn()
    for _ in range(4):
        told = together.turn(measure=True)
    for key, value in straight.state().items():
        np.testing.assert_array_equal(value, again.state()[key], err_msg=key)
    np.testing.assert_array_equal(together.generator.network.theta[1], straight.generator.network.theta[0])
    if "target" in GAMES[name].get("augment", {}):
        assert told["augment"].keys() == {"p", "sign"}
        assert straight.augment is not None
        assert told["augment"]["p"][1] == straight.augment.p[0]


@pytest.mark.parametrize("name", ["plain", "packs", "relativistic", "unrolled", "feature_matching"])
def test_the_generators_gradient_goes_through_it(name: str) -> None:
    made = game(**GAMES[name])
    batch = made.batch()
    _ = batch.real, batch.latent
    again, net = same_draws(made.streams), made.generator.network

    def look(by: Array | float = 0.0) -> Look:
        again()
        start = net.theta.copy()
        net.theta += by
        try:
            return made.generator_look(batch)
        finally:
            net.theta[...] = start

    again()
    made.generator_look(batch).gradient()
    grad, way = net.grad.copy(), some(*net.theta.shape, seed=3)
    h = 1e-6
    numeric = (look(h * way).loss - look(-h * way).loss) / (2 * h)
    assert float((grad * way).sum()) == pytest.approx(float(numeric[0]), rel=1e-5)


def test_the_field_is_differentiated_through_it() -> None:
    """u v, u given, by finite differences along a direction: what consensus needs."""
    made = game(augment=ALL, pack=2)
    at = Jacobian(made, made.batch())
    players = made.discriminator.network, made.generator.network

    def field() -> list[Array]:
        for net in players:
            net.grad.fill(0)
        at.field()
        return [net.grad.copy() for net in players]

    u, way, h = [some(*net.theta.shape, seed=5) for net in players], [some(*net.theta.shape, seed=6) for net in players], 1e-6
    for net in players:
        net.grad.fill(0)
    at.pulled(*u)
    exact = sum(float((net.grad * w).sum()) for net, w in zip(players, way, strict=True))
    ends = []
    for sign in (1, -1):
        for net, w in zip(players, way, strict=True):
            net.theta += sign * h * w
        ends.append(sum(float((a * b).sum()) for a, b in zip(u, field(), strict=True)))
        for net, w in zip(players, way, strict=True):
            net.theta -= sign * h * w
    assert exact == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5)
    along = at.along(np.concatenate(way, 1))
    assert float((along * np.concatenate(u, 1)).sum()) == pytest.approx(exact, rel=1e-9)


def test_p_rises_where_real_examples_are_known_by_heart_and_falls_where_not() -> None:
    one = Augment(target=0.6, images=100)
    one.attach(2, 0.0, GameLoss.of("non_saturating"))
    look: Any = Look("discriminator", None, np.zeros(2), [], said={"real": np.array([[2.0, 3, 1, 4], [1, -1, 1, -1]])})  # type: ignore[arg-type]
    for _ in range(3):
        one.follow([look, look], 4)
    np.testing.assert_allclose(one.p, [0.24, 0.0])
    np.testing.assert_array_equal(one.sign, [1.0, 0.0])
    for _ in range(50):
        one.follow([look], 4)
    assert one.p[0] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": {"translate": 0, "cutout": 0}}, "^augment: changes nothing: give translate, flip or cutout$"),
        ({"augment": {"target": 0.6, "p": 0.5}}, "^augment.p: adapts itself to a target: leave it out$"),
        ({"augment": {"target": 0.6}, "loss": "wasserstein"}, "^augment.target: a critic of the wasserstein loss may shift"),
        ({"augment": {"target": 0.6}, "loss": "relativistic"}, "^augment.target: a critic of the relativistic loss may shift"),
        ({"augment": {"translate": 1.5}}, "^augment.translate: expects a number from 0 to 1, got 1.5$"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        game(**options)


@pytest.mark.parametrize("cutout", [0.5, 0.25, 0.375])
def test_what_is_cut_out_lies_as_often_on_one_side_as_on_the_other(cutout: float) -> None:
    """Of all places that the square's middle can have, each once: an even one has one more than there are pixels."""
    augment, side = Augment(cutout=cutout), 8
    places = side + 1 - round(cutout * side) % 2
    blank = augment._blank(side, (np.arange(places) + 0.5) / places)
    assert len(np.unique(blank, axis=0)) == places
    np.testing.assert_array_equal(blank.sum(0), blank.sum(0)[::-1])


def test_points_are_no_images() -> None:
    one = {"layers": [{"type": "dense", "units": 2}]}
    other = {"layers": [{"type": "dense", "units": 1}]}
    made = Adversarial.of({"type": "adversarial", "generator": one, "discriminator": other, "augment": {}})
    data = Examples(some(40, 2), None)
    with pytest.raises(SpecError, match=r"^augment: is of images, and an example of this data is \[2\]$"):
        made.build(Split(data, data), 8, Streams(0), np.float64)
