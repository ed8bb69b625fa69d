"""`dessine directions`: strips along directions of the latent."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from tiny_run import CONFIGS


@pytest.fixture(scope="module")
def run(trained):
    return trained("repeats=1")


@pytest.mark.parametrize("by", ["weights", "activations"])
def test_directions_are_shown_told_and_saved(dessine, run, tmp_path, by):
    answer = dessine("directions", run, "--by", by, "--json")
    assert (answer.code, answer.err) == (0, "")
    told = json.loads(answer.out)
    assert sum(told["shares"]) == pytest.approx(1, abs=0.02 if by == "weights" else 0.7)
    assert told["shares"] == sorted(told["shares"], reverse=True)
    found = np.load(tmp_path / told["directions"])
    assert found.shape == (3, 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    with Image.open(tmp_path / told["picture"]) as picture:
        assert picture.width > picture.height > 3 * 84


def test_people_are_told_the_shares(dessine, run, tmp_path):
    lines = dessine("directions", run, "--count", 2, "--out", "two.png").out.splitlines()
    assert "weights of layer 0, dense, 3 directions" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["direction", "1", "2", "two.png", "two.npy"]


def test_the_middle_may_be_a_latent_that_was_found(dessine, run, tmp_path):
    np.save(tmp_path / "own.npy", np.ones(3))
    assert dessine("directions", run, "--latents", "own.npy").code == 0
    answer = dessine("directions", run, "--latents", "own.npy", "--out", "own.png")
    assert (answer.code, "would write over own.npy" in answer.err) == (2, True)


def test_points_are_shown_as_lines(dessine, tmp_path):
    for name in ("gan_ring", "gan_line"):
        assert (
            dessine("train", CONFIGS / f"{name}.yaml", "training.steps=1", "outputs.plots=false", "--run-dir", name).code == 0
        )
        assert dessine("directions", name, "--out", f"{name}.png").code == 0
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--by", "activations", "--layer", "99"], "has no layer 99: there are 0 to 4"),
        (["--layer", "1"], "--layer is of --by activations"),
        (["--by", "svd"], "'svd' is not one of"),
        (["--out", "a.gif"], "ending in .png"),
        (["--latents", "none.npy"], "no such file"),
        (["--count", "0"], "0 is not in the range"),
    ],
)
def test_bad_questions_are_named_and_leave_nothing(dessine, run, tmp_path, args, told):
    answer = dessine("directions", run, *args)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert not list(tmp_path.iterdir())
