"""`dessine list`: what the registries know."""

from __future__ import annotations

import inspect
import json

import click

from dessine import experiment  # noqa: F401  importing it registers everything
from dessine.constraints import constraints
from dessine.data import datasets
from dessine.games import games
from dessine.losses import game_losses, losses
from dessine.nn import activations, initialisers, layers
from dessine.optimizers import optimizers
from dessine.registry import Registry, did_you_mean
from dessine.schema import options, signature, summary

FAMILIES: dict[str, Registry] = {
    "layers": layers,
    "activations": activations,
    "initialisers": initialisers,
    "losses": losses,
    "game_losses": game_losses,
    "optimizers": optimizers,
    "constraints": constraints,
    "games": games,
    "data": datasets,
}


@click.command(epilog="Example: dessine list layers")
@click.argument("family", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(family: str | None, as_json: bool) -> None:
    """What a config may name: all families, or FAMILY, with options, defaults and one line each."""
    if family and family not in FAMILIES:
        raise click.UsageError(f"no family '{family}'{did_you_mean(family, FAMILIES)} (known: {', '.join(FAMILIES)})")
    chosen = {family: FAMILIES[family]} if family else FAMILIES
    rows = {name: {m: _member(cls) for m, cls in sorted(f.members.items())} for name, f in chosen.items()}
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    for name, members in rows.items():
        click.secho(name, bold=True)
        for member, told in members.items():
            click.echo(f"  {member:<22} {told['summary']}")
            for option, about in told["options"].items():
                default = "required" if about["default"] == "required" else f"default {about['default']}"
                click.echo(f"      {option:<18} {about['text']} ({default})")


def _member(cls: type) -> dict:
    texts = options(cls)
    return {
        "summary": summary(cls),
        "options": {
            name: {
                "text": texts.get(name, ""),
                "default": "required" if p.default is inspect.Parameter.empty else _default(p.default),
            }
            for name, p in signature(cls).items()
        },
    }


def _default(value: object) -> object:
    return value if isinstance(value, str | int | float | list | None) else "its own"
