"""What `dessine train` writes, says, and refuses."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tiny_run import CONFIGS, few, in_child, kill

from dessine.cli.train import Progress
from dessine.experiment import Experiment
from dessine.games import Adversarial
from dessine.runs.run import Run

DIVERGES = "game.discriminator.optimizer={type: gradient_descent, eta: 1.0e+30}"


def everything(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def test_run_folder_holds_all_that_is_promised(dessine, config, tmp_path):
    answer = dessine("train", config, "outputs.plots=true", "training.steps=20")
    run = tmp_path / answer.out.strip()
    assert re.fullmatch(r"runs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_tiny", answer.out.strip())
    assert {
        *["config.yaml", "source.yaml", "run.json", "metrics.jsonl", "summary.json", "log.txt"],
        *[f"samples/step_{n:07d}.png" for n in (0, 10, 20)],
        *["samples/samples.gif", "plots/losses.png", "plots/discriminator.png", "plots/scores.png", "plots/gradients.png"],
        *[f"checkpoints/step_{n:09d}.npz" for n in (18, 20)],
    } <= everything(run)
    assert (run / "source.yaml").read_text() == config.read_text()
    assert [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [4, 8, 12, 16, 20]
    with Image.open(run / "samples/samples.gif") as gif:
        assert gif.n_frames == 3
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["status"], summary["step"], summary["last"]["step"]) == ("completed", 20, 20)
    info = json.loads((run / "run.json").read_text())
    assert info["status"] == "completed"
    assert info["command"].startswith("dessine train")
    assert info["overrides"] == ["outputs.plots=true", "training.steps=20"]
    assert info["seed"] == 0
    assert {"numpy", "python", "dessine"} <= info["versions"].keys()
    assert len(info["data_checksum"]) == 64
    assert info["host"]
    assert {"commit", "dirty"} == info["git"].keys()
    assert info["started"] <= info["ended"]
    assert info["resumes"] == []


def test_a_picture_that_fails_costs_no_run(dessine, config, tmp_path, monkeypatch):
    """Neither those on the way nor those at the end; the cause is told once, on the screen and in log.txt."""

    def fail(*args: object, **options: object) -> None:
        raise ValueError("no such letter")

    monkeypatch.setattr("dessine.plots.grid.save_grid", fail)
    monkeypatch.setattr("dessine.plots.curves.save_losses", fail)
    answer = dessine("train", config, "outputs.plots=true", "training.steps=20", "--run-dir", "run")
    assert (answer.code, answer.out) == (0, "run\n")
    assert answer.err.count("no such letter") == 1
    assert (tmp_path / "run/log.txt").read_text().count("no such letter") == 1
    assert not list((tmp_path / "run/samples").iterdir())
    assert {path.stem for path in (tmp_path / "run/plots").iterdir()} >= {"discriminator", "scores", "gradients"}
    monkeypatch.setattr("dessine.plots.grid.save_grid", fail)
    answer = dessine("eval", "run", "--json")
    assert (answer.code, answer.err.count("no such letter")) == (0, 1)
    assert [Path(path).name for path in json.loads(answer.out)["pictures"]] == [
        "scores.png",
        "nearest.png",
        "interpolation.png",
    ]


def test_resolved_config_trains_the_same_run_again(dessine, config, tmp_path):
    dessine("train", config, "training.steps=20", "seed=7", "--run-dir", "a")
    assert dessine("train", tmp_path / "a/config.yaml", "--run-dir", "b").code == 0
    assert (tmp_path / "a/config.yaml").read_bytes() == (tmp_path / "b/config.yaml").read_bytes()
    assert (tmp_path / "a/metrics.jsonl").read_bytes() == (tmp_path / "b/metrics.jsonl").read_bytes()


def test_runs_of_the_same_second_get_folders_of_their_own(dessine, config):
    made = {dessine("train", config, "training.steps=1", "--quiet").out.strip() for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_config_trains_for_three_turns(dessine, tmp_path, path):
    small = path.stem in ("dirac_gan", "bilinear_game")  # all of its one example is a batch
    short = [
        "training.epochs=null",
        "training.steps=3",
        f"training.batch_size={1 if small else 4}",
        "repeats=1",
        "outputs.plots=false",
    ]
    answer = dessine("train", path, *short, *few(path), "--run-dir", "run", "--quiet")
    assert answer == (0, "run\n", "")
    assert json.loads((tmp_path / "run/summary.json").read_text())["status"] == "completed"


def test_quiet_prints_only_the_folder(dessine, config):
    assert dessine("train", config, "training.steps=2", "--run-dir", "run", "--quiet") == (0, "run\n", "")


def test_progress_goes_to_stderr_and_the_folder_is_the_last_line_of_stdout(dessine, config):
    answer = dessine("train", config, "training.steps=8", "--run-dir", "run")
    assert answer.out == "run\n"
    assert re.search(r"step 8/8 .* loss D [\d.]+  loss G [\d.]+  D\(x\) 0\.\d+  D\(G\(z\)\) 0\.\d+", answer.err)


def test_that_all_steps_are_made_is_said_once_however_long_their_end_takes(capsys, tmp_path):
    """Whoever waits for repeats in other processes asks again and again."""
    outputs = SimpleNamespace(plots=True, gif=True)
    made = Progress(SimpleNamespace(game=Adversarial, steps=3, outputs=outputs), Run(tmp_path))  # type: ignore[arg-type]
    for step in (1, 3, 3, 3):
        made.step(step, {})
    assert capsys.readouterr().err.count("all steps are made") == 1


def test_dry_run_creates_nothing(dessine, config, tmp_path):
    before = everything(tmp_path)
    answer = dessine("train", config, "--dry-run")
    assert (answer.code, answer.out) == (0, "")
    assert "would train 60 steps" in answer.err
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["game.latent.size=0"], "a whole number from 1 to"),
        (["game.generator.optimizer.lr=1"], "did you mean 'eta'"),
        (["data.path=nowhere"], "nowhere"),
        (["training.batch_size=41"], "more than the 40 training examples"),
        (["game.discriminator.layers=[dense]"], "units"),
        (["--run-dir", "full"], "is not an empty folder"),
        (["--run-dir", "full/file"], "is not an empty folder"),
        (["--run-dir", "full/file/below"], "cannot make the folder"),
        (["--runs-dir", "full/file"], "cannot make the folder"),
        (["--runs-dir", "full/file/below"], "cannot make the folder"),
        (["name=" + "n" * 300], "at most 255 letters"),
        (["--resume", "nothing"], "no run 'nothing'"),
        (["--resume", "full", "--from", "full"], "--resume goes on"),
    ],
)
def test_fault_before_the_start_is_one_line_and_leaves_nothing(dessine, config, tmp_path, args, told):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("mine")
    before = everything(tmp_path)
    answer = dessine("train", *([] if "--resume" in args else [config]), *args)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert "Traceback" not in answer.err
    assert everything(tmp_path) - {"runs"} == before


def test_missing_config_is_named(dessine):
    answer = dessine("train", "nowhere.yaml")
    assert (answer.code, answer.out) == (2, "")
    assert "nowhere.yaml" in answer.err


def limit_files_to(size: int) -> None:
    """From here on this process can write no file beyond `size` bytes: the nearest thing to a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_disk_full_before_the_start_leaves_no_folder(config, tmp_path, capfd, monkeypatch):
    start = Run.start

    def full(self, *args):
        limit_files_to(100)
        start(self, *args)

    monkeypatch.setattr(Run, "start", full)
    assert in_child(["train", config, "--run-dir", "run"], 0, kill) == 1
    out, err = capfd.readouterr()
    assert (out, "File too large" in err, "Traceback" in err) == ("", True, False)
    assert not (tmp_path / "run").exists()


def fill(run: Path) -> None:
    limit_files_to(500)


def remove(run: Path) -> None:
    shutil.rmtree(run)


def exhaust(run: Path) -> None:
    raise MemoryError("Unable to allocate 2.9 TiB")


@pytest.mark.parametrize(("harm", "cause"), [(fill, "File too large"), (remove, "No such file"), (exhaust, "out of memory")])
def test_failure_while_running_keeps_all_and_names_the_cause(config, tmp_path, capfd, harm, cause):
    run = tmp_path / "run"
    assert in_child(["train", config, "--run-dir", run], 31, lambda: harm(run)) == 1
    out, err = capfd.readouterr()
    assert out == f"{run}\n"
    assert cause in err
    assert "Traceback" not in err
    if harm is not remove:
        assert Run(run).load_checkpoint()[0] == 27
        assert len(Run(run).metrics()) >= 7
        assert not list(run.glob("**/.*.tmp*"))
    if harm is exhaust:
        assert Run(run).status() == "failed"
        assert "MemoryError" in (run / "log.txt").read_text()
        assert "Traceback" in (run / "log.txt").read_text()


def full_disk(monkeypatch, *fails: str, kept: bool = True) -> None:
    """Where what these methods of `Run` write finds no room, but for what the lock keeps. kept: whether it keeps any"""

    def failing(name: str) -> None:
        write = getattr(Run, name)

        def method(run: Run, *args, **fields) -> None:
            if not kept or (run.path / ".lock").stat().st_size:
                raise OSError(errno.ENOSPC, "No space left on device", f"run/{name}")
            write(run, *args, **fields)

        monkeypatch.setattr(Run, name, method)

    for name in fails:
        failing(name)


@pytest.mark.parametrize("first", ["log", "save_checkpoint", "append_metrics"])
def test_a_full_disk_is_told_by_the_run_itself(dessine, config, tmp_path, monkeypatch, first):
    full_disk(monkeypatch, first, "update")
    answer = dessine("train", config, "--run-dir", "run")
    told = f"run/{first}: No space left on device"
    run = Run(tmp_path / "run")
    assert (answer.code, answer.err.splitlines()[-1]) == (1, told)
    assert (run.status(), run.info()["reason"]) == ("failed", told)
    assert f"failed: {told}" in (run.path / "log.txt").read_text()


def test_where_not_even_that_can_be_written_it_is_said_and_listed(dessine, config, tmp_path, monkeypatch):
    full_disk(monkeypatch, "save_checkpoint", "update", "log", kept=False)
    answer = dessine("train", config, "--run-dir", "runs/run")
    assert answer.code == 1
    assert "runs/run: how it ended could not be written there (run/update: No space left on device)" in answer.err
    (row,) = json.loads(dessine("runs", "list", "--json").out)
    assert (row["status"], row["reason"]) == ("lost", "its process is gone without a word: killed, or its disk was full")


def test_interrupted_before_the_folder_is_made(config, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(Experiment, "build", lambda *args, **options: signal.raise_signal(signal.SIGINT))
    assert in_child(["train", config, "--run-dir", "run"], 0, kill) == 130
    out, err = capfd.readouterr()
    assert (out, err.strip()) == ("", "interrupted")
    assert not (tmp_path / "run").exists()


def test_interrupted_while_plotting_is_finished_by_resuming(config, tmp_path, capfd, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Adversarial, "save_plots", lambda *args: signal.raise_signal(signal.SIGINT))
        assert in_child(["train", config, "outputs.plots=true", "--run-dir", "run"], 0, kill) == 130
    assert "Traceback" not in capfd.readouterr().err
    assert Run(tmp_path / "run").status() == "interrupted"
    assert in_child(["train", "--resume", "run"], 0, kill) == 0
    assert (tmp_path / "run/plots/losses.png").exists()
    assert Run(tmp_path / "run").status() == "completed"


def test_diverging_run_stops_within_a_period_and_says_where_it_began(dessine, config, tmp_path):
    answer = dessine("train", config, "repeats=1", DIVERGES, "--run-dir", "run")
    assert (answer.code, answer.out) == (1, "run\n")
    found = re.search(r"began at step (\d+): (\w+), layer (\S+) \((\w+)\)", answer.err)
    assert (found[1], found[2]) == ("1", "discriminator")
    assert "Traceback" not in answer.err
    run = Run(tmp_path / "run")
    assert run.status() == "failed"
    assert [r["step"] for r in run.metrics()] == [4]
    summary = json.loads((run.path / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert summary["reason"] == found[0].join(["non-finite numbers ", ""])
    assert run.info()["non_finite"][0]["layer"] == found[3]
    assert np.isfinite(run.load_checkpoint()[1]["generator.theta"]).all()


def poisoned(at: int, r: int, monkeypatch) -> None:
    """From turn `at` on, the weights of the generator's first layer are too large in replicate r."""
    turn = Adversarial.turn

    def poison(self, measure=False):
        if self.players["generator"].optimizer.t // 2 + 1 == at:
            self.players["generator"].network.theta[r] *= np.float32(1e38)
            self.players["generator"].network.theta[r] *= np.float32(10)
        return turn(self, measure)

    monkeypatch.setattr(Adversarial, "turn", poison)


def test_one_diverging_repeat_is_told_and_the_others_go_on_unchanged(dessine, config, tmp_path, monkeypatch):
    assert dessine("train", config, "--run-dir", "good", "--quiet").code == 0
    poisoned(22, 1, monkeypatch)
    answer = dessine("train", config, "--run-dir", "run")
    assert answer.code == 0
    assert "non-finite numbers began at step 22, repeat 1: generator, layer 0.dense (output)" in answer.err
    good, bad = Run(tmp_path / "good"), Run(tmp_path / "run")
    for was, now in zip(good.metrics(), bad.metrics(), strict=True):
        assert [now["loss"]["generator"][r] for r in (0, 2)] == [was["loss"]["generator"][r] for r in (0, 2)]
    assert bad.metrics()[-1]["loss"]["generator"][1] is None
    summary = json.loads((bad.path / "summary.json").read_text())
    assert (summary["status"], "repeat 1" in summary["reason"]) == ("completed", True)


def test_divergence_is_told_the_same_after_a_resume(config, tmp_path, monkeypatch):
    poisoned(22, 1, monkeypatch)
    assert in_child(["train", config, "--run-dir", "straight", "--quiet"], 0, kill) == 0
    stop = lambda: signal.raise_signal(signal.SIGINT)  # noqa: E731
    for turn in (23, 26, 30):
        run = f"stopped_at_{turn}"
        assert in_child(["train", config, "--run-dir", run, "--quiet"], turn, stop) == 130
        assert in_child(["train", "--resume", run, "--quiet"], 0, kill) == 0
        for name in ("summary.json", "metrics.jsonl"):
            assert (tmp_path / run / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_resuming_a_diverged_run_says_why_again(dessine, config, tmp_path):
    assert dessine("train", config, "repeats=1", DIVERGES, "--run-dir", "run").code == 1
    answer = dessine("train", "--resume", "run")
    assert answer.code == 1
    assert "began at step 1: discriminator" in answer.err


def test_closed_screen_does_not_stop_the_training(config, tmp_path):
    def close() -> None:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, sys.stderr.fileno())
        os.dup2(writer, sys.stdout.fileno())

    assert in_child(["train", config, "--run-dir", "run"], 5, close) == 0
    assert Run(tmp_path / "run").status() == "completed"
