"""A run that was stopped, in whatever way, ends as if it had never stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_run import here, in_child, kill

from dessine.runs.run import Run


@pytest.fixture(scope="module")
def straight(trained) -> Path:
    """A run that nothing has stopped."""
    return trained()


def assert_same(run: Path, straight: Path) -> None:
    """Parameters, slots, statistics, streams, data order; metrics, pictures and summary: to the last bit."""
    (step, arrays, state), (other_step, others, other_state) = (Run(p).load_checkpoint() for p in (run, straight))
    assert step == other_step
    assert state == other_state
    assert arrays.keys() == others.keys()
    for name, value in arrays.items():
        assert value.dtype == others[name].dtype
        np.testing.assert_array_equal(value, others[name], err_msg=name)
    files = sorted(str(p.relative_to(straight)) for p in [*straight.glob("samples/*"), *straight.glob("*.jsonl")])
    assert sorted(str(p.relative_to(run)) for p in [*run.glob("samples/*"), *run.glob("*.jsonl")]) == files
    for name in [*files, "summary.json"]:
        assert (run / name).read_bytes() == (straight / name).read_bytes(), name


def resume(run: Path, *overrides: str) -> int:
    return here(["train", "--resume", run, *overrides, "--quiet"])


@pytest.mark.parametrize("turn", [1, 10, 36, 60])
def test_killed_at_any_turn_and_resumed_is_bit_identical(config, tmp_path, straight, turn):
    assert in_child(["train", config, "--run-dir", "run", "--quiet"], turn, kill) == -signal.SIGKILL
    assert Run(tmp_path / "run").status() == "lost"
    assert resume(tmp_path / "run") == 0
    assert_same(tmp_path / "run", straight)


@pytest.mark.parametrize("event", range(1, 60, 8))
def test_killed_at_any_write_and_resumed_is_bit_identical(config, tmp_path, straight, event):
    """The process is killed as it opens, renames or removes its n-th file in the run folder."""

    def watched() -> None:
        seen = [0]

        def count(name: str, args: tuple) -> None:
            paths = [str(a) for a in args[:2] if isinstance(a, str | os.PathLike)]
            if name in ("open", "os.rename", "os.remove") and any("/run/" in os.path.abspath(p) for p in paths):
                seen[0] += 1
                if seen[0] == event:
                    kill()

        sys.addaudithook(count)

    assert in_child(["train", config, "--run-dir", "run", "--quiet"], 4, watched) == -signal.SIGKILL
    assert resume(tmp_path / "run") == 0
    assert_same(tmp_path / "run", straight)
    assert not list((tmp_path / "run").glob("**/.*.tmp*"))


def test_stopped_many_times_is_bit_identical(config, tmp_path, straight):
    assert in_child(["train", config, "--run-dir", "run", "--quiet"], 13, kill) == -signal.SIGKILL
    for turns in (3, 17, 5, 11):
        how = kill if turns % 2 else lambda: signal.raise_signal(signal.SIGINT)
        assert in_child(["train", "--resume", "run", "--quiet"], turns, how) in (-signal.SIGKILL, 130)
    assert resume(tmp_path / "run") == 0
    assert_same(tmp_path / "run", straight)
    assert len(Run(tmp_path / "run").info()["resumes"]) == 5


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_one_signal_finishes_the_step_saves_and_says_how_to_go_on(config, tmp_path, straight, capfd, name):
    ask = lambda: signal.raise_signal(getattr(signal, name))  # noqa: E731
    assert in_child(["train", config, "--run-dir", "run"], 31, ask) == 130
    out, err = capfd.readouterr()
    assert out == "run\n"
    assert "go on with: dessine train --resume run" in err
    step = int(re.search(r"stopped after step (\d+) of 60", err)[1])
    run = Run(tmp_path / "run")
    assert step >= 31
    assert run.checkpoint_steps()[-1] == step
    assert run.status() == "interrupted"
    assert json.loads((run.path / "summary.json").read_text())["step"] == step
    assert resume(run.path) == 0
    assert_same(run.path, straight)


def test_two_signals_quit_at_once(config, tmp_path, straight, capfd):
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    assert in_child(["train", config, "--run-dir", "run"], 31, twice) == 130
    err = capfd.readouterr().err
    assert "dessine train --resume run" in err
    assert "Traceback" not in err
    assert Run(tmp_path / "run").checkpoint_steps()[-1] == 27
    assert Run(tmp_path / "run").status() == "interrupted"
    assert resume(tmp_path / "run") == 0
    assert_same(tmp_path / "run", straight)


@pytest.mark.parametrize("harm", ["half", "flipped"])
def test_damaged_checkpoint_is_passed_over_and_does_not_outlive_the_good_one(config, tmp_path, straight, harm):
    assert in_child(["train", config, "--run-dir", "run", "--quiet"], 31, kill) == -signal.SIGKILL
    newest = tmp_path / "run/checkpoints/step_000000027.npz"
    whole = newest.read_bytes()
    middle = len(whole) // 2
    broken = {
        "half": whole[:middle],
        "flipped": whole[:middle] + bytes(255 - b for b in whole[middle : middle + 64]) + whole[middle + 64 :],
    }
    newest.write_bytes(broken[harm])
    assert (
        in_child(["train", "--resume", "run", "--quiet", "outputs.keep=1"], 2, lambda: signal.raise_signal(signal.SIGINT))
        == 130
    )
    assert Run(tmp_path / "run").load_checkpoint()[0] in range(19, 27)
    assert resume(tmp_path / "run") == 0
    assert_same(tmp_path / "run", straight)


def test_longer_run_is_bit_identical_to_a_straight_long_one(dessine, config, tmp_path, straight):
    assert dessine("train", config, "training.steps=26", "--run-dir", "run").code == 0
    assert (tmp_path / "run/samples/step_0000026.png").exists()
    answer = dessine("train", "--resume", "run", "training.steps=60")
    assert answer.code == 0
    assert_same(tmp_path / "run", straight)
    assert Run(tmp_path / "run").info()["steps"] == 60


def test_longer_run_in_epochs(dessine, config, tmp_path):
    epochs = ["training.steps=null", "training.epochs=3"]
    assert dessine("train", config, *epochs, "--run-dir", "run").code == 0
    assert Run(tmp_path / "run").checkpoint_steps()[-1] == 15
    assert dessine("train", "--resume", "run", "training.epochs=4").code == 0
    assert Run(tmp_path / "run").checkpoint_steps()[-1] == 20
    answer = dessine("train", "--resume", "run", "training.epochs=2")
    assert (answer.code, "it has 20 steps, not 10" in answer.err) == (2, True)


def test_resuming_a_completed_run_says_so_and_changes_nothing(dessine, straight):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in straight.rglob("*") if p.is_file()}
    answer = dessine("train", "--resume", straight)
    assert answer.code == 0
    assert "is complete" in answer.err
    assert answer.out == f"{straight}\n"
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in straight.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("seed=1", "seed: was 0, now 1"),
        ("game.generator.optimizer.eta=0.02", "game.generator.optimizer.eta: was 0.01, now 0.02"),
        ("game.latent.size=4", "game.latent.size: was 3, now 4"),
        ("outputs.samples=5", "outputs.samples: was 10, now 5"),
        ("name=other", "name: was 'tiny', now 'other'"),
        ("repeats=2", "repeats: was 3, now 2"),
        ("training.steps=59", "it has 60 steps, not 59"),
    ],
)
def test_change_of_the_past_is_refused_with_the_difference(dessine, straight, override, shown):
    before = (straight / "run.json").read_bytes()
    answer = dessine("train", "--resume", straight, override)
    assert answer.code == 2
    assert shown in answer.err
    assert (straight / "run.json").read_bytes() == before


def test_data_that_has_changed_is_refused(dessine, config, images, tmp_path):
    assert dessine("train", config, "training.steps=9", "--run-dir", "run").code == 0
    info = json.loads((tmp_path / "run/run.json").read_text())
    (tmp_path / "run/run.json").write_text(json.dumps(info | {"data_checksum": "0" * 64}))
    answer = dessine("train", "--resume", "run", "training.steps=18")
    assert answer.code == 2
    assert "are not those it began with" in answer.err


def test_data_that_has_moved_is_taken_where_it_is_the_same(dessine, config, images, tmp_path):
    data = shutil.copytree(images, tmp_path / "data")
    start = ("train", config, "training.steps=9", f"data.path={data.name}", "--run-dir", "run")
    assert dessine(*start).code == 0
    assert f"path: {data}," in (tmp_path / "run/config.yaml").read_text()
    data.rename(tmp_path / "moved")
    gone = dessine("train", "--resume", "run", "training.steps=18")
    assert (gone.code, "data.path=FOLDER" in gone.err) == (2, True)
    assert dessine("train", "--resume", "run", "training.steps=18", "data.path=moved").code == 0
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert (info["step"], info["data"], info["spec"]["data"]["path"]) == (18, *[str(tmp_path / "moved")] * 2)
    (tmp_path / "moved").rename(tmp_path / "again")  # one that is complete only learns where they are
    done = dessine("train", "--resume", "run", "data.path=again")
    assert (done.code, done.out) == (0, "run\n")
    assert f"its data are now those in {tmp_path / 'again'}" in done.err
    assert f"path: {tmp_path / 'again'}," in (tmp_path / "run/config.yaml").read_text()
    assert "now those in" not in dessine("train", "--resume", "run").err
    straight = tmp_path / "straight"
    assert dessine("train", config, "training.steps=18", "--run-dir", straight).code == 0
    assert_same(tmp_path / "run", straight)


@pytest.mark.parametrize(("file", "what"), [("train-images-idx3-ubyte", "training"), ("t10k-labels-idx1-ubyte", "test")])
def test_other_data_at_another_place_is_refused_with_both_checksums(dessine, config, images, tmp_path, file, what):
    assert dessine("train", config, "training.steps=9", "--run-dir", "run").code == 0
    before = (tmp_path / "run/config.yaml").read_bytes()
    path = shutil.copytree(images, tmp_path / "other") / file
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    answer = dessine("train", "--resume", "run", "training.steps=18", "data.path=other")
    assert answer.code == 2
    assert f"the {what} examples of {tmp_path / 'other'} are not those it began with, of {images} (" in answer.err
    assert re.search(r"checksum was [0-9a-f]{12}, now [0-9a-f]{12}", answer.err)
    assert (tmp_path / "run/config.yaml").read_bytes() == before


def test_an_older_config_without_todays_options_goes_on(dessine, config, tmp_path):
    assert dessine("train", config, "training.steps=9", "--run-dir", "run").code == 0
    path = tmp_path / "run/config.yaml"
    path.write_text(re.sub(r",\s*transpose: false", "", path.read_text()))
    assert "transpose" not in path.read_text()
    assert "is complete" in dessine("train", "--resume", "run").err
    assert dessine("train", "--resume", "run", "training.steps=18").code == 0


def test_run_in_use_is_not_resumed_by_another(dessine, config, tmp_path):
    assert dessine("train", config, "training.steps=9", "--run-dir", "run").code == 0
    with Run(tmp_path / "run").lock():
        answer = dessine("train", "--resume", "run", "training.steps=18")
    assert answer.code == 2
    assert "is being trained by process" in answer.err
    assert Run(tmp_path / "run").checkpoint_steps()[-1] == 9


def test_from_starts_anew_in_a_folder_of_its_own(dessine, straight, tmp_path):
    answer = dessine("train", "--from", straight, "--run-dir", "again", "--quiet")
    assert answer.code == 0
    assert_same(tmp_path / "again", straight)
    answer = dessine("train", "--from", straight, "seed=1", "training.steps=9", "--run-dir", "other", "--quiet")
    assert Run(tmp_path / "other").info()["seed"] == 1


def test_each_repeat_is_the_run_of_its_own_seed(straight, trained):
    single = trained("repeats=1", "seed=1")
    (_, three, _), (_, one, _) = (Run(p).load_checkpoint() for p in (straight, single))
    for name, value in one.items():
        if value.ndim:
            np.testing.assert_array_equal(value[0], three[name][1], err_msg=name)


def test_log_tells_the_whole_story(config, tmp_path):
    in_child(["train", config, "--run-dir", "run", "--quiet"], 31, kill)
    in_child(["train", "--resume", "run", "--quiet"], 5, lambda: signal.raise_signal(signal.SIGTERM))
    resume(tmp_path / "run")
    log = (tmp_path / "run/log.txt").read_text()
    assert re.search(r"started: dessine train .*tiny.yaml", log)
    assert "resumed: dessine train --resume run --quiet" in log
    assert "goes on from the checkpoint of step 27" in log
    assert "interrupted at step 3" in log
    assert "step 60/60" in log
    assert "completed at step 60" in log
