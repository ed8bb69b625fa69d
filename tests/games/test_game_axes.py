"""Directions of the latent along which most changes."""

from __future__ import annotations

import numpy as np
import pytest
from test_recovery import built

from dessine.games.axes import of_activations, of_weights
from dessine.nn import Mode
from dessine.streams import Held

END = {"type": "dense", "units": 16, "activation": "sigmoid"}


def test_directions_of_weights_are_the_singular_vectors_of_the_first_layer():
    game = built([{"type": "dense", "units": 8, "activation": "relu"}, END], {"size": 5}, repeats=2)
    layer = game.generator.layers[0]
    layer.b[...] = 3.0
    u, s, _ = np.linalg.svd(layer.w[0])
    found = of_weights(game)
    np.testing.assert_allclose(found.shares, s**2 / (s**2).sum())
    np.testing.assert_allclose(np.abs((found.vectors * u.T).sum(1)), 1)
    assert (found.vectors[np.arange(5), np.abs(found.vectors).argmax(1)] > 0).all()
    assert found.of == "weights of layer 0, dense"
    assert layer.activation.type == "relu"  # as before


CONVOLUTIONS = [
    [
        {"type": "reshape", "shape": [1, 1, 5]},
        {"type": "conv2d_transpose", "channels": 6, "kernel": 2, "stride": 1, "padding": 0},
    ],
    [{"type": "reshape", "shape": [5, 1, 1]}, {"type": "conv2d", "channels": 3, "kernel": [2, 1], "activation": "tanh"}],
    [{"type": "noise", "size": 2}, {"type": "dense", "units": 4, "bias": False}],
]


@pytest.mark.parametrize("layers", CONVOLUTIONS)
def test_any_layer_of_weighted_sums_has_them(layers):
    game = built([*layers, END], {"size": 5})
    found, net = of_weights(game), game.generator.network
    z = np.zeros((1, 1, 5))
    straight = layers[1].get("activation") is None

    def made(z):
        mode = Mode(Held(0), train=False, record=False)
        y = net.forward(z, mode, 2)[0].reshape(-1)
        return y if straight else np.arctanh(y)

    gains = np.array([np.square(made(z + v) - made(z)).sum() for v in found.vectors])
    np.testing.assert_allclose(gains / gains.sum(), found.shares, atol=1e-12)
    assert (np.diff(gains) <= 1e-12).all()
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(5), atol=1e-12)


def test_layers_that_are_no_weighted_sums_are_named():
    game = built([{"type": "maxout", "units": 4, "pieces": 2}, END])
    with pytest.raises(ValueError, match="layer 0, 'maxout', makes no weighted sums of the latent; take --by activations"):
        of_weights(game)


def test_directions_of_activations_of_a_straight_layer_are_those_of_its_weights():
    game = built([{"type": "dense", "units": 4, "bias": False}, END], {"size": 4})
    game.generator.layers[0].w[...] = np.diag([9.0, 4.0, 2.0, 1.0])
    found = of_activations(game, 0, layer=0)
    np.testing.assert_allclose(np.abs(found.vectors), np.eye(4), atol=0.15)
    np.testing.assert_allclose(found.shares, np.array([81, 16, 4, 1]) / 102, atol=0.03)


def test_activations_are_those_of_the_first_bent_layer_unless_one_is_named():
    game = built([{"type": "dense", "units": 8}, "batch_norm", {"type": "activation", "function": "relu"}, END])
    assert of_activations(game, 0).of == "answers of layer 2, activation"
    assert of_activations(game, 0, 3).of == "answers of layer 3, dense"
    assert 0.5 < of_activations(game, 0).shares.sum() <= 1
    np.testing.assert_array_equal(of_activations(game, 0).vectors, of_activations(game, 0).vectors)
    for layer in (-1, 4):
        with pytest.raises(ValueError, match=r"no layer -?\d: there are 0 to 3"):
            of_activations(game, 0, layer)


def test_answers_that_never_change_have_no_directions():
    game = built([{"type": "dense", "units": 8, "init": "zeros"}, END])
    assert len(of_activations(game, 0).vectors) == 0


def test_layers_before_the_weights_may_bend_what_the_latent_is():
    game = built([{"type": "activation", "function": "tanh"}, {"type": "dense", "units": 8}, END])
    with pytest.raises(ValueError, match="layer 1, 'dense', makes no weighted sums"):
        of_weights(game)


def test_a_generator_without_weights_is_told():
    game = built([{"type": "reshape", "shape": [4, 4, 1]}], {"size": 16})
    with pytest.raises(ValueError, match="no layer of its generator has weights"):
        of_weights(game)
