"""The birthday paradox on sources whose support is known."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores.birthday import ALLOWED, birthday, closeness

RNG = np.random.default_rng(0)


def real(n: int, seed: int) -> np.ndarray:
    """Bell curves of 20 dimensions: hardly two are near."""
    return np.random.default_rng(seed).standard_normal((n, 20)).astype(np.float32)


NEAR = closeness(real(1000, 1))


@pytest.mark.parametrize("support", [1, 20, 300, 3000])
def test_a_source_of_so_many_images_is_recognised(support: int) -> None:
    x = real(support, 5)[RNG.integers(support, size=1000)]
    found = birthday(x, NEAR)
    assert abs(found.support - support) <= max(4 * found.relative_error * support, 1e-9)
    expected = 1.1774 * np.sqrt(support)  # the birthday formula for large supports: 23 for 365
    assert found.batch == pytest.approx(expected, rel=0.35, abs=1)


def test_365_birthdays_need_23_people() -> None:
    x = np.arange(365.0)[:, None].repeat(9, 0)  # 365 days, 9 people each
    found = birthday(x, 0.5)
    assert found.pairs == 365 * 9 * 8 // 2
    assert found.batch == pytest.approx(23, abs=2)


def test_real_samples_are_the_ceiling() -> None:
    ceiling = birthday(real(1000, 2), NEAR)
    assert 0 < ceiling.pairs < 4 * ALLOWED
    assert ceiling.support > 1000**2 / 80


def test_a_few_repeated_images_among_many_lower_the_support() -> None:
    x = real(1000, 3)
    x[:100] = x[0]  # a tenth of the probability on one image
    assert birthday(x, NEAR).support == pytest.approx(100, rel=0.05)


def test_the_relative_error_is_what_repeats_show() -> None:
    images, weights = real(50, 4), np.geomspace(1, 20, 50)
    draws = [RNG.choice(50, 400, p=weights / weights.sum()) for _ in range(60)]
    found = [birthday(images[i], NEAR) for i in draws]
    supports = np.array([f.support for f in found])
    assert supports.std() / supports.mean() == pytest.approx(np.mean([f.relative_error for f in found]), rel=0.35)


def test_the_relative_error_of_few_pairs_is_what_repeats_show() -> None:
    rng = np.random.default_rng(7)
    found = [birthday(np.column_stack([rng.integers(5000, size=400), np.zeros(400)]), 0.5) for _ in range(200)]
    shares = np.array([f.pairs for f in found])  # 16 on average
    assert np.mean([f.relative_error for f in found]) == pytest.approx(shares.std() / shares.mean(), rel=0.25)


def test_closeness_allows_so_many_real_pairs() -> None:
    x = real(200, 6)
    squares = np.square(x[:, None] - x[None]).sum(-1)[np.triu_indices(200, 1)]
    assert closeness(x, 3) == pytest.approx(np.sqrt(np.sort(squares)[2]), rel=1e-5)


def test_without_any_pair_the_support_is_beyond_measure() -> None:
    assert birthday(10 * np.eye(5), 1.0)[:3] == (0, np.inf, np.inf)


def test_what_is_not_finite_tells_nothing() -> None:
    assert np.isnan(birthday(np.array([[0.0], [0.0], [np.nan]]), 1.0).support)


def test_equal_images_are_duplicates_even_where_only_equal_ones_are_near() -> None:
    x = np.repeat(np.random.default_rng(0).random((30, 50)), 2, 0).astype(np.float32)
    near = closeness(x)
    assert near < 0.01
    assert birthday(x, near).pairs == 30


def test_too_few_examples_have_no_ten_pairs() -> None:
    with pytest.raises(ValueError, match="4 examples do not have 10 pairs"):
        closeness(np.eye(4))
