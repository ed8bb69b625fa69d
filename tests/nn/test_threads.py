"""Threads of the BLAS."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from dessine.data.points import Xor
from dessine.games import Classification
from dessine.nn.threads import threads_for
from dessine.streams import Streams


def counts() -> list[int]:
    """Of every BLAS that is loaded."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_one_example_at_a_time_has_one_thread_and_gives_the_others_back() -> None:
    before = counts()
    assert before
    with threads_for(1):
        assert set(counts()) == {1}
    assert counts() == before
    with threads_for(2):
        assert counts() == before


@pytest.mark.parametrize("batch", [1, 4])
def test_turns_together_are_the_turns_one_by_one(batch: int) -> None:
    def game() -> Classification:
        layers = [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 1}]
        made = Classification.of({"type": "classification", "network": {"layers": layers}})
        made.build(Xor(points=20, test_points=5).load(), batch, Streams(0, 2), np.float64)
        return made

    together, single = game(), game()
    together.turns(3)
    for _ in range(3):
        single.turn()
    np.testing.assert_array_equal(together.player.network.theta, single.player.network.theta)
