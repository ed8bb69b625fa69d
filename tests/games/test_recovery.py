"""Latents found by descent through a generator."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.dataset import Examples, Split
from dessine.games import Adversarial
from dessine.games.recovery import recover
from dessine.streams import Streams


def built(layers, latent=None, repeats=1, dtype=np.float64):
    game = Adversarial.of(
        {
            "type": "adversarial",
            "generator": {"layers": layers},
            "discriminator": {"layers": [{"type": "dense", "units": 1}]},
            "latent": latent or {"size": 3},
            "scored": 0,
        }
    )
    rng = np.random.default_rng(0)
    parts = (Examples(rng.integers(0, 256, (n, 4, 4, 1)).astype(np.uint8), None) for n in (30, 30))
    game.build(Split(*parts), 4, Streams(1, repeats), dtype)
    return game


SMOOTH = [
    {"type": "dense", "units": 8, "activation": "tanh"},
    "batch_norm",
    {"type": "dense", "units": 16, "activation": "sigmoid"},
]


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("latent", [{"size": 3}, {"size": 3, "distribution": "uniform", "limit": 2.0}])
def test_what_it_has_drawn_is_found_again(latent, repeats):
    game = built(SMOOTH, latent, repeats)
    z = game.latent.draw(Streams(9, repeats), 5, game.dtype)
    found = recover(game, game.drawn_from(z, Streams(0, repeats))[0], 0)
    assert found.error.max() < 1e-6
    np.testing.assert_allclose(found.latents, z[0], atol=0.02)
    np.testing.assert_allclose(
        found.x, game.drawn_from(np.stack([found.latents] * repeats), Streams(0, repeats))[0], atol=1e-12
    )
    assert found.tried.shape == (5, 4)
    np.testing.assert_array_equal(found.tried.min(1), found.error)


def test_a_descent_never_ends_above_where_it_began():
    game = built(SMOOTH)
    targets = np.random.default_rng(1).random((6, 4, 4, 1))
    before = recover(game, targets, 0, steps=0)
    after = recover(game, targets, 0, steps=50)
    assert (after.tried <= before.tried).all()
    assert (after.error < before.error).all()


def test_same_seed_same_latents_and_weights_stand_still():
    game = built(SMOOTH, dtype=np.float32)
    theta, buffers = game.generator.network.theta.copy(), game.generator.network.buffers.copy()
    targets = np.random.default_rng(1).random((3, 4, 4, 1))
    a, b, c = (recover(game, targets, seed, steps=20) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.latents, b.latents)
    assert not np.array_equal(a.latents, c.latents)
    np.testing.assert_array_equal(game.generator.network.theta, theta)
    np.testing.assert_array_equal(game.generator.network.buffers, buffers)
    assert not game.generator.network.grad.any()


def test_many_pictures_are_found_as_each_alone():
    game = built(SMOOTH)
    targets = np.random.default_rng(1).random((9, 4, 4, 1))
    every, told = recover(game, targets, 0, restarts=40, steps=5, tell=(ends := []).append), ends
    alone = [recover(game, targets[i : i + 1], 0, restarts=40, steps=5) for i in range(9)]
    np.testing.assert_allclose(every.latents, np.concatenate([one.latents for one in alone]), atol=1e-12)
    assert told == [200, 160]


def test_latents_keep_to_where_they_may_have_been_drawn():
    for latent in ({"size": 3}, {"size": 3, "distribution": "uniform"}):
        game = built([{"type": "dense", "units": 16, "init": {"type": "gaussian", "std": 0.01}}], latent)
        z = recover(game, np.full((1, 4, 4, 1), 50.0), 0).latents
        near = z.copy()
        game.latent.within_(near)
        np.testing.assert_allclose(near, z, rtol=1e-12)
        assert np.abs(z).max() > 0.9


def test_noise_of_a_generator_is_held_still():
    game = built([{"type": "noise", "size": 2}, *SMOOTH])
    targets = np.random.default_rng(1).random((3, 4, 4, 1))
    before, after = (recover(game, targets, 0, steps=n) for n in (0, 60))
    assert (after.error < before.error).all()


def test_a_generator_that_has_run_away_is_told():
    game = built(SMOOTH)
    game.generator.network.theta[...] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        recover(game, np.zeros((1, 4, 4, 1)), 0)
