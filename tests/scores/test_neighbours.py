"""Precision, recall, density and coverage, which must not be confused."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.mixtures import Ring
from dessine.scores.neighbours import balls, neighbours, precision, radii


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


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_precision_alone_is_that_of_the_four(scale):
    real, generated = normal(90, 0), (scale * normal(70, 1)).astype(np.float32)
    known = balls(real)
    alone = precision(real=real, generated=generated, real_balls=known)
    assert alone == neighbours(real=real, generated=generated, real_balls=known).precision[0]
    generated[3] = np.nan
    assert np.isnan(precision(real=real, generated=generated, real_balls=known))


def test_what_lies_on_the_edge_of_a_ball_is_in_it_for_precision_alone_too():
    x = np.zeros((20, 3))
    assert precision(real=x, generated=x, real_balls=balls(x)) == 1


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


def plainly(real: np.ndarray, generated: np.ndarray, k: int = 5) -> list[float]:
    """The four scores by the definition, from differences in float64."""

    def squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.array([np.square(one - b).sum(1) for one in a.astype(np.float64)])

    real, generated = real.astype(np.float64), generated.astype(np.float64)
    cross, own = squares(generated, real), [np.sort(squares(x, x), 1)[:, k] for x in (real, generated)]
    inside = cross <= own[0]
    recalled = (cross <= own[1][:, None]).any(0).mean()
    return [inside.any(1).mean(), recalled, inside.sum() / k / len(generated), inside.any(0).mean()]


def wild(x: np.ndarray, size: float, n: int = 1) -> np.ndarray:
    """n of the examples are far out."""
    x = x.copy()
    x[:n] = size * (1 + 0.01 * np.arange(n)[:, None])
    return x


def single(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)


R2, G2, R64, G64 = normal(150, 0, 2), 0.8 * normal(120, 1, 2) + 0.3, normal(150, 2, 64), 0.9 * normal(120, 3, 64)
SETS = {
    "a wild sample": (R2, wild(G2, 1e8)),
    "a wild sample among images": (single(R64), single(wild(G64 + 0.5, 300))),
    "a wild real example": (wild(R2, 1e8), G2),
    "a wild real image": (single(wild(R64, 1e6)), single(G64)),
    "some wild ones on both sides": (wild(R64, 1e6, 9), wild(G64, -1e7, 7)),
    "duplicates among real ones": (np.repeat(R64[:30], 5, 0), G64),
    "duplicates among samples": (R64, np.repeat(G64[:15], 8, 0)),
    "copies of real examples": (single(R64), single(R64[::-1])),
    "all are equal": (np.full((30, 20), 0.3), np.full((40, 20), 0.3)),
    "all samples are equal": (R64, np.full((40, 64), 0.3)),
    "far from 0": (single(R64 + 1e4), single(G64 + 1e4)),
    "huge": (single(1e18 * R64), single(1e18 * G64)),
    "tiny": (single(1e-30 * R64), single(1e-30 * G64)),
    "integers, many of whose distances are equal": (np.rint(2 * R64), np.rint(2 * G64)),
    "a grid": (np.rint(3 * R2), np.rint(3 * G2)),
    "bits": ((R64 > 0).astype(np.uint8), (G64 > 0).astype(np.uint8)),
}


@pytest.mark.parametrize("name", SETS)
def test_rounding_belongs_to_each_pair(name):
    """What one example is like moves its own distances, not the slack of all others; equal distances stay equal."""
    real, generated = SETS[name]
    assert [value for value, _ in neighbours(real=real, generated=generated)] == pytest.approx(plainly(real, generated))


def test_real_examples_that_are_not_finite_make_nobody_perfect():
    real = normal(30, 0)
    real[3, 1] = np.inf
    assert np.isnan(neighbours(real=real, generated=normal(30, 1))).all()
