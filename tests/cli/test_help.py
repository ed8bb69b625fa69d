"""Help answers at once, and every command shows how it is used."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from dessine.cli import COMMANDS, group

HEAVY = ("numpy", "scipy", "pydantic", "matplotlib", "PIL", "yaml", "tqdm")


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['dessine', '--help']\n"
        "from dessine.cli import main\n"
        "try: main()\n"
        f"finally: print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in COMMANDS:
        assert f"  {name}" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_and_explains_every_option(dessine, name):
    answer = dessine(name, "--help")
    assert answer.code == 0
    assert f"dessine {name}" in answer.out.replace("Examples:", "Example:").split("Example:")[-1]
    command = group.get_command(click.Context(group), name)
    for one in [command, *(command.commands.values() if isinstance(command, click.Group) else [])]:
        assert one.epilog
        assert "Example" in one.epilog
        assert one.help
        assert max(map(len, one.get_help(click.Context(one, info_name=name, terminal_width=80)).splitlines())) <= 80
        for option in one.params:
            assert isinstance(option, click.Argument) or option.help, (name, option.name)


def test_unknown_command_suggests_one(dessine):
    answer = dessine("trian")
    assert answer.code == 2
    assert "did you mean 'train'?" in answer.err


@pytest.mark.parametrize(("words", "wanted"), [("dessine tr", "plain,train"), ("dessine train --resu", "plain,--resume")])
def test_shell_completion(dessine, monkeypatch, words, wanted):
    monkeypatch.setenv("_DESSINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['dessine']; from dessine.cli import main; main()"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == [wanted]
