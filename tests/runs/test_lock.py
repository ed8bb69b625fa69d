"""A lock that is held is told from one that cannot be had."""

from __future__ import annotations

import errno
import os
import platform

import pytest

from dessine.runs.lock import is_held, locked
from dessine.runs.run import ROOM, Run, RunError

fcntl = pytest.importorskip("fcntl")
MISSING = [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EIO]


@pytest.fixture
def without(monkeypatch):
    """Let flock answer an error of the system."""

    def answer(number: int) -> None:
        def flock(file, operation):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    return answer


def started(path):
    run = Run.create_at(path)
    run.start("name: x\n", "name: x\n", {})
    return run


def test_held_lock_is_seen_and_kept(tmp_path):
    path = tmp_path / "lock"
    assert is_held(path) is None
    with locked(path) as none:
        assert (none, is_held(path)) == ("", True)
        with pytest.raises(BlockingIOError), locked(path):
            pass
    assert is_held(path) is False


def test_a_lock_has_room_that_is_given_back_while_it_is_held(tmp_path):
    run = Run.create_at(tmp_path / "run")
    (run.path / ".lock").write_bytes(b"left by a killed process" * 10_000)
    with run.lock():
        with run.room():
            assert (run.path / ".lock").stat().st_size == ROOM
        assert (run.path / ".lock").stat().st_size == 0
        with pytest.raises(RunError, match="is being trained"), run.lock():
            pass


def test_pipe_in_place_of_a_lock_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "lock")
    assert is_held(tmp_path / "lock") is None


@pytest.mark.parametrize("number", MISSING)
def test_without_locks_a_run_goes_on_with_one_line(tmp_path, without, number):
    without(number)
    run, told = started(tmp_path / "a"), []
    run.update(status="completed")
    with run.lock(told.append):
        pass
    assert len(told) == 1
    assert os.strerror(number) in told[0]
    assert is_held(run.path / ".lock") is None


def test_without_locks_run_json_decides_and_force_overrules_it(tmp_path, without):
    run = started(tmp_path / "a")
    run.update(host="4f2a9c1b7d3e")
    without(errno.ENOLCK)
    with pytest.raises(RunError, match=r"on 4f2a9c1b7d3e, and there are no locks here.*--force"), run.lock():
        pass
    with run.lock(force=True):
        pass
    run.update(host=platform.node(), pid=2**30)  # no process has such a number
    with run.lock():
        pass


def test_lock_decides_whether_a_run_is_lost_whatever_its_host(tmp_path):
    run = started(tmp_path / "a")
    with run.lock():
        run.update(host="4f2a9c1b7d3e")
        assert run.status() == "running"
    assert run.status() == "lost"
