"""Options of commands that have to do with plugins: which to load, and whether a run's own are trusted."""

from __future__ import annotations

from pathlib import Path

import click

from dessine import plugins
from dessine.cli.paths import FILE


def _load_plugins(ctx: click.Context, param: click.Parameter, paths: tuple[Path, ...]) -> None:
    plugins.installed()
    for path in paths:
        plugins.load(path.absolute())


with_plugins = click.option(
    "--plugin",
    type=FILE,
    multiple=True,
    expose_value=False,
    callback=_load_plugins,
    metavar="FILE.py",
    help="With what this file registers, too; may be given several times.",
)
"""For commands that tell what a config may say."""


def _trusting(ctx: click.Context, param: click.Parameter, yes: bool) -> None:
    ctx.with_resource(plugins.trusting(yes))


trust_plugins = click.option(
    plugins.TRUST,
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_trusting,
    help="Load the Python files that a run's folder names as plugins: they may do whatever you may.",
)
"""For commands that open a run or a sweep; a config that is no run's needs no such word."""
