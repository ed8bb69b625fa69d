"""Searches whose runs are written by hand: what a trial is worth, and how a stopped search goes on."""

import json

import pytest
from made import finish, sweep_folder

from dessine.spec import Document
from dessine.sweeps.cells import Planner, Search, Sweep
from dessine.sweeps.running import Outcome, Running
from dessine.sweeps.search import SearchError, SearchFeed, probes

pytest.importorskip("optuna")

AXES = {
    "grid": {"kind": ["a", {"type": "b"}, [1, 2]]},
    "zip": [{"p": [1, 2], "q": [3, 4]}],
    "random": {"eta": "log_uniform(1e-4, 1.0)", "n": "uniform(1, 9)"},
}
DONE, FAILED, STOPPED = Outcome("completed"), Outcome("failed", "why"), Outcome("interrupted")


@pytest.fixture
def folder(tmp_path):
    return sweep_folder(tmp_path / "s")


def feed(folder, trials=4, axes=AXES, seeds=None, **options):
    sweep = Sweep.of({"base": "b.yaml", "axes": axes, "seeds": seeds})
    planner = Planner(sweep, Document({"seed": 0}, ""), lambda document: document.data)
    search = Search(trials, "score", options.pop("direction", "maximize"), options.pop("sampler", "tpe"))
    return SearchFeed(planner, search, "score", folder, **options)


def end(search, cell, score=None, outcome=DONE):
    if score is not None:
        finish(search.folder.run(cell), cell.overrides, seed=cell.seed or 0, records=[{"step": 1, "score": score}])
    elif outcome is FAILED:
        finish(search.folder.run(cell), cell.overrides, status="failed")
    elif outcome is STOPPED:
        finish(search.folder.run(cell), cell.overrides, status="interrupted")
    search.ended(cell, outcome)


def values(search):
    return [(t.state.name, t.value) for t in search.study.get_trials()]


def test_a_trial_takes_one_value_of_every_axis(folder):
    cell = feed(folder).take()
    assert cell.values["kind"] in AXES["grid"]["kind"]
    assert (cell.values["p"], cell.values["q"]) in [(1, 3), (2, 4)]
    assert 1e-4 <= cell.values["eta"] <= 1
    assert cell.values["n"] in range(1, 10)


def test_the_folders_of_trials_are_found_without_making_a_cell(folder):
    search = feed(folder, trials=2, seeds=2)
    while (cell := search.take()) is not None:
        end(search, cell, score=1.0)
    search.planner.resolve = None
    assert [len(names) for names in search.trials] == [2, 2]
    assert {name for names in search.trials for name in names} == {path.name for path in folder.cells.iterdir()}


def test_a_trial_is_worth_the_mean_over_its_seeds(folder):
    search = feed(folder, trials=1, seeds=2)
    first, second = search.take(), search.take()
    assert (first.seed, second.seed, first.values == second.values) == (0, 1, True)
    end(search, first, 1.0)
    assert values(search) == [("RUNNING", None)]
    end(search, second, 2.0)
    assert values(search) == [("COMPLETE", 1.5)]
    assert search.take() is None
    assert search.all_well()


def test_a_failed_run_fails_its_trial_and_the_search_goes_on(folder):
    search = feed(folder, trials=2)
    end(search, search.take(), outcome=FAILED)
    end(search, search.take(), 1.0)
    assert values(search) == [("FAIL", None), ("COMPLETE", 1.0)]
    assert not search.all_well()
    again = feed(folder, trials=2, retry_failed=True)
    end(again, again.take(), 3.0)
    assert again.take() is None
    assert again.all_well()


def test_a_stopped_search_takes_up_its_open_trial_and_then_asks_for_the_rest(folder):
    search = feed(folder, trials=3)
    end(search, search.take(), 1.0)
    left = search.take()
    end(search, left, outcome=STOPPED)
    again = feed(folder, trials=3)
    assert again.take().identity == left.identity
    end(again, left, 2.0)
    end(again, again.take(), 3.0)
    assert again.take() is None
    assert values(again) == [("COMPLETE", 1.0), ("COMPLETE", 2.0), ("COMPLETE", 3.0)]


def test_a_trial_whose_runs_were_done_before_the_study_heard_of_it_costs_nothing(folder):
    search = feed(folder, trials=1)
    cell = search.take()
    finish(search.folder.run(cell), cell.overrides, records=[{"step": 1, "score": 5.0}])
    again = feed(folder, trials=1)
    assert again.take() is None
    assert values(again) == [("COMPLETE", 5.0)]


def test_two_trials_of_one_setting_share_its_run(folder):
    search = feed(folder, trials=2, axes={"grid": {"kind": ["a"]}})
    cell = search.take()
    assert search.take() is None
    end(search, cell, 4.0)
    assert values(search) == [("COMPLETE", 4.0), ("COMPLETE", 4.0)]


def test_more_trials_go_on_with_the_same_study(folder):
    search = feed(folder, trials=1)
    end(search, search.take(), 1.0)
    more = feed(folder, trials=2)
    end(more, more.take(), 2.0)
    assert more.take() is None
    assert len(more.trials) == 2


def test_one_after_another_a_search_is_reproducible_even_if_stopped_between(tmp_path):
    def tried(folder, sittings):
        made = []
        for trials in sittings:
            search = feed(folder, trials)
            while cell := search.take():
                made.append(json.dumps(cell.values))
                end(search, cell, cell.values["eta"])
        return made

    assert tried(sweep_folder(tmp_path / "a"), [14]) == tried(sweep_folder(tmp_path / "b"), [5, 14])


def test_tpe_finds_a_narrow_optimum_that_random_search_misses(tmp_path):
    axes = {"random": {"x": "uniform(0.0, 1.0)", "y": "uniform(0.0, 1.0)"}}
    best = {}
    for sampler in ("tpe", "random"):
        search, scores = feed(sweep_folder(tmp_path / sampler), 40, axes, sampler=sampler), []
        while cell := search.take():
            scores.append(-((cell.values["x"] - 0.3) ** 2) - (cell.values["y"] - 0.8) ** 2)
            end(search, cell, scores[-1])
        best[sampler] = max(scores)
    assert best["tpe"] > -5e-3
    assert best["tpe"] > best["random"]


def test_the_direction_of_a_study_cannot_change(folder):
    feed(folder)
    with pytest.raises(SearchError, match="made to maximize"):
        feed(folder, direction="minimize")


def test_a_space_is_checked_at_every_choice_and_both_ends(folder):
    settings = probes(feed(folder).planner)
    assert [s["kind"] for s in settings if s["kind"] != "a"] == AXES["grid"]["kind"][1:]
    assert {s["eta"] for s in settings} == {1e-4, 1.0}
    assert {s["n"] for s in settings} == {1, 9}


def going(search, cell, scores, steps=100):
    """A run under way, with a line of metrics every ten steps."""
    run = search.folder.run(cell)
    records = [{"step": 10 * (i + 1), "score": score} for i, score in enumerate(scores)]
    finish(run, cell.overrides, status="running", seed=cell.seed or 0, records=records)
    (run.path / "run.json").write_text(json.dumps({**json.loads((run.path / "run.json").read_text()), "steps": steps}))
    return Running(cell, run, None, run.path)


def pruned(folder, trials=8, seeds=None, pruner="median"):
    sweep = Sweep.of({"base": "b.yaml", "axes": {"random": {"eta": "uniform(0.0, 1.0)"}}, "seeds": seeds})
    planner = Planner(sweep, Document({"seed": 0}, ""), lambda document: document.data)
    return SearchFeed(planner, Search(trials, "score", "maximize", "random", pruner=pruner), "score", folder)


def good_ones(search, count=5):
    for _ in range(count):
        cell = search.take()
        assert not search.hopeless([going(search, cell, [0.5, 0.6, 0.7])])
        end(search, cell, 0.9)


def test_a_trial_that_falls_behind_the_median_is_given_up_and_counts_as_done(folder):
    search = pruned(folder, trials=6)
    good_ones(search)
    cell = search.take()
    one = going(search, cell, [0.4])
    assert search.hopeless([one]) == [one]
    one.hopeless = True
    assert search.hopeless([one]) == []
    finish(search.folder.run(cell), cell.overrides, status="interrupted", records=[{"step": 10, "score": 0.4}])
    search.ended(cell, Outcome("given up"))
    assert values(search)[-1] == ("PRUNED", 0.4)
    assert search.all_well()
    assert search.folder.run(cell).info()["reason"] == "given up by the search: other trials do better"
    again = pruned(folder, trials=6)
    assert again.take() is None
    assert again.all_well()


def test_without_a_pruner_nothing_is_given_up(folder):
    search = pruned(folder, trials=6, pruner="none")
    good_ones(search)
    assert not search.hopeless([going(search, search.take(), [0.0, 0.0, 0.0])])


def test_the_first_tenth_of_a_run_and_half_a_line_do_not_count(folder):
    search = pruned(folder, trials=6)
    good_ones(search)
    cell = search.take()
    one = going(search, cell, [0.1], steps=1000)
    assert search.hopeless([one]) == []
    with (one.run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 200, "sc')
    assert search.hopeless([one]) == []


def test_seeds_are_given_up_together_and_those_that_have_not_begun_do_not_begin(folder):
    search = pruned(folder, trials=6, seeds=2)
    for _ in range(5):
        first, second = search.take(), search.take()
        assert search.hopeless([going(search, first, [0.5, 0.6]), going(search, second, [0.5, 0.6])]) == []
        end(search, first, 0.9)
        end(search, second, 0.9)
    first = search.take()
    one = going(search, first, [0.1])
    assert search.hopeless([one]) == [one]
    assert search.take() is None
    finish(search.folder.run(first), first.overrides, status="interrupted")
    search.ended(first, Outcome("given up"))
    assert values(search)[-1][0] == "PRUNED"
