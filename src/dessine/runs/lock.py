"""A lock on a folder. That another process holds it is one thing, that there are no locks at all is another.

A lock goes with its process, however that ends and on whatever machine; a status and a process id in a file do not. Some file
systems have no locks (NFS without its lock service, some of clusters and containers), and some systems have no flock.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 0.3
"""Seconds for which somebody who only looks whether the lock is held may keep it from us."""


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[str]:
    """Hold the lock of the file `path`. Yields "", or why there are no locks here: then nothing keeps others out.

    Raises BlockingIOError if another process holds it and we do not wait.
    """
    try:
        import fcntl
    except ImportError:
        yield "this system has none"
        return
    with path.open("a") as file:
        yield _take(file.fileno(), fcntl.LOCK_EX, float("inf") if wait else PATIENCE)


@contextmanager
def room(path: Path, size: int) -> Iterator[None]:
    """Inside it the file of a lock that we hold has so many bytes, which are free afterwards, for a last word on a full disk.

    It is closed only then: on some systems that ends the lock.
    """
    with path.open("ab", buffering=0) as file:
        with suppress(OSError):
            file.truncate(0)  # what a killed process has left
            file.write(os.urandom(size))  # what does not shrink on disks that pack files
        try:
            yield
        finally:
            with suppress(OSError):
                file.truncate(0)


def is_held(path: Path) -> bool | None:
    """Whether some process holds the lock of the file `path`; None where nobody can tell, as in a copy without that file."""
    try:
        import fcntl

        if not stat.S_ISREG(os.lstat(path).st_mode):  # a link leads elsewhere, a pipe is waited for
            return None
        with path.open("rb") as file:
            return None if _take(file.fileno(), fcntl.LOCK_SH, 0) else False
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return None


def _take(number: int, kind: int, patience: float) -> str:
    """Take the lock of an open file. Returns "", or why there are no locks. Raises BlockingIOError if it stays held."""
    import fcntl

    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(number, kind | fcntl.LOCK_NB)
            return ""
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
        except OSError as error:
            if error.errno == errno.EACCES:  # so some systems say that it is held
                raise BlockingIOError(error.errno, error.strerror) from None
            return error.strerror or str(error)
        time.sleep(0.02)
