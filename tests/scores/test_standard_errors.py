"""Standard errors are those of the values: by redrawing both sides. `benchmarks/score_errors.py` does it at full size."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from dessine.data.mixtures import Ring
from dessine.intervals import share_interval
from dessine.scores import frechet
from dessine.scores.mixture import high_quality, mean_log_density
from dessine.scores.ndb import Bins, ndb
from dessine.scores.nearest import closeness, memorised, nearest
from dessine.scores.neighbours import neighbours
from dessine.scores.parts import error_by_halves, error_of_share, parted
from dessine.scores.parzen import parzen
from dessine.scores.table import Score
from dessine.scores.wasserstein import sliced, sliced_error

Array = np.ndarray
Rng = np.random.Generator
MIXTURE = Ring().mixture()


def stated_over_true(measure: Callable[[Rng], tuple[Array, Array]], redraws: int) -> Array:
    """measure: values and their errors, of everything drawn anew."""
    values, errors = np.array([measure(np.random.default_rng(seed)) for seed in range(redraws)]).swapaxes(0, 1)
    ratio: Array = np.nanmean(errors, 0) / values.std(0, ddof=1)
    return ratio


def normal(rng: Rng, n: int, d: int, spread: float = 1.0, shift: float = 0.0) -> Array:
    return spread * rng.standard_normal((n, d)) + shift


KINDS = {"one source": (1.0, 0.0), "narrow": (0.8, 0.0), "wide": (1.25, 0.0), "aside": (1.0, 0.7)}


@pytest.mark.parametrize("kind", KINDS)
def test_precision_recall_density_and_coverage(kind: str) -> None:
    def measure(rng: Rng) -> tuple[Array, Array]:
        found = neighbours(real=normal(rng, 160, 5), generated=normal(rng, 160, 5, *KINDS[kind]))
        return tuple(np.array(found).T)

    ratio = stated_over_true(measure, 80)
    assert (ratio > 0.72).all(), ratio
    assert (ratio < 1.33).all(), ratio


@pytest.mark.parametrize(("d", "shift"), [(6, 0.0), (6, 1.0), (20, 0.0)])
def test_frechet_near_zero_and_far_from_it(d: int, shift: float) -> None:
    def measure(rng: Rng) -> tuple[Array, Array]:
        sides = {
            "real": frechet.Moments(normal(rng, 200, d)),
            "generated": frechet.Moments(normal(rng, 200, d, 1.0, shift)),
        }
        return np.array([frechet.distance(**sides)]), np.array([frechet.error(**sides)])

    assert 0.75 < stated_over_true(measure, 40)[0] < 1.3


def test_sliced_wasserstein() -> None:
    for shift, spread in product((0.0, 0.5), (1.0, 1.5)):

        def measure(rng: Rng, shift: float = shift, spread: float = spread) -> tuple[Array, Array]:
            x, y = normal(rng, 100, 4), normal(rng, 100, 4, spread, shift)
            return np.array([sliced(x, y, 40)[0]]), np.array([sliced_error(x, y, 40)])

        assert 0.75 < stated_over_true(measure, 60)[0] < 1.3


def test_parzen() -> None:
    def measure(rng: Rng) -> tuple[Array, Array]:
        found = parzen(*normal(rng, 450, 20, 0.5).reshape(3, 150, 20), errors=True)
        return np.array([found.value]), np.array([found.over_both])

    assert 0.75 < stated_over_true(measure, 60)[0] < 1.3


def test_copies() -> None:
    train = normal(np.random.default_rng(1000), 400, 4)

    def measure(rng: Rng) -> tuple[Array, Array]:
        sides = {"generated": nearest(normal(rng, 250, 4, 0.9), train)[0], "test": nearest(normal(rng, 250, 4), train)[0]}
        return tuple(np.array([memorised(**sides), closeness(**sides)]).T)

    ratio = stated_over_true(measure, 80)
    assert (ratio > 0.75).all(), ratio
    assert (ratio < 1.3).all(), ratio


@pytest.mark.parametrize("drop", [0, 4])
def test_ndb(drop: int) -> None:
    def measure(rng: Rng) -> tuple[Array, Array]:
        real, (x, modes) = MIXTURE.draw(600, rng)[0], MIXTURE.draw(1200, rng)
        bins = Bins(real)
        return tuple(np.array([ndb(real=bins.counts, generated=bins.count(x[modes >= drop][:600]))]).T)

    assert 0.7 < stated_over_true(measure, 50)[0] < 1.35


def test_points_of_a_known_mixture() -> None:
    def measure(rng: Rng) -> tuple[Array, Array]:
        x = MIXTURE.draw(300, rng)[0] * 1.01
        good = high_quality(x, MIXTURE)[1]
        value, error = mean_log_density(x, MIXTURE)
        return np.array([good, value]), np.array([np.sqrt(good * (1 - good) / 300), error])

    ratio = stated_over_true(measure, 100)
    assert (ratio > 0.75).all(), ratio
    assert (ratio < 1.3).all(), ratio


def test_parts_are_disjoint_and_of_one_size() -> None:
    for n, parts in ((7, 2), (100, 2), (20, 4)):
        split = parted(n, parts)
        sizes = [(split == part).sum(1) for part in range(parts)]
        assert np.ptp(sizes) <= 1
        assert sum(sizes).tolist() == [n] * len(split)
        np.testing.assert_array_equal(split, parted(n, parts))


def test_of_a_mean_the_halves_tell_the_usual_error() -> None:
    x = np.random.default_rng(0).standard_normal(400)
    found = np.array([[x[split == half].mean() for half in (0, 1)] for split in parted(400)])
    assert error_by_halves(found) == pytest.approx(1 / 20, rel=0.4)


def test_a_share_that_all_halves_agree_on_has_no_error() -> None:
    assert error_of_share(1.0, 100, np.ones((16, 2))) == 0
    assert error_of_share(0.5, 100, np.tile([0.55, 0.45], (16, 1))) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(
    ("name", "value", "error", "low", "high"),
    [
        ("recall", 0.98, 0.05, 0, 1),
        ("memorised", 0.01, 0.02, 0, 1),
        ("frechet", 0.5, 2, 0, 5),
        ("digit_score", 9.9, 0.2, 9, 10),
    ],
)
def test_intervals_stay_inside_what_is_possible(name: str, value: float, error: float, low: float, high: float) -> None:
    start, end = Score(value, error, 100).interval(name)
    assert low <= start < value < end <= high


def test_the_interval_of_a_share_is_wilsons() -> None:
    assert Score(0.3, np.sqrt(0.3 * 0.7 / 50), 50).interval("high_quality") == pytest.approx(share_interval(15, 50))
    assert np.isnan(Score(1.0, np.nan, 50).interval("recall")).all()
