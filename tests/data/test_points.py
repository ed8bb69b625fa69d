"""Points made on the spot: where they lie, and that a seed settles them."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data import Dataset
from dessine.data.points import Ring, Xor


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


def test_ring_has_its_modes_on_the_circle() -> None:
    split = Ring(modes=8, radius=2.0, sigma=0.05, points=40_000, test_points=100).load()
    x, mode = split.train.x, split.train.y
    assert mode is not None
    assert len(split.test) == 100
    assert np.unique(mode).tolist() == list(range(8))
    angle = np.pi / 4 * np.arange(8)
    means = np.array([x[mode == m].mean(0) for m in range(8)])
    np.testing.assert_allclose(means, 2 * np.stack([np.cos(angle), np.sin(angle)], -1), atol=0.005)
    for m in range(8):
        assert np.mean(mode == m) == pytest.approx(1 / 8, abs=0.01)
        np.testing.assert_allclose(np.cov(x[mode == m].T), 0.05**2 * np.eye(2), atol=0.05**2 * 0.06)


@pytest.mark.parametrize("name", ["xor", "ring", "region"])
def test_a_seed_settles_the_points(name: str) -> None:
    first, again, other = (Dataset.of({"type": name, "points": 50, "seed": s}).load() for s in (3, 3, 4))
    assert first.train.checksum == again.train.checksum != other.train.checksum
    assert first.test.checksum == again.test.checksum
    assert not np.isin(first.test.x, first.train.x).any()


def test_points_are_taken_as_they_are() -> None:
    train = Ring(points=10).load().train
    np.testing.assert_array_equal(train.floats(np.arange(10), np.float64), train.x)


@pytest.mark.parametrize("name", ["xor", "ring"])
def test_available_counts_what_the_defaults_make(name: str) -> None:
    (row,) = Dataset.registry.members[name].available()  # type: ignore[union-attr]
    split = Dataset.of(name).load()
    assert (row.name, row.train, row.test) == (name, len(split.train), len(split.test))
