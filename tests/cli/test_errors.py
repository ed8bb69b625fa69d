"""From exceptions to exit codes and one line."""

from __future__ import annotations

import click
import pytest

from dessine.cli.errors import guarded, last_line
from dessine.registry import SpecError
from dessine.runs.run import RunError
from dessine.spec import BadSpec
from dessine.stopping import NonFiniteError, Stopped


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (SpecError("wrong", ("a", 0)), 2, "a[0]: wrong\n"),
        (BadSpec(["x.yaml:1: one", "x.yaml:2: two"]), 2, "x.yaml:1: one\nx.yaml:2: two\n"),
        (RunError("no run 'x'"), 2, "no run 'x'\n"),
        (Stopped("stopped"), 130, ""),
        (NonFiniteError("gone"), 1, "gone\n"),
        (OSError(28, "No space left on device", "runs/x"), 1, "runs/x: No space left on device\n"),
        (OSError(28, "No space left on device"), 1, "No space left on device\n"),
        (MemoryError(), 1, "out of memory\n"),
        (MemoryError("Unable to allocate 3 TiB"), 1, "out of memory: Unable to allocate 3 TiB\n"),
        (click.UsageError("which config?"), 2, "Error: which config?\n"),
    ],
)
def test_known_error_is_told_without_a_traceback(capsys, error, code, told):
    @click.command()
    def fail() -> None:
        raise error

    assert run(fail) == code
    err = capsys.readouterr().err
    assert err.endswith(told)
    assert "Traceback" not in err


def test_unknown_error_shows_its_traceback_and_whose_mistake_it_is(capsys):
    @click.command()
    def fail() -> None:
        raise KeyError("x")

    assert run(fail) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "a mistake in dessine" in err


def test_interrupt_is_130(capsys):
    @click.command()
    def fail() -> None:
        raise KeyboardInterrupt

    assert run(fail) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_reader_that_has_gone_is_no_failure():
    @click.command()
    def fail() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    assert run(fail) == 0


def run(command: click.Command) -> int:
    group = click.Group("dessine", commands={"fail": command})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["dessine", "fail"])
        return guarded(group)


def test_a_last_line_that_cannot_be_written_hides_no_failure(capsys):
    def full(text: str) -> None:
        raise OSError(28, "No space left on device", "standard output")

    def gone(text: str) -> None:
        raise BrokenPipeError

    def fail() -> None:
        try:
            raise NonFiniteError("gone")
        finally:
            last_line("runs/x", full)

    with pytest.raises(NonFiniteError):
        fail()
    assert capsys.readouterr().err == "standard output: No space left on device\n"
    with pytest.raises(OSError, match="No space left"):
        last_line("runs/x", full)
    last_line("runs/x", gone)
