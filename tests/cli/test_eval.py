"""`dessine eval` on a GAN: what its discriminator says, and pictures."""

from __future__ import annotations

import errno
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


def test_points_are_drawn_as_their_game_is(dessine, tmp_path):
    made = ["training.steps=1", "repeats=2", "outputs.plots=false", "outputs.samples=0", "--run-dir", tmp_path / "ring"]
    assert dessine("train", CONFIGS / "gan_ring.yaml", *made).code == 0
    first, other = (
        json.loads(dessine("eval", tmp_path / "ring", "--json", "--count", 50, "--only", "modes", "--repeat", r).out)[
            "pictures"
        ]
        for r in (0, 1)
    )
    assert str(tmp_path / "ring/eval/samples.png") in first
    assert not any("samples.png" in name for name in other)  # what its discriminator says is that of the first


def test_seed_decides_what_is_drawn_and_repeating_changes_nothing(dessine, run):
    first, again, other = (dessine("eval", run, "--json", "--seed", seed).out for seed in (0, 0, 1))
    assert first == again
    assert json.loads(first)["d_generated"] != json.loads(other)["d_generated"]
    assert json.loads(first)["d_train"] == json.loads(other)["d_train"]


def test_each_repeat_can_be_measured_and_has_its_own_folder(dessine, run):
    first, other = (json.loads(dessine("eval", run, "--json", "--repeat", r).out) for r in (0, 2))
    assert (first["repeat"], other["repeat"]) == (0, 2)
    assert first["scores"]["diversity"]["value"] != other["scores"]["diversity"]["value"]
    assert all(first[side] != other[side] for side in ("d_train", "d_test", "d_generated"))
    assert json.loads((run / "eval/repeat_0002/scores.json").read_text())["scores"] == other["scores"]
    assert (run / "eval/repeat_0002/samples.png").exists()
    along = [json.loads(dessine("eval", run, "--checkpoints", "--json", "--repeat", r).out) for r in (0, 2)]
    assert along[0]["checkpoints"][-1]["loss.generator"] == Run(run).metrics()[-1]["loss"]["generator"][0]
    assert along[1]["checkpoints"][-1]["loss.generator"] == Run(run).metrics()[-1]["loss"]["generator"][2]
    answer = dessine("eval", run, "--repeat", 3)
    assert (answer.code, answer.out) == (2, "")
    assert "repeats 0 to 2" in answer.err


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
    for repeats, told in ((1, "(1 repeat)"), (3, "(std over 3 repeats)")):
        short = ["training.epochs=null", "training.steps=1", f"repeats={repeats}", "outputs.plots=false"]
        assert dessine("train", CONFIGS / "xor.yaml", *short, "--run-dir", f"run{repeats}", "--quiet").code == 0
        answer = dessine("eval", f"run{repeats}")
        assert told in answer.out
        assert any(line.split()[:2] == ["taken", "for"] for line in answer.out.splitlines())
        assert "examples)" not in answer.out
        assert "nan" not in answer.out


def test_scores_stand_beside_their_baselines(dessine, run):
    answer = dessine("eval", run)
    head = next(line for line in answer.out.splitlines() if "collapsed" in line)
    assert head.split() == ["score", "value", "±", "error", "better", "real", "noise", "collapsed", "samples"]
    row = next(line for line in answer.out.splitlines() if line.split()[:1] == ["ndb"])
    assert row.split()[-1] == "20"
    assert (run / "eval/scores.png").exists()
    assert (run / "eval/nearest.png").exists()


def test_only_some_scores_are_measured_on_request(dessine, run):
    dessine("eval", run, "--count", 20)
    of_all = (run / "eval/scores.png").read_bytes()
    told = json.loads(dessine("eval", run, "--only", "ndb, coverage", "--json").out)
    assert (run / "eval/scores.png").read_bytes() == of_all, "a few scores replace the picture of all"
    assert (run / "eval/only.png").exists()
    assert set(told["scores"]) == {"ndb", "coverage"}
    assert "d_test" not in told


def test_a_score_that_there_is_not_is_named_with_those_there_are(dessine, trained):
    run = trained()
    for name, said in (("covrage", "did you mean 'coverage'?"), ("digit_score", "'digit_score' is no score of this data")):
        answer = dessine("eval", run, "--only", name)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
        assert len(answer.err.splitlines()) == 1
        assert not (run / "eval").exists()
    assert dessine("eval", run, "--only", "ndb", "--all").code == 2
    assert dessine("eval", run, "--only", " ,").code == 2


def test_every_kept_checkpoint_is_scored_beside_the_losses_and_as_it_is_alone(dessine, trained):
    run = trained("outputs.keep=5")
    answer = dessine("eval", run, "--checkpoints", "--only", "coverage,diversity")
    assert answer.code == 0
    assert "rank correlation" in answer.out
    told = json.loads((run / "eval/checkpoints.json").read_text())
    assert [row["step"] for row in told["checkpoints"]] == Run(run).checkpoint_steps()
    last = told["checkpoints"][-1]
    assert last["loss.discriminator"] == Run(run).metrics()[-1]["loss"]["discriminator"][0]
    assert set(told["spearman"]) == {"loss.discriminator", "loss.generator"}
    one = told["spearman"]["loss.generator"]["coverage"]
    assert -1 <= one["rho"] <= 1
    assert one["checkpoints"] == len(told["checkpoints"]) == 5
    assert (run / "eval/checkpoints.png").exists()
    alone = json.loads(dessine("eval", run, "--only", "coverage,diversity", "--json").out)["scores"]
    assert {name: last[name] for name in alone} == {name: row["value"] for name, row in alone.items()}


def test_a_classifier_has_no_checkpoints_to_score_but_scores_to_choose(dessine):
    short = ["training.epochs=null", "training.steps=1", "repeats=2", "outputs.plots=false"]
    assert dessine("train", CONFIGS / "xor.yaml", *short, "--run-dir", "run", "--quiet").code == 0
    answer = dessine("eval", "run", "--checkpoints")
    assert answer.code == 2
    assert "no generator" in answer.err
    assert set(json.loads(dessine("eval", "run", "--only", "test_loss", "--json").out)) == {"run", "step", "seed", "test_loss"}
    assert "of all repeats" in dessine("eval", "run", "--repeat", "1").err
    assert "did you mean 'test_loss'" in dessine("eval", "run", "--only", "test_los").err


def test_results_go_where_the_user_says(dessine, run, tmp_path):
    before = sorted(path.name for path in run.iterdir())
    answer = dessine("eval", run, "--only", "ndb", "--out", "deep/results", "--json")
    assert (answer.code, answer.err) == (0, "")
    told = json.loads((tmp_path / "deep/results/only.json").read_text())
    assert told["scores"] == json.loads(answer.out)["scores"]
    assert all(path.startswith("deep/results/") for path in told["pictures"])
    assert sorted(path.name for path in run.iterdir()) == before


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_measured(dessine, run, tmp_path):
    (tmp_path / "file").write_text("")
    answer = dessine("eval", run, "--out", "file/results")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("file")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_run_that_cannot_be_written_is_measured_all_the_same(dessine, run, monkeypatch, number):
    def forbidden(folder, name):
        raise OSError(number, "no", str(folder / name))

    monkeypatch.setattr("dessine.cli.evaluate.own_folder", forbidden)
    answer = dessine("eval", run, "--only", "ndb", "--json")
    assert answer.code == 0
    assert answer.err == f"{run}/eval cannot be written (no): nothing is saved; --out FOLDER says where\n"
    assert "pictures" not in json.loads(answer.out)


def test_a_link_in_the_place_of_the_results_is_not_followed(dessine, trained, tmp_path):
    run = trained("training.steps=9")
    (run / "eval").symlink_to(tmp_path)
    answer = dessine("eval", run)
    assert (answer.code, "eval is a link" in answer.err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_run_with_a_moving_average_is_measured_by_it(dessine, trained, tmp_path):
    run = trained("game.average=0.9", "repeats=1")
    told, plain = (json.loads(dessine("eval", run, "--json", *how).out) for how in ([], ["--plain"]))
    assert (told["drawn_by"], plain["drawn_by"]) == ("moving average 0.9", "plain weights")
    assert told["scores"] == told["average"]["scores"] == plain["average"]["scores"]
    assert plain["scores"] == plain["plain"]["scores"] == told["plain"]["scores"]
    assert told["scores"] != plain["scores"]
    assert told["d_generated"] != plain["d_generated"]
    shown = dessine("eval", run).out
    assert "drawn_by          moving average 0.9" in shown
    assert [line.split(":")[0].strip() for line in shown.splitlines() if "the same of the generator" in line] == ["plain"]
    along = json.loads(dessine("eval", run, "--checkpoints", "--json").out)
    assert along["drawn_by"] == "moving average 0.9"
    assert json.loads(dessine("diagnose", run, "--json").out)["drawn_by"] == "moving average 0.9"
    assert json.loads((run / "summary.json").read_text())["drawn_by"] == "moving average 0.9"


@pytest.mark.parametrize("command", ["eval", "diagnose"])
def test_who_keeps_no_average_cannot_be_measured_by_it(dessine, run, command):
    answer = dessine(command, run, "--average")
    assert (answer.code, answer.out) == (2, "")
    assert "kept no moving average" in answer.err
