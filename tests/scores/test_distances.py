"""Distances as matrix products."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores import distances
from dessine.scores.distances import blocks, mean_pairwise


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
