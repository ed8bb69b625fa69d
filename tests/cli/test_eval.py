"""`dessine eval` on a GAN: what its discriminator says, and pictures."""

from __future__ import annotations

import json

import pytest
from tiny_run import CONFIGS, in_child, kill

from dessine.runs.run import Run


@pytest.fixture(scope="module")
def run(trained):
    return trained()


def test_json_is_one_document_and_nothing_else(dessine, run):
    answer = dessine("eval", run, "--json")
    assert (answer.code, answer.err) == (0, "")
    scores = json.loads(answer.out)
    assert (scores["run"], scores["step"], scores["seed"]) == (str(run), 60, 0)
    assert (scores["d_train"]["count"], scores["d_test"]["count"]) == (40, 20)
    for side in ("d_train", "d_test", "d_generated"):
        assert 0 <= scores[side]["mean"] <= 1
        assert 0 <= scores[side]["std"] <= 0.5


def test_pictures_lie_in_the_run(dessine, run):
    answer = dessine("eval", run)
    assert answer.code == 0
    assert (run / "eval/samples.png").exists()
    assert (run / "eval/interpolation.png").exists()
    assert "step 60" in answer.out
    assert "samples.png" in answer.out


def test_seed_decides_what_is_drawn_and_repeating_changes_nothing(dessine, run):
    first, again, other = (dessine("eval", run, "--json", "--seed", seed).out for seed in (0, 0, 1))
    assert first == again
    assert json.loads(first)["d_generated"] != json.loads(other)["d_generated"]
    assert json.loads(first)["d_train"] == json.loads(other)["d_train"]


def test_evaluating_leaves_the_run_as_it_was(dessine, run):
    files = [*run.glob("checkpoints/*"), *run.glob("*.json*"), run / "log.txt"]
    before = {path: path.read_bytes() for path in files}
    dessine("eval", run)
    assert {path: path.read_bytes() for path in files} == before
    assert [*run.glob("checkpoints/*"), *run.glob("*.json*"), run / "log.txt"] == files


def test_run_can_be_evaluated_while_it_trains(dessine, config, tmp_path):
    assert in_child(["train", config, "--run-dir", "run", "--quiet"], 31, kill) < 0
    with Run(tmp_path / "run").lock():  # as its process holds it
        assert json.loads(dessine("eval", "run", "--json").out)["step"] == 27


def test_checkpoints_that_are_replaced_while_we_look_are_looked_for_again(run, monkeypatch):
    steps, looks = Run(run).checkpoint_steps(), []

    def stale(self):
        looks.append(1)
        return [5] if len(looks) == 1 else steps

    monkeypatch.setattr(Run, "checkpoint_steps", stale)
    assert Run(run).load_checkpoint()[0] == steps[-1]


def test_run_without_a_checkpoint_is_told(dessine, run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.yaml").write_bytes((run / "config.yaml").read_bytes())
    answer = dessine("eval", "empty", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "no checkpoint" in answer.err


def test_counts_of_a_classifier_are_of_repeats_and_one_repeat_has_no_spread(dessine):
    for repeats, told in ((1, "(1 repeats)"), (3, "(3 repeats)")):
        short = ["training.epochs=null", "training.steps=1", f"repeats={repeats}", "outputs.plots=false"]
        assert dessine("train", CONFIGS / "xor.yaml", *short, "--run-dir", f"run{repeats}", "--quiet").code == 0
        answer = dessine("eval", f"run{repeats}")
        assert told in answer.out
        assert "examples)" not in answer.out
        assert "nan" not in answer.out
