"""Spearman's rho is scipy's, and its interval covers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dessine.scores.ranks import spearman, spearman_interval

RNG = np.random.default_rng(0)


def test_rho_is_scipys_with_and_without_ties() -> None:
    a, b = RNG.standard_normal((2, 40))
    assert spearman(a, a + b) == pytest.approx(stats.spearmanr(a, a + b).statistic)
    a, b = RNG.integers(5, size=(2, 40))
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_only_the_order_counts() -> None:
    a = RNG.standard_normal(20)
    assert spearman(a, np.exp(a)) == 1
    assert spearman(a, -(a**3)) == -1


def test_pairs_with_a_nan_are_left_out() -> None:
    a, b = np.array([1.0, 2, np.nan, 3]), np.array([1.0, 2, 0, np.inf])
    assert spearman(a, b) == 1


def test_what_does_not_vary_has_no_correlation() -> None:
    assert np.isnan(spearman(np.ones(5), np.arange(5)))
    assert np.isnan(spearman(np.array([1.0]), np.array([2.0])))
    assert np.isnan(spearman_interval(np.ones(9), np.arange(9))).all()


def test_the_interval_holds_rho_and_narrows_with_more_pairs() -> None:
    a, b = RNG.standard_normal((2, 200))
    widths = []
    for n in (20, 200):
        low, high = spearman_interval(a[:n], (a + b)[:n])
        assert low < spearman(a[:n], (a + b)[:n]) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_nothing_where_there_is_nothing() -> None:
    low_high = np.array([spearman_interval(*RNG.standard_normal((2, 25)), draws=100) for _ in range(50)])
    covered = np.mean((low_high[:, 0] < 0) & (low_high[:, 1] > 0))
    assert covered >= 0.8


def test_few_pairs_have_no_interval() -> None:
    assert np.isnan(spearman_interval(np.arange(4), np.arange(4))).all()


def test_the_interval_leaves_out_as_much_at_either_end() -> None:
    """2.5 % of the draws lie below it, and 2.5 % above."""
    a, b = np.random.default_rng(3).standard_normal((2, 30))
    chosen = np.random.default_rng(5).integers(30, size=(400, 30))
    rho = np.array([stats.spearmanr(a[i], b[i]).statistic for i in chosen])
    assert spearman_interval(a, b, draws=400, seed=5) == pytest.approx(tuple(np.quantile(rho, [0.025, 0.975])))
    assert spearman_interval(a, b, 0.5, 400, 5) == pytest.approx(tuple(np.quantile(rho, [0.25, 0.75])))
