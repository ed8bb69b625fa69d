"""Runs side by side: settings, means over seeds, and what differs."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.letters import clipped
from dessine.registry import SpecError
from dessine.runs.collection import read_row, survey
from dessine.runs.comparison import ABSENT, apart, differences, each_drawing, ends_of, metrics_of, settings, short_names, shown


@pytest.fixture
def rows(tmp_path):
    return lambda: sorted(survey(tmp_path / "runs"), key=lambda row: row.name)


def test_runs_that_differ_only_in_seed_name_and_outputs_are_one_setting(make_run, rows):
    make_run("a", seed=0, spec={"name": "x", "outputs": {"gif": True}})
    make_run("b", seed=1, spec={"name": "y", "outputs": {"gif": False}})
    make_run("c", seed=0, spec={"training.batch_size": 4})
    made, notes = settings(rows())
    assert [[t.row.name for t in one.tracks] for one in made] == [["a", "b"], ["c"]]
    assert [one.values for one in made] == [{"batch_size": 1}, {"batch_size": 4}]
    assert [one.label for one in made] == ["batch_size=1", "batch_size=4"]
    assert notes == []


def test_a_repeat_that_was_made_twice_counts_once(make_run, rows):
    make_run("a", seed=0, repeats=2, success=[[0.1, 0.2]])
    make_run("b", seed=1, repeats=1, success=[0.2])
    made, notes = settings(rows())
    assert made[0].ends("test_success").tolist() == [0.1, 0.2]
    assert notes == ["b: omitted, its seed and spec are those of a"]


def test_runs_of_a_single_setting_have_a_line_each_and_one_together(make_run, rows):
    for seed, name in enumerate("abc"):
        make_run(name, seed=seed, success=[0.1 * seed])
    made, _ = settings(rows())
    *each, together = apart(made)
    assert [one.label for one in each] == ["a, seed 0", "b, seed 1", "c, seed 2"]
    assert [one.ends("test_success").tolist() for one in each] == [[0.0], [0.1], [0.2]]
    assert (together.label, together.values) == ("mean of all 3", {"run": "all 3"})
    assert together.ends("test_success").tolist() == [0.0, 0.1, 0.2]
    assert [one.label for one in each_drawing(made)] == [one.label for one in each]


def test_several_settings_and_a_single_run_stay_what_they_are(make_run, rows):
    make_run("a", seed=0)
    alone, _ = settings(rows())
    assert apart(alone) == each_drawing(alone) == alone
    make_run("b", seed=1)
    make_run("c", spec={"training.batch_size": 2})
    made, _ = settings(rows())
    assert apart(made) == each_drawing(made) == made


def test_runs_of_one_name_are_told_by_their_folders(make_run, rows, tmp_path):
    for seed, name in enumerate(("x/run", "y/run", "z/run")):
        make_run(name, seed=seed % 2)
    found = [read_row(tmp_path / "runs" / name / "run", "run") for name in "xyz"]
    for row in found:
        row.spec = row.info["spec"]
    made, notes = settings(found)
    assert [one.label for one in each_drawing(made)] == ["x/run, seed 0", "y/run, seed 1"]
    assert notes == ["z/run: omitted, its seed and spec are those of x/run"]
    assert ends_of([tmp_path / "a" / "b", tmp_path / "c"]) == ["b", "c"]


def test_settings_that_look_alike_are_numbered(make_run, rows):
    make_run("a", spec={"game.loss.factor": 0.12345678})
    make_run("b", spec={"game.loss.factor": 0.12345679})
    assert [one.label for one in settings(rows())[0]] == ["1: factor=0.123457", "2: factor=0.123457"]


def test_other_data_are_another_setting(make_run, rows):
    make_run("a", data_checksum="1" * 64)
    make_run("b", data_checksum="2" * 64)
    assert [one.values for one in settings(rows())[0]] == [{"data (checksum)": "1" * 8}, {"data (checksum)": "2" * 8}]


def test_curves_meet_where_either_was_measured(make_run, rows):
    make_run("a", seed=0, success=[0.1, 0.2, 0.3])
    make_run("b", seed=1, success=[0.5])
    (one,) = settings(rows())[0]
    x, values = one.curve("test_success", "step")
    assert x.tolist() == [10, 20, 30]
    np.testing.assert_equal(values, [[0.1, 0.2, 0.3], [0.5, np.nan, np.nan]])
    assert one.curve("test_success", "examples")[0].tolist() == []


def test_the_end_is_the_last_record_even_if_it_is_no_number(make_run, rows):
    make_run("a", repeats=2, success=[[0.1, 0.2], [None, 0.4]])
    np.testing.assert_equal(settings(rows())[0][0].ends("test_success"), [np.nan, 0.4])


def test_metrics_are_the_goals_or_those_named(make_run, rows):
    make_run("a")
    made, _ = settings(rows())
    assert metrics_of(made, []) == ["test_success"]
    assert metrics_of(made, ["test_success"]) == ["test_success"]
    with pytest.raises(SpecError, match="no metric 'sucess'"):
        metrics_of(made, ["sucess"])


def test_a_run_without_records_has_no_metrics(make_run, rows):
    make_run("a", success=[])
    made, _ = settings(rows())
    assert metrics_of(made, []) == []
    with pytest.raises(SpecError, match="no metric was measured"):
        metrics_of(made, ["test_success"])


def test_settings_that_take_too_many_words_are_called_by_their_name(make_run, rows):
    make_run("a", spec={"name": "short", "data": {"type": "ring", "modes": 8, "radius": 1.0, "sigma": 0.05, "points": 20_000}})
    make_run("b", spec={"name": "long"})
    make_run("c", spec={"name": "long", "training.batch_size": 2})
    assert [one.label for one in settings(rows())[0]] == ["short", "2: long", "3: long"]


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (({"a": 1}, {"a": 1}), {}),
        (({"a": 1}, {"a": 2}, {"a": 1}), {"a": [1, 2, 1]}),
        (({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}), {"a.c": [2, 3]}),
        (({"a": 1}, {}), {"a": [1, ABSENT]}),
        (({"a": None}, {}), {"a": [None, ABSENT]}),
        (({"a": True}, {"a": 1}), {"a": [True, 1]}),
        (({"a": [1, 2]}, {"a": [1, 3]}), {"a": [[1, 2], [1, 3]]}),
        (({"a": [{"b": 1}]}, {"a": [{"b": 2}, {"b": 3}]}), {"a[0].b": [1, 2], "a[1]": [ABSENT, {"b": 3}]}),
        (({"a": {"type": "x", "b": 1}}, {"a": {"type": "x", "b": 2}}), {"a.b": [1, 2]}),
        (({"a": {"type": "x"}}, {"a": {"type": "y"}}), {"a": [{"type": "x"}, {"type": "y"}]}),
    ],
)
def test_differences(specs, expected):
    assert differences(specs) == expected


def test_short_names_are_the_shortest_ends_that_tell_keys_apart():
    keys = ["game.generator.optimizer.eta", "game.critic.optimizer.eta", "training.steps"]
    assert list(short_names(keys).values()) == ["generator.optimizer.eta", "critic.optimizer.eta", "steps"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.1, "0.1"),
        (1e-10, "1e-10"),
        ({"type": "adam"}, "adam"),
        ({"type": "adam", "eta": 0.5}, "adam(eta=0.5)"),
        ([1, {"a": "b"}], "[1, {a=b}]"),
    ],
)
def test_values_as_they_are_shown(value, text):
    assert shown(value) == text


def test_clipped_text_spoils_no_terminal():
    assert clipped("a\x1b[31mb\nc", 20) == "a?[31mb?c"
    assert clipped("abcdef", 4) == "abc…"


def test_losses_of_a_gan_rank_nothing(make_run):
    path = make_run("gan", goals={"loss.generator": "min"}, spec={"game": {"type": "adversarial"}})
    (path / "metrics.jsonl").write_text('{"step": 1, "loss": {"generator": 0.5}}\n')
    row = read_row(path, "gan")
    assert row is not None
    with pytest.raises(SpecError, match="losses do not"):
        metrics_of(settings([row])[0], [])
    assert metrics_of(settings([row])[0], ["loss.generator"]) == ["loss.generator"]
