"""The independent critic against distances that are known."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.mixture import Mixture
from dessine.data.mixtures import Ring
from dessine.scores.independent import Verdict, independent
from dessine.scores.wasserstein import exact

RING = Ring(sigma=0.05).mixture()


def drawn(mixture: Mixture, seed: int, n: int = 1000) -> np.ndarray:
    return mixture.draw(n, np.random.default_rng(seed))[0]


def test_a_collapsed_ring_is_as_far_as_exact_pairing_says() -> None:
    real, collapsed = drawn(RING, 1), np.tile([1.0, 0.0], (1000, 1))
    verdict = independent(real, collapsed, steps=200)
    assert verdict.estimate == pytest.approx(exact(real, collapsed), rel=0.2)
    assert 0 < verdict.standard_error < 0.1
    assert verdict.slope == pytest.approx(1, abs=0.15)


def test_noise_is_as_far_from_the_ring_as_exact_pairing_says() -> None:
    real, noise = drawn(RING, 1), np.random.default_rng(2).standard_normal((1000, 2))
    assert independent(real, noise, steps=500).estimate == pytest.approx(exact(real, noise), rel=0.3)


def test_samples_of_one_source_are_at_no_distance_though_finite_samples_are() -> None:
    real, again = drawn(RING, 1), drawn(RING, 2)
    verdict = independent(real, again, steps=200)
    assert abs(verdict.estimate) < 4 * verdict.standard_error
    assert exact(real, again) > 0.05


def test_what_was_learnt_by_heart_does_not_count() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 60, 50))  # so few that the half in training can be told apart
    verdict = independent(x, y, steps=150)
    assert abs(verdict.estimate) < 4 * verdict.standard_error
    assert exact(x, y) > 5


def test_the_estimate_has_the_scale_of_the_data() -> None:
    x, y = drawn(RING, 1, 200), drawn(RING, 2, 200) + 1
    small, large = independent(x, y, steps=30), independent(16 * x, 16 * y, steps=30)
    assert large.estimate == 16 * small.estimate  # to the last bit: 16 only moves the exponent
    assert large.slope == small.slope


def test_the_seed_settles_the_verdict() -> None:
    x, y = drawn(RING, 1, 200), drawn(RING, 2, 200) + 1
    first, again, other = (independent(x, y, seed=s, steps=20) for s in (1, 1, 2))
    assert first == again != other


def test_the_samples_are_left_as_they_are() -> None:
    x, y = drawn(RING, 1, 50), drawn(RING, 2, 50)
    before = x.copy(), y.copy()
    independent(x, y, steps=3)
    np.testing.assert_array_equal((x, y), before)


def test_another_constraint_lets_the_critic_say_less() -> None:
    x, y = drawn(RING, 1, 200), drawn(RING, 2, 200) + 1
    clipped = independent(x, y, steps=100, constraint={"type": "clip", "c": 0.01})
    assert 0 < clipped.estimate < 0.1 * independent(x, y, steps=100).estimate


def test_images_and_samples_of_two_sizes_are_taken() -> None:
    rng = np.random.default_rng(0)
    verdict = independent(rng.random((40, 6, 6, 1), np.float32), rng.random((30, 6, 6, 1), np.float32) + 1, steps=100)
    assert verdict.estimate == pytest.approx(6, rel=0.15)  # every one of 36 pixels moved by 1


def test_what_is_all_the_same_is_at_no_distance() -> None:
    verdict = independent(np.ones((8, 2)), np.ones((8, 2)), steps=3)
    assert verdict.estimate == 0


@pytest.mark.parametrize("bad", [np.full((10, 2), np.nan), np.ones((3, 2))])
def test_what_cannot_be_judged_gives_nan(bad: np.ndarray) -> None:
    assert isinstance(verdict := independent(np.ones((10, 2)), bad, steps=3), Verdict)
    assert np.isnan(verdict).all()


def test_few_samples_of_either_side_make_it_unsure() -> None:
    rng = np.random.default_rng(0)
    many, others = rng.normal(size=(2, 400, 2))
    both = independent(many, others, steps=20).standard_error
    assert independent(many, others[:8], steps=20).standard_error > 3 * both
    assert independent(many[:8], others, steps=20).standard_error > 3 * both
