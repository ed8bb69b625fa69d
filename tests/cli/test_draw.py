"""`dessine draw`: images that a program or a person can use."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tiny_run import CONFIGS

MAIN, XOR, RING = (CONFIGS / f"{name}.yaml" for name in ("gan_mnist", "xor", "gan_ring"))


@pytest.fixture(scope="module")
def run(trained):
    return trained()


def test_npz_holds_floats_between_0_and_1(dessine, run, tmp_path):
    answer = dessine("draw", run, "--count", 7, "--out", "some.npz")
    assert answer == (0, "some.npz\n", "")
    with np.load(tmp_path / "some.npz") as file:
        assert file.files == ["images"]
        images = file["images"]
    assert (images.shape, images.dtype) == ((7, 4, 4), np.float32)
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std() > 0


def test_main_job_draws_28_by_28(dessine, tmp_path):
    short = ["training.steps=1", "data.limit=200", "training.batch_size=8", "outputs.plots=false"]
    assert dessine("train", MAIN, *short, "--run-dir", "run", "--quiet").code == 0
    assert dessine("draw", "run", "--count", 3, "--out", "some.npz").code == 0
    assert np.load(tmp_path / "some.npz")["images"].shape == (3, 28, 28)


def test_same_seed_gives_the_same_images_and_another_does_not(dessine, run, tmp_path):
    for name, seed, count in (("a", 1, 600), ("b", 1, 600), ("c", 2, 600)):
        dessine("draw", run, "--count", count, "--seed", seed, "--out", f"{name}.npz")
    a, b, c = (np.load(tmp_path / f"{name}.npz")["images"] for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert len(np.unique(a.reshape(600, -1), axis=0)) == 600  # no portion repeats another


def test_the_moving_average_draws_unless_the_plain_weights_are_asked_for(dessine, trained, tmp_path):
    run = trained("game.average=0.9", "game.scored=0")
    told = {"plain": "plain weights of", "average": "moving average 0.9 of", "default": "moving average 0.9 of"}
    for name, options in (("plain", ["--plain"]), ("average", ["--average"]), ("default", [])):
        answer = dessine("draw", run, "--count", 5, *options, "--out", f"{name}.npz")
        assert (answer.code, answer.out) == (0, f"{name}.npz\n")
        assert f"drawn by the {told[name]} the generator" in answer.err
        assert ("--plain" in answer.err) == (name == "default")
    plain, average, default = (np.load(tmp_path / f"{name}.npz")["images"] for name in told)
    np.testing.assert_array_equal(average, default)
    assert 0 < np.abs(average - plain).mean() < 0.3


def test_without_a_moving_average_the_plain_weights_draw(dessine, run, tmp_path):
    for name, options in (("plain", ["--plain"]), ("default", [])):
        assert dessine("draw", run, "--count", 5, *options, "--out", f"{name}.npz").err == ""
    plain, default = (np.load(tmp_path / f"{name}.npz")["images"] for name in ("plain", "default"))
    np.testing.assert_array_equal(plain, default)


def test_a_run_without_a_moving_average_says_so(dessine, run, tmp_path):
    answer = dessine("draw", run, "--average", "--out", "images.png")
    assert (answer.code, answer.out) == (2, "")
    assert "kept no moving average" in answer.err
    assert "game.average" in answer.err
    assert not list(tmp_path.iterdir())


def test_png_is_a_grid_under_a_caption(dessine, run, tmp_path):
    assert dessine("draw", run, "--count", 9, "--out", "grid.png").code == 0
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.height > 3 * 4


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--out", "images.gif"], "ending in .png or .npz"),
        (["--out", "nowhere/images.png"], "no folder nowhere"),
        (["--out", "images.png", "--count", "0"], "0 is not in the range"),
        (["--out", "images.png", "--seed", "-1"], "-1 is not in the range"),
        ([], "--out"),
    ],
)
def test_bad_arguments_are_named_and_leave_nothing(dessine, run, tmp_path, args, told):
    answer = dessine("draw", run, *args)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert not list(tmp_path.iterdir())


def test_classifier_cannot_draw(dessine, tmp_path):
    assert (
        dessine("train", XOR, "training.epochs=null", "training.steps=1", "outputs.plots=false", "--run-dir", "run").code == 0
    )
    answer = dessine("draw", "run", "--out", "images.png")
    assert (answer.code, "no generator" in answer.err) == (2, True)


def test_points_are_a_scatter_or_numbers(dessine, tmp_path):
    assert dessine("train", RING, "training.steps=1", "outputs.plots=false", "--run-dir", "run").code == 0
    assert dessine("draw", "run", "--out", "points.png").code == 0
    with Image.open(tmp_path / "points.png") as picture:
        seen = {tuple(one) for one in np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()}
    assert {(0, 114, 178), (213, 94, 0)} <= seen  # real and generated
    assert dessine("draw", "run", "--count", 5, "--out", "points.npz").code == 0
    assert np.load(tmp_path / "points.npz")["images"].shape == (5, 2)
