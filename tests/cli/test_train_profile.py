"""Where the time of a training goes: all of it is told, and nothing of the training changes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_run import CONFIG, here

from dessine.plots import Pictures
from dessine.runs.run import Run
from dessine.stopwatch import KINDS, lines


@pytest.fixture(scope="module")
def two(tmp_path_factory, images) -> tuple[Run, Run]:
    """The tiny run, with a profile and without."""
    folder = tmp_path_factory.mktemp("profile")
    (folder / "tiny.yaml").write_text(CONFIG.format(images=images))
    for name, options in (("with", ["--profile"]), ("without", [])):
        assert here(["train", folder / "tiny.yaml", "--run-dir", folder / name, "--quiet", *options]) == 0
    return Run(folder / "with"), Run(folder / "without")


def test_no_bit_of_the_training_changes(two):
    watched, plain = two
    (step, arrays, state), (other, theirs, their_state) = watched.load_checkpoint(), plain.load_checkpoint()
    assert (step, state) == (other, their_state)
    assert all(np.array_equal(a, theirs[name]) for name, a in arrays.items())
    assert watched.metrics() == plain.metrics()
    assert not (plain.path / "profile.json").exists()


def test_the_shares_add_up_and_every_layer_is_there(two):
    told = json.loads((two[0].path / "profile.json").read_text())
    assert sum(told["kinds"].values()) == pytest.approx(1)
    assert sum(part["share"] for part in told["parts"]) == pytest.approx(1)
    assert list(told["kinds"]) == list(KINDS)
    names = {(part["kind"], part["name"]) for part in told["parts"]}
    for kind in ("forward", "backward"):
        for layer in ("generator/0.dense", "generator/1.batch_norm", "discriminator/1.dropout", "discriminator/2.dense"):
            assert (kind, layer) in names
    assert {("optimizer", "generator"), ("latents", ""), ("pictures", "samples"), ("checkpoints", "")} <= names
    dense = next(part for part in told["parts"] if (part["kind"], part["name"]) == ("forward", "generator/0.dense"))
    assert dense["operations_per_second"] > 0
    assert told["matrix_products"]["operations_per_second"] > 0
    assert "100.0%  in all" in (two[0].path / "profile.txt").read_text()
    assert lines(told)[0].startswith("where ")


def test_everything_is_put_back(two):
    assert Pictures.draw.__qualname__ == "Pictures.draw"
    assert not hasattr(Pictures.draw, "__wrapped__")
    from dessine.nn import algebra, dense

    assert dense.product is algebra.product


def test_repeats_that_train_apart_have_no_profile(dessine, config):
    wide = ["game.discriminator.layers.0.units=2000", "repeats=2"]
    answer = dessine("train", config, "--profile", *wide)
    assert answer.code == 2
    assert "take repeats=1" in answer.err
    assert not (config.parent / "runs").exists()


def test_a_run_that_fails_has_its_profile_too(dessine, config):
    answer = dessine("train", config, "--profile", "game.generator.optimizer.eta=1e30", "repeats=1", "--run-dir", "r")
    assert answer.code in (0, 1)
    assert "in all" in answer.err
    assert (config.parent / "r" / "profile.txt").is_file()
