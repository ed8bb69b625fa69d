"""`dessine find`: the latent that draws a picture best."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tiny_run import CONFIGS, write_idx

QUICK = ("--steps", 30, "--test", 10)


@pytest.fixture(scope="module")
def run(trained):
    """Its generator has no noise of its own."""
    return trained("repeats=1", "game.generator.layers[3]={type: dense, units: 8}")


@pytest.fixture
def drawn(dessine, run, tmp_path):
    """A picture that the run has drawn, in colour and three times as large, and its latent."""
    dessine("draw", run, "--walk", "5,6", "--frames", 2, "--out", "some.npz")
    with np.load(tmp_path / "some.npz") as file:
        image, latent = file["images"][0], file["latents"][0]
    pixels = np.repeat(np.repeat((255 * image).round().astype(np.uint8), 3, 0), 3, 1)
    Image.fromarray(pixels).convert("RGB").resize((4, 4), Image.Resampling.BOX).save(tmp_path / "own.png")
    return latent


def test_what_the_run_has_drawn_is_found_and_drawn_again(dessine, run, tmp_path, drawn):
    answer = dessine("find", run, "own.png", "--json", "--steps", 300, "--test", 0)
    assert (answer.code, answer.err) == (0, "")
    told = json.loads(answer.out)
    assert told["pictures"][0]["error"] < 2e-6  # what is left is the rounding to bytes
    assert len(told["pictures"][0]["tried"]) == 4
    assert "test" not in told
    assert np.load(tmp_path / "found.npy").shape == (1, 3)
    assert dessine("draw", run, "--latents", "found.npy", "--out", "again.npz").code == 0
    with np.load(tmp_path / "again.npz") as again, np.load(tmp_path / "some.npz") as file:
        np.testing.assert_allclose(again["images"][0], file["images"][0], atol=0.01)
    with Image.open(tmp_path / "found.png") as picture:
        assert picture.format == "PNG"


def test_several_pictures_stand_beside_test_images(dessine, run, tmp_path, drawn):
    answer = dessine("find", run, "test:3", "own.png", "train:0", *QUICK, "--json", "--out", "three.png")
    told = json.loads(answer.out)
    assert [row["picture"] for row in told["pictures"]] == ["test:3", "own.png", "train:0"]
    assert told["pictures"][2]["nearest_training_image"] == 0
    assert told["test"]["count"] == 10
    assert told["unit"].startswith("mean squared difference per pixel")
    assert (told["picture"], told["latents"]) == ("three.png", "three.npy")
    assert np.load(tmp_path / "three.npy").shape == (3, 3)
    again = dessine("find", run, "test:3", "own.png", "train:0", *QUICK, "--json", "--out", "three.png")
    assert json.loads(again.out) == told
    other = dessine("find", run, "test:3", "own.png", "train:0", *QUICK, "--json", "--out", "three.png", "--seed", 1)
    assert json.loads(other.out)["pictures"] != told["pictures"]


def test_people_are_told_the_same_in_a_table(dessine, run, tmp_path):
    answer = dessine("find", run, "test:3", *QUICK)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert "pixels from 0 to 1" in lines[0]
    assert lines[1].split()[:2] == ["picture", "error"]
    assert lines[2].startswith("test:3")
    assert lines[3].startswith("test images, found in the same way: ")
    assert lines[-2:] == ["found.png", "found.npy"]


def test_an_inverted_picture_is_noticed(dessine, trained, images, tmp_path):
    dark = trained("repeats=1", "game.scored=0")
    Image.new("L", (9, 5), 255).save(tmp_path / "paper.png")
    mean = np.full((4, 4), 40, np.uint8)
    folder = tmp_path / "dark"
    folder.mkdir()
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.stack([mean] * 40))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(40) % 10)
    text = (dark / "config.yaml").read_text().replace(str(images), str(folder))
    (dark / "config.yaml").write_text(text)
    answer = dessine("find", dark, "paper.png", *QUICK)
    assert (answer.code, "paper.png is bright where the data are dark: --invert" in answer.err) == (0, True)
    assert "--invert" not in dessine("find", dark, "paper.png", *QUICK, "--invert").err


def test_a_picture_is_read_as_the_run_has_read_its_own(dessine, tmp_path, config):
    rng, folder = np.random.default_rng(0), tmp_path / "ink"
    folder.mkdir()
    for i in range(20):  # wide, in ink on paper
        pixels = np.full((6, 9), 230, np.uint8)
        pixels[1:4, 2 : 4 + rng.integers(4)] = rng.integers(60)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    own = "data={type: images, path: ink, size: 4, fit: stretch, invert: true, transpose: true, scale: 0..1, test: 0.3}"
    assert dessine("train", config, own, "repeats=1", "game.scored=0", "--run-dir", "run").code == 0
    rows = json.loads(dessine("find", "run", *(f"ink/{i}.png" for i in range(20)), *QUICK, "--json").out)["pictures"]
    assert sum(row["nearest_training_image"] == 0 for row in rows) >= 14  # the training part is among them


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "Missing argument 'PICTURE...'"),
        (["none.png"], "none.png: there is no such file"),
        (["."], "is a directory"),
        (["text.png"], "text.png: is text, no picture"),
        (["cut.png"], "cut.png: is cut off or damaged"),
        (["empty.png"], "empty.png: is empty"),
        (["bomb.png"], "pixels: make it smaller"),
        (["test:20"], "there are test:0 to test:19"),
        (["train:99999999999999"], "no such file"),
        (["test:3", "--out", "found.jpg"], "expects a name ending in .png"),
        (["test:3", "--out", "nowhere/found.png"], "no folder nowhere"),
        (["whole.png", "--out", "./whole.png"], "would write over whole.png"),
        (["test:3", "--restarts", "0"], "0 is not in the range"),
        (["test:3"] * 101, "101 pictures: at most 100"),
    ],
)
def test_bad_pictures_are_named_and_leave_nothing(dessine, run, tmp_path, args, told):
    (tmp_path / "text.png").write_text("no picture, but a text of some length")
    Image.effect_noise((30, 30), 50).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    head = b"IHDR" + struct.pack(">II5B", 50_000, 50_000, 8, 0, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:])
    before = sorted(tmp_path.iterdir())
    answer = dessine("find", run, *args)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert "Traceback" not in answer.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("config", "told"), [("xor", "no generator"), ("gan_ring", "draws points, no pictures"), ("bilinear_game", "draws points")]
)
def test_runs_that_draw_no_pictures_say_so(dessine, tmp_path, config, told):
    short = ["training.epochs=null", "training.steps=1", "outputs.plots=false"]
    assert dessine("train", CONFIGS / f"{config}.yaml", *short, "--run-dir", "run").code == 0
    answer = dessine("find", "run", "test:0")
    assert (answer.code, told in answer.err) == (2, True)


def test_without_its_data_pictures_are_found_all_the_same(dessine, trained, images, tmp_path, drawn):
    run = trained("repeats=1", "game.scored=0")
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(images), "/nowhere/at/all"))
    answer = dessine("find", run, "own.png", *QUICK)
    assert (answer.code, "no test images stand beside it" in answer.err) == (0, True)
    answer = dessine("find", run, "test:0")
    assert (answer.code, "its data" in answer.err or "not here" in answer.err) == (2, True)


def test_a_conditional_run_says_which_class_was_asked_for(dessine, trained, tmp_path):
    layers = "[condition, {type: dense, units: 16, activation: sigmoid}]"
    run = trained("repeats=1", "game.scored=0", f"game.generator.layers={layers}")
    answer = dessine("find", run, "test:0", *QUICK)
    assert answer.code == 0
    assert answer.out.splitlines()[1].split()[:3] == ["picture", "label", "error"]
    told = json.loads(dessine("find", run, "test:0", *QUICK, "--json").out)
    assert told["pictures"][0]["label"] in list("0123456789")
    dessine("draw", run, "--latents", "found.npy", "--out", "again.npz")  # of some class
    assert "weights of layer 1, dense" in dessine("directions", run, "--out", "d.png", "--label", "3").out
    answer = dessine("directions", run, "--out", "d.png", "--label", "eleven")
    assert (answer.code, "eleven" in answer.err) == (2, True)
