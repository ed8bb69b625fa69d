"""Mixtures of Gaussians: where they lie, what they weigh, and that the density which they tell is theirs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dessine.data import Dataset, modes_of
from dessine.data.mixture import Mixture
from dessine.data.mixtures import Grid, Line, Ring, weights
from dessine.registry import SpecError


def test_ring_has_its_modes_on_the_circle() -> None:
    split = Ring(modes=8, radius=2.0, sigma=0.05, points=40_000, test_points=100).load()
    x, mode = split.train.x, split.train.y
    assert mode is not None
    assert len(split.test) == 100
    assert np.unique(mode).tolist() == list(range(8))
    angle = np.pi / 4 * np.arange(8)
    means = np.array([x[mode == m].mean(0) for m in range(8)])
    np.testing.assert_allclose(means, 2 * np.stack([np.cos(angle), np.sin(angle)], -1), atol=0.005)
    for m in range(8):
        assert np.mean(mode == m) == pytest.approx(1 / 8, abs=0.01)
        np.testing.assert_allclose(np.cov(x[mode == m].T), 0.05**2 * np.eye(2), atol=0.05**2 * 0.1)


def test_the_ring_does_not_close_on_itself() -> None:
    centres = Ring(modes=8).mixture().centres
    assert len(np.unique(centres.round(6), axis=0)) == 8


def test_grid_goes_from_minus_4_to_4_row_by_row() -> None:
    split = Grid(points=20_000).load()
    assert split.mixture is not None
    centres = split.mixture.centres
    assert centres.shape == (25, 2)
    assert centres[:6].tolist() == [[-4, -4], [-2, -4], [0, -4], [2, -4], [4, -4], [-4, -2]]
    assert centres[-1].tolist() == [4, 4]
    mode, distance = split.mixture.nearest(split.train.x)
    np.testing.assert_array_equal(mode, split.train.y)
    assert distance.max() < 6 * 0.05
    assert np.mean(distance < 3 * 0.05) == pytest.approx(1 - np.exp(-4.5), abs=0.003)


def test_line_has_its_modes_where_they_are_named() -> None:
    split = Line(at=[-1.0, 4.0], sigma=0.5, imbalance=3, points=40_000, test_points=10).load()
    x, mode = split.train.x, split.train.y
    assert mode is not None
    assert (x.shape, len(split.test)) == ((40_000, 1), 10)
    np.testing.assert_allclose([x[mode == m].mean() for m in range(2)], [-1, 4], atol=0.02)
    np.testing.assert_allclose([x[mode == m].std() for m in range(2)], 0.5, rtol=0.03)
    assert np.mean(mode == 0) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("made", [Ring(sigma=0.1, imbalance=5), Grid(side=2, sigma=0.3)])
def test_log_density_is_scipys(made: Ring | Grid) -> None:
    mixture = made.mixture()
    x = np.random.default_rng(0).normal(0, 1.5, (200, 2))
    parts = [
        w * stats.multivariate_normal(c, made.sigma**2).pdf(x) for w, c in zip(mixture.weights, mixture.centres, strict=True)
    ]
    expected = np.sum(parts, 0)
    near = expected > 1e-250
    np.testing.assert_allclose(mixture.log_density(x)[near], np.log(expected[near]), rtol=1e-10)


def test_the_density_integrates_to_one() -> None:
    mixture = Ring(sigma=0.1, imbalance=3).mixture()
    along = np.linspace(-2, 2, 801)
    x = np.stack(np.meshgrid(along, along), -1).reshape(-1, 2)
    assert np.exp(mixture.log_density(x)).sum() * 0.005**2 == pytest.approx(1, abs=1e-9)


def test_many_points_are_looked_at_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ring, x = Ring(modes=8, points=9).mixture(), np.random.default_rng(0).normal(size=(50, 2))
    x[7] = np.nan
    whole = ring.nearest(x), ring.log_density(x)
    held: list[int] = []
    squares = Mixture._squares
    monkeypatch.setattr(Mixture, "_squares", lambda self, part: (held.append(len(part)), squares(self, part))[1])
    monkeypatch.setattr("dessine.data.mixture.PORTION", 80)
    parts = ring.nearest(x), ring.log_density(x)
    np.testing.assert_equal(parts, whole)
    assert max(held) <= 10


def test_a_point_far_away_has_a_finite_log_density() -> None:
    assert np.isfinite(Ring().mixture().log_density(np.full((1, 2), 1e6))).all()


def test_a_mixture_has_any_number_of_dimensions() -> None:
    mixture = Mixture(np.zeros((1, 3)), np.ones(1), 2.0)
    x, mode = mixture.draw(5, np.random.default_rng(0))
    assert (x.shape, mode.tolist()) == ((5, 3), [0] * 5)
    expected = stats.multivariate_normal(np.zeros(3), 4.0).logpdf(x)
    np.testing.assert_allclose(mixture.log_density(x), expected)
    np.testing.assert_allclose(mixture.nearest(x)[1], np.linalg.norm(x, axis=1))


def test_imbalance_is_first_against_last_in_equal_ratios() -> None:
    w = weights(4, 27)
    np.testing.assert_allclose(w[:-1] / w[1:], 3)
    assert w.sum() == pytest.approx(1)
    assert weights(1, 10).tolist() == [1]
    np.testing.assert_allclose(weights(5, 1), 0.2)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_modes_are_drawn_as_often_as_their_weights_say(name: str) -> None:
    split = Dataset.of({"type": name, "imbalance": 10, "points": 50_000}).load()
    assert split.mixture is not None
    assert split.train.y is not None
    share = np.bincount(split.train.y, minlength=len(split.mixture.weights)) / 50_000
    np.testing.assert_allclose(share, split.mixture.weights, atol=0.006)
    assert share[0] / share[-1] == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_neither_part_moves_the_other(name: str) -> None:
    def made(points: int, test_points: int) -> tuple[str, str]:
        split = Dataset.of({"type": name, "points": points, "test_points": test_points}).load()
        return split.train.checksum, split.test.checksum

    assert made(50, 30)[1] == made(80, 30)[1]
    assert made(50, 30)[0] == made(50, 70)[0]


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_a_seed_settles_the_points(name: str) -> None:
    first, again, other = (Dataset.of({"type": name, "points": 50, "seed": s}).load() for s in (3, 3, 4))
    assert first.train.checksum == again.train.checksum != other.train.checksum
    assert first.test.checksum == again.test.checksum
    assert not np.isin(first.test.x, first.train.x).any()


def test_points_are_taken_as_they_are() -> None:
    train = Ring(points=10).load().train
    np.testing.assert_array_equal(train.floats(np.arange(10), np.float64), train.x)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_available_counts_what_the_defaults_make(name: str) -> None:
    (row,) = Dataset.registry.members[name].available()  # type: ignore[union-attr]
    split = Dataset.of(name).load()
    assert (row.name, row.train, row.test) == (name, len(split.train), len(split.test))


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"type": "ring", "imbalance": 0.5}, "imbalance"),
        ({"type": "ring", "modes": 0}, "modes"),
        ({"type": "ring", "modes": 5000}, "modes"),
        ({"type": "grid", "side": 100}, "side"),
        ({"type": "grid", "sigma": 0}, "sigma"),
    ],
)
def test_what_makes_no_mixture_is_refused(options: dict, where: str) -> None:
    with pytest.raises(SpecError) as caught:
        Dataset.of(options)
    assert caught.value.problems[0].path == (where,)


@pytest.mark.parametrize(
    ("data", "modes"),
    [
        ({"type": "ring", "modes": 3}, 3),
        ({"type": "grid", "side": 4}, 16),
        ({"type": "line", "at": [-1.0, 0.0, 1.0]}, 3),
        ({"type": "stacked_mnist"}, 1000),
        ({"type": "xor"}, np.inf),
        ({"type": "of a plugin that is not here"}, np.inf),
        (None, np.inf),
    ],
)
def test_modes_are_known_where_they_can_be_counted(data: dict[str, object] | None, modes: float) -> None:
    assert modes_of({"data": data}) == modes
    if modes < 100:
        mixture = Dataset.of(data).load().mixture
        assert mixture is not None
        assert len(mixture.weights) == modes
