"""Every path that a command takes: `~` is a home, and what is no path is told before anything is made."""

import click
import pytest

from dessine.cli import group
from dessine.cli.paths import PATH, RUN, RunName, UserPath
from dessine.paths import expanded
from dessine.registry import SpecError

NO_PATHS = {"arguments", "overrides", "words", "filters", "family", "name", "pictures", "parts", "label", "text", "tags"}
"""Parameters that are no paths as a whole; `dessine train` converts the first of `arguments`, `dessine find` its pictures."""


def parameters(command=group, name=()):
    """(command, parameter) of all commands."""
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for sub in command.list_commands(ctx):
            yield from parameters(command.get_command(ctx, sub), (*name, sub))
    else:
        yield from ((" ".join(name), parameter) for parameter in command.params)


@pytest.mark.parametrize(("command", "parameter"), list(parameters()), ids=lambda x: x if isinstance(x, str) else x.name)
def test_every_path_and_every_run_is_of_a_type_that_knows_homes(command, parameter):
    assert type(parameter.type) is not click.Path
    about = f"{getattr(parameter, 'help', '') or ''} {parameter.metavar or ''} {parameter.name}".lower()
    if isinstance(parameter, click.Argument) and parameter.name not in NO_PATHS:
        assert isinstance(parameter.type, UserPath | RunName | click.Choice)
    if "folder" in about or "dir" in parameter.name.split("_") or " run " in f" {about} ":
        if (
            not isinstance(parameter, click.Option)
            or parameter.is_flag
            or parameter.name in NO_PATHS
            or isinstance(parameter.type, click.IntRange)
        ):
            return
        assert isinstance(parameter.type, UserPath | RunName)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_home_is_written_out(home):
    assert expanded("~/r") == home / "r"
    assert expanded("~") == home
    assert expanded("a/~/r").parts[0] == "a"
    assert PATH.convert("~/r", None, None) == home / "r"
    assert RunName().convert("~/r", None, None) == str(home / "r")


def test_a_user_that_is_not_there_is_named():
    with pytest.raises(SpecError, match=r"there is no user 'nobody-such' \(what is called ~nobody-such itself is written \./"):
        expanded("~nobody-such/x")
    with pytest.raises(click.BadParameter, match="no user"):
        PATH.convert("~nobody-such/", None, None)
    assert RunName().convert("~mine", None, None) == "~mine"


def test_paths_that_no_system_takes_are_told(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for wrong in ("x" * 300, "a/" * 3000, "a\0b", str(tmp_path / "loop"), str(tmp_path / "loop" / "x")):
        with pytest.raises(SpecError):
            expanded(wrong)
    assert expanded(tmp_path / "not" / "there") == tmp_path / "not" / "there"


@pytest.mark.parametrize("kind", [PATH, RUN])
def test_an_empty_word_is_neither_this_folder_nor_the_beginning_of_every_name(kind):
    with pytest.raises(click.BadParameter, match="is empty: does it come from a variable"):
        kind.convert("", None, None)
