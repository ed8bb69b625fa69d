"""Work shared between the processor's cores: by hand, and by the size of the work alone.

Every matrix product is made on one thread of the BLAS, and large work is cut into jobs that any thread may take. How it is cut
depends on its size, never on who is there to do it, so the same numbers come out, to the last bit, on any number of threads.

The BLAS's own threads cannot do that. They cut a product by their number, and each waits for the slowest: with one busy
neighbour on two cores that is a core that is hardly there, and with several a training stands still.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from queue import SimpleQueue

import numpy as np
from scipy.linalg import blas  # noqa: F401  NumPy's BLAS and SciPy's must both be loaded to be found
from threadpoolctl import ThreadpoolController

LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PATIENCE, LONGEST = 20, 10.0
"""After a wait for a thread that was not running, this many times as long passes before others are asked again, in seconds at
most: who waits for much longer was stopped himself."""

MOST = 16
"""Threads that one piece of work is shared between, at most."""

Job = Callable[[], object]

_blas = ThreadpoolController().select(user_api="blas").lib_controllers
_entering, _inside, _before, _cores = threading.Lock(), 0, [0], 1


def cores() -> int:
    """Threads that large work is shared between: what the BLAS was told in the environment, or the cores we may use."""
    for name in LIMITS:
        told = os.environ.get(name, "")
        if told.isdecimal() and int(told) > 0:
            return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside it each matrix product is made on one thread; with whoever leaves last, the BLAS has its threads again."""
    global _inside, _before, _cores
    with _entering:
        if not _inside:
            _cores = cores()
            _before = [library.num_threads for library in _blas]
            for library in _blas:
                library.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _entering:
            _inside -= 1
            if not _inside:
                for library, n in zip(_blas, _before, strict=True):
                    library.set_num_threads(n)


def share(jobs: Sequence[Job]) -> None:
    """Do all jobs, in any order, on as many threads as there are cores; raises what the first that fails raises.

    Who is slow to come is not waited for: this thread takes one job after another, and waits only for those that another has
    begun. If that took longer than a job does, the other was not running, for its core has other work; then this thread works
    alone for a while. What a job computes must not depend on the others.
    """
    if len(jobs) < 2:
        for job in jobs:
            job()
        return
    with one_blas_thread():
        work = _Work(jobs)
        if (n := min(len(jobs), cores())) > 1 and time.monotonic() > _alone_until:
            _ask(n - 1, work)
        longest = work.help()
        began = time.monotonic()
        work.finished.wait()
        _lose_patience(time.monotonic() - began, longest)
    if work.error is not None:
        raise work.error


class _Work:
    """The jobs of one call of `share`, each taken once."""

    def __init__(self, jobs: Sequence[Job]):
        self.jobs, self.taken, self.done = jobs, 0, 0
        self.error: BaseException | None = None
        self.lock, self.finished = threading.Lock(), threading.Event()

    def help(self) -> float:
        """Take jobs until none is left. Returns the seconds of the longest."""
        longest = 0.0
        while True:
            with self.lock:
                i, self.taken = self.taken, self.taken + 1
            if i >= len(self.jobs):
                return longest
            began = time.monotonic()
            try:
                if self.error is None:
                    self.jobs[i]()
            except BaseException as error:  # raised again where the work was asked for
                self.error = self.error or error
            longest = max(longest, time.monotonic() - began)
            with self.lock:
                self.done += 1
                if self.done == len(self.jobs):
                    self.finished.set()


_calls: SimpleQueue[tuple[Callable[..., object], _Work] | None] = SimpleQueue()
_counting, _called = threading.Lock(), 0  # calls that are waiting, or being answered
_threads: list[threading.Thread] = []
_alone_until, _ending = 0.0, False
_mail: np.ndarray | None = None


def _lose_patience(waited: float, longest: float) -> None:
    """Nobody is asked for a while if the last wait was much longer than the longest job of our own."""
    global _alone_until
    if waited > 2 * longest:
        _alone_until = time.monotonic() + min(PATIENCE * waited, LONGEST)


def _ask(n: int, work: _Work) -> None:
    """Let n threads help."""
    _call(n, work)
    if _mail is not None:
        from dessine.compiled.pool import CALLED

        _mail[CALLED] += 1


def _call(n: int, work: _Work | None = None) -> None:
    """n threads, for work or to look into the mailbox; they are made once, and live as long as the process."""
    global _called
    while len(_threads) < n:
        _threads.append(threading.Thread(target=_serve, name=f"dessine-{len(_threads) + 1}", daemon=True))
        _threads[-1].start()
    with _counting:
        _called += n
    for _ in range(n):
        _calls.put(None if work is None else (copy_context().run, work))  # NumPy's error settings hold there, too


def mailbox(wake: bool = True) -> np.ndarray:
    """What compiled work is handed over by: `compiled/pool.py`.

    wake: the threads that look into it, if they sleep; not for work of one block.
    """
    global _mail
    from dessine.compiled import pool

    if _mail is None:
        _mail = pool.mailbox()
        pool.stay(_mail)  # compiled here, where the process waits for it: nobody may help yet
    n = min(_cores if _inside else cores(), MOST) - 1  # asked once for many turns: it takes as long as a small product
    _mail[pool.HELPERS] = n = n if _mail[pool.CLOCK] else 0
    if wake and n > _called and time.monotonic_ns() >= _mail[pool.ALONE]:
        _call(n - _called)
    return _mail


@atexit.register
def _dismiss() -> None:
    """Before the process ends: a thread that comes out of compiled code later would find no interpreter."""
    global _ending
    _ending = True
    if _mail is not None:
        from dessine.compiled.pool import HELPERS

        _mail[HELPERS] = 0
    for _ in _threads:
        _calls.put(None)
    until = time.monotonic() + 1  # for all of them: work of Python's that nobody waits for any more may be long
    for thread in _threads:
        thread.join(max(0.0, until - time.monotonic()))


def _serve() -> None:
    global _called
    while not _ending:
        call = _calls.get()
        if call is not None:
            run, work = call
            run(work.help)
            del run, work  # a waiting thread keeps no arrays alive
        del call
        if (mail := _mail) is not None:
            from dessine.compiled.pool import stay

            stay(mail)
        del mail
        with _counting:
            _called -= 1


def _after_fork() -> None:
    """Threads do not survive a fork: a child must have its own, and what none of the others holds."""
    global _calls, _entering, _counting, _called, _mail
    _threads.clear()
    _calls, _entering, _counting, _called, _mail = SimpleQueue(), threading.Lock(), threading.Lock(), 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
