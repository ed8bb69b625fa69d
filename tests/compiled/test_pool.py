"""Compiled work on several cores: every block once, nobody waited for in vain, and nothing left over at the end."""

from __future__ import annotations

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
    mail[pool.HELPERS] = mail[pool.AWAKE] = 1  # one that looks, and that no core runs
    done = np.zeros(9, np.int64)
    _count_all(mail, done, -1)
    assert (done == 1).all()


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


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork")
def test_a_process_ends_while_threads_look_for_work_and_so_does_its_child() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert all("compiles its loops" in line for line in done.stderr.splitlines())
