"""How many threads matrix products may use, and work that is shared between threads by hand.

How those of the BLAS that idle wait is said where the package begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context

from scipy.linalg import blas  # noqa: F401  both libraries must be loaded to be found
from threadpoolctl import ThreadpoolController

_libraries = ThreadpoolController()


def threads_for(batch: int) -> AbstractContextManager[object]:
    """Inside it the BLAS uses one thread if a batch is one example, else as many as it likes.

    A second thread that must be woken for a vector times a matrix costs more than it saves: 784-1000-300-10, one example
    at a time, takes 0.34 ms a step on one thread and 0.6 to 0.9 on two of a busy machine. Entering takes 0.1 ms.
    """
    return _libraries.limit(limits=1, user_api="blas") if batch == 1 else nullcontext()


def share(jobs: Sequence[Callable[[], object]]) -> None:
    """Run all jobs, on as many threads as matrix products may use now, each of which has a BLAS of one thread.

    That is worth it where a product is between two copies: the BLAS shares products alone, and a second core waits while
    numbers are put in order. What a job computes does not depend on how many threads there are.
    """
    n = min(len(jobs), _blas_threads())
    waiting = iter(jobs)

    def work() -> None:
        for job in waiting:
            job()

    if n < 2:
        work()
        return
    with _one_blas_thread():
        others = [_pool(n - 1).submit(copy_context().run, work) for _ in range(n - 1)]  # NumPy's error settings hold there, too
        try:
            work()
        finally:
            wait(others)  # a job that fails leaves none running
        for other in others:
            other.result()


_blas = _libraries.select(user_api="blas").lib_controllers


def _blas_threads() -> int:
    return min((library.num_threads for library in _blas), default=1)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """As threadpoolctl's own `limit`, in a hundredth of its time."""
    before = [library.num_threads for library in _blas]
    try:
        for library in _blas:
            library.set_num_threads(1)
        yield
    finally:
        for library, n in zip(_blas, before, strict=True):
            library.set_num_threads(n)


_pools: dict[int, ThreadPoolExecutor] = {}


def _pool(n: int) -> ThreadPoolExecutor:
    """A pool of n threads, kept for the life of the process."""
    if n not in _pools:
        _pools[n] = ThreadPoolExecutor(n, thread_name_prefix="nn")
    return _pools[n]


# Threads do not survive a fork: a child that kept the pool would wait for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)
