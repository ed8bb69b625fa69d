"""The validation part: always the same examples, of every data set, and never those of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx_files import write_folder

from dessine.data import Dataset, Split, datasets
from dessine.data.dataset import kept_apart
from dessine.registry import SpecError
from dessine.schema import hints

POINTS = [(name, {"points": 200, "test_points": 50}) for name in ("xor", "region", "ring", "grid")]


def loaded(name: str, options: dict[str, Any], **more: Any) -> Split:
    return Dataset.of({"type": name, **options, **more}).load()


def rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(x)}


def test_every_data_set_has_one() -> None:
    assert [name for name, kind in datasets.members.items() if "validation" not in hints(kind)] == []


def test_of_points_that_are_named_some_are_kept_apart_with_all_their_copies() -> None:
    at = [float(i) for i in range(10)]
    whole, split = loaded("points", {"at": at, "times": 3}), loaded("points", {"at": at, "times": 3}, validation=0.2)
    assert split.validation is not None
    assert (len(split.train), len(split.validation), len(split.test)) == (24, 6, 30)
    assert not rows(split.train.x) & rows(split.validation.x)
    assert rows(split.train.x) | rows(split.validation.x) == rows(split.test.x)
    assert whole.train.checksum == whole.test.checksum == split.test.checksum


@pytest.mark.parametrize(("name", "options"), [*POINTS, ("mnist", {"source": "sample"})])
def test_it_is_a_share_of_the_training_examples_in_their_order_and_moves_no_test_example(name: str, options: Any) -> None:
    whole, split = loaded(name, options), loaded(name, options, validation=0.1)
    assert whole.validation is None
    assert whole.watched is whole.test
    assert split.validation is not None
    assert split.watched is split.validation
    assert len(split.validation) == round(0.1 * len(whole.train))
    assert split.test.checksum == whole.test.checksum
    apart = kept_apart(len(whole.train), 0.1)
    np.testing.assert_array_equal(split.train.x, whole.train.x[~apart])
    np.testing.assert_array_equal(split.validation.x, whole.train.x[apart])
    np.testing.assert_array_equal(split.validation.y, whole.train.y[apart])  # type: ignore[index]


def test_the_smaller_is_part_of_the_larger_and_no_seed_moves_it() -> None:
    small, large = kept_apart(1000, 0.1), kept_apart(1000, 0.3)
    assert (small.sum(), large.sum()) == (100, 300)
    assert (large | ~small).all()


def test_neither_the_chosen_digits_nor_their_number_move_it(tmp_path: Path) -> None:
    options = {"path": str(write_folder(tmp_path, train=400, test=40)), "validation": 0.25}
    every, some = loaded("mnist", options), loaded("mnist", options, digits=[3, 7], limit=10)
    assert every.validation is not None
    assert some.validation is not None
    of = np.isin(every.validation.y, [3, 7])
    np.testing.assert_array_equal(some.validation.x, every.validation.x[of])
    assert len(some.train) == 10
    assert not rows(some.validation.x) & rows(every.train.x)


def test_stacked_digits_for_validation_are_made_of_digits_that_no_training_image_has() -> None:
    options = {"source": "sample", "images": 300, "test_images": 50}
    split = loaded("stacked_mnist", options, validation=0.2)
    assert split.validation is not None
    assert (len(split.train), len(split.validation)) == (240, 60)
    seen = [np.moveaxis(part.x, -1, 1).reshape(-1, 28, 28) for part in (split.train, split.validation)]
    assert not rows(seen[0]) & rows(seen[1])
    assert split.test.checksum == loaded("stacked_mnist", options).test.checksum


@pytest.mark.parametrize(("name", "options"), POINTS)
def test_more_training_points_move_no_test_point(name: str, options: dict[str, int]) -> None:
    assert loaded(name, options).test.checksum == loaded(name, options | {"points": 333}).test.checksum
    assert loaded(name, options).train.checksum == loaded(name, options | {"test_points": 7}).train.checksum


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("xor", {"points": 4, "validation": 0.01}, "validation: 0.01 of 4 training examples is none"),
        ("ring", {"points": 1, "validation": 0.9}, "validation: 0.9 of 1 training examples is all of them"),
        ("mnist", {"source": "sample", "digits": [3], "validation": 1.1e-4}, "takes none of the 1,0"),
        ("stacked_mnist", {"source": "sample", "images": 3, "validation": 0.1}, "0.1 of 3 training examples is none"),
        ("points", {"times": 50, "validation": 0.4}, "0.4 of 1 training examples is none"),
        ("xor", {"validation": 1.0}, "validation: expects a number from 0 to below 1"),
    ],
)
def test_one_of_none_or_of_all_is_refused(name: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        loaded(name, options)
