"""The jackknife over groups."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores.jackknife import groups, standard_error


def test_of_a_mean_over_groups_of_one_it_is_the_usual_error():
    x = np.random.default_rng(0).normal(size=20)
    parts = np.stack([x, np.ones(20)], 1)
    found = standard_error(lambda sums: sums[0] / sums[1], parts)
    assert found == pytest.approx(x.std(ddof=1) / np.sqrt(20))


def test_groups_share_all_examples():
    for n in (1, 7, 20, 1003):
        seen = np.concatenate([np.arange(n)[part] for part in groups(n)])
        np.testing.assert_array_equal(seen, np.arange(n))
        sizes = [part.stop - part.start for part in groups(n)]
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == min(n, 20)


def test_one_group_knows_no_error():
    assert np.isnan(standard_error(lambda sums: 1.0, np.ones((1, 2))))
