"""A run whose data have gone, or that was sent to somebody who has none: whatever needs no data works all the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_run import CONFIG, here

from dessine.export import FORMATS


@pytest.fixture(scope="module")
def moved(tmp_path_factory, images) -> tuple[Path, Path]:
    """A run, and what it drew while its data were there; now they are not."""
    folder = tmp_path_factory.mktemp("moved")
    shutil.copytree(images, folder / "data")
    config = CONFIG.replace("path: {images}", "path: {images}, scale: -1..1").replace("sigmoid", "tanh")
    (folder / "tiny.yaml").write_text(config.format(images=folder / "data"))
    assert here(["train", folder / "tiny.yaml", "--run-dir", folder / "run", "--quiet"]) == 0
    assert here(["draw", folder / "run", "--count", 5, "--out", folder / "before.npz"]) == 0
    (folder / "data").rename(folder / "elsewhere")
    return folder / "run", folder / "before.npz"


def without_shape(run: Path, copy: Path) -> Path:
    """As a version wrote it that did not yet say of what shape the data are."""
    shutil.copytree(run, copy)
    info = json.loads((copy / "run.json").read_text())
    del info["data_shape"]
    (copy / "run.json").write_text(json.dumps(info))
    return copy


def test_it_draws_the_same_images(dessine, moved, tmp_path):
    run, before = moved
    answer = dessine("draw", run, "--count", 5, "--out", "after.npz")
    assert answer == (0, "after.npz\n", "")
    np.testing.assert_array_equal(np.load(tmp_path / "after.npz")["images"], np.load(before)["images"])


def test_it_is_diagnosed_by_its_metrics_and_says_what_was_not_looked_at(dessine, moved):
    run, _ = moved
    told = json.loads(dessine("diagnose", run, "--json").out)
    assert told["step"] == 60
    assert "its data are not here (data.path: no folder" in told["notes"][-1]
    assert "samples of its checkpoint were not looked at" in told["notes"][-1]


def test_it_is_reported_and_listed(dessine, moved):
    run, _ = moved
    assert dessine("runs", "report", run, "--out", "x.html").code == 0
    assert dessine("runs", "list", "--runs-dir", run.parent).code == 0


@pytest.mark.parametrize("options", [[], ["--checkpoints"], ["--only", "ndb"]])
def test_scores_need_data_and_say_how_to_give_them(dessine, moved, options):
    run, _ = moved
    answer = dessine("eval", run, *options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"{run}: its data are not here (data.path: no folder")
    assert f"`dessine train --resume {run} data.path=FOLDER`" in answer.err
    assert not (run / "eval").exists()


def test_a_run_of_an_older_version_is_taken_for_mnists(dessine, moved, tmp_path):
    old = without_shape(moved[0], tmp_path / "old")
    answer = dessine("draw", old, "--out", "x.npz")
    assert (answer.code, answer.out) == (2, "")
    assert "makes 16 numbers, an example holds 784" in answer.err
    assert dessine("diagnose", old).code == 0


def test_a_classifier_is_diagnosed_too(dessine, tmp_path, images):
    shutil.copytree(images, tmp_path / "data")
    network = "{type: classification, network: {layers: [{type: dense, units: 10}]}}"
    config = f"data: {{type: mnist, path: data}}\ngame: {network}\ntraining: {{steps: 20, batch_size: 4}}\n"
    (tmp_path / "c.yaml").write_text(config)
    assert dessine("train", "c.yaml", "--run-dir", "run", "--quiet", "outputs.plots=false").code == 0
    shutil.rmtree(tmp_path / "data")
    answer = dessine("diagnose", "run")
    assert (answer.code, answer.err) == (0, "")
    assert "its data are not here" in " ".join(answer.out.split())
    answer = dessine("eval", "run")
    assert (answer.code, "its data are not here" in answer.err) == (2, True)
    answer = dessine("draw", "run", "--out", "x.npz")
    assert (answer.code, "has no generator" in answer.err) == (2, True)  # with its data it would draw no more


@pytest.mark.parametrize("to", ["npz", "html", "torch"])
def test_a_classifier_is_taken_out_all_the_same(dessine, tmp_path, images, to):
    shutil.copytree(images, tmp_path / "data")
    network = "{type: classification, network: {layers: [{type: dense, units: 10}]}}"
    config = f"data: {{type: mnist, path: data}}\ngame: {network}\ntraining: {{steps: 20, batch_size: 4}}\n"
    (tmp_path / "c.yaml").write_text(config)
    assert dessine("train", "c.yaml", "--run-dir", "run", "--quiet", "outputs.plots=false", "repeats=2").code == 0
    out = Path("made").with_suffix(FORMATS[to].ending)
    assert dessine("export", "run", "--to", to, "--repeat", "1", "--out", out).code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("made*")}
    shutil.rmtree(tmp_path / "data")
    answer = dessine("export", "run", "--to", to, "--repeat", "1", "--out", out)
    assert (answer.code, answer.out.splitlines()[-1]) == (0, str(out))
    assert ("its data are not here" in answer.err) == (to == "html")
    assert to == "html" or {path.name: path.read_bytes() for path in tmp_path.glob("made*")} == before


def test_what_is_taken_out_tells_nobody_where_files_lie(dessine, moved, tmp_path):
    assert dessine("export", moved[0], "--to", "npz", "--out", "made.npz").code == 0
    with np.load(tmp_path / "made.npz") as file:
        text = str(file["spec"])
    assert "path: data" in text
    assert str(moved[0].parent) not in text
