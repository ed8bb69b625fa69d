"""What commands take for paths and for runs: the types of their parameters, and options that many commands have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from dessine.cli.completion import checkpoints, runs
from dessine.paths import expanded
from dessine.registry import SpecError

EMPTY = "is empty: does it come from a variable that is not set?"
"""It would be this folder, or the beginning of every name."""


class UserPath(click.Path):
    """A path, with its home written out."""

    def __init__(self, dir_okay: bool = True):
        super().__init__(path_type=Path, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail(EMPTY, param, ctx)
        try:
            return super().convert(expanded(value), param, ctx)
        except SpecError as error:
            self.fail(str(error), param, ctx)


class RunName(click.ParamType):
    """A run: its folder, its name, or `last`; or a filter, or a config, where a command takes one in a run's place."""

    name = "run"
    completed_by = "runs"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return runs(ctx, param, incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text.strip():
            self.fail(EMPTY, param, ctx)
        if not text.startswith("~"):
            return text
        try:
            return str(expanded(text))
        except SpecError as error:
            return self.fail(str(error), param, ctx) if os.sep in text else text


class AtStep(click.ParamType):
    """Which checkpoint of a run: a step, best, or last."""

    name = "N|best|last"
    completed_by = "checkpoints"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return checkpoints(ctx, param, incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value in ("best", "last"):
            return str(value)
        text = str(value).replace(",", "")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            self.fail(f"{value!r} is no checkpoint: expects a step, best or last", param, ctx)
        return int(text)


PATH, FILE, RUN = UserPath(), UserPath(dir_okay=False), RunName()


runs_option = click.option("--runs-dir", type=PATH, default=Path("runs"), show_default=True, help="Where run folders are.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
