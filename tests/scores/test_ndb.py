"""Number of statistically different bins."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores.ndb import Bins, k_means, ndb


def spread(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)


def test_k_means_finds_what_lies_apart():
    rng = np.random.default_rng(0)
    x = np.repeat(100 + 10 * np.eye(4), 30, 0) + 0.1 * rng.normal(size=(120, 4))
    found = k_means(x, 4, rng)
    order = found.argmax(1)
    assert sorted(order) == [0, 1, 2, 3]
    np.testing.assert_allclose(found[np.argsort(order)], 100 + 10 * np.eye(4), atol=0.1)


def test_k_means_takes_duplicates():
    assert np.isfinite(k_means(np.ones((40, 2)), 3, np.random.default_rng(0))).all()


def test_one_source_differs_in_about_one_bin_of_twenty():
    bins = Bins(spread(4000, 0), 100)
    found = [ndb(real=bins.counts, generated=bins.count(spread(2000, seed)))[0] for seed in range(1, 6)]
    assert 0.01 < np.mean(found) < 0.11


def test_collapsed_samples_differ_nearly_everywhere():
    bins = Bins(spread(4000, 0), 50)
    assert ndb(real=bins.counts, generated=bins.count(np.zeros((2000, 3), np.float32)))[0] > 0.9


def test_it_is_the_two_proportion_test():
    real, generated = np.array([50, 50, 900]), np.array([50, 80, 870])
    # z of the second bin is 2.72, of the third 2.10
    assert ndb(real=real, generated=generated)[0] == pytest.approx(2 / 3)
    assert ndb(real=real, generated=real)[0] == 0


def test_a_seed_gives_the_same_bins_and_small_sets_get_fewer():
    x = spread(200, 0)
    np.testing.assert_array_equal(Bins(x, seed=3).centres, Bins(x, seed=3).centres)
    assert len(Bins(x).centres) == 10
    assert Bins(x).counts.sum() == 200


@pytest.mark.parametrize(("others", "share"), [(63, 0.0), (64, 1.0), (36, 1.0), (37, 0.0)])
def test_a_bin_differs_from_1_96_standard_errors_on_in_either_direction(others: int, share: float) -> None:
    """50 of 100 beside 63 of 100 is 1.85 standard errors of their difference, beside 64 it is 2.00."""
    assert ndb(real=np.array([50, 50]), generated=np.array([others, 100 - others]))[0] == share
