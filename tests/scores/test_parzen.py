"""The Parzen window's log-likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores import distances
from dessine.scores.parzen import parzen


def test_it_is_the_mixture_of_normals_about_the_samples(monkeypatch):
    from scipy.stats import multivariate_normal

    monkeypatch.setattr(distances, "CHUNK", 20)
    rng = np.random.default_rng(0)
    samples, validation, test = rng.random((7, 2)), rng.random((4, 2)), rng.random((5, 2))
    found = parzen(samples, validation, test)
    density = np.mean([multivariate_normal(s, found.sigma**2).pdf(test) for s in samples], 0)
    assert found.value == pytest.approx(np.log(density).mean())
    assert found.standard_error == pytest.approx(np.log(density).std(ddof=1) / np.sqrt(5))


def test_sigma_is_the_one_that_suits_the_validation_images():
    rng = np.random.default_rng(0)
    for spread in (0.1, 1.0):
        x = spread * rng.normal(size=(3, 300, 2))
        centre = np.zeros((1, 2))
        assert parzen(centre, x[1], x[2]).sigma == pytest.approx(spread, rel=0.3)


def test_images_far_from_all_samples_do_not_underflow():
    found = parzen(np.zeros((5, 100), np.float32), np.zeros((5, 100), np.float32), np.full((5, 100), 50, np.float32))
    assert found.value == pytest.approx(-100 * 2500 / (2 * 0.01) - 50 * np.log(2 * np.pi * 0.01))


def test_collapsed_samples_score_lower_than_real_ones():
    x = np.random.default_rng(0).random((3, 200, 10))
    assert parzen(x[0], x[1], x[2]).value > parzen(np.repeat(x[0, :1], 200, 0), x[1], x[2]).value + 1
