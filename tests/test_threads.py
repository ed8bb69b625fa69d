"""Work shared between threads: all of it done once, the same bits on any number of threads, nobody waited for in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from dessine import threads
from dessine.data.points import Xor
from dessine.games import Classification
from dessine.nn import Network
from dessine.streams import Streams
from dessine.threads import cores, one_blas_thread, share


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    """No test works alone because an earlier one had to wait."""
    threads._alone_until = 0.0
    yield
    threads._alone_until = 0.0


def counts() -> list[int]:
    """Of every BLAS that is loaded."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_products_have_one_thread_inside_and_those_before_again_outside() -> None:
    before = counts()
    assert before
    with one_blas_thread():
        assert set(counts()) == {1}
    assert counts() == before


def test_who_leaves_first_takes_nothing_from_who_is_still_inside() -> None:
    before, first, second = counts(), one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(counts()) == {1}
    second.__exit__(None, None, None)
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
    monkeypatch.setattr(threads, "cores", lambda: n)
    done: list[int] = []
    share([partial(done.append, i) for i in range(20)])
    assert sorted(done) == list(range(20))
    share([])


def test_jobs_have_one_blas_thread_each_and_a_failure_is_raised_after_which_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)
    before, inside = counts(), []
    share([lambda: inside.append(counts())] * 4)
    assert inside == [[1] * len(before)] * 4
    with pytest.raises(ZeroDivisionError):
        share([lambda: 1 // 0] * 4)
    assert counts() == before
    done: list[int] = []
    share([partial(done.append, i) for i in range(9)])
    assert sorted(done) == list(range(9))


def test_who_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(threads, "_serve", threading.Event().wait)  # a thread that no core runs
    monkeypatch.setattr(threads, "_threads", [])
    by: set[str] = set()
    share([lambda: by.add(threading.current_thread().name)] * 4)
    assert by == {threading.current_thread().name}


@pytest.mark.parametrize(("waited", "asked"), [(1.5, True), (2.5, False)])
def test_after_a_long_wait_nobody_is_asked_for_a_while(waited: float, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(threads, "_ask", lambda n, work: calls.append(n))
    threads._lose_patience(waited, longest=1.0)
    share([lambda: None] * 4)
    assert calls == [1] * asked


def test_a_process_that_was_stopped_for_an_hour_asks_others_again_soon() -> None:
    threads._lose_patience(3600.0, longest=1.0)
    assert threads._alone_until <= time.monotonic() + threads.LONGEST


def test_small_work_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setattr(threads, "_ask", lambda n, work: pytest.fail("a thread was asked"))
    network = Network([{"type": "dense", "units": 128}, "batch_norm", {"type": "dense", "units": 2}], 64)
    y, backward = network.forward(np.ones((1, 128, 64), np.float32))
    backward(y)


@pytest.mark.parametrize(
    "node", [{"type": "conv2d", "channels": 8}, {"type": "conv2d_transpose", "channels": 8}, "batch_norm", "dense"]
)
def test_shared_work_gives_the_same_bits_on_any_number_of_threads(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = {"type": "dense", "units": 331} if node == "dense" else node
    network = Network([node], (16, 16, 8), Streams(0, 2), np.float32)
    x = Streams(1, 2)["x"].gaussian((70, 16, 16, 8), np.float32)
    results = []
    for n in (1, 2, 3):
        monkeypatch.setattr(threads, "cores", lambda n=n: n)
        network.grad.fill(0)
        y, backward = network.forward(x)
        results.append([y, backward(y), network.grad.copy()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("told", "expected"), [("3", 3), ("1", 1)])
def test_number_of_threads_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, told: str, expected: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", told)
    assert cores() == expected
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "many")
    assert cores() >= 1
