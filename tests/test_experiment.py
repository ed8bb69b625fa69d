"""The loop's own arithmetic: when something is written, how it is summed up, and where numbers went wrong."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.experiment import Experiment, Pace, summarise
from dessine.games.watch import Watch, told
from dessine.schema import check

SPEC = {
    "data": {"type": "ring", "points": 50},
    "game": {
        "type": "adversarial",
        "latent": {"size": 2},
        "generator": {"layers": [{"type": "dense", "units": 4}, {"type": "batch_norm"}, {"type": "dense", "units": 2}]},
        "discriminator": {"layers": [{"type": "dense", "units": 4, "activation": "relu"}, {"type": "dense", "units": 1}]},
    },
    "training": {"steps": 100, "batch_size": 10},
    "outputs": {"metrics": 7, "samples": 10, "checkpoint": 25},
    "repeats": 3,
}


def built(**changes: object) -> Experiment:
    experiment: Experiment = check(Experiment, SPEC | changes).node
    experiment.build()
    return experiment


def test_portions_end_where_something_is_written():
    experiment, step, seen = built(), 0, []
    while step < experiment.steps:
        seen.append(step := experiment.next_event(step))
    first = {1, 2, 3, 4, 5, 6, 7, 9}  # points move fast in the beginning
    wanted = {*first, *range(7, 100, 7), *range(10, 100, 10), *range(25, 100, 25), 100}
    assert seen == sorted(wanted)


def test_what_moves_fast_is_shown_more_often_in_the_beginning_and_never_too_often():
    experiment = built(training={"steps": 100_000, "batch_size": 10}, outputs={})
    shown = [step for step in range(100_001) if experiment.is_shown(step)]
    assert shown[:10] == [0, 1, 2, 3, 4, 5, 6, 7, 9, 11]
    assert set(range(0, 6001, 100)) <= set(shown)
    assert 60 < len(shown) < 250
    assert shown[-1] == 100_000
    asked = built(training={"steps": 10_000, "batch_size": 10}, outputs={"samples": 100})
    assert set(range(0, 10_001, 100)) <= {step for step in range(10_001) if asked.is_shown(step)}
    assert not any(map(built(outputs={"samples": 0}).is_shown, range(101)))


def test_last_step_is_logged():
    experiment = built()
    assert [step for step in range(1, 101) if experiment.is_logged(step)] == [*range(7, 100, 7), 100]


def test_the_game_averages_between_the_lines_that_are_written():
    assert built().game.metrics_period == 7


def test_epochs_are_passes_over_the_data():
    assert built(training={"epochs": 3, "batch_size": 20}).steps == 3 * 2
    assert built(training={"epochs": 1, "batch_size": 50}).steps == 1


def test_pace_follows_the_speed_and_at_most_doubles(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    pace, portions = Pace(0.1), []
    for _ in range(8):
        portions.append(pace.turns)
        with pace.timed(pace.turns):
            now[0] += 0.004 * pace.turns
    assert portions == [1, 2, 4, 8, 16, 25, 25, 25]
    with pace.timed(25):
        now[0] += 25.0
    assert pace.turns == 1


def test_best_is_the_mean_of_the_repeats_that_have_a_number():
    records = [
        {"step": 1, "loss": {"d": [3.0, 5.0]}, "success": 0.5},
        {"step": 2, "loss": {"d": [1.0, None]}, "success": 0.7},
        {"step": 3, "loss": {"d": [None, None]}, "success": None},
    ]
    summary = summarise(records, {"loss.d": "min", "success": "max", "absent": "min"})
    assert summary["last"] == records[-1]
    assert summary["best"] == {"loss.d": {"value": 1.0, "step": 2}, "success": {"value": 0.7, "step": 2}}
    assert summarise([], {"loss.d": "min"}) == {"last": {}, "best": {}}


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
