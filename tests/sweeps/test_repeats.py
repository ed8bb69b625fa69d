"""Repeats in processes: the same files, to the last bit, as repeats on the replicate axis."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dessine.cli.train import command
from dessine.experiment import Experiment
from dessine.runs.run import Run
from dessine.spec import check_document, read
from dessine.sweeps import repeats

CONFIG = """
name: small
seed: 5
repeats: 3
data: {type: xor, points: 60, test_points: 40}
game:
  type: classification
  test_period: 20
  network:
    layers: [{type: dense, units: 3, activation: tanh}, {type: dropout, p: 0.2}, {type: dense, units: 1, activation: tanh}]
    optimizer: {type: adam, eta: 0.05}
training: {steps: 70, batch_size: 4}
outputs: {plots: false, samples: 0, checkpoint: 30}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: None) -> Path:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return path


def train(*arguments: object) -> tuple[int, Run]:
    done = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=True)
    return done.exit_code, Run(Path(done.stdout.strip().splitlines()[-1]))


def checkpoint(run: Run) -> tuple[int, dict[str, np.ndarray], dict]:
    found = run.load_checkpoint()
    assert found is not None
    return found


def assert_same(a: Run, b: Run) -> None:
    assert (a.path / "metrics.jsonl").read_text() == (b.path / "metrics.jsonl").read_text()
    (step, arrays, state), (other_step, others, other_state) = checkpoint(a), checkpoint(b)
    assert step == other_step
    assert arrays.keys() == others.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name], err_msg=name)
    assert state == other_state
    summaries = [json.loads((run.path / "summary.json").read_text()) for run in (a, b)]
    assert summaries[0] == summaries[1]


def test_repeats_in_processes_equal_those_on_the_replicate_axis(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, together = train(config, "--run-dir", config.parent / "together")
    assert code == 0
    monkeypatch.setattr(repeats, "LARGE", 0)
    code, apart = train(config, "--run-dir", config.parent / "apart")
    assert code == 0
    assert sorted(p.name for p in (apart.path / "repeats").iterdir() if p.is_dir()) == ["0000", "0001", "0002"]
    assert_same(together, apart)


def test_a_completed_repeat_that_has_lost_its_last_checkpoint_makes_it_again(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "LARGE", 0)
    _, whole = train(config, "--run-dir", config.parent / "whole")
    lost = Run(shutil.copytree(whole.path, config.parent / "lost"))
    lost.update(status="interrupted", step=60)
    (lost.path / "repeats" / "0001" / "checkpoints" / "step_000000070.npz").write_bytes(b"damaged")
    code, _ = train("--resume", lost.path)
    assert code == 0
    assert_same(whole, lost)
    lost.update(status="interrupted", step=60)
    for file in (lost.path / "repeats" / "0001" / "checkpoints").glob("step_*.npz"):
        file.write_bytes(b"damaged")
    code, _ = train("--resume", lost.path)
    assert code == 1
    assert "repeat 1: " in lost.info()["reason"]
    assert "damaged" in lost.info()["reason"]


def test_repeats_in_processes_go_on_for_longer(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, together = train(config, "training.steps=90", "--run-dir", config.parent / "together")
    assert code == 0
    monkeypatch.setattr(repeats, "LARGE", 0)
    code, apart = train(config, "--run-dir", config.parent / "apart")
    assert code == 0
    code, apart = train("--resume", apart.path, "training.steps=90")
    assert code == 0
    assert_same(together, apart)


def test_repeat_that_diverges_leaves_the_others_alone(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "LARGE", 0)
    code, run = train(config, "--run-dir", config.parent / "apart")
    assert code == 0
    Run(run.path / "repeats" / "0001").update(
        status="failed",
        reason="non-finite values began at step 50",
        non_finite=[{"step": 50, "repeat": 0, "player": "network", "layer": None, "what": "loss"}],
    )
    (run.path / "repeats" / "0001" / "metrics.jsonl").write_text(
        "".join(json.dumps(r) + "\n" for r in Run(run.path / "repeats" / "0001").metrics()[:2])
    )
    code, run = train("--resume", run.path, "training.steps=75")
    records = run.metrics()
    assert records[-1]["step"] == 75
    assert all(v is not None for r in records for i, v in enumerate(r["test_success"]) if i != 1)


def test_repeat_that_fails_leaves_the_whole_failed_until_it_is_mended(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "LARGE", 0)
    _, run = train(config, "repeats=2", "--run-dir", config.parent / "apart")
    kept = run.path / "repeats" / "0001" / "checkpoints"
    kept.rename(config.parent / "kept")
    kept.touch()
    done = CliRunner().invoke(command, ["--resume", str(run.path), "training.steps=75"])
    assert isinstance(done.exception, repeats.RepeatFailed)
    assert (run.status(), run.info()["reason"].split(":")[0]) == ("failed", "repeat 1")
    kept.unlink()
    (config.parent / "kept").rename(kept)
    code, run = train("--resume", run.path)
    assert (code, run.status(), run.info()["step"], run.metrics()[-1]["step"]) == (0, "completed", 75, 75)


def test_killed_parent_takes_its_repeats_along_and_is_never_completed_early(config: Path) -> None:
    steps, path = 2000, config.parent / "run"
    apart = "import sys; from dessine.sweeps import repeats; repeats.LARGE = 0; from dessine.cli import main; main()"
    parent = [sys.executable, "-c", apart, "train"]
    words = [config, f"training.steps={steps}", "outputs.checkpoint=20", "repeats=2", "--run-dir", path]
    with subprocess.Popen([*parent, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not list(path.glob("repeats/0000/checkpoints/step_*2*.npz")):
            assert first.poll() is None
            time.sleep(0.02)
        first.kill()
    again = subprocess.run([*parent, "--resume", str(path)], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert [Run(path / "repeats" / r).info()["step"] for r in ("0000", "0001")] == [steps, steps]
    assert (Run(path).status(), Run(path).info()["step"]) == ("completed", steps)


def test_a_repeat_looks_for_its_data_where_the_whole_does(config: Path, tmp_path: Path) -> None:
    document = read(config, [f"data={{type: mnist, path: {tmp_path}/moved}}"])
    experiment = check_document(document, Experiment).node
    job = repeats._job(experiment, Run(tmp_path), 0, Run(tmp_path / "0"), tmp_path / "log")
    assert {f"data.path={tmp_path}/moved", "data.source=auto"} <= set(job.changes) & set(job.overrides)


def test_a_number_that_no_repeat_has_is_none_of_each() -> None:
    """Such as the share of the critic's gap, where every critic prefers the generated examples."""
    lines = [{"step": 10, "critic_gap": {"share": None, "error": float(r)}} for r in range(3)]
    merged = repeats._merged(lines)
    assert merged == {"step": 10, "critic_gap": {"share": [None] * 3, "error": [0.0, 1.0, 2.0]}}
    assert repeats._merged([None, {"a": 1.0}]) == {"a": [None, 1.0]}
