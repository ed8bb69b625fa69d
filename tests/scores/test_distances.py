"""Distances as matrix products."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores import distances
from dessine.scores.distances import blocks, mean_pairwise, rows


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_blocks_are_the_plain_distances(monkeypatch, chunk):
    monkeypatch.setattr(distances, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(9, 3)), rng.normal(size=(5, 3))
    found = np.concatenate([d for _, d in blocks(a, b)])
    np.testing.assert_allclose(found, np.square(a[:, None] - b).sum(-1), atol=1e-13)


def test_points_far_from_zero_keep_their_digits():
    x = 1000 + np.array([[0.0], [0.01], [0.03]])
    ((_, d),) = blocks(x.astype(np.float32), x.astype(np.float32))
    np.testing.assert_allclose(np.sqrt(d[0]), [0, 0.01, 0.03], atol=1e-4)


def test_mean_pairwise_leaves_out_a_row_and_itself():
    assert mean_pairwise(np.array([[0.0], [3.0]])) == 3
    assert mean_pairwise(np.array([[0.0], [3.0], [3.0]])) == 2
    assert mean_pairwise(np.full((50, 7), 0.1, np.float32)) == 0
    assert np.isnan(mean_pairwise(np.zeros((1, 2))))


def test_points_that_are_close_beside_their_spread_keep_their_digits():
    rng = np.random.default_rng(0)
    x = (rng.choice([-100.0, 100.0], (50, 2)) + 0.001 * rng.normal(size=(50, 2))).astype(np.float32)
    ((_, d),) = blocks(rows(x), rows(x))
    plain = np.square(x[:, None].astype(np.float64) - x).sum(-1)
    np.testing.assert_allclose(d, plain, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("wild", [1e4, 1e8])
def test_a_wild_example_costs_the_others_no_digits(wild):
    x = np.random.default_rng(0).normal(size=(60, 40)).astype(np.float32)
    x[7] = wild
    found = np.concatenate([d for _, d in blocks(x, x)])
    plain = np.square(x[:, None].astype(np.float64) - x).sum(-1)
    others = np.delete(np.arange(60), 7)
    np.testing.assert_allclose(found[np.ix_(others, others)], plain[np.ix_(others, others)], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leaning_holds_the_true_distance_between(dtype):
    x = (100 + np.random.default_rng(0).normal(size=(80, 300))).astype(dtype)
    plain = np.square(x[:, None].astype(np.float64) - x).sum(-1)
    least, most = (np.concatenate([d for _, d in blocks(x, x, lean)]) for lean in (-1, 1))
    assert (least <= plain).all()
    assert (most >= plain).all()
    np.testing.assert_allclose(least, most, rtol=1e-5, atol=1e-2)
