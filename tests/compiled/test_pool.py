"""Compiled work on several cores: every block once, nobody waited for in vain, and nothing left over at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("numba")

from dessine import threads
from dessine.compiled import pool
from dessine.compiled.loops import loop
from dessine.threads import mailbox


@loop
def _count(done, fails, i):  # type: ignore[no-untyped-def]
    done[i] += 1
    if i == fails:
        raise MemoryError


@loop
def _count_all(mail, done, fails):  # type: ignore[no-untyped-def]
    function, arguments = pool.pack(_count, (done, fails))
    pool.lead(mail, function, arguments, done.size)


@pytest.fixture(params=[1, 2, 4])
def mail(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[np.ndarray]:
    """A mailbox that as many threads look into."""
    monkeypatch.setattr(threads, "cores", lambda: request.param)
    if (found := threads._mail) is not None:
        found[pool.ALONE] = 0
    yield mailbox()
    mailbox()[pool.HELPERS] = 0


def test_every_block_is_done_once(mail: np.ndarray) -> None:
    for size in (0, 1, 2, 1000):
        done = np.zeros(size, np.int64)
        for _ in range(50):
            _count_all(mail, done, -1)
        assert (done == 50).all()


def test_a_block_that_fails_is_raised_after_the_others_and_work_goes_on(mail: np.ndarray) -> None:
    done = np.zeros(100, np.int64)
    with pytest.raises(MemoryError):
        _count_all(mail, done, 70)
    _count_all(mail, done, -1)
    assert (done == 2).all()


def test_two_who_lead_at_once_do_not_meet(mail: np.ndarray) -> None:
    both = np.zeros((2, 50), np.int64)

    def lead(done: np.ndarray) -> None:
        for _ in range(300):
            _count_all(mail, done, -1)

    others = [threading.Thread(target=lead, args=(done,)) for done in both]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert (both == 300).all()
    assert mail[pool.LED] == 0


def test_who_does_not_come_is_not_waited_for() -> None:
    mail = pool.mailbox()
    mail[pool.HELPERS] = 1  # one that looks, and that no core runs
    done = np.zeros(9, np.int64)
    _count_all(mail, done, -1)
    assert (done == 1).all()


@loop
def _meet(begun, met, i):  # type: ignore[no-untyped-def]
    pool._add(begun, 0, 1)
    for _ in range(100_000_000):
        if pool._read(begun, 0) == 2:
            met[i] = 1
            break
        pool._pause()


@loop
def _meet_all(mail, begun, met):  # type: ignore[no-untyped-def]
    function, arguments = pool.pack(_meet, (begun, met))
    pool.lead(mail, function, arguments, met.size)


def test_who_wakes_after_work_was_handed_over_takes_part_in_it() -> None:
    mail, begun, met = pool.mailbox(), np.zeros(1, np.int64), np.zeros(2, np.int64)
    pool.stay(mail)  # compiled
    mail[pool.HELPERS] = 1

    def help_late() -> None:
        while not mail[pool.LED]:
            pass
        while not met.all() and mail[pool.LED]:
            pool.stay(mail)

    late = threading.Thread(target=help_late)
    late.start()
    _meet_all(mail, begun, met)
    late.join()
    assert met.all()


@loop
def _lose(mail, lost):  # type: ignore[no-untyped-def]
    pool._lose_patience(mail, 0, lost)  # only loops may call it


def test_who_waited_in_vain_asks_nobody_for_ever_longer_up_to_a_bound() -> None:
    mail, lost, alone = pool.mailbox(), 4_000_000, []
    for _ in range(8):
        _lose(mail, lost)
        alone.append(int(mail[pool.ALONE]) // lost)
    assert alone == [1, 2, 4, 8, 16, 32, 32, 32]
    _lose(mail, 3600 * 10**9)  # a process that was stopped for an hour
    assert mail[pool.ALONE] <= 10**9


def test_while_nobody_is_asked_one_thread_does_it_all() -> None:
    mail, done = pool.mailbox(), np.zeros(9, np.int64)
    mail[pool.HELPERS], mail[pool.ALONE] = 1, np.iinfo(np.int64).max
    _count_all(mail, done, -1)
    assert (done == 1).all()
    assert mail[pool.WORK] == 0  # nothing was handed over


def test_without_the_c_librarys_clock_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_address", lambda name: 0)
    monkeypatch.setattr(threads, "_mail", None)
    monkeypatch.setattr(threads, "cores", lambda: 4)
    mail, done = mailbox(), np.zeros(9, np.int64)
    _count_all(mail, done, -1)
    assert (done == 1).all()
    assert mail[pool.HELPERS] == mail[pool.WORK] == 0


def test_work_of_pythons_calls_threads_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)
    mail = mailbox()
    called = int(mail[pool.CALLED])
    threads._alone_until = 0.0
    threads.share([lambda: None] * 4)
    assert mail[pool.CALLED] == called + 1


PROGRAM = """
import os
import numpy as np
from dessine.nn.algebra import product
a = np.ones((1, 64, 400), np.float32)
b = np.ones((1, 400, 320), np.float32)
for _ in range(200):
    assert (product(a, b) == 400).all()
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
for _ in range(200):
    assert (product(a, b) == 400).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_processes_end_while_threads_look_for_work_and_so_do_their_children_though_there_are_more_than_cores() -> None:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    several = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) for _ in range(3)
    ]
    for process in several:
        out, err = process.communicate(timeout=300)  # they may have to compile
        assert (process.returncode, out) == (0, "")
        assert all("compiles its loops" in line for line in err.splitlines())
