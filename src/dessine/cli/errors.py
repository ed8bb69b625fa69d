"""Exceptions to exit codes: a user's mistake never shows a traceback."""

from __future__ import annotations

import os
import sys

import click


def guarded(group: click.Group) -> int:
    """Run the command line; return the exit code."""
    try:
        code = group.main(standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return 0
    except Exception as error:
        return _known(error)


def _known(error: Exception) -> int:
    from dessine.registry import SpecError
    from dessine.spec import BadSpec

    if isinstance(error, BadSpec):
        for line in error.lines:
            click.echo(line, err=True)
        return 2
    if isinstance(error, SpecError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
        return 2
    from dessine.experiment import NonFiniteError, Stopped
    from dessine.runs.run import RunError

    if isinstance(error, RunError):
        click.echo(str(error), err=True)
        return 2
    if isinstance(error, Stopped):
        return 130
    if isinstance(error, NonFiniteError | OSError):
        click.echo(str(error), err=True)
        return 1
    raise error
