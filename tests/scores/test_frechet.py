"""The Frechet distance, where it is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores import frechet
from dessine.scores.frechet import Moments, root


def exactly(mean: np.ndarray, spread: np.ndarray, n: int = 400) -> np.ndarray:
    """n points with just this mean, and spread @ spread.T for a covariance."""
    d = len(mean)
    x = np.random.default_rng(0).normal(size=(n, d))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T).reshape(d, d))).T
    return x @ spread.T + mean


def distance(real: np.ndarray, generated: np.ndarray) -> float:
    return frechet.distance(real=Moments(real), generated=Moments(generated))


def test_equal_sets_are_at_zero():
    x = np.random.default_rng(0).normal(size=(300, 6))
    assert distance(x, x) == pytest.approx(0, abs=1e-10)


def test_a_shift_costs_its_square():
    x = np.random.default_rng(0).normal(size=(300, 3))
    assert distance(x, x + np.array([3, 4, 0])) == pytest.approx(25)


def test_axes_that_commute_cost_the_squares_of_their_spreads():
    a, b = exactly(np.zeros(3), np.diag([1.0, 2, 3])), exactly(np.ones(3), np.diag([2.0, 2, 5]))
    assert distance(a, b) == pytest.approx(3 + 1 + 0 + 4)


def test_axes_that_do_not_commute_are_as_scipy_says():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(3)
    one, other = rng.normal(size=(2, 4, 4))
    a, b = exactly(np.zeros(4), one), exactly(np.arange(4.0), other)
    s, t = one @ one.T, other @ other.T
    assert distance(a, b) == pytest.approx(14 + np.trace(s + t - 2 * np.real(sqrtm(s @ t))))


def test_it_is_symmetric():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(100, 5)), rng.exponential(size=(80, 5))
    assert distance(a, b) == pytest.approx(distance(b, a))


def test_lower_ranks_do_no_harm():
    x = np.random.default_rng(0).normal(size=(300, 4))
    flat = x * [1, 1, 0, 0]
    assert distance(flat, flat) == pytest.approx(0, abs=1e-6)
    few = x[:3]  # rank 2 in 4 dimensions
    assert distance(few, few) == pytest.approx(0, abs=1e-6)
    one = np.ones((200, 4))
    assert distance(one, one) == 0
    assert distance(exactly(np.zeros(4), np.eye(4)), one) == pytest.approx(4 + 4)
    assert distance(x, x[:1]) > 0


def test_a_large_mean_costs_no_digits():
    x = np.random.default_rng(0).normal(size=(300, 3))
    assert distance(x + 1e6, x + 1e6 + np.array([1, 0, 0])) == pytest.approx(1, abs=1e-5)


def test_bias_falls_as_one_over_n():
    rng = np.random.default_rng(0)
    real = Moments(rng.normal(size=(50_000, 8)))
    small, large = (
        np.mean([frechet.distance(real=real, generated=Moments(rng.normal(size=(n, 8)))) for _ in range(10)])
        for n in (200, 2000)
    )
    assert 6 < small / large < 14


def test_standard_error_is_the_spread_over_draws():
    rng = np.random.default_rng(0)
    values, errors = [], []
    for _ in range(150):
        sides = {"real": Moments(rng.normal(size=(400, 3))), "generated": Moments(1.5 * rng.normal(size=(400, 3)) + 1)}
        values.append(frechet.distance(**sides))
        errors.append(frechet.error(**sides))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_root_squared_is_the_matrix():
    a = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(root(a @ a.T) @ root(a @ a.T), a @ a.T, atol=1e-12)
