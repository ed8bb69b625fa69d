"""Wasserstein distances whose values are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from dessine.data.mixtures import Ring
from dessine.scores.wasserstein import MOST, exact, sliced

RNG = np.random.default_rng(0)


def test_a_sample_moved_is_as_far_as_it_was_moved() -> None:
    x = RNG.standard_normal((200, 2))
    shift = np.array([3.0, 4.0])
    assert exact(x, RNG.permutation(x) + shift) == pytest.approx(5)
    value, error = sliced(x, x + shift, 4000)
    assert abs(value - 5 * 2 / np.pi) < 4 * error  # the mean of |cos| in the plane


def test_a_sample_is_at_no_distance_from_itself_in_any_order() -> None:
    x = RNG.standard_normal((100, 5))
    assert exact(x, RNG.permutation(x)) == pytest.approx(0, abs=1e-6)
    assert sliced(x, RNG.permutation(x))[0] == pytest.approx(0, abs=1e-12)


def test_in_one_dimension_both_are_scipys() -> None:
    x, y = RNG.standard_normal((300, 1)), 2 + 3 * RNG.standard_normal((300, 1))
    expected = stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert exact(x, y) == pytest.approx(expected)
    assert sliced(x, y, 20) == (pytest.approx(expected), pytest.approx(0, abs=1e-12))


def test_partners_are_found_and_not_just_neighbours() -> None:
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [10.0]])  # the nearest would be 1 for 0 and for 1
    assert exact(x, y) == pytest.approx(5)


def test_sliced_stays_below_exact() -> None:
    x, y = RNG.standard_normal((200, 10)), 1 + RNG.standard_normal((200, 10))
    assert 0 < sliced(x, y)[0] < exact(x, y)


def test_a_collapsed_ring_is_as_far_as_its_points_are_from_the_one_left() -> None:
    ring = Ring(sigma=0.01).mixture()
    real, again = (ring.draw(1000, np.random.default_rng(i))[0] for i in (1, 2))
    collapsed = np.tile([1.0, 0.0], (1000, 1))
    angle = np.pi / 4 * np.arange(8)
    assert exact(real, collapsed) == pytest.approx(np.mean(2 * np.abs(np.sin(angle / 2))), rel=0.05)
    assert exact(real, again) < 0.1


def test_images_are_flat_rows_to_both() -> None:
    x, y = RNG.random((2, 50, 4, 4, 1), np.float32)
    flat = x.reshape(50, -1), y.reshape(50, -1)
    assert exact(x, y) == exact(*flat)
    assert sliced(x, y) == sliced(*flat)


def test_the_lines_depend_on_the_seed_alone() -> None:
    x, y = RNG.standard_normal((2, 50, 3))
    assert sliced(x, y, seed=1) == sliced(x, y, seed=1) != sliced(x, y, seed=2)


def test_the_standard_error_is_what_repeats_show() -> None:
    x, y = RNG.standard_normal((100, 4)), 1 + RNG.standard_normal((100, 4))
    values, errors = np.array([sliced(x, y, 100, seed=i) for i in range(60)]).T
    assert values.std() == pytest.approx(errors.mean(), rel=0.3)


@pytest.mark.parametrize("score", [exact, sliced])
def test_samples_of_two_sizes_have_no_partners(score: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="of one size"):
        score(np.zeros((3, 2)), np.zeros((4, 2)))


def test_too_many_points_for_the_exact_distance_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        exact(np.zeros((MOST + 1, 1)), np.zeros((MOST + 1, 1)))


def test_what_is_not_finite_has_no_distance() -> None:
    x = np.zeros((3, 2))
    x[1, 1] = np.nan
    assert np.isnan(exact(x, np.zeros((3, 2))))
    assert np.isnan(sliced(x, np.zeros((3, 2)))[0])


def test_data_far_from_zero_keep_their_digits() -> None:
    x, y = (RNG.standard_normal((2, 200, 30)) + np.array([0, 0.5])[:, None, None]).astype(np.float32)
    assert sliced((x + 1e4).astype(np.float32), (y + 1e4).astype(np.float32), 50)[0] == pytest.approx(
        sliced(x, y, 50)[0], rel=0.01
    )
