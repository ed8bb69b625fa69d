"""Points made on the spot: where they lie, and that a seed settles them."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data import Dataset
from dessine.data.points import SwissRoll, Xor
from dessine.registry import SpecError


def test_xor_is_plus_one_where_the_signs_agree() -> None:
    split = Xor(points=2000, test_points=300).load()
    x, y = split.train.x, split.train.y
    assert y is not None
    assert (x.shape, y.shape, len(split.test)) == ((2000, 2), (2000, 1), 300)
    np.testing.assert_array_equal(y[:, 0], np.sign(x[:, 0] * x[:, 1]))


def test_xor_fills_the_square_evenly() -> None:
    x = Xor(points=20_000).load().train.x
    assert np.abs(x).max() <= 1
    share = np.histogram2d(x[:, 0], x[:, 1], bins=2, range=[[-1, 1]] * 2)[0] / len(x)
    np.testing.assert_allclose(share, 0.25, atol=0.02)


@pytest.mark.parametrize("name", ["xor", "region", "swiss_roll"])
def test_a_seed_settles_the_points(name: str) -> None:
    first, again, other = (Dataset.of({"type": name, "points": 50, "seed": s}).load() for s in (3, 3, 4))
    assert first.train.checksum == again.train.checksum != other.train.checksum
    assert first.test.checksum == again.test.checksum
    assert not np.isin(first.test.x, first.train.x).any()


def test_available_counts_what_the_defaults_make() -> None:
    (row,) = Xor.available()
    split = Xor().load()
    assert (row.name, row.train, row.test) == ("xor", len(split.train), len(split.test))


def test_listed_points_are_those_that_are_named() -> None:
    split = Dataset.of({"type": "points", "at": [-1.5, 0.0, 2.0], "times": 2}).load()
    assert split.train.x.tolist() == [[-1.5], [0.0], [2.0], [-1.5], [0.0], [2.0]]
    assert split.test.checksum == split.train.checksum
    assert Dataset.of("points").load().train.x.tolist() == [[0.0]]


@pytest.mark.parametrize("node", [{"at": []}, {"at": ["a"]}, {"at": [[0, 0]]}, {"at": [0.0] * 1000, "times": 20_000}])
def test_points_that_cannot_be_are_refused(node: dict[str, object]) -> None:
    with pytest.raises(SpecError, match=r"at|times"):
        Dataset.of({"type": "points", **node})


def test_a_swiss_roll_turns_once_outwards() -> None:
    split = SwissRoll(sigma=0.0, points=2000).load()
    x, u = split.train.x, split.train.y
    assert u is not None
    t = 1.5 * np.pi * (1 + 2 * u[:, 0])
    np.testing.assert_allclose(np.hypot(*x.T), t / 7.5)
    np.testing.assert_allclose(np.arctan2(x[:, 1], x[:, 0]), np.angle(np.exp(1j * t)), atol=1e-9)
    spread = SwissRoll(sigma=0.25, points=2000).load().train
    assert np.std(spread.x - x) == pytest.approx(0.25 / 7.5, rel=0.05)
