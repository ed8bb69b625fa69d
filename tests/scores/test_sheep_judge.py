"""The judge of sheep in the package: it reads what the program draws, and whoever draws sheep is scored by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dessine.data import Split
from dessine.data.sheep import KINDS, Sheep
from dessine.experiment import Experiment
from dessine.scores.digits import kinds
from dessine.scores.packed import SHIPPED, of_file, shipped
from dessine.scores.panel import Panel
from dessine.spec import check_document, read

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def data() -> Split:
    """Sheep that neither the judge nor mouton.yaml has seen."""
    return replace(Sheep(300, 300, seed=99).load(), judge=shipped("sheep"))


def images(data: Split) -> np.ndarray:
    return data.test.floats(np.arange(len(data.test)), np.float32)


def test_the_judge_is_right_on_more_than_99_percent_of_sheep_that_it_has_not_seen(data: Split) -> None:
    judge = shipped("sheep")
    said = judge.read(images(data))[0].argmax(1)
    assert (said == data.test.y).mean() > 0.99
    assert judge.classes == KINDS == data.classes
    assert judge.accuracy > 0.99


def test_its_file_is_small_and_says_which_config_made_it() -> None:
    known = of_file(SHIPPED / "sheep.npz").known
    assert known["run"]["command"] == "dessine train configs/sheep_classifier.yaml"
    whole = check_document(read(CONFIGS / "sheep_classifier.yaml"), Experiment).model_dump()
    assert known["layers"] == whole["game"]["network"]["layers"]
    together = sum(path.stat().st_size for path in SHIPPED.parent.rglob("*.npz"))
    assert together < 2_000_000


@pytest.mark.parametrize(
    ("generated", "real", "found"),
    [
        ([0.25, 0.25, 0.5], [0.5, 0.25, 0.25], 3),
        ([0.96, 0.04, 0.0], [0.3, 0.4, 0.3], 2),
        ([0.96, 0.039, 0.001], [0.3, 0.4, 0.3], 1),
        ([0.5, 0.5, 0.0], [0.0, 1.0, 0.0], 1),
    ],
)
def test_kinds_are_those_that_come_up_at_a_tenth_of_their_share(generated: list[float], real: list[float], found: int) -> None:
    assert kinds(np.array(generated), np.array(real)) == found


def test_which_kinds_a_generator_has_lost_is_told_with_shares(data: Split) -> None:
    right = images(data)[np.asarray(data.test.y) >= 4]  # what looks to the right, and the box
    draw = lambda n: np.resize(right, (n, *right.shape[1:]))  # noqa: E731
    told = Panel(data, np.float32).measure(draw, 300, 0, None, "", ["kinds"])
    row = told["scores"]["kinds"]
    assert (row["value"], row["ceiling"], row["collapsed"]) == (5, 9, 1)
    assert list(told["kinds"]) == list(KINDS)
    assert [told["kinds"][kind]["samples"] for kind in KINDS[:4]] == pytest.approx([0] * 4, abs=0.01)
    assert sum(one["samples"] for one in told["kinds"].values()) == pytest.approx(1)
    assert told["judge"]["hash"] == shipped("sheep").hash


@pytest.mark.parametrize(("options", "read_by"), [("", True), (", invert: true", False)])
def test_a_game_of_sheep_has_that_judge_and_of_other_sheep_none(options: str, read_by: bool) -> None:
    sheep = f"data={{type: sheep, images: 40, test_images: 20, scale: -1..1{options}}}"
    spec = read(CONFIGS / "mouton.yaml", [sheep, "training.batch_size=4"])
    experiment = check_document(spec, Experiment).node
    experiment.build(experiment.load(), allocate=False)
    assert (experiment.split.judge is shipped("sheep")) == read_by
    assert not [one for one in experiment.remarks() if "judge" in one.path]  # nobody was named


def test_sheep_of_another_size_are_read_by_no_judge_in_the_package() -> None:
    assert [Sheep(2, 1, size=size).load().known_to for size in (28, 32)] == ["sheep", ""]


def test_who_tells_sheep_apart_is_not_judged() -> None:
    spec = read(CONFIGS / "sheep_classifier.yaml", ["data.images=200", "data.test_images=20"])
    experiment = check_document(spec, Experiment).node
    experiment.build(allocate=False)
    assert experiment.split.judge is None
