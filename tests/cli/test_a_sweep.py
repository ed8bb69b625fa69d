"""What reads one run reads a sweep, too: each of its runs, and one line for one that cannot be read."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture(scope="module")
def small(trained):
    return trained("training.steps=9")


@pytest.fixture
def sweep(small, tmp_path):

    folder = tmp_path / "runs/2020-01-01_00-00-00_sweep_tiny"
    for name in ("loss=a_seed=0_0123456789", "loss=b_seed=0_9876543210"):
        shutil.copytree(small, folder / "cells" / name)
    (folder / "sweep.yaml").write_text("base: base.yaml\n")
    return folder


@pytest.mark.parametrize("named", ["folder", "name"])
def test_eval_measures_each_run(dessine, sweep, named):
    given = sweep if named == "folder" else "sweep_tiny"
    answer = dessine("eval", given, "--only", "ndb,coverage")
    assert (answer.code, answer.err) == (0, "")
    head, *rows = [line.split() for line in answer.out.splitlines()[1:]]
    assert head == ["run", "step", "coverage", "ndb"]
    assert [row[0] for row in rows] == ["loss=a_seed=0", "loss=b_seed=0"]
    told = json.loads(dessine("eval", given, "--only", "ndb", "--json").out)
    assert [set(run["scores"]) for run in told["runs"]] == [{"ndb"}, {"ndb"}]


def test_results_of_each_run_go_to_a_folder_of_its_own(dessine, sweep, tmp_path):
    assert dessine("eval", sweep, "--only", "ndb", "--out", "results").code == 0
    assert len(list((tmp_path / "results").glob("loss=*/only.json"))) == 2


def test_a_run_that_cannot_be_read_is_one_line(dessine, sweep):
    (sweep / "cells/loss=a_seed=0_0123456789/config.yaml").write_text("a: [b")
    answer = dessine("diagnose", sweep, "--count", 50)
    assert answer.code == 0
    assert len(answer.err.splitlines()) == 1
    assert "loss=a_seed=0" in answer.err
    assert "loss=b_seed=0" in answer.out
    told = json.loads(dessine("diagnose", sweep, "--count", 50, "--json").out)
    assert [run["verdict"] for run in told["runs"]] == ["unknown"]


def test_draw_makes_a_file_of_each_run(dessine, sweep, tmp_path):
    answer = dessine("draw", sweep, "--count", 4, "--out", "x.npz")
    assert (answer.code, answer.out.split()) == (0, ["x_loss=a_seed=0_0123456789.npz", "x_loss=b_seed=0_9876543210.npz"])
    assert all((tmp_path / name).is_file() for name in answer.out.split())


@pytest.mark.parametrize("command", ["eval", "diagnose"])
def test_a_sweep_without_runs_is_told(dessine, sweep, command):
    shutil.rmtree(sweep / "cells")
    answer = dessine(command, sweep)
    assert (answer.code, answer.out) == (2, "")
    assert "no runs yet" in answer.err


def test_commands_of_one_run_say_what_to_give(dessine, sweep):
    for words in (["train", "--resume", sweep], ["runs", "report", sweep]):
        answer = dessine(*words)
        assert (answer.code, answer.out) == (2, "")
        assert "is a sweep" in answer.err
        assert "cells" in answer.err
