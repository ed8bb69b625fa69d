"""Intervals: Student's and Wilson's, against values worked out elsewhere, and what too little data says."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.intervals import SHARE, limits, mean_interval, share_interval, summarise_repeats


def test_student_interval_of_five_values() -> None:
    # t(0.975, 4) = 2.776445; mean 3, std sqrt(2.5), so the half width is 2.776445 * sqrt(2.5 / 5) = 1.963243
    mean, low, high = mean_interval(np.array([1.0, 2, 3, 4, 5]))
    np.testing.assert_allclose([mean, low, high], [3, 3 - 1.963243, 3 + 1.963243], rtol=1e-6)


def test_missing_values_do_not_count() -> None:
    columns = np.array([[1.0, 5], [np.nan, 7], [3.0, np.nan]])
    mean, low, high = mean_interval(columns)
    np.testing.assert_allclose(mean, [2, 6])
    alone = mean_interval(np.array([1.0, 3.0]))
    np.testing.assert_allclose([low[0], high[0]], alone[1:])


@pytest.mark.parametrize("values", [[], [4.0], [np.nan, 4.0]])
def test_fewer_than_two_values_have_no_interval(values: list[float]) -> None:
    _, low, high = mean_interval(np.array(values))
    assert np.isnan(low)
    assert np.isnan(high)


def test_wilson_interval_of_8_in_10() -> None:
    # (0.8 + z^2/20 -+ z sqrt(0.016 + z^2/400)) / (1 + z^2/10) with z = 1.959964
    np.testing.assert_allclose(share_interval(8, 10), (0.490162, 0.943318), atol=1e-6)


def test_wilson_interval_stays_in_0_and_1() -> None:
    assert share_interval(0, 20)[0] == 0.0
    assert share_interval(20, 20)[1] == 1.0
    assert share_interval(0, 0) == (0.0, 1.0)


def test_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    _, low, high = mean_interval(rng.standard_normal((6, 4000)) + 2)
    assert abs(((low < 2) & (high > 2)).mean() - 0.95) < 0.012


def test_summary_of_repeats() -> None:
    told = summarise_repeats(np.array([0.9, 0.8, np.nan]))
    assert told["count"] == 2
    assert told["mean"] == pytest.approx(0.85)
    assert told["std"] == pytest.approx(0.0707107, rel=1e-5)
    assert summarise_repeats(np.array([]))["count"] == 0


def test_part_of_an_interval_where_no_mean_can_be_is_cut_off() -> None:
    mean, low, high = mean_interval(np.array([0.8, 1.0, 1.0]), within=SHARE)
    assert mean + (mean - low) > high == 1
    assert summarise_repeats(np.array([0.0, 0.0, 0.1]), SHARE)["interval"][0] == 0


@pytest.mark.parametrize("values", [[1.0, 1, 1], [0.0, 0], [0.1, 0.1, 0.1], [-3e9, -3e9]])
def test_equal_values_tell_no_interval(values: list[float]) -> None:
    mean, low, high = mean_interval(np.array(values))
    assert mean == pytest.approx(values[0])
    assert np.isnan(low)
    assert np.isnan(high)


@pytest.mark.parametrize(
    ("metric", "ends"),
    [
        ("test_success", (0, 1)),
        ("scores.recall", (0, 1)),
        ("scores.frechet", (0, np.inf)),
        ("d_real.std", (0, np.inf)),
        ("loss.generator", (-np.inf, np.inf)),
    ],
)
def test_limits_are_known_by_the_name_of_a_metric(metric: str, ends: tuple[float, float]) -> None:
    assert limits(metric) == ends


def test_no_more_modes_are_found_than_there_are() -> None:
    assert limits("scores.modes", 25) == (0, 25)
    assert limits("modes") == (0, np.inf)
    assert limits("scores.support", 25) == (0, np.inf)  # an estimate of a number of images
    found = summarise_repeats(np.array([25.0, 24, 25]), limits("scores.modes", 25))
    assert found["interval"][1] == 25
    assert found["mean"] < 25
