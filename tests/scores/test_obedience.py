"""Whether a conditional generator does as it is asked: shares that are known, a generator that obeys, one that cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dessine.data import Split
from dessine.data.mnist import Mnist
from dessine.games import Adversarial, Context, Player
from dessine.registry import SpecError
from dessine.scores.diagnosis import diagnose
from dessine.scores.obedience import answers, by_class, obedience
from dessine.scores.reference import Reference
from dessine.streams import Streams

Array = np.ndarray
DENSE: Any = {"type": "dense", "units": 784, "activation": "sigmoid"}


def test_shares_by_class() -> None:
    known = answers(["cat", "dog"], ["cow", "dog", "cat"])
    assert known is not None
    np.testing.assert_array_equal(known, [2, 1])
    read, asked = np.array([2, 1, 1, 0]), np.array([0, 0, 1, 1])
    np.testing.assert_array_equal(by_class(read, asked, known), [0.5, 0.5])
    np.testing.assert_array_equal(by_class(read[:2], asked[:2], known), [0.5, np.nan])
    assert obedience(read, asked, known) == (0.5, 0.25)


def test_a_judge_that_does_not_know_all_classes_judges_none() -> None:
    assert answers(["cat", "mouse"], ["cat", "dog"]) is None
    assert answers([], ["cat"]) is None


@pytest.fixture(scope="module")
def digits() -> Split:
    whole = Mnist(source="sample", digits=[1, 4, 7], limit=300).load()
    return replace(whole, test=whole.test.some(slice(300)))


def made(data: Split, generator: list[Any], critic: list[Any], replicates: int = 1, **options: Any) -> Adversarial:
    game = Adversarial(Player(generator), Player(critic), latent={"size": 2}, scored=120, **options)
    game.build(data, 20, Streams(0, replicates), np.float32)
    return game


def obeying(game: Adversarial) -> None:
    """From here on it draws real test examples of what it is asked for."""
    assert game.kinds is not None
    of = game.kinds.indices(game.test)

    def drawn(count: int, streams: Streams, asked: Array | None = None) -> Array:
        classes = game.classes_of(streams, count, asked)
        assert classes is not None
        rng = np.random.default_rng(0)
        found = [[rng.choice(np.flatnonzero(of == k)) for k in row] for row in classes]
        return np.stack([game.test.floats(np.array(row), np.float32) for row in found])

    game.drawn = drawn  # type: ignore[method-assign]


def test_who_does_as_asked_gets_what_real_examples_get(digits: Split) -> None:
    game = made(digits, ["condition", DENSE], ["projection"], 2, average=0.9)
    obeying(game)
    told = game.report()
    assert told["scores"]["obedience"].shape == (2,)
    assert told["class_obedience"].shape == (2, 3)
    assert (told["scores"]["obedience"] > 0.97).all()
    assert game.reference(digits).obeyed > 0.97
    assert game.goals["scores.obedience"] == game.directions(digits)["scores.obedience"] == "max"


def test_a_generator_that_is_not_told_the_label_is_told_from_one_that_obeys(digits: Split) -> None:
    deaf = made(digits, [DENSE], ["projection"])
    lines = [deaf.turn(measure=True) | deaf.report() | {"step": 100 * i} for i in range(1, 8)]
    plain = [
        {name: value.tolist()[0] if isinstance(value, np.ndarray) else value for name, value in line["scores"].items()}
        for line in lines
    ]
    known = deaf.reference(digits)
    assert 0.3 < known.chance < 0.45
    good = {"diversity": 1.0, "digit_entropy": np.log(3), "region_share": known.regions, "near_real": 1.0}
    records = [{"step": line["step"], "scores": scores | good} for line, scores in zip(lines, plain, strict=True)]
    spec = {"game": {"type": "adversarial", "loss": "non_saturating"}}
    told = diagnose(records, spec, known)
    assert told.verdict == "ignores its label"
    assert any(one.name == "obedience" and one.bad for one in told.evidence)
    obeyed = [{**record, "scores": record["scores"] | {"obedience": 0.98}} for record in records]
    assert diagnose(obeyed, spec, known).verdict == "healthy"
    some = [{**record, "scores": record["scores"] | {"obedience": 0.8}} for record in records]
    assert "80% of the samples are read as what was asked for" in " ".join(diagnose(some, spec, known).notes)
    assert diagnose(records, spec, Reference()).verdict != "ignores its label"  # of a run that nobody asked


def test_eval_tells_obedience_of_each_class_beside_real_examples(digits: Split, tmp_path: Any) -> None:
    game = made(digits, ["condition", DENSE], ["projection"])
    obeying(game)
    row = game.evaluate(150, 0, tmp_path, Context("t", 0, 1), only=["obedience"])["scores"]["obedience"]
    assert row["value"] > 0.96
    assert row["ceiling"] > 0.96
    assert row["floor"] < 0.7
    assert row["collapsed"] < 0.7
    assert list(row["by_class"]) == ["1", "4", "7"]
    assert all(one["value"] > 0.9 and one["ceiling"] > 0.9 for one in row["by_class"].values())
    assert "judge" in row["measured_by"]


def test_a_run_that_nobody_asks_has_no_obedience(digits: Split, tmp_path: Any) -> None:
    game = made(digits, [DENSE], [{"type": "dense", "units": 1}])
    assert "obedience" not in game.report()["scores"]
    assert "scores.obedience" not in game.directions(digits)
    assert "scores.obedience" not in game.goals
    with pytest.raises(SpecError, match="'obedience' is no score of this data"):
        game.evaluate(50, 0, tmp_path, Context("t", 0, 1), only=["obedience"])
