"""How a training is asked to end, and the ends that are none of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dessine.mistakes import Told


class Stopped(Exception):
    """The user asked the run to stop; everything is saved."""


class Failed(Told, Exception):
    """A training that could not go on; what it has saved stays."""


class NonFiniteError(Failed):
    """A loss or parameter stopped being a number, in every replicate."""


def _signals() -> list[signal.Signals]:
    """Ctrl-C, the end that a system or a sweep asks for, and the terminal that closes, unless nohup has that ignored."""
    closing = [s for s in [getattr(signal, "SIGHUP", None)] if s and signal.getsignal(s) != signal.SIG_IGN]
    return [signal.SIGINT, signal.SIGTERM, *closing]


class AtOnce(KeyboardInterrupt):
    """A second signal: nothing more is waited for."""


class Asked(threading.Event):
    """Whether somebody has asked for the end, as a signal does, or whoever follows a training and raises KeyboardInterrupt."""

    __call__ = threading.Event.is_set

    def heeding(self, follow: Callable[..., None]) -> Callable[..., None]:
        """`follow`, whose KeyboardInterrupt lets the step finish, as the first Ctrl-C does."""

        def heeded(*told: Any) -> None:
            try:
                follow(*told)
            except AtOnce:
                raise
            except KeyboardInterrupt:
                self.set()

        return heeded


@contextmanager
def stop_requests() -> Iterator[Asked]:
    """Whether a signal to stop has come. The first lets the step finish; the second quits at once."""
    asked = Asked()

    def ask(signum: int, frame: Any) -> None:
        if asked():
            raise AtOnce
        asked.set()

    main = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, ask) for s in _signals()} if main else {}
    try:
        yield asked
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
