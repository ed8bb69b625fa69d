"""A classification run is a judge, and so is the one file that it is packed into; who judged, and how well, is always told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_run import CONFIG, here

from dessine.runs.run import Run

JUDGE = """\
name: eye
data: {{type: mnist, path: {images}, scale: {scale}}}
game:
  type: classification
  loss: {loss}
  network:
    layers:
      - {{type: dense, units: {units}, activation: relu}}
      - batch_norm
      - {{type: dense, units: 10}}
repeats: 2
training: {{steps: 8, batch_size: 7}}
outputs: {{checkpoint: 4, plots: false, samples: 0}}
"""


def judge_of(folder: Path, images: Path, units: int = 6, loss: str = "softmax_cross_entropy", scale: str = "0..1") -> Path:
    (folder / "eye.yaml").write_text(JUDGE.format(images=images, units=units, loss=loss, scale=scale))
    assert here(["train", folder / "eye.yaml", "--run-dir", folder / "eye", "--quiet"]) == 0
    return folder / "eye"


@pytest.fixture(scope="module")
def eye(tmp_path_factory, images, _own_cache) -> Path:
    folder = judge_of(tmp_path_factory.mktemp("judge"), images)
    assert here(["judge", "pack", folder, "--out", folder.parent / "eye.npz"]) == 0
    return folder


@pytest.fixture(scope="module")
def packed(eye: Path) -> Path:
    return eye.parent / "eye.npz"


@pytest.fixture(scope="module")
def drawn(trained, packed) -> Path:
    """A run of three generators whose samples the packed judge reads."""
    return trained(f"scores.judge={packed}", "repeats=1", "outputs.metrics=30")


def test_a_run_and_its_file_are_one_judge(dessine, eye, packed):
    run, file = (json.loads(dessine("judge", "show", path, "--json").out) for path in (eye, packed))
    assert {k: v for k, v in run.items() if k != "judge"} == {k: v for k, v in file.items() if k != "judge"}
    assert (run["shape"], run["classes"]) == ([4, 4, 1], [str(d) for d in range(10)])
    success = Run(eye).metrics()[-1]["test_success"][0]
    assert run["test_success"] == pytest.approx(success)
    assert packed.stat().st_size < 1_000_000


def test_a_judge_is_told_to_people(dessine, eye, packed, drawn, images):
    runs = drawn.parent
    told = dict(line.split(maxsplit=1) for line in dessine("judge", "show", packed, "--runs-dir", runs).out.splitlines())
    lines = {line[:12].strip(): line[12:] for line in dessine("judge", "show", packed, "--runs-dir", runs).out.splitlines()}
    known = json.loads(dessine("judge", "show", packed, "--json", "--runs-dir", runs).out)
    assert lines["hash"] == known["hash"] == told["hash"].strip()
    assert lines["reads"] == f"4 x 4 x 1 as one of 10 classes: {', '.join(map(str, range(10)))}"
    assert lines["success"] == f"{known['test_success']:.4f} of 20 test examples read right"
    assert lines["learnt from"] == f"mnist (40 examples, {images}), 8 steps, the run eye"
    assert lines["trained by"].startswith("dessine train ")
    assert lines["network"] == (
        f"dense, batch_norm, dense: {known['parameters']} parameters, a file of {packed.stat().st_size:,} bytes"
    )
    assert lines["used by"] == f"1 run in {runs}: run"
    assert known["used_by"] == [str(drawn)]
    folder = dessine("judge", "show", eye).out
    assert "of its test examples read right" in folder
    assert "no run in runs" in folder
    assert known["trained"]["examples"] == 40


def test_who_judged_stands_beside_every_value(dessine, drawn, packed):
    known = json.loads(dessine("judge", "show", packed, "--json").out)
    judge = {"hash": known["hash"], "accuracy": known["test_success"]}
    assert [line["judge"] for line in Run(drawn).metrics()] == [judge] * 2
    assert {"class_entropy", "class_confidence", "kernel_distance"} <= set(Run(drawn).metrics()[-1]["scores"])
    assert Run(drawn).info()["judge"] == judge
    assert Run(drawn).info()["goals"] == {"scores.kernel_distance": "min"}
    told = json.loads(dessine("eval", drawn, "--json", "--only", "class_score,frechet,coverage").out)
    assert told["judge"] == judge
    for row in told["scores"].values():
        assert (row["measured_by"], row["test_success"]) == (f"judge {judge['hash']}", judge["accuracy"])
    assert f"judge             {judge['hash']}, test success" in dessine("eval", drawn, "--only", "frechet").out
    assert dessine("runs", "report", drawn).code == 0
    assert f"judge {judge['hash']} (test success" in (drawn / "report.html").read_text()


def test_the_config_of_a_run_means_the_same_judge_from_anywhere(dessine, packed, images, tmp_path):
    (tmp_path / "own").mkdir()
    shutil.copy(packed, tmp_path / "own" / "here.npz")
    text = CONFIG.format(images=images) + "scores: {judge: here.npz}\n"
    (tmp_path / "own" / "gan.yaml").write_text(text.replace("steps: 60", "steps: 2"))
    assert dessine("train", "own/gan.yaml", "--run-dir", "run", "--quiet").code == 0
    assert f"judge: {tmp_path / 'own' / 'here.npz'}" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere", "there is no run and no file"),
        ("cut.npz", "is no judge, or a damaged one"),
        ("changed.npz", "is no judge, or a damaged one"),
        ("other.npz", "it holds other arrays"),
        ("gan", "is a run of the adversarial game: only a classification run can judge"),
        ("wide", "its layers have 238 parameters, there are 184"),
        ("young", "it has not learnt anything yet"),
        ("folder", "a judge is the folder of a classification run"),
    ],
)
def test_what_cannot_judge_is_told_before_anything_is_made(dessine, config, packed, eye, drawn, tmp_path, name, told):
    path = tmp_path / name
    raw = packed.read_bytes()
    if name == "cut.npz":
        path.write_bytes(raw[:500])
    elif name == "changed.npz":
        at = raw.index(b"theta.npy") + 200
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 255]) + raw[at + 1 :])
    elif name == "other.npz":
        np.savez(path, images=np.zeros(3))
    elif name in ("wide", "young"):
        shutil.copytree(eye, path)
        if name == "wide":
            info = json.loads((path / "run.json").read_text())
            (path / "run.json").write_text(json.dumps(info | {"data_shape": [40, 5, 5, 1]}))
        else:
            shutil.rmtree(path / "checkpoints")
            run = Run(path)
            run.checkpoints.mkdir(exist_ok=True)
            run.save_checkpoint(0, {"network.theta": np.zeros((1, 3)), "network.buffers": np.zeros((1, 0))}, {}, keep=1)
    elif name == "gan":
        path = drawn
    elif name == "folder":
        path.mkdir()
    answer = dessine("train", config, f"scores.judge={path}", "--run-dir", tmp_path / "made")
    assert answer.code == 2
    assert "scores.judge: " in answer.err
    assert told in answer.err
    assert not (tmp_path / "made").exists()


def test_a_judge_of_other_examples_is_refused(dessine, config, packed):
    answer = dessine("config", "check", config, "data={type: ring}", f"scores.judge={packed}")
    assert (answer.code, "reads examples of 4 x 4 x 1, those of the data are 2" in answer.err) == (2, True)
    answer = dessine("config", "check", packed.parent / "eye.yaml", f"scores.judge={packed}")
    assert (answer.code, "draws nothing that a judge could read" in answer.err) == (2, True)


@pytest.fixture
def moved(drawn, tmp_path, packed) -> tuple[Path, Path]:
    """A run of its own and a judge of its own, which stands no longer where the run says."""
    shutil.copytree(drawn, tmp_path / "run")
    text = (tmp_path / "run" / "config.yaml").read_text().replace(str(packed), str(tmp_path / "gone.npz"))
    (tmp_path / "run" / "config.yaml").write_text(text)
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    info["spec"]["scores"]["judge"] = str(tmp_path / "gone.npz")
    (tmp_path / "run" / "run.json").write_text(json.dumps(info))
    return tmp_path / "run", tmp_path / "here.npz"


def test_a_judge_that_has_moved_is_asked_for(dessine, moved, packed):
    run, here = moved
    answer = dessine("eval", run)
    assert (answer.code, "scores.judge=PATH` says where it is now" in answer.err) == (2, True)
    answer = dessine("train", "--resume", run, "training.steps=70")
    assert (answer.code, "scores.judge=PATH, at the end of the command" in answer.err) == (2, True)
    assert "its judge cannot be read" in " ".join(dessine("diagnose", run).out.split())
    assert dessine("draw", run, "--count", 2, "--out", run / "two.png").code == 0
    shutil.copy(packed, here)
    answer = dessine("train", "--resume", run, f"scores.judge={here}")
    assert (answer.code, f"its judge is now {here}" in answer.err) == (0, True)
    assert dessine("eval", run, "--only", "frechet").code == 0


def test_a_judge_that_has_changed_is_told(dessine, moved, eye):
    run, _ = moved
    assert dessine("judge", "pack", eye, "--step", 4, "--out", run.parent / "gone.npz").code == 0
    answer = dessine("eval", run, "--only", "frechet")
    assert (answer.code, "has changed since this run began" in answer.err) == (0, True)
    assert "has changed since this run began" in " ".join(dessine("diagnose", run).out.split())
    answer = dessine("train", "--resume", run, "training.steps=70", "outputs.best=scores.frechet")
    assert (answer.code, "chooses among all checkpoints" in answer.err) == (2, True)
    answer = dessine("train", "--resume", run, "training.steps=62")
    assert (answer.code, "has changed since this run began" in answer.err) == (0, True)
    first, last = (Run(run).metrics()[i]["judge"]["hash"] for i in (0, -1))
    assert first != last
    assert dessine("train", "--resume", run, "training.steps=63", "scores.judge=null").code == 2


def test_what_is_too_large_is_rounded_or_refused(dessine, tmp_path, images, monkeypatch):
    wide = judge_of(tmp_path, images, units=400, scale="-1..1")
    monkeypatch.setattr("dessine.cli.judge.LARGEST", 40_000)
    answer = dessine("judge", "pack", wide, "--out", tmp_path / "half.npz")
    assert (answer.code, "weights of 16 bits" in answer.err) == (0, True)
    known = [json.loads(dessine("judge", "show", tmp_path / n, "--json").out) for n in ("eye", "half.npz")]
    assert known[0]["hash"] != known[1]["hash"]
    assert known[0]["test_success"] == pytest.approx(known[1]["test_success"], abs=0.001)
    monkeypatch.setattr("dessine.cli.judge.LARGEST", 2_000)
    answer = dessine("judge", "pack", wide, "--out", tmp_path / "none.npz")
    assert (answer.code, "in half precision, and a judge's file has 1 MB at most" in answer.err) == (2, True)
    assert not (tmp_path / "none.npz").exists()


def test_a_generator_is_packed_by_nobody(dessine, drawn, eye, tmp_path):
    assert "only a classification run can judge" in dessine("judge", "pack", drawn).err
    assert dessine("judge", "pack", eye, "--out", tmp_path / "x.png").code == 2
    assert dessine("judge", "pack", eye, "--out", tmp_path / "none" / "x.npz").code == 2


def test_repeats_in_processes_have_the_judge_that_is_there_now(packed, images, tmp_path):
    from dessine.cli.loading import load
    from dessine.sweeps.repeats import _job

    (tmp_path / "tiny.yaml").write_text(CONFIG.format(images=images))
    experiment = load(tmp_path / "tiny.yaml", [f"scores.judge={packed}"])[0]
    job = _job(experiment, Run(tmp_path), 1, Run(tmp_path), tmp_path / "log")
    assert f"scores.judge={packed}" in job.overrides
