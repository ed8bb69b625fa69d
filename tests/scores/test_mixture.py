"""Scores of mixtures on samples whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.mixture import Mixture
from dessine.data.mixtures import Grid, Ring
from dessine.scores.mixture import assigned, distinct, high_quality, mean_log_density, reverse_kl, written

RNG = np.random.default_rng(0)
RING, GRID = Ring(sigma=0.05).mixture(), Grid().mixture()


@pytest.mark.parametrize("mixture", [RING, GRID])
def test_real_points_find_every_mode_and_are_good_but_for_their_tails(mixture: Mixture) -> None:
    x, _ = mixture.draw(2500, np.random.default_rng(1))
    modes, share = high_quality(x, mixture)
    assert modes == len(mixture.weights)
    assert share == pytest.approx(1 - np.exp(-4.5), abs=0.008)


def test_noise_is_of_low_quality_but_finds_modes_by_luck() -> None:
    modes, share = high_quality(RNG.uniform(-5, 5, (2500, 2)), GRID)
    assert share == pytest.approx(25 * np.pi * 0.15**2 / 100, abs=0.01)
    assert modes > 5


def test_a_collapsed_sample_has_one_mode_all_of_it_good() -> None:
    assert high_quality(np.tile(GRID.centres[7], (50, 1)), GRID) == (1, 1.0)


def test_a_mode_needs_a_sample_within_three_sigma() -> None:
    x = np.array([[1.0, 0.149], [0.151, 1.0]])  # 2.98 sigma from one mode, 3.02 from another
    assert high_quality(x, RING) == (1, 0.5)


def test_samples_that_are_not_finite_are_bad_and_belong_to_no_mode() -> None:
    x = np.array([[1.0, 0.0], [np.nan, 0.0], [np.inf, 0.0]])
    assert high_quality(x, RING) == (1, pytest.approx(1 / 3))
    assert assigned(x, RING).tolist() == [0]


def test_reverse_kl_of_the_true_shares_is_zero() -> None:
    assert reverse_kl(np.repeat([0, 1, 2], [50, 30, 20]), np.array([0.5, 0.3, 0.2])) == 0


def test_reverse_kl_of_one_mode_is_the_logarithm_of_their_number() -> None:
    assert reverse_kl(np.full(100, 3), np.full(8, 1 / 8)) == pytest.approx(np.log(8))
    assert reverse_kl(np.zeros(9, int), np.array([0.9, 0.1])) == pytest.approx(-np.log(0.9))


def test_reverse_kl_is_generated_against_true_and_not_the_other_way() -> None:
    p, w = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    assert reverse_kl(np.array([0, 0, 0, 1]), w) == pytest.approx((p * np.log(p / w)).sum())
    assert reverse_kl(np.zeros(5, int), w) < np.inf  # the other way a lost mode would cost all


def test_reverse_kl_of_perfect_samples_is_as_small_as_their_number_allows() -> None:
    mode = np.concatenate([RNG.permutation(1000) for _ in range(1)])
    assert reverse_kl(mode, np.full(1000, 1e-3)) == pytest.approx(0, abs=1e-12)
    drawn = [reverse_kl(RNG.integers(1000, size=10_000), np.full(1000, 1e-3)) for _ in range(5)]
    assert np.mean(drawn) == pytest.approx(999 / 20_000, rel=0.1)


def test_reverse_kl_of_a_mode_that_cannot_be_is_infinite_and_of_nothing_unknown() -> None:
    assert reverse_kl(np.array([1]), np.array([1.0, 0.0])) == np.inf
    assert np.isnan(reverse_kl(np.array([], int), np.ones(1)))


def test_every_sample_counts_for_the_nearest_mode_however_bad() -> None:
    assert assigned(np.array([[100.0, 0.0], [0.0, 3.0]]), RING).tolist() == [0, 2]


def test_mean_log_density_of_real_points_is_minus_the_entropy() -> None:
    x, _ = RING.draw(20_000, np.random.default_rng(2))
    mean, error = mean_log_density(x, RING)
    entropy = np.log(8) + 1 + np.log(2 * np.pi * 0.05**2)  # the modes do not overlap
    assert abs(mean + entropy) < 4 * error
    assert error == pytest.approx(1 / np.sqrt(20_000), rel=0.05)  # half a chi squared of 2


def test_mean_log_density_falls_with_distance() -> None:
    near, far = (mean_log_density(np.array([[1.0 + d, 0.0]] * 2), RING)[0] for d in (0.05, 0.5))
    assert near - far == pytest.approx((0.5**2 - 0.05**2) / (2 * 0.05**2), rel=1e-3)


def test_the_modes_of_stacked_digits_are_the_numbers_that_they_write() -> None:
    mode = written(np.array([[1, 2, 3], [0, 0, 7], [1, 2, 3]]))
    assert (mode.tolist(), distinct(mode)) == ([123, 7, 123], 2)
