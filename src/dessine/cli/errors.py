"""Exceptions to exit codes: a user's mistake never shows a traceback."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from typing import Any, TextIO

import click

from dessine.letters import harmless


def guarded(group: click.Group) -> int:
    """Run the command line; return the exit code: 0 done, 1 failed, 2 usage or config, 130 interrupted."""
    code = _run(group)
    try:
        sys.stdout.flush()
    except OSError as error:
        _leads_nowhere(sys.stdout)
        if not isinstance(error, BrokenPipeError) and not code:  # one who has gone, as in `dessine list | head -1`: no failure
            say(explain(error))
            code = 1
    try:
        sys.stderr.flush()
    except OSError:  # there is nobody to tell
        _leads_nowhere(sys.stderr)
    return code


def _leads_nowhere(stream: TextIO) -> None:
    """From now on: when Python ends, it would try again to write what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(group: click.Group) -> int:
    try:
        code = group.main(standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        text = StringIO()
        error.show(text)
        say(text.getvalue().removesuffix("\n"))
        return 2
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return 130
    except SystemExit:  # so click answers a broken pipe, and only that
        return 0
    except Exception as error:
        return _known(error)


def _known(error: Exception) -> int:
    from dessine import plugins
    from dessine.registry import SpecError
    from dessine.runs.run import RunError
    from dessine.spec import BadSpec
    from dessine.stopping import Failed, Stopped

    if isinstance(error, Stopped):  # it has said so already
        return 130
    if isinstance(error, BadSpec):
        say(*error.lines)
        return 2
    if isinstance(error, SpecError):
        say(*map(str, error.problems))
        return 2
    if isinstance(error, RunError):
        say(str(error))
        return 2
    if blamed := plugins.blamed(error):
        say(blamed)
        return 2
    if not isinstance(error, Failed | OSError | MemoryError):
        say("".join(traceback.format_exception(error)).rstrip(), "", "This is a mistake in dessine, not yours.")
    say(explain(error))
    return 1


def explain(error: BaseException) -> str:
    """One line: what went wrong, and with which file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory"
    text = str(error)
    return text if type(error).__module__.startswith("dessine") else f"{type(error).__name__}: {text}"


def say(*lines: str) -> None:
    """Lines on stderr, without what would steer a terminal. Whoever listened may have gone: that is no reason to stop."""
    with suppress(OSError):
        for line in lines:
            click.echo(harmless(line), err=True)


def last_line(text: str, tell: Callable[[str], Any] = click.echo) -> None:
    """Of stdout, whatever became of the command: that it cannot be written must not hide why the command has failed."""
    failed = sys.exception()
    try:
        tell(text)
    except BrokenPipeError:
        pass
    except OSError as error:
        if failed is None:
            raise
        say(explain(error))


class _Told(logging.Handler):
    def __init__(self, tell: Callable[[str], None]):
        super().__init__()
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self.tell(record.getMessage())


@contextmanager
def notices(tell: Callable[[str], None]) -> Iterator[None]:
    """What the package's depths have to say, such as why it waits, goes to `tell`: above a bar, or nowhere if that is asked."""
    log = logging.getLogger("dessine")
    before, log.handlers = log.handlers, [_Told(tell)]
    try:
        yield
    finally:
        log.handlers = before
