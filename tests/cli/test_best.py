"""The best checkpoint beside the last, looked at by --step; runs that stop by a rule of their own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from tiny_run import CONFIGS, here, in_child, kill

from dessine.runs import checkpoint
from dessine.runs.run import Run

BEST = ("outputs.best=loss.generator", "data.validation=0.25")
STOP = ("repeats=1", "training.stop={metric: loss.discriminator, patience: 3}")


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def chosen(trained) -> Path:
    return trained(*BEST)


@pytest.fixture(scope="module")
def stopped(trained) -> Path:
    return trained(*STOP)


def test_of_each_repeat_the_best_of_all_checkpoints_stays(chosen):
    arrays, state = checkpoint.load(chosen, None)
    rows = {r["step"]: r["loss"]["generator"] for r in metrics(chosen) if r["step"] % 9 == 0 or r["step"] == 60}
    assert set(rows) == {9, 18, 27, 36, 45, 54, 60}
    steps = [min(rows, key=lambda s, r=r: rows[s][r]) for r in range(3)]
    assert state["best"] == {"metric": "loss.generator", "steps": steps, "values": [rows[s][r] for r, s in enumerate(steps)]}
    last = Run(chosen).load_checkpoint()
    assert last is not None
    for r, step in enumerate(steps):
        assert np.array_equal(arrays["generator.theta"][r], last[1]["generator.theta"][r]) == (step == 60)


@pytest.mark.parametrize("turn", [20, 37, 55])
def test_killed_and_resumed_it_keeps_the_same_best(config, tmp_path, chosen, turn):
    assert in_child(["train", config, *BEST, "--run-dir", "run", "--quiet"], turn, kill) == -signal.SIGKILL
    assert in_child(["train", "--resume", "run", "--quiet"], 3, lambda: signal.raise_signal(signal.SIGINT)) in (0, 130)
    assert here(["train", "--resume", "run", "--quiet"]) == 0
    (arrays, state), (others, other) = (checkpoint.load(run, None) for run in (tmp_path / "run", chosen))
    assert state == other
    for name, value in others.items():
        np.testing.assert_array_equal(arrays[name], value, err_msg=name)
    assert metrics(tmp_path / "run") == metrics(chosen)


def test_what_all_repeats_share_is_kept_with_each_best(trained):
    """Decays that move are numbers of the turn, p of an augmentation would be each repeat's."""
    moving = "game.generator.optimizer={type: adam, beta1: {from: 0.9, to: 0.1, over: 50}}"
    run = trained(*BEST, moving)
    arrays, state = checkpoint.load(run, None)
    assert len(set(state["best"]["steps"])) > 1  # or the case shows nothing
    assert arrays["generator.optimizer.product1"].shape == ()
    assert arrays["generator.theta"].shape[0] == 3


def test_draw_eval_and_diagnose_take_the_best_a_step_or_the_last(chosen, dessine):
    best = dessine("draw", chosen, "--step", "best", "--out", "best.npz")
    assert best.code == 0
    assert "the best checkpoint by loss.generator is of steps" in best.err
    assert dessine("draw", chosen, "--step", "last", "--out", "last.npz").code == 0
    assert dessine("draw", chosen, "--step", "60", "--out", "60.npz").code == 0
    drawn = [np.load(f"{name}.npz")["images"] for name in ("best", "last", "60")]
    np.testing.assert_array_equal(drawn[1], drawn[2])
    step = checkpoint.load(chosen, None)[1]["best"]["steps"][0]
    assert np.array_equal(drawn[0], drawn[1]) == (step == 60)
    told = dessine("eval", chosen, "--step", "best", "--only", "recall", "--count", "10", "--json")
    assert json.loads(told.out)["step"] == step
    assert (chosen / "eval" / "best" / "only.json").is_file()
    other = dessine("eval", chosen, "--step", "best", "--repeat", "2", "--only", "recall", "--count", "10", "--json")
    assert json.loads(other.out)["step"] == checkpoint.load(chosen, None)[1]["best"]["steps"][2]
    assert json.loads(dessine("diagnose", chosen, "--step", "54", "--json").out)["step"] == 54


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("draw", "--step", "7", "--out", "a.png"), "holds no checkpoint of step 7: there are those of 54, 60"),
        (("draw", "--step", "first", "--out", "a.png"), "'first' is no checkpoint: expects a step, best or last"),
        (("eval", "--step", "54", "--checkpoints"), "give --checkpoints or --step, not both"),
        (("diagnose", "--step", "99"), "holds no checkpoint of step 99"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused_in_one_line(chosen, dessine, args, told):
    answer = dessine(args[0], chosen, *args[1:])
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert "Traceback" not in answer.err


def test_a_run_without_a_best_says_how_to_keep_one(stopped, dessine):
    answer = dessine("eval", stopped, "--step", "best")
    assert answer.code == 2
    assert answer.err == f"{stopped} has no checkpoints/best.npz: outputs.best=METRIC keeps one while training\n"
    assert not (stopped / "eval").exists()


def test_a_damaged_best_costs_no_other_checkpoint(trained, dessine):
    run = trained(*BEST, "repeats=1")
    (run / "checkpoints" / "best.npz").write_bytes(b"nothing")
    answer = dessine("draw", run, "--step", "best", "--out", "a.npz")
    assert (answer.code, "best.npz is damaged" in answer.err) == (2, True)
    assert dessine("draw", run, "--out", "a.npz").code == 0
    assert dessine("train", "--resume", run, "training.steps=70", "--quiet").code == 0
    assert (run / "checkpoints" / "best.npz.damaged").exists()


def test_a_run_stops_by_its_rule_and_says_why(stopped, dessine):
    info, rows = Run(stopped).info(), metrics(stopped)
    losses = [row["loss"]["discriminator"] for row in rows]
    assert len(rows) < 15
    assert min(losses) == losses[-4]
    assert (info["status"], info["step"], info["steps"]) == ("completed", rows[-1]["step"], 60)
    assert info["stopped"].startswith("loss.discriminator has not got better for 3 lines in a row: the best is")
    assert json.loads((stopped / "summary.json").read_text())["stopped"] == info["stopped"]
    assert Run(stopped).checkpoint_steps()[-1] == info["step"]
    again = dessine("train", "--resume", stopped)
    assert (again.code, again.out) == (0, f"{stopped}\n")
    assert "it stopped by its own rule" in again.err
    assert "training.stop=null goes on without it" in again.err
    assert metrics(stopped) == rows


@pytest.mark.parametrize("turn", [6, 14])
def test_killed_and_resumed_it_stops_at_the_same_step(config, tmp_path, stopped, turn):
    assert in_child(["train", config, *STOP, "--run-dir", "run", "--quiet"], turn, kill) == -signal.SIGKILL
    assert here(["train", "--resume", "run", "--quiet"]) == 0
    assert metrics(tmp_path / "run") == metrics(stopped)
    assert Run(tmp_path / "run").info()["stopped"] == Run(stopped).info()["stopped"]


def test_without_its_rule_it_goes_on_as_if_there_had_been_none(trained, dessine):
    run, free = trained(*STOP), trained("repeats=1")
    assert dessine("train", "--resume", run, "training.stop=null", "--quiet").code == 0
    assert metrics(run) == metrics(free)
    assert Run(run).info()["stopped"] is None
    assert Run(run).info()["step"] == 60


def test_numbers_that_are_not_finite_are_a_stop_where_divergence_is_one(dessine):
    layers = "game.network.layers=[{type: dense, units: 4, activation: relu}, {type: dense, units: 1}]"
    wild = ("repeats=1", "training.epochs=2", "game.network.optimizer.eta=1e30", layers, "--run-dir")
    assert dessine("train", CONFIGS / "xor.yaml", *wild, "failed").code == 1
    answer = dessine("train", CONFIGS / "xor.yaml", "training.stop={on: [diverged]}", *wild, "stopped")
    assert answer.code == 0
    assert "of 2,000: diverged: non-finite numbers began at step" in answer.err
    assert Run(Path("stopped")).status() == "completed"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ["training.stop={on: [diverged]}"],
            "training.stop: each repeat would end at another step: take repeats 1, and a sweep",
        ),
        (["training.stop={patience: 3}"], "training.stop: stops at nothing: give on"),
        (["outputs.best=scores.frechet"], "outputs.best: no metric 'scores.frechet'"),
        (["outputs.best=loss"], "outputs.best: no metric 'loss'"),
        (["outputs.best=scores.recal"], "did you mean 'scores.recall'?"),
        (["data.validation=1"], "data.validation: expects"),
        (["data.validation=0.001"], "data.validation: 0.001 of 40 training examples is none"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_leaves_nothing(config, dessine, overrides, told):
    answer = dessine("train", config, *overrides, "--run-dir", "run")
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert answer.err.count("\n") == 1
    assert not Path("run").exists()


def test_choosing_by_the_test_is_told(dessine):
    answer = dessine("train", CONFIGS / "xor.yaml", "repeats=1", "outputs.best=test_success", "--dry-run")
    assert "chooses by the test: data.validation=0.1 keeps" in answer.err
    assert "chooses" not in dessine("train", CONFIGS / "xor.yaml", "outputs.best=loss.network", "--dry-run").err
