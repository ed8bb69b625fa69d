"""`dessine config`: check, show, schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dessine.cli.loading import load
from dessine.experiment import Experiment
from dessine.schema import json_schema
from dessine.spec import dump


@click.group(epilog="Example: dessine config check configs/gan_mnist.yaml")
def command() -> None:
    """Check, show or describe configs."""


@command.command(epilog="Example: dessine config check configs/gan_mnist.yaml training.steps=10")
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]")
def check(config: Path, overrides: tuple[str, ...]) -> None:
    """Say every mistake in CONFIG, or that there is none."""
    experiment, _, _ = load(config, overrides)
    click.echo(f"{config}: good, {experiment.steps:,} steps")


@command.command(epilog="Example: dessine config show configs/gan_ring.yaml seed=3")
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]")
def show(config: Path, overrides: tuple[str, ...]) -> None:
    """Print CONFIG with every default and override written out."""
    click.echo(dump(load(config, overrides)[2]), nl=False)


@command.command(epilog="Example: dessine config schema > configs/schema.json")
def schema() -> None:
    """Print the JSON schema of configs, for editors."""
    made = json_schema(Experiment)
    properties = made.get("properties") or made["$defs"][made["$ref"].split("/")[-1]]["properties"]
    properties["extends"] = {"description": "Another config, or several, that this one changes."}
    required = made.get("required") or made["$defs"][made["$ref"].split("/")[-1]].get("required", [])
    required.clear()  # a config that extends another may leave out anything
    click.echo(json.dumps(made, indent=2))
