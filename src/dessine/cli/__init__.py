"""The command line: one file per command, each loaded only when it is called, so that `--help` answers at once."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from dessine.cli.commands import COMMANDS
from dessine.start import ended, orderly


class Lazy(click.Group):
    """Commands by name; the module is imported when one is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        if os.environ.get("_DESSINE_COMPLETE", "").endswith("_complete"):  # the Tab key waits for no module
            from dessine.cli import completion
            from dessine.cli.known import light

            return light(name, completion)
        command: click.Command = import_module(f"dessine.cli.{COMMANDS[name][0]}").command
        orderly()
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        from dessine.registry import did_you_mean

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no command '{args[0]}'{did_you_mean(args[0], COMMANDS)} (known: {', '.join(COMMANDS)})")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        # Names and their help from the table: the modules behind them would take a second to load.
        return [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: dessine train configs/gan_ring.yaml"
)
@click.version_option(package_name="dessine")
def group() -> None:
    """Study how neural networks and GANs learn."""


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 usage or config, 130 interrupted."""
    from dessine.sweeps.lifeline import end_with_parent

    end_with_parent()  # before anything slow is loaded
    if "_DESSINE_COMPLETE" in os.environ:
        import_module("dessine.cli.completion")  # its scripts for the shells
    from dessine.cli.errors import guarded

    try:
        code = guarded(group)
    except KeyboardInterrupt:  # while its last words were said
        code = 130
    ended()
    sys.exit(code)
