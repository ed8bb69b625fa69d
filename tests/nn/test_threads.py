"""Threads of the BLAS, and work shared between threads by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from dessine.data.points import Xor
from dessine.games import Classification
from dessine.nn import Network
from dessine.nn.threads import _blas_threads, _libraries, share, threads_for
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


@pytest.mark.parametrize("n", [1, 2, 5])
def test_every_job_is_done_once_however_many_threads_share_them(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dessine.nn.threads._blas_threads", lambda: n)
    done: list[int] = []
    share([partial(done.append, i) for i in range(20)])
    assert sorted(done) == list(range(20))
    share([])


def test_shared_work_has_one_blas_thread_each_and_leaves_the_blas_as_it_was() -> None:
    with _libraries.limit(limits=2, user_api="blas"):
        inside: list[int] = []
        share([lambda: inside.append(_blas_threads())] * 4)
        assert inside == [1] * 4
        assert _blas_threads() == 2
        with pytest.raises(ZeroDivisionError):
            share([lambda: 1 // 0] * 4)
        assert _blas_threads() == 2


@pytest.mark.parametrize("node", [{"type": "conv2d", "channels": 8}, {"type": "conv2d_transpose", "channels": 8}, "batch_norm"])
def test_shared_work_gives_the_same_bits_on_any_number_of_threads(node: Any) -> None:
    network = Network([node], (16, 16, 8), Streams(0, 2), np.float32)
    x = Streams(1, 2)["x"].gaussian((70, 16, 16, 8), np.float32)
    results = []
    for n in (1, 2, 3):
        with _libraries.limit(limits=n, user_api="blas"):
            network.grad.fill(0)
            y, backward = network.forward(x)
            results.append([y, backward(y), network.grad.copy()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
