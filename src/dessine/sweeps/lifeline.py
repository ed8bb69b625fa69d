"""A process ends with the one that started it, however that one ends: its standard input is a pipe that only the parent holds.

When the parent is gone, even by `kill -9`, the system closes the pipe and the child reads its end. So it is on Linux, macOS
and Windows, and all the way down: a child that ends closes the pipes of its own children. What Linux alone offers
(PR_SET_PDEATHSIG) goes by the thread that started the child, and a worker of a cluster has many.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

MARK = "DESSINE_LIFELINE"
GRACE = 60.0
"""Seconds that a child has to save after its parent has gone."""


def start(command: Sequence[str], env: Mapping[str, str], output: IO[Any], cwd: str | None = None) -> subprocess.Popen[bytes]:
    """A child that ends with us, in a session of its own: a Ctrl-C in the terminal is passed on by us, once."""
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=output, env={**env, MARK: "1"}, cwd=cwd, start_new_session=True
    )


def end_with_parent() -> None:
    """To be called first by a process that may have been started by `start`; does nothing in any other."""
    if os.environ.pop(MARK, None):
        threading.Thread(target=_watch, daemon=True, name="lifeline").start()


def _watch() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)  # a run saves and stops; what has not begun yet ends at once
    time.sleep(GRACE)
    os._exit(1)
