"""When a run writes something."""

from __future__ import annotations

from small_game import built


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
