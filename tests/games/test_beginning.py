"""A generator that begins at the mean of what it is to draw."""

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial, Player
from dessine.games.beginning import mean
from dessine.nn.activations import Activation
from dessine.registry import SpecError
from dessine.streams import Streams

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 2), np.uint8)


def built(*last, low=0.0, missing="", **options):
    train = Examples(PIXELS, None, low)
    layers = [{"type": "dense", "units": 32}, *last]
    game = Adversarial(Player(layers), Player(["flatten", {"type": "dense", "units": 1}]), **{"begin_at_mean": True} | options)
    game.build(Split(train, train, missing=missing), 5, Streams(0, 2), "float32")
    return game


def begins_at(game):
    """What sums of 0 become, (R, *shape)."""
    player = game.generator
    for name, w in player.network.parameters().items():
        if name.endswith(".w"):
            w[...] = 0
    return game.drawn(3, game.fixed())[:, 0]


@pytest.mark.parametrize(
    ("last", "low"),
    [
        ([{"type": "dense", "units": 32, "activation": "sigmoid"}], 0),
        ([{"type": "dense", "units": 32, "activation": {"type": "tanh", "k": 1.5, "alpha": 0.7}}], -1),
        ([{"type": "dense", "units": 32}, {"type": "activation", "function": {"type": "centred_sigmoid", "mu": 2}}], -1),
        ([{"type": "dense", "units": 32, "activation": {"type": "linear", "slope": 2}}], 0),
        ([{"type": "dense", "units": 32, "activation": "sigmoid"}, {"type": "reshape", "shape": [4, 4, 2]}], 0),
    ],
)
def test_sums_of_0_give_the_mean_of_every_pixel(last, low):
    game = built(*last, low=low)
    expected = PIXELS.mean(0) / 255 * (1 - low) + low
    assert np.allclose(begins_at(game), expected, atol=1e-6)


def test_a_convolution_has_the_mean_of_each_channel():
    game = built(
        {"type": "reshape", "shape": [4, 4, 2]}, {"type": "conv2d", "channels": 2, "padding": "same", "activation": "sigmoid"}
    )
    expected = np.broadcast_to(PIXELS.mean((0, 1, 2)) / 255, (4, 4, 2))
    assert np.allclose(begins_at(game), expected, atol=1e-6)


def test_nothing_else_begins_elsewhere():
    plain, game = (built({"type": "dense", "units": 32, "activation": "sigmoid"}, begin_at_mean=b) for b in (False, True))
    for player in ("generator", "discriminator"):
        ours, theirs = (game.players[player].network.parameters() for game in (game, plain))
        for name in ours:
            assert np.array_equal(ours[name], theirs[name]) == ((player, name) != ("generator", "1.dense.b"))


def test_without_its_data_it_is_built_all_the_same():
    assert (
        not built({"type": "dense", "units": 32, "activation": "sigmoid"}, missing="gone")
        .generator.network.parameters()["1.dense.b"]
        .any()
    )


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ([{"type": "dense", "units": 32, "activation": "relu"}], "no bias makes relu"),
        ([{"type": "dense", "units": 32, "bias": False}, {"type": "activation", "function": "sigmoid"}], "without biases"),
        ([{"type": "dense", "units": 32}, "batch_norm"], "those of batch_norm"),
        ([{"type": "dense", "units": 32, "activation": {"type": "linear", "slope": 0}}], "no bias makes linear"),
    ],
)
def test_where_no_bias_can_do_it_that_is_said(last, message):
    with pytest.raises(SpecError, match=message) as error:
        built(*last)
    assert error.value.problems[0].path == ("begin_at_mean",) or "begin_at_mean" in str(error.value.problems[0])


def test_inverses_undo_and_stay_finite_at_the_ends():
    for spec in ("linear", {"type": "sigmoid", "mu": 0.3}, {"type": "centred_sigmoid", "mu": 3}, {"type": "tanh", "k": 2}):
        f = Activation.of(spec)
        x = np.linspace(-2, 2, 9)
        assert np.allclose(f.inverse(f.forward(x)[0]), x)
        assert np.isfinite(f.inverse(np.array([-9.0, 0.0, 1.0, 9.0]))).all()
    assert Activation.of("relu").inverse(np.zeros(1)) is None


def test_the_mean_is_the_same_in_parts(monkeypatch):
    examples = Examples(PIXELS, None, -1.0)
    whole = mean(examples)
    monkeypatch.setattr(Examples, "at_once", lambda *_: 7)
    assert np.allclose(mean(examples), whole)
    assert np.allclose(whole, PIXELS.mean(0) / 127.5 - 1)
