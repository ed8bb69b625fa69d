"""What is settled before anything else is loaded: how file names are spelled, how the program ends when it is told to, and
that there are streams to write to. It loads nothing that takes time: all of it must hold before the first import does.
"""

from __future__ import annotations

import atexit
import codecs
import io
import os
import signal
import sys
from types import FrameType
from typing import Any

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Ctrl-C, the end that a system asks for, and the terminal that closes: each stops a command in the same orderly way."""


def begin() -> None:
    """For a process that is the command line's own."""
    _take_names_for_utf8()
    _keep_explanations()
    for one in ENDING:
        if signal.getsignal(one) in (signal.SIG_DFL, signal.default_int_handler):  # else it is ignored, as under nohup
            signal.signal(one, _leave)
    _open_streams()


def orderly() -> None:
    """From now on, all that would end the program at once raises KeyboardInterrupt instead: there may be things to tidy."""
    for one in ENDING:
        if signal.getsignal(one) is _leave:
            signal.signal(one, signal.default_int_handler)


def ended() -> None:
    """From now on there is nothing to tidy: until Python itself has ended, it is left as it was before anything was made.

    In the last part of that Python takes our handlers away, and a signal would end the process as if it had crashed.
    """
    for one in ENDING:
        if signal.getsignal(one) is signal.default_int_handler:
            signal.signal(one, _leave)
            atexit.register(signal.signal, one, signal.SIG_IGN)


def _leave(signum: int, frame: FrameType | None) -> None:
    """While modules are loaded nothing has been made, and an exception would come out of the middle of one of them."""
    os._exit(130)


def _take_names_for_utf8() -> None:
    """Start anew with names of files in UTF-8 where the system says ASCII or Latin-1: there `é` could be no name of a run.

    Bytes that are no UTF-8 stay what they are, as `surrogateescape` keeps them. Python 3.15 does so by itself.
    """
    if os.name == "posix" and sys.executable and not sys.flags.utf8_mode and sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _keep_explanations() -> None:
    """Start anew where the environment takes docstrings away (PYTHONOPTIMIZE=2): `dessine list` and `--help` tell them."""
    if os.name == "posix" and sys.executable and sys.flags.optimize > 1 and os.environ.get("PYTHONOPTIMIZE", "1") != "1":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"PYTHONOPTIMIZE": "1"})


def _open_streams() -> None:
    """A stream that was closed, as by `>&-`, leads nowhere: else the next file to be opened would take its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    codecs.register_error("shown", _shown)
    for name, told in (("stdout", "standard output"), ("stderr", "standard error")):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            made = _telling(stream, told)
            setattr(sys, name, made)
            setattr(sys, f"__{name}__", made)


class _Named(io.FileIO):
    """What the system writes of a stream. An error of it has no file's name: it gets what the stream is called."""

    told = ""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = self.told
            raise


def _telling(stream: io.TextIOWrapper, told: str) -> io.TextIOWrapper:
    """`stream`, whose errors say where nothing could be written, and which has a way to write every letter."""
    raw = getattr(stream.buffer, "raw", stream.buffer)  # there is no buffer under PYTHONUNBUFFERED
    if type(raw) is not io.FileIO:  # a console of Windows
        stream.reconfigure(errors="shown")
        return stream
    own, buffered = _Named(raw.fileno(), "w", closefd=False), stream.buffer is not raw
    own.told = told
    encoding, lines, through = stream.encoding, stream.line_buffering, stream.write_through
    stream.detach()
    buffer: Any = io.BufferedWriter(own) if buffered else own
    return io.TextIOWrapper(buffer, encoding, "shown", line_buffering=lines, write_through=through)


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    """Bytes of a file's name as they are, for whoever reads the path; letters that the screen has not, by their numbers."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.backslashreplace_errors(error)
