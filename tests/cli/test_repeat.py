"""One repeat of several, by --repeat: whatever draws or takes it out has what the run of its seed has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import dessine as package

SHORT = ("training.steps=12", "outputs.best=loss.generator", "outputs.samples=0", "game.scored=0", "outputs.metrics=3")


@pytest.fixture(scope="module")
def all_of_them(trained) -> Path:
    return trained(*SHORT)


@pytest.fixture(scope="module")
def third(trained) -> Path:
    return trained(*SHORT, "repeats=1", "seed=2")


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "spec"}


def assert_same(a: Path, b: Path) -> None:
    one, other = arrays(a), arrays(b)
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


@pytest.mark.parametrize(
    "words",
    [
        ["draw", "--count", "7", "--seed", "3", "--out", "{}.npz"],
        ["draw", "--count", "7", "--step", "best", "--out", "{}.npz"],
        ["draw", "--truncate", "1", "--out", "{}.npz"],
        ["draw", "--walk", "1,2", "--frames", "5", "--out", "{}.npz"],
        ["export", "--to", "npz", "--out", "{}.npz"],
        ["export", "--to", "npz", "--step", "9", "--part", "discriminator", "--out", "{}.npz"],
    ],
)
def test_a_repeat_is_the_run_of_its_seed(dessine, all_of_them, third, words):
    command, *options = words
    for name, run, more in (("one", third, []), ("of_three", all_of_them, ["--repeat", "2"])):
        answer = dessine(command, run, *more, *(word.format(name) for word in options))
        assert answer.code == 0, answer.err
    assert_same(Path("one.npz"), Path("of_three.npz"))


def test_of_latents_too(dessine, all_of_them, third):
    for words in (["find", "test:1", "--test", "0", "--steps", "3", "--restarts", "1"], ["directions", "--by", "activations"]):
        command, *options = words
        assert dessine(command, third, *options, "--out", "one.png").code == 0
        answer = dessine(command, all_of_them, *options, "--repeat", "2", "--out", "of_three.png", "--json")
        assert json.loads(answer.out)["repeat"] == 2
        np.testing.assert_array_equal(np.load("one.npy"), np.load("of_three.npy"))


def test_from_python_too(all_of_them, third):
    run, one = package.load(all_of_them), package.load(third)
    np.testing.assert_array_equal(run.draw(5, seed=1, repeat=2), one.draw(5, seed=1))
    assert not np.array_equal(run.draw(5, seed=1), one.draw(5, seed=1))


@pytest.mark.parametrize("command", ["draw", "find", "directions", "export", "eval"])
def test_one_that_there_is_not_is_refused(dessine, all_of_them, command):
    words = {"find": ["test:0"], "draw": ["--out", "x.npz"], "export": ["--to", "npz"]}.get(command, [])
    answer = dessine(command, all_of_them, *words, "--repeat", "3")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("Error: --repeat 3: this run has repeats 0 to 2\n")
    assert not list(Path().iterdir())


def test_each_goes_to_a_file_of_its_own_and_says_which_it_is(dessine, all_of_them, tmp_path):
    run = shutil.copytree(all_of_them, tmp_path / "run")
    assert dessine("export", run, "--to", "npz").out == f"{run / 'generator.npz'}\n"
    answer = dessine("export", run, "--to", "npz", "--repeat", "1", "--json")
    told = json.loads(answer.out)
    assert (told["repeat"], told["files"]) == (1, [str(run / "generator_repeat_0001.npz")])
    with np.load(run / "generator_repeat_0001.npz") as file:
        about = json.loads(str(file["spec"]))["about"]
    assert (about["repeat"], about["repeats"]) == (1, 3)


def test_one_that_trains_apart_is_there_before_all_are_put_together(dessine, all_of_them, third, tmp_path):
    run = shutil.copytree(all_of_them, tmp_path / "run")
    shutil.copytree(third, run / "repeats" / "0002")
    (run / "checkpoints").rename(run / "elsewhere")
    assert dessine("draw", third, "--out", "one.npz").code == 0
    assert dessine("draw", run, "--repeat", "2", "--out", "of_three.npz").code == 0
    assert dessine("draw", run, "--repeat", "2", "--step", "best", "--out", "best.npz").code == 0
    assert_same(Path("one.npz"), Path("of_three.npz"))
    for words in (["draw", run, "--out", "x.npz"], ["eval", run]):
        answer = dessine(*words)
        assert answer.code == 2
        assert "no checkpoint of all its repeats, which train apart" in answer.err
    (run / "elsewhere").rename(run / "checkpoints")
    for step in (9, 12):  # those of the repeat are now the older ones
        (run / "repeats" / "0002" / "checkpoints" / f"step_{step:09d}.npz").unlink()
    assert dessine("draw", run, "--repeat", "2", "--out", "joined.npz").code == 0
    assert_same(Path("one.npz"), Path("joined.npz"))


def test_one_whose_numbers_ran_away_costs_no_other(dessine, all_of_them, tmp_path):
    run = shutil.copytree(all_of_them, tmp_path / "run")
    info = json.loads((run / "run.json").read_text())
    info["non_finite"] = [{"step": 5, "repeat": 1, "player": "generator", "layer": None, "what": "loss"}]
    (run / "run.json").write_text(json.dumps(info))
    kept = run / "checkpoints" / "step_000000012.npz"
    held = dict(np.load(kept))
    held["generator.theta"][1] = np.nan
    np.savez(kept, **held)
    before = package.load(all_of_them).draw(4)
    np.testing.assert_array_equal(package.load(run).draw(4), before)
    answer = dessine("export", run, "--to", "npz", "--repeat", "1", "--out", "x.npz")
    assert (answer.code, answer.err) == (2, f"{run}: the generator has weights that are not finite numbers: train it anew\n")
