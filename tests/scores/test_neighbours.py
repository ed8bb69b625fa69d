"""Precision, recall, density and coverage, which must not be confused."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.mixtures import Ring
from dessine.scores.neighbours import neighbours, radii


def normal(n: int, seed: int, d: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_one_source_gets_all_four():
    found = neighbours(real=normal(800, 0), generated=normal(800, 1))
    assert found.precision[0] > 0.9
    assert found.recall[0] > 0.9
    assert found.density[0] == pytest.approx(1, abs=0.1)
    assert found.coverage[0] == pytest.approx(1 - 2**-5, abs=0.03)


def test_collapsed_samples_have_precision_and_no_recall():
    real = normal(800, 0)
    found = neighbours(real=real, generated=real[0] + 0.01 * normal(800, 1))
    assert found.precision[0] > 0.99
    assert found.recall[0] < 0.01
    assert found.coverage[0] < 0.1


def test_samples_that_spread_too_far_have_recall_and_no_precision():
    found = neighbours(real=normal(800, 0), generated=4 * normal(800, 1))
    assert found.precision[0] < 0.1
    assert found.recall[0] > 0.8
    assert found.density[0] < 0.1


def test_exchanging_the_sides_exchanges_precision_and_recall():
    a, b = normal(200, 0), 1.5 * normal(300, 1)
    there, back = neighbours(real=a, generated=b), neighbours(real=b, generated=a)
    assert there.precision == back.recall
    assert there.recall == back.precision
    with pytest.raises(TypeError):
        neighbours(a, b)


def test_density_may_exceed_one():
    real = np.concatenate([normal(200, 0), 10 + normal(200, 1)])
    assert neighbours(real=real, generated=0.1 * normal(200, 2)).density[0] > 1


def test_strangers_get_nothing():
    found = neighbours(real=normal(100, 0), generated=100 + normal(100, 1))
    assert [value for value, _ in found] == [0, 0, 0, 0]


def test_scores_are_those_of_the_definition():
    real, generated, k = normal(40, 0, 2), normal(30, 1, 2), 3
    cross = np.sqrt(np.square(generated[:, None] - real).sum(-1))
    own = [np.sort(np.sqrt(np.square(x[:, None] - x).sum(-1)), 1)[:, k] for x in (real, generated)]
    found = neighbours(real=real, generated=generated, k=k)
    assert found.precision[0] == (cross <= own[0]).any(1).mean()
    assert found.recall[0] == (cross <= own[1][:, None]).any(0).mean()
    assert found.density[0] == pytest.approx((cross <= own[0]).sum() / k / 30)
    assert found.coverage[0] == (cross <= own[0]).any(0).mean()


def test_duplicates_are_neighbours_at_distance_zero():
    x = np.repeat(normal(10, 0).astype(np.float32), 8, 0)
    np.testing.assert_allclose(radii(x, 5), 0, atol=1e-2)
    found = neighbours(real=x, generated=x[::-1])
    assert [value for value, _ in found] == pytest.approx([1, 1, 8 / 5, 1])
    other = neighbours(real=x, generated=np.tile(x[:1], (80, 1)))
    assert [value for value, _ in other] == pytest.approx([1, 0.1, 8 / 5, 0.1])


def test_too_few_have_no_neighbours_and_infinities_no_scores():
    with pytest.raises(ValueError, match="5 examples"):
        radii(normal(5, 0))
    assert np.isnan(neighbours(real=normal(20, 0), generated=np.full((20, 4), np.nan))).all()


def test_single_precision_does_not_widen_the_balls_about_points():
    mixture = Ring().mixture()
    real, generated = (mixture.draw(2500, np.random.default_rng(seed))[0].astype(np.float32) for seed in (0, 1))
    found = neighbours(real=real, generated=generated)
    assert found.density[0] == pytest.approx(1, abs=0.05)
    assert found.coverage[0] == pytest.approx(1 - 2**-5, abs=0.015)
