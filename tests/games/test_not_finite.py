"""Where numbers stop being finite."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.games.watch import Watch, told
from small_game import SPEC, built


@pytest.fixture
def game():
    with np.errstate(all="ignore"):
        yield built().game


def test_replay_disturbs_nothing(game):
    twin = built().game
    watch = Watch(game, 0, [])
    for step in range(1, 13):
        for one in (game, twin):
            if step == 5:
                one.players["generator"].network.theta[1, 0] = np.nan
            seen = one.turn()
        if step % 4 == 0:
            watch.look(step, seen)
    assert [(one["repeat"], one["player"]) for one in watch.found] == [(1, "discriminator")]
    assert watch.found[0]["step"] == 8  # what has broken it cannot be played again
    for name, value in twin.state().items():
        np.testing.assert_array_equal(game.state()[name], value)
    assert game.streams.state() == twin.streams.state()


def test_first_layer_whose_output_is_not_finite_is_named(game):
    watch = Watch(game, 0, [])
    watch.arrays["discriminator.theta"][2] = 3e38  # finite, but the sums are not
    game.players["discriminator"].network.theta[2] = np.inf
    (found,) = watch.look(2, game.turn())
    assert found == {"step": 1, "repeat": 2, "player": "discriminator", "layer": "0.dense", "what": "output"}
    assert told(found, 3) == "non-finite numbers began at step 1, repeat 2: discriminator, layer 0.dense (output)"
    assert told(found, 1) == "non-finite numbers began at step 1: discriminator, layer 0.dense (output)"


def test_each_repeat_is_told_once(game):
    watch = Watch(game, 0, [])
    for r in (0, 2):
        watch.arrays["generator.theta"][r] = np.inf
        game.players["generator"].network.theta[r] = np.inf
    assert [one["repeat"] for one in watch.look(1, game.turn())] == [0, 2]
    assert watch.look(2, game.turn()) == []
    assert watch.gone.tolist() == [True, False, True]


def test_layers_are_plain_again_after_a_replay(game):
    before = {name: list(player.network.layers) for name, player in game.players.items()}
    test_each_repeat_is_told_once(game)
    assert {name: player.network.layers for name, player in game.players.items()} == before


def test_layer_inside_another_is_named_by_both():
    block = {
        "type": "residual",
        "layers": [{"type": "dense", "units": 3, "activation": "swish"}, {"type": "dense", "units": 4}],
    }
    layers = [{"type": "dense", "units": 4}, block, {"type": "dense", "units": 1}]
    game = built(game=SPEC["game"] | {"discriminator": {"layers": layers}}).game
    watch, network = Watch(game, 0, []), game.players["discriminator"].network
    inside = list(network.rows["1.residual."])
    watch.arrays["discriminator.theta"][1, network.slices["1.residual.1.dense"]] = 3e38
    network.theta[1] = np.inf
    with np.errstate(all="ignore"):
        (found,) = watch.look(2, game.turn())
    assert (found["repeat"], found["layer"], found["what"]) == (1, "1.residual.1.dense", "output")
    assert network.rows["1.residual."] == inside  # nobody watches now
