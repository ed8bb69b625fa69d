"""`dessine data look`, and a training on what it proposes: from a folder of pictures to a generator."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_run import CONFIGS

GAN = """\
game:
  type: adversarial
  latent: {size: 3}
  generator: {layers: [{type: dense, units: 48, activation: tanh}], optimizer: adam}
  discriminator: {layers: [{type: dense, units: 4, activation: relu}, {type: dense, units: 1}], optimizer: adam}
training: {steps: 6, batch_size: 4}
outputs: {metrics: 3, samples: 6, checkpoint: 6, grid: [2, 3], plots: false}
"""
CLASSES = """\
game:
  type: classification
  loss: softmax_cross_entropy
  network: {layers: [{type: dense, units: 2}], optimizer: adam}
training: {steps: 6, batch_size: 4}
outputs: {metrics: 3, samples: 6, checkpoint: 6, plots: false}
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pictures in colour of two classes, and a broken one."""
    rng = np.random.default_rng(0)
    for i in range(12):
        folder = tmp_path / "my photos" / ("cat", "dog")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6 + i, 8, 3), np.uint8)).save(folder / f"{i}.{('png', 'jpg')[i % 2]}")
    (tmp_path / "my photos" / "cat" / "bad.png").write_text("no picture")
    return tmp_path / "my photos"


def test_look_tells_what_is_there_and_what_to_paste(dessine, photos: Path, tmp_path: Path) -> None:
    answer = dessine("data", "look", "my photos")
    assert answer.code == 0
    for text in ("12 pictures (folder)", "2: cat 6, dog 6", "12, from 8 x 6 to 8 x 17", "PNG 6, JPEG 6", "12 are in colour"):
        assert text in answer.out
    assert "cat/bad.png is text, no picture" in answer.out
    assert answer.out.splitlines()[-1] == str(tmp_path / "look.png")
    assert Image.open(tmp_path / "look.png").size[0] > 200
    block = answer.out.split("In a config:\n\n")[1].split("\n\n")[0]
    (tmp_path / "own.yaml").write_text(block + "\n" + GAN)
    assert dessine("config", "check", "own.yaml").code == 2  # 48 numbers are no 28 x 28 x 3
    assert dessine("train", "own.yaml", "data.size=4", "--run-dir", "run").code == 0


def test_what_look_proposes_fits_the_shipped_configs(dessine, photos: Path) -> None:
    lines = [line for line in dessine("data", "look", photos).out.splitlines() if line.startswith("  dessine train ")]
    assert len(lines) == 2
    for line in lines:
        _, _, config, *overrides = shlex.split(line)
        assert dessine("config", "check", CONFIGS / Path(config).name, *overrides).code == 0


def test_look_as_json_is_one_document(dessine, photos: Path, tmp_path: Path) -> None:
    answer = dessine("data", "look", photos, "--json", "--out", "a.png", "--color", "grey", "--size", 5, "--invert")
    told = json.loads(answer.out)
    assert (told["kind"], told["pictures"], told["classes"]) == ("folder", 12, {"cat": 6, "dog": 6})
    assert told["broken"] == [{"file": "cat/bad.png", "why": "is text, no picture"}]
    assert sum(told["sizes"].values()) == sum(told["formats"].values()) == 12
    block = {"type": "images", "path": str(photos), "size": 5, "color": "grey", "invert": True, "skip_broken": True}
    assert told["data"] == block
    assert (told["picture"], Path("a.png").exists(), (tmp_path / "look.png").exists()) == ("a.png", True, False)


def test_look_reads_numbers_too(dessine, tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).integers(0, 256, (30, 9, 9), np.uint8), np.arange(30) % 3
    np.savez("some.npz", images=x, labels=y)
    told = json.loads(dessine("data", "look", "some.npz", "--json").out)
    assert (told["pictures"], told["sizes"], told["modes"]) == (30, {"9 x 9": 30}, {"uint8 in 1 channel": 30})
    assert told["classes"] == {"0": 10, "1": 10, "2": 10}
    assert "color" not in told["data"]


def test_look_says_in_plain_words_what_pixels_are(dessine, tmp_path: Path) -> None:
    for mode in ("L", "RGB"):
        Image.new(mode, (9, 9)).save(tmp_path / f"{mode}.png")
    Image.new("CMYK", (9, 9)).save(tmp_path / "c.jpg")
    assert "  pixels    grey 1, in colour 1, CMYK 1" in dessine("data", "look", ".").out.splitlines()


def test_look_at_nothing_is_one_line(dessine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_text("text")
    for path, says in (("empty", "holds no pictures"), ("nowhere", "no folder or file"), ("bad", "none of 1 pictures")):
        answer = dessine("data", "look", path)
        assert answer.code == 2
        assert says in answer.err
        assert answer.out == ""
    assert dessine("data", "look", "empty", "--out", "a.jpg").code == 2
    assert dessine("data", "look", "empty", "--out", "none/a.png").code == 2
    assert not (tmp_path / "look.png").exists()


def test_a_game_on_own_pictures_is_trained_drawn_resumed_and_moved(dessine, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "gan.yaml").write_text(GAN)
    data = "data={type: images, path: my photos, size: 4, color: rgb, skip_broken: true, validation: 0.2}"
    answer = dessine("train", "gan.yaml", data, "--run-dir", "run")
    assert answer.code == 0, answer.err
    assert "broken, and left out: cat/bad.png" in answer.err
    assert dessine("draw", "run", "--out", "a.png", "--count", 4).code == 0
    assert dessine("draw", "run", "--out", "a.npz", "--count", 4).code == 0
    assert np.load("a.npz")["images"].shape == (4, 4, 4, 3)
    assert dessine("eval", "run", "--json", "--only", "diversity").code == 0
    shutil.move(photos, tmp_path / "elsewhere")
    assert dessine("train", "--resume", "run", "training.steps=8").code == 2
    assert dessine("draw", "run", "--out", "b.png").code == 0
    moved = dessine("train", "--resume", "run", "training.steps=8", f"data.path={tmp_path / 'elsewhere'}")
    assert moved.code == 0, moved.err
    (tmp_path / "elsewhere" / "cat" / "0.png").unlink()
    changed = dessine("train", "--resume", "run", "training.steps=9")
    assert changed.code == 2
    assert "checksum" in changed.err or "other" in changed.err


def test_a_classification_names_its_classes(dessine, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(CLASSES)
    data = "data={type: images, path: ./my photos, size: 4, skip_broken: true}"
    assert dessine("train", "net.yaml", data, "--run-dir", "run").code == 0
    told = json.loads(dessine("eval", "run", "--json").out)
    assert set(told["class_success"]) == {"cat", "dog"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("size: 4", "makes 48 numbers, an example holds 16 [4, 4, 1]: units: 16 is wanted"),
        ("size: 5, color: rgb", "units: 75 is wanted"),
        ("size: [4]", "size"),
        ("size: 0", "size"),
        ("color: red", "color"),
        ("fit: crp", "did you mean 'crop'"),
        ("classes: [bird], size: 4", "it has cat, dog"),
        ("classes: [cat, cat]", "twice"),
        ("test: 0", "test"),
        ("siez: 4", "did you mean 'size'"),
    ],
)
def test_a_mistake_in_the_config_is_told_with_what_is_wanted(dessine, photos: Path, options: str, says: str) -> None:
    Path("gan.yaml").write_text(GAN)
    answer = dessine(
        "train", "gan.yaml", f"data={{type: images, path: my photos, skip_broken: true, {options}}}", "--run-dir", "r"
    )
    assert answer.code == 2
    assert says in answer.err
    assert not os.path.exists("r")


def test_channels_that_are_wanted_are_told(dessine, photos: Path) -> None:
    data = "data={type: images, path: my photos, skip_broken: true, color: rgb, size: %s}"
    for size, says in ((28, "holds 2352 [28, 28, 3]: channels: 3 is wanted"), (32, "take data.size=28")):
        answer = dessine("train", CONFIGS / "gan_mnist.yaml", data % size, "training.batch_size=4", "--run-dir", "r")
        assert answer.code == 2
        assert says in answer.err


ASKED = """\
game:
  type: adversarial
  latent: {size: 3}
  generator: {layers: [{type: condition}, {type: dense, units: 16, activation: tanh}], optimizer: adam}
  discriminator: {layers: [{type: condition}, {type: dense, units: 1}], optimizer: adam}
training: {steps: 6, batch_size: 4}
outputs: {metrics: 3, samples: 0, checkpoint: 6, plots: false}
"""


def test_the_one_that_is_asked_for_is_drawn_where_the_pictures_have_gone(dessine, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.yaml").write_text(ASKED)
    data = "data={type: images, path: my photos, size: 4, skip_broken: true}"
    answer = dessine("train", "asked.yaml", data, "--run-dir", "run")
    assert answer.code == 0, answer.err
    assert dessine("draw", "run", "--label", "dog", "--count", 3, "--out", "before.npz").code == 0
    shutil.rmtree(photos)
    gone = dessine("draw", "run", "--label", "dog", "--count", 3, "--out", "after.npz")
    assert gone.code == 0, gone.err
    np.testing.assert_array_equal(np.load("before.npz")["images"], np.load("after.npz")["images"])
    assert "cat, dog" in dessine("draw", "run", "--label", "bird", "--count", 3, "--out", "x.npz").err
