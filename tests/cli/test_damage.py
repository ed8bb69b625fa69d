"""What is damaged, edited or someone else's in a run folder is named and left alone; a step back is told."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_run import here, in_child, kill

from dessine.runs import checkpoint
from dessine.runs.run import Run

SHORT = ("training.steps=20", "outputs.plots=false", "outputs.gif=false")
LONGER = "training.steps=26"


@pytest.fixture(scope="module")
def made(trained) -> Path:
    """A completed run of 20 steps, with checkpoints at 18 and 20."""
    return trained(*SHORT)


@pytest.fixture
def run(made, tmp_path) -> Path:
    """A copy of it to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() and not p.is_symlink() else None for p in folder.rglob("*")
    }


def newest(run: Path) -> Path:
    return max((run / "checkpoints").glob("step_*.npz"))


def changed(run: Path, state: object = None, **arrays: np.ndarray | None) -> None:
    """Write the newest checkpoint anew, with another state, or other arrays; None takes one away."""
    kept, told = checkpoint.load(run, 20)
    kept = {name: a for name, a in (kept | arrays).items() if a is not None}
    checkpoint.save(newest(run), 20, kept, told if state is None else state)  # type: ignore[arg-type]


def test_newest_damaged_the_one_before_is_taken_and_the_screen_says_so(dessine, run):
    os.truncate(newest(run), 1000)
    damaged = newest(run).read_bytes()
    for args in (["eval", run, "--count", 50], ["draw", run, "--out", "a.npz"], ["diagnose", run, "--count", 50]):
        answer = dessine(*args)
        assert answer.code == 0
        assert "step_000000020.npz is damaged" in answer.err
        assert "the one of step 18 is taken" in answer.err
    answer = dessine("train", "--resume", run, LONGER, "--quiet")
    assert (answer.code, "step_000000020.npz is damaged" in answer.err) == (0, True)
    assert (run / "checkpoints/step_000000020.npz.damaged").read_bytes() == damaged
    assert "is damaged" in (run / "log.txt").read_text()
    assert Run(run).is_complete(26)


def test_all_damaged_nothing_is_touched_until_it_is_asked_for(dessine, run):
    for path in (run / "checkpoints").iterdir():
        os.truncate(path, 1000)
    before = everything(run)
    answer = dessine("eval", run)
    assert (answer.code, "the checkpoints there are damaged" in answer.err) == (2, True)
    for _ in range(2):
        answer = dessine("train", "--resume", run, LONGER)
        assert answer.code == 2
        assert answer.err.count("\n") == 1
        assert f"dessine train --resume {run} --restart" in answer.err
        assert everything(run) == before


def test_restart_begins_again_and_keeps_what_was_there(dessine, run, made):
    for path in (run / "checkpoints").iterdir():
        os.truncate(path, 1000)
    answer = dessine("train", "--resume", run, "--restart")
    assert (answer.code, f"begins again; what was there is in {run / 'before-1'}" in answer.err) == (0, True)
    assert (run / "metrics.jsonl").read_bytes() == (made / "metrics.jsonl").read_bytes()
    assert (run / "summary.json").read_bytes() == (made / "summary.json").read_bytes()
    assert len(list((run / "before-1/checkpoints").iterdir())) == 2
    assert (run / "before-1/metrics.jsonl").read_bytes() == (made / "metrics.jsonl").read_bytes()
    assert Run(run).is_complete(20)
    assert dessine("train", "--resume", run, "--restart").code == 0
    assert (run / "before-2").is_dir()


def test_restart_that_was_killed_half_way_is_ended_by_the_next_process(dessine, run):
    (run / "before-1").mkdir()
    (run / "metrics.jsonl").rename(run / "before-1/metrics.jsonl")
    Run(run).update(aside="before-1")
    answer = dessine("train", "--resume", run)
    assert (answer.code, "begins again" in answer.err) == (0, True)
    assert len(Run(run).metrics()) == 5
    assert (run / "before-1/checkpoints").is_dir()


def test_restart_moves_nothing_to_where_a_stranger_says(dessine, run, tmp_path):
    Run(run).update(aside="../precious")
    before = everything(run)
    assert dessine("train", "--resume", run).code == 0
    assert everything(run) == before
    assert not (tmp_path / "precious").exists()


@pytest.mark.parametrize("args", [["--restart"], ["--force"]])
def test_restart_and_force_are_words_about_a_run(dessine, config, args):
    assert dessine("train", config, *args).code == 2


def test_checkpoints_that_have_gone_are_not_taken_for_a_run_that_has_not_begun(dessine, run):
    shutil.rmtree(run / "checkpoints")
    before = everything(run)
    answer = dessine("train", "--resume", run, LONGER)
    assert (answer.code, "has made 20 steps, but holds no checkpoint" in answer.err) == (2, True)
    assert everything(run) == before


STATES = [[], 5, None, {}, {"streams": []}, {"streams": {}}, {"streams": {"order.train": 5}}, {"a": [[[[[]]]]]}]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_state_of_another_kind_is_one_step_back(dessine, run, state):
    kept, _ = checkpoint.load(run, 20)
    checkpoint.save(newest(run), 20, kept, state)
    answer = dessine("draw", run, "--out", "a.npz")
    assert (answer.code, answer.err.count("\n")) == (0, 1)
    assert "the one of step 18 is taken" in answer.err


def test_streams_of_another_kind_are_one_step_back(dessine, run):
    kept, state = checkpoint.load(run, 20)
    name = next(iter(state["streams"]))
    for wrong in (None, 5, [5], [{}] * 3, state["streams"][name][:1], [{"bit_generator": "PCG64", "state": -1}] * 3):
        checkpoint.save(newest(run), 20, kept, {"streams": state["streams"] | {name: wrong}})
        answer = dessine("draw", run, "--out", "a.npz")
        assert (answer.code, "step 18 is taken" in answer.err) == (0, True), wrong


@pytest.mark.parametrize("which", ["missing", "more", "shape", "type", "nan", "order", "cursor", "count", "slots"])
def test_arrays_that_are_none_of_this_run_are_one_step_back(dessine, run, which):
    kept, _ = checkpoint.load(run, 20)
    theta, order = kept["generator.theta"], kept["order.order"]
    wrong = {
        "missing": {"generator.theta": None},
        "more": {"generator.beta": theta},
        "shape": {"generator.theta": theta[:1]},
        "type": {"generator.theta": theta.astype(np.float64)},
        "nan": {"generator.theta": np.full_like(theta, np.nan)},
        "order": {"order.order": np.zeros_like(order)},
        "cursor": {"order.cursor": np.array(10**6)},
        "count": {"turns": np.array(-1)},
        "slots": {next(name for name in kept if "discriminator.optimizer.squares" in name): None},
    }
    changed(run, **wrong[which])
    answer = dessine("draw", run, "--out", "a.npz")
    assert (answer.code, answer.err.count("\n")) == (0, 1)
    assert "step_000000020.npz is damaged" in answer.err


def test_checkpoint_renamed_to_a_huge_step_is_named_and_not_believed(dessine, run):
    newest(run).rename(run / "checkpoints/step_999999999999.npz")
    answer = dessine("train", "--resume", run, LONGER)
    assert (answer.code, "it holds step 20, not 999,999,999,999" in answer.err) == (0, True)
    assert Run(run).info()["step"] == 26
    assert Run(run).checkpoint_steps()[-1] == 26


def test_strays_beside_our_files_change_nothing(dessine, run, made):
    for name in ("step_best.npz", "step_000000020 (1).npz", "step_000000020.npz~", "step_٠٠٠٠٠٠٠٩٩.npz", "x.bak"):
        shutil.copy(newest(made), run / "checkpoints" / name)
    for name in (
        "step_0000020 (1).png",
        "step_best.png",
        "step_0000020 (conflicted copy).png",
        "step_٠٠٠٠٠٢٠.png",
        "step_020.png",
    ):
        shutil.copy(run / "samples/step_0000020.png", run / "samples" / name)
    (run / "samples/step_0000099.png").mkdir()
    strays = {name for name in everything(run) if name not in everything(made)}
    answer = dessine("train", "--resume", run, LONGER, "--quiet")
    assert answer == (0, f"{run}\n", "")
    assert dessine("draw", run, "--out", "a.npz").code == 0
    assert strays <= everything(run).keys()


# run.json and config.yaml


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a": 1,}', b"[]", b"\xff\xfe{}", b'{"resumes": 5}', b'{"steps": "x"}', b"\0" * 50]
)
def test_run_json_that_cannot_be_read_is_left_alone(dessine, run, text):
    (run / "run.json").write_bytes(text)
    before = everything(run)
    answer = dessine("train", "--resume", run, LONGER)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "run.json" in answer.err
    assert everything(run) == before


def test_byte_order_mark_in_run_json_is_no_damage(dessine, run):
    known = Run(run).info()
    (run / "run.json").write_bytes(b"\xef\xbb\xbf" + (run / "run.json").read_bytes())
    assert dessine("train", "--resume", run, LONGER).code == 0
    now = Run(run).info()
    assert all(now[key] == known[key] for key in ("seed", "data_checksum", "versions", "command", "started"))


def test_run_json_that_is_not_there_is_written_anew_with_a_word(dessine, run):
    known = Run(run).info()
    (run / "run.json").unlink()
    answer = dessine("train", "--resume", run, LONGER, "--quiet")
    assert (answer.code, "run.json is not there" in answer.err) == (0, True)
    assert all(Run(run).info()[key] == known[key] for key in ("seed", "data_checksum", "goals"))


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("eta: 0.01", "eta: 0.02", "eta: was 0.01, now 0.02"),
        ("batch_size: 7", "batch_size: 8", "training.batch_size: was 7, now 8"),
        ("units: 6", "units: 9", "game.generator.layers[0].units: was 6, now 9"),
        ("repeats: 3", "repeats: 2", "repeats: was 3, now 2"),
        ("dtype: float32", "dtype: float64", "dtype: was 'float32', now 'float64'"),
        ("average: null", "average: 0.9", "game.average: was None, now 0.9"),
        ("steps: 20", "steps: 10", "it has 20 steps, not 10"),
        ("constraint: null", "constraint: {type: clip, c: 0.1}", "constraint: was None, now"),
    ],
)
def test_edited_config_is_refused_with_the_difference(dessine, run, old, new, shown):
    text = (run / "config.yaml").read_text()
    assert old in text
    (run / "config.yaml").write_text(text.replace(old, new, 1))
    before = everything(run)
    for args in ([], [LONGER] if "steps" not in old else []):
        answer = dessine("train", "--resume", run, *args)
        assert (answer.code, shown in answer.err) == (2, True)
        assert everything(run) == before


def test_option_that_is_newer_than_the_run_does_not_stop_it(dessine, run):
    spec = Run(run).info()["spec"]
    del spec["game"]["average"], spec["outputs"]["keep"]
    Run(run).update(spec=spec)
    assert dessine("train", "--resume", run, LONGER).code == 0


# Kills between two writes


@pytest.mark.parametrize("at", ["config.yaml", "run.json"])
def test_run_whose_prolonging_was_killed_goes_on(run, at):
    def before_rename() -> None:
        def hook(name: str, args: tuple) -> None:
            if name == "os.rename" and str(args[1]).endswith(f"run/{at}"):
                kill()

        sys.addaudithook(hook)

    child = os.fork()
    if not child:
        before_rename()
        os._exit(here(["train", "--resume", run, LONGER, "--quiet"]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert Run(run).status() == "completed"  # so far: of the 20 steps that run.json knows
    assert here(["train", "--resume", run, *([LONGER] if at == "config.yaml" else []), "--quiet"]) == 0
    assert Run(run).is_complete(26)


def test_folder_left_by_a_kill_before_its_config_can_be_used_or_removed(dessine, config, tmp_path):
    for at in ("source.yaml", "config.yaml"):
        child = os.fork()
        if not child:
            sys.addaudithook(lambda name, args, at=at: kill() if name == "os.rename" and at in str(args[1]) else None)
            os._exit(here(["train", config, *SHORT, "--run-dir", "run", "--quiet"]))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert not (tmp_path / "run/config.yaml").exists()
        answer = dessine("train", "--resume", "run")
        assert (answer.code, "killed here before it began" in answer.err) == (2, True)
        assert dessine("runs", "rm", "run", "--yes").code == 0 if at == "source.yaml" else True
    assert dessine("train", config, *SHORT, "--run-dir", "run", "--quiet").code == 0
    assert not list((tmp_path / "run").glob(".*.tmp*"))


def test_half_made_folder_hides_no_good_run(dessine, made, tmp_path):
    shutil.copytree(made, tmp_path / "runs/2026-11-23_14-25-00_ring")
    for name in ("ring", "2026-11-23_14-25-00", "2026-11-23_14-26-00_ring"):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / ".lock").touch()
        (tmp_path / "runs" / name / "run.json").write_text("{")
    for text in ("last", "ring", "2026-11-23_14-25-00_ring"):
        answer = dessine("draw", text, "--out", "a.npz")
        assert answer.code == 0, text


# Links, and files of another kind


@pytest.mark.parametrize(
    "name", ["log.txt", "metrics.jsonl", "config.yaml", "run.json", "summary.json", ".lock", "source.yaml"]
)
@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_nothing_is_written_through_what_has_our_file_s_name(dessine, run, tmp_path, name, kind):
    content = (run / name).read_bytes() if (run / name).exists() else b""
    (run / name).unlink(missing_ok=True)
    (tmp_path / "precious").write_bytes(content)
    if kind == "link":
        (run / name).symlink_to(tmp_path / "precious")
    elif kind == "folder":
        (run / name).mkdir()
    else:
        os.mkfifo(run / name)
    before = everything(run)
    answer = dessine("train", "--resume", run, LONGER)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert everything(run) == before
    assert (tmp_path / "precious").read_bytes() == content


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("resume", name) for name in ("checkpoints", "samples", "plots", "repeats")),
        *(("restart", name) for name in ("checkpoints", "eval")),
        ("eval", "eval"),
        ("draw", "checkpoints"),
        ("rm", "samples"),
    ],
)
def test_nothing_is_written_or_removed_where_a_link_in_a_run_leads(dessine, run, made, tmp_path, name, command):
    shutil.copytree(made / name if (made / name).exists() else made / "samples", tmp_path / "precious")
    shutil.rmtree(run / name, ignore_errors=True)
    (run / name).symlink_to(tmp_path / "precious")
    before = everything(tmp_path / "precious")
    args = {
        "resume": ["train", "--resume", run, LONGER, "--quiet"],
        "restart": ["train", "--resume", run, "--restart", "--quiet"],
        "eval": ["eval", run, "--count", 50],
        "draw": ["draw", run, "--out", "a.npz"],
        "rm": ["runs", "rm", run, "--yes"],
    }
    answer = dessine(*args[command])
    assert answer.code in (0, 2)
    assert "Traceback" not in answer.err
    if command in ("resume", "eval", "draw"):
        assert (answer.code, "is a link" in answer.err) == (2, True)
    assert everything(tmp_path / "precious") == before


def test_line_of_metrics_that_cannot_be_read_is_kept_and_told(dessine, run):
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", "[" * 5000, *lines[1:]]) + "\n")
    damaged = path.read_bytes()
    answer = dessine("train", "--resume", run, LONGER, "--quiet")
    assert answer.code == 0
    assert "metrics.jsonl:2" in answer.err
    assert (run / "metrics.jsonl.damaged").read_bytes() == damaged
    assert [r["step"] for r in Run(run).metrics()] == [4, 8, 12, 16, 20, 24, 26]


# A disk that takes no more


@pytest.mark.parametrize("largest", [2000, 6000])
def test_file_that_may_not_grow_is_named_and_all_before_it_is_kept(config, tmp_path, capfd, largest):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    code = in_child(["train", config, *SHORT, "--run-dir", "run"], 10, limit)
    out, err = capfd.readouterr()
    assert code == 1
    assert out.endswith("run\n")
    assert "Traceback" not in err
    assert "File too large" in err.splitlines()[-1]
    assert "run/" in err.splitlines()[-1]
    assert not list((tmp_path / "run").glob("**/.*.tmp*"))
    assert here(["train", "--resume", "run", "--quiet"]) == 0
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "completed"


def test_damaged_checkpoint_of_a_repeat_in_its_own_process_is_told_too(dessine, run, made, monkeypatch):
    shutil.copytree(made, run / "repeats/0001")
    os.truncate(newest(run / "repeats/0001"), 1000)
    monkeypatch.setattr("dessine.cli.train.train_apart", lambda experiment: True)
    monkeypatch.setattr("dessine.cli.train.train_repeats", lambda *args: {"diagnosis": {"early": True}})
    answer = dessine("train", "--resume", run, LONGER, "--quiet")
    assert answer.code == 0
    assert "repeats/0001/checkpoints/step_000000020.npz is damaged" in answer.err


def test_run_json_damaged_while_it_trains_is_a_failure_that_loses_nothing(config, dessine, tmp_path, capfd):
    path = tmp_path / "run" / "run.json"
    assert in_child(["train", config, "--run-dir", "run", "--quiet", *SHORT], 12, lambda: path.write_text('{"a')) == 1
    assert f"{path.relative_to(tmp_path)} cannot be read" in capfd.readouterr().err
    assert path.read_text() == '{"a'
    assert Run(tmp_path / "run").checkpoint_steps() == [18, 20]
    assert "failed: run/run.json cannot be read" in (tmp_path / "run" / "log.txt").read_text()


def test_without_metrics_a_diagnosis_goes_by_samples(dessine, run):
    (run / "metrics.jsonl").unlink()
    (run / "metrics.jsonl").mkdir()
    answer = dessine("diagnose", run, "--count", 50)
    assert (answer.code, answer.err) == (0, f"{run}/metrics.jsonl is no file: move it away\n")
