"""The kernel distance: against its plain form, numbers of torch-fidelity, and what the word unbiased promises."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores import kernel
from dessine.scores.kernel import Kernel, kernel_distance

Array = np.ndarray


def distance(real: Array, generated: Array) -> tuple[float, float]:
    return kernel_distance(real=Kernel(real), generated=Kernel(generated))


def plain(x: Array, y: Array) -> float:
    """Pair by pair, as lemma 6 of Gretton et al. 2012 is written."""

    def k(a: Array, b: Array) -> float:
        return float(a @ b / len(a) + 1) ** 3

    m, n = len(x), len(y)
    own = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    other = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return own + other - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


def waves(n: int, f: int, spread: float, shift: float, phase: float) -> Array:
    """Features that every version of NumPy makes the same."""
    i, j = np.ogrid[1 : n + 1, 1 : f + 1]
    x: Array = spread * np.sin(1.7 * i * j + phase * i) + shift
    return x


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ((40, 5, 1, 0, 0.3), (40, 5, 1.5, 0.2, 1.1), 0.4630689807548749),
        ((64, 12, 1, 0, 0.5), (64, 12, 1, 0, 2.0), -0.052133719560083946),
    ],
)
def test_it_is_what_torch_fidelity_says(one, other, told):
    """kernel_mmd of torch-fidelity 0.4.0, metric_kid.py, with its defaults, on all examples as one subset."""
    assert distance(waves(*one), waves(*other))[0] == pytest.approx(told, rel=1e-10)


@pytest.mark.parametrize(("m", "n"), [(2, 2), (5, 17), (30, 11)])
def test_it_is_its_plain_form_whatever_the_sizes_and_the_blocks(m, n, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(m, 6)), rng.normal(size=(n, 6)) + 0.5
    whole = distance(x, y)
    assert whole[0] == pytest.approx(plain(x, y), rel=1e-10)
    assert distance(y, x)[0] == pytest.approx(whole[0], rel=1e-10)
    monkeypatch.setattr(kernel, "CHUNK", 7)
    assert distance(x, y) == pytest.approx(whole, rel=1e-10, nan_ok=True)


def test_its_mean_over_draws_is_the_same_for_every_number_of_examples():
    """Drawn from two finite pools, with replacement, its mean is the biased distance of the pools themselves."""
    rng = np.random.default_rng(1)
    pools = rng.normal(size=(2, 8, 3)) + np.array([[[0.0]], [[0.4]]])
    k = [[np.power(a @ b.T / 3 + 1, 3).mean() for b in pools] for a in pools]
    true = k[0][0] + k[1][1] - 2 * k[0][1]
    for n in (2, 6, 20):
        drawn = [distance(*(pool[rng.integers(8, size=n)] for pool in pools)) for _ in range(800)]
        found = np.array([value for value, _ in drawn])
        assert abs(found.mean() - true) < 4 * found.std() / np.sqrt(len(found))


@pytest.mark.parametrize(("shift", "spread", "m", "n"), [(0, 1, 80, 80), (0, 1, 60, 200), (0.4, 1, 80, 80), (0, 1.3, 120, 60)])
def test_the_error_is_how_much_it_varies_over_draws_of_both_sides(shift, spread, m, n):
    rng = np.random.default_rng(2)
    drawn = [distance(rng.normal(size=(n, 8)), spread * rng.normal(size=(m, 8)) + shift) for _ in range(200)]
    values, errors = np.array(drawn).T
    assert 0.8 < errors.mean() / values.std() < 1.3


def test_few_examples_have_no_error_and_one_no_distance():
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert np.isnan(distance(x, x[:1])).all()
    assert np.isfinite(distance(x, x[:3])[0])
    assert np.isnan(distance(x, x[:3])[1])
    assert np.isfinite(distance(x, x)).all()


def test_copies_of_one_example_do_no_harm():
    x = np.random.default_rng(0).normal(size=(50, 3))
    value, error = distance(x, np.tile(x[:1], (50, 1)))
    assert value > 0
    assert error > 0
    assert distance(np.ones((9, 3)), np.ones((9, 3))) == pytest.approx((0, 0), abs=1e-7)
