"""`dessine export`: files for other programs, and what is not made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_run import CONFIGS

from dessine.export import FORMATS

XOR = CONFIGS / "xor.yaml"


@pytest.fixture(scope="module")
def run(trained) -> Path:
    return trained("game.average=0.9", "training.steps=9")


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_is_written_where_it_is_said(dessine, run, tmp_path, to):
    for module in {"onnx": ["onnx"], "safetensors": ["safetensors"]}.get(to, []):
        pytest.importorskip(module)
    out = tmp_path / f"made{FORMATS[to].ending}"
    answer = dessine("export", run, "--to", to, "--out", out)
    assert (answer.code, answer.out.splitlines()[-1]) == (0, str(out))
    assert answer.err.startswith("generator of ")
    assert out.stat().st_size > 500
    beside = {"torch": {"made_weights.npz"}}.get(to, set())
    assert {path.name for path in tmp_path.glob("made*")} == {out.name} | beside
    before = out.read_bytes()
    assert dessine("export", run, "--to", to, "--out", out).code == 0  # replaced, as draw does
    assert to == "safetensors" or out.read_bytes() == before  # its notes come in no order


def test_an_onnx_model_of_a_run_draws_what_draw_draws(dessine, run, tmp_path):
    onnx = pytest.importorskip("onnx")
    from dessine.export.onnx import _runner

    assert dessine("export", run, "--to", "onnx", "--out", "made.onnx").code == 0
    model = onnx.load(tmp_path / "made.onnx")
    assert [one.name for one in model.graph.input] == ["latent", "noise_3"]
    told = {one.key: one.value for one in model.metadata_props}
    assert (told["name"], told["step"], told["part"]) == ("tiny", "9", "generator")
    assert json.loads(told["output_range"]) == [0, 1]
    assert json.loads(told["latent"]) == {"size": 3, "distribution": "gaussian", "sigma": 1.0}
    assert len(told["config_hash"]) == 12
    feed = {"latent": np.zeros((7, 3), np.float32), "noise_3": np.zeros((7, 2), np.float32)}
    assert _runner(model.SerializeToString())[0](feed).shape == (7, 4, 4, 1)


def test_the_average_is_taken_or_the_plain_weights(dessine, run, tmp_path):
    arrays = []
    for option in ("--average", "--plain"):
        answer = dessine("export", run, "--to", "npz", option, "--out", "made.npz", "--json")
        assert answer.code == 0
        told = json.loads(answer.out)
        assert told["files"] == ["made.npz"]
        with np.load(tmp_path / "made.npz") as file:
            assert json.loads(str(file["spec"]))["about"]["weights"] == told["weights"]
            arrays.append(file["0.w"])
    assert not np.array_equal(*arrays)


def test_parts_of_a_game(dessine, run, tmp_path):
    assert dessine("export", run, "--to", "torch", "--part", "discriminator", "--out", "d.py").code == 0
    assert "class Discriminator(nn.Module)" in (tmp_path / "d.py").read_text()
    answer = dessine("export", run, "--to", "npz", "--part", "network", "--out", "n.npz")
    assert answer.code == 2
    assert "this run has no network: it has discriminator and generator" in answer.err
    answer = dessine("export", run, "--to", "html", "--part", "discriminator", "--out", "d.html")
    assert answer.code == 2
    assert "a page is made of a generator, or of a classifier" in answer.err
    assert dessine("export", run, "--to", "npz", "--part", "discriminator", "--plain", "--out", "d.npz").code == 2
    assert not list(tmp_path.glob("*.npz")) or {p.name for p in tmp_path.glob("*.npz")} == {"d_weights.npz"}


def test_without_a_name_it_goes_into_the_run_folder(dessine, run):
    assert dessine("export", run, "--to", "npz").out == f"{run / 'generator.npz'}\n"
    (run / "generator.npz").unlink()


def test_a_classifier_of_points(dessine, tmp_path):
    assert dessine("train", XOR, "training.epochs=1", "data.points=50", "--run-dir", "run", "--quiet").code == 0
    assert dessine("export", "run", "--to", "npz", "--out", "xor.npz").code == 0
    with np.load(tmp_path / "xor.npz") as file:
        assert json.loads(str(file["spec"]))["about"]["part"] == "network"
    answer = dessine("export", "run", "--to", "html", "--out", "xor.html")
    assert answer.code == 2
    assert not (tmp_path / "xor.html").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "tflite"], "'tflite' is not one of 'onnx'"),
        ([], "Missing option '--to'"),
        (["--to", "npz", "--out", "made.txt"], "expects a name ending in .npz"),
        (["--to", "npz", "--out", "nowhere/made.npz"], "there is no folder nowhere"),
        (["--to", "npz", "--step", "12345"], "12,345"),
        (["--to", "npz", "--part", "critic"], "'critic' is not one of"),
    ],
)
def test_mistakes_are_one_line(dessine, run, tmp_path, words, told):
    answer = dessine("export", run, *words)
    assert answer.code == 2
    assert answer.out == ""
    assert told in answer.err
    assert not list(tmp_path.glob("made*"))


def test_what_is_not_installed_is_told(dessine, run, monkeypatch):
    monkeypatch.setattr("dessine.export.formats.find_spec", lambda name: None)
    for to in ("onnx", "safetensors"):
        answer = dessine("export", run, "--to", to, "--out", f"made{FORMATS[to].ending}")
        assert answer.code == 2
        assert "pip install 'dessine[export]'" in answer.err


def test_a_run_without_a_checkpoint(dessine, run, tmp_path):
    shutil.copytree(run, tmp_path / "empty", ignore=shutil.ignore_patterns("checkpoints"))
    answer = dessine("export", "empty", "--to", "npz", "--out", "made.npz")
    assert answer.code == 2
    assert "no checkpoint" in answer.err
