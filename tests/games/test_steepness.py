"""Where the slope of the critic is measured."""

from __future__ import annotations

import numpy as np
from test_gap import game

from dessine.games.measures.steepness import points


def test_between_the_sides_it_is_measured_from_one_to_the_other_in_equal_steps() -> None:
    made = game(40, 30, replicates=2)
    drawn = np.random.default_rng(0).normal(size=(2, 30, 8, 8, 1)).astype(np.float32)
    found = points(made, drawn)
    real, between = found["real"].reshape(2, 16, 64), found["interpolated"].reshape(2, 16, 64)
    np.testing.assert_array_equal(real[0], made.watched.floats(np.arange(16), np.float32).reshape(16, 64))
    np.testing.assert_array_equal(real[1], real[0])
    share = (np.arange(16) / 15)[:, None]
    np.testing.assert_allclose(between, share * real + (1 - share) * drawn[:, :16].reshape(2, 16, 64), atol=1e-6)
