"""`dessine draw --walk`, `--latents` and `--truncate`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tiny_run import CONFIGS

RING = CONFIGS / "gan_ring.yaml"


@pytest.fixture(scope="module")
def run(trained):
    """Its generator has no noise of its own."""
    return trained("repeats=1", "game.generator.layers[3]={type: dense, units: 8}")


def images(dessine, tmp_path, *args):
    answer = dessine("draw", *args, "--out", "some.npz")
    assert (answer.code, answer.err) == (0, "")
    return dict(np.load(tmp_path / "some.npz"))


def test_a_walk_stops_at_the_first_image_of_each_seed(dessine, run, tmp_path):
    way = images(dessine, tmp_path, run, "--walk", "3,7,12", "--frames", 21)
    assert (way["images"].shape, way["latents"].shape) == ((21, 4, 4), (21, 3))
    for frame, seed in ((0, 3), (10, 7), (20, 12)):
        one = images(dessine, tmp_path, run, "--seed", seed, "--count", 1)["images"]
        np.testing.assert_allclose(way["images"][frame], one[0], atol=1e-6)


def test_latents_of_a_walk_draw_its_images(dessine, run, tmp_path):
    way = images(dessine, tmp_path, run, "--walk", "3,7")
    np.save(tmp_path / "way, all.npy", way["latents"])
    again = images(dessine, tmp_path, run, "--latents", "way, all.npy")
    np.testing.assert_allclose(again["images"], way["images"], atol=1e-6)
    both = images(dessine, tmp_path, run, "--walk", "way, all.npy", "--frames", 60, "--path", "linear")
    np.testing.assert_allclose(both["images"], way["images"], atol=1e-6)
    np.save(tmp_path / "one.npy", way["latents"][5].astype(np.float64))
    mixed = images(dessine, tmp_path, run, "--walk", "3,one.npy", "--frames", 2)
    np.testing.assert_allclose(mixed["images"], way["images"][[0, 5]], atol=1e-6)


def test_noise_inside_a_generator_stands_still_on_a_walk(dessine, trained, tmp_path):
    run = trained("repeats=1")
    way = images(dessine, tmp_path, run, "--walk", "3,3", "--frames", 5)["images"]
    np.testing.assert_array_equal(way, np.broadcast_to(way[:1], way.shape))


def test_gif_and_grid(dessine, run, tmp_path):
    assert dessine("draw", run, "--walk", "3,7", "--frames", 9) == (0, "walk.gif\n", "")
    with Image.open(tmp_path / "walk.gif") as gif:
        assert (gif.format, gif.n_frames) == ("GIF", 9)
    assert dessine("draw", run, "--walk", "3,7", "--closed", "--out", "walk.png").code == 0
    with Image.open(tmp_path / "walk.png") as grid:
        assert grid.format == "PNG"


def test_points_go_their_way_over_the_real_ones(dessine, tmp_path):
    assert dessine("train", RING, "training.steps=1", "outputs.plots=false", "--run-dir", "run").code == 0
    assert dessine("draw", "run", "--walk", "3,7", "--frames", 4, "--out", "walk.png").code == 0
    assert dessine("draw", "run", "--walk", "3,7", "--frames", 4).code == 0
    with Image.open(tmp_path / "walk.png") as still, Image.open(tmp_path / "walk.gif") as gif:
        assert still.size == gif.size
        assert gif.n_frames == 4


def test_truncation_draws_a_bound_and_the_same_seed(dessine, run, tmp_path):
    plain = images(dessine, tmp_path, run, "--count", 30)["images"]
    loose = images(dessine, tmp_path, run, "--count", 30, "--truncate", 100)["images"]
    tight = images(dessine, tmp_path, run, "--count", 30, "--truncate", 0.1)["images"]
    np.testing.assert_array_equal(loose, plain)
    assert tight.std(0).mean() < 0.5 * plain.std(0).mean()
    way = images(dessine, tmp_path, run, "--walk", "3,7", "--truncate", 0.5, "--frames", 2)
    assert np.abs(way["latents"]).max() <= 0.5
    one = images(dessine, tmp_path, run, "--seed", 7, "--count", 5, "--truncate", 0.5)["images"]
    np.testing.assert_allclose(way["images"][1], one[0], atol=1e-6)


def test_uniform_latents_walk_in_straight_lines_and_are_not_truncated(dessine, trained, tmp_path):
    run = trained("repeats=1", "game.latent.distribution=uniform")
    z = images(dessine, tmp_path, run, "--walk", "3,7", "--frames", 3)["latents"]
    np.testing.assert_allclose(z[1], (z[0] + z[2]) / 2, atol=1e-6)
    answer = dessine("draw", run, "--truncate", 1, "--out", "some.png")
    assert (answer.code, "uniform in [-1, 1)" in answer.err) == (2, True)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--walk", "3"], "two latents or more"),
        (["--walk", "3,x"], "'x' is no stop"),
        (["--walk", ""], "'' is no stop"),
        (["--walk", "3,-1"], "'-1' is no stop"),
        (["--walk", "3,1e400"], "no stop"),
        (["--walk", "3,7", "--frames", "0"], "0 is not in the range"),
        (["--walk", "3,7", "--frames", "1000000000"], "not in the range"),
        (["--walk", "3,7,12", "--frames", "2"], "2 frames are too few for 3 stops"),
        (["--walk", "3,7", "--count", "5"], "--count: a walk is"),
        (["--walk", "3,7", "--out", "walk.jpg"], "expects a name ending in .gif, .png or .npz"),
        (["--walk", "3,7", "--truncate", "0"], "not in the range"),
        (["--walk", "3,7", "--truncate", "nan"], "nan"),
        (["--walk", "3,none.npy"], "none.npy: there is no such file"),
        (["--walk", "wide.npy"], "holds 2 x 4; latents of this run have 3 numbers: expects N x 3"),
        (["--walk", "hole.npy"], "hole.npy: row 1 has numbers that are not finite"),
        (["--walk", "words.npy"], "no array of real numbers"),
        (["--walk", "pickled.npy"], "is no .npy file of numbers"),
        (["--walk", "text.npy"], "is no .npy file of numbers"),
        (["--walk", "cut.npy"], "is no .npy file of numbers"),
        (["--walk", "none.npy,3", "--truncate", "1"], "no such file"),
        (["--latents", "wide.npy", "--out", "a.png"], "expects N x 3"),
        (["--latents", "hole.npy", "--out", "a.png", "--seed", "1"], "--seed: --latents says"),
        (["--frames", "9", "--out", "a.png"], "--frames: this is of a walk: give --walk"),
        (["--closed", "--out", "a.png"], "--closed: this is of a walk"),
        (["--out", "a.gif"], "ending in .png or .npz"),
    ],
)
def test_bad_walks_are_named_and_leave_nothing(dessine, run, tmp_path, args, told):
    rows = np.zeros((2, 3))
    np.save(tmp_path / "wide.npy", np.zeros((2, 4)))
    np.save(tmp_path / "hole.npy", np.where(np.arange(2)[:, None] == 1, np.nan, rows))
    np.save(tmp_path / "words.npy", np.array([["a", "b", "c"]]))
    np.save(tmp_path / "pickled.npy", np.array([None, {}, 3], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "wide.npy").read_bytes()[:-20])
    before = sorted(tmp_path.iterdir())
    answer = dessine("draw", run, *args)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert "Traceback" not in answer.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_classifier_walks_nowhere(dessine, tmp_path):
    short = ["training.epochs=null", "training.steps=1", "outputs.plots=false"]
    assert dessine("train", CONFIGS / "xor.yaml", *short, "--run-dir", "run").code == 0
    answer = dessine("draw", "run", "--walk", "3,7")
    assert (answer.code, "no generator" in answer.err) == (2, True)
