"""`dessine config`: check, show, schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dessine.cli.completion import keys
from dessine.cli.loading import load, warned
from dessine.cli.paths import PATH
from dessine.cli.trust import with_plugins
from dessine.experiment import Experiment
from dessine.schema import json_schema
from dessine.spec import dump
from dessine.sweeps.cells import Sweep


@click.group(epilog="Example: dessine config check configs/gan_mnist.yaml")
def command() -> None:
    """Check, show or describe configs."""


@command.command(epilog="Example: dessine config check configs/gan_mnist.yaml training.steps=10")
@click.argument("config", type=PATH)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]", shell_complete=keys)
def check(config: Path, overrides: tuple[str, ...]) -> None:
    """Say every mistake in CONFIG, or that there is none.

    It also warns of what is allowed, but hardly meant.
    """
    experiment, document, resolved = load(config, overrides, allocate=False)
    doubts = warned(experiment, document, resolved)
    for line in doubts:
        click.echo(line, err=True)
    count = f", {len(doubts)} warning{'s' if len(doubts) > 1 else ''}" if doubts else ""
    click.echo(f"{config}: good, {experiment.steps:,} steps{count}")


@command.command(epilog="Example: dessine config show configs/gan_ring.yaml seed=3")
@click.argument("config", type=PATH)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]", shell_complete=keys)
def show(config: Path, overrides: tuple[str, ...]) -> None:
    """Print CONFIG with every default and override written out."""
    click.echo(dump(load(config, overrides, allocate=False)[2]), nl=False)


@command.command(epilog="Example: dessine config schema > configs/schema.json")
@click.option("--sweep", is_flag=True, help="Of the YAML files of sweeps.")
@with_plugins
def schema(sweep: bool) -> None:
    """Print the JSON schema of configs, for editors.

    A config whose first line is `# yaml-language-server: $schema=schema.json` is completed and explained as it is typed.
    """
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **json_schema(Sweep if sweep else Experiment),
        "title": "A sweep of dessine" if sweep else "A config of dessine",
    }
    made["properties"] = {**made["properties"], "extends": EXTENDS}
    click.echo(json.dumps(made, indent=1))


EXTENDS = {
    "description": "Another config, or several, that this one changes: what stands here wins over what stands there.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
}
