"""`dessine list`: what a config may say, read from the constructors."""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from typing import Any

import click

from dessine.cli.completion import words
from dessine.cli.errors import say
from dessine.cli.paths import json_option
from dessine.cli.terminal import text_width
from dessine.cli.trust import with_plugins
from dessine.constraints import constraints
from dessine.data import datasets
from dessine.experiment import Experiment
from dessine.games import games
from dessine.games.auxiliary import auxiliaries
from dessine.games.critic_moves import untils
from dessine.games.play import rules
from dessine.losses import game_losses, losses
from dessine.nn import activations, initialisers, layers
from dessine.optimizers import optimizers
from dessine.registry import Described, Registry, did_you_mean
from dessine.schema import accepted, hints, nodes_below, notation, options, prose, shown, signature, summary

FAMILIES: dict[str, Registry[Any]] = {
    "games": games,
    "data": datasets,
    "layers": layers,
    "activations": activations,
    "initialisers": initialisers,
    "losses": losses,
    "game_losses": game_losses,
    "optimizers": optimizers,
    "constraints": constraints,
    "auxiliaries": auxiliaries,
    "untils": untils,
    "updates": rules,
}
CONFIG = "config"
"""Beside the families: the mappings that have no type, from the top of a config down."""


@click.command(epilog="Example: dessine list layers")
@click.argument("family", required=False, shell_complete=lambda ctx, param, text: words([CONFIG, *FAMILIES], text))
@with_plugins
@json_option
def command(family: str | None, as_json: bool) -> None:
    """What a config may say: everything, or FAMILY in full, with what each option accepts and its default."""
    known = [CONFIG, *FAMILIES]
    if family and family not in known:
        raise click.UsageError(f"no family '{family}'{did_you_mean(family, known)} (known: {', '.join(known)})")
    # "losses" are those of a game, too; a name that ends in the family's is one of its kind.
    chosen = [name for name in known if not family or name == family or name.endswith(f"_{family}")]
    rows = {name: {member: _member(cls) for member, cls in _members(name).items()} for name in chosen}
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if sys.flags.optimize > 1:
        say("no explanations: Python strips docstrings here (PYTHONOPTIMIZE=2 or -OO)")
    width = text_width(widest=120)
    for name, members in rows.items():
        click.secho(name, bold=True)
        for member, told in members.items():
            click.echo(_hanging(f"  {member}", told["about" if family else "summary"], 24, width))
            for option, about in told["options"].items():
                default = about.get("default", "required")
                click.echo(_hanging(f"    {option}", f"{about['text']} [{about['type']}; {_said(default)}]", 24, width))


def _members(family: str) -> dict[str, type[Described]]:
    if family == CONFIG:
        return {_key(cls): cls for cls in map(_told, (one for one in nodes_below(Experiment) if one.registry is None))}
    return dict(sorted(FAMILIES[family].members.items()))


def _told(cls: type[Described]) -> type[Described]:
    """Who has its options first: a `Schedule` tells of schedules of every kind of number."""
    above = (c for c in reversed(cls.__mro__) if issubclass(c, Described))
    return next(c for c in above if signature(c).keys() == signature(cls).keys())


def _key(cls: type[Described]) -> str:
    """The class's name as a config writes it: CriticExtra is critic_extra."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _member(cls: type[Described]) -> dict[str, Any]:
    texts, takes = options(cls), hints(cls)
    told: dict[str, Any] = {"summary": summary(cls), "about": prose(cls), "options": {}}
    for name, parameter in signature(cls).items():
        about = {"text": texts.get(name, ""), "accepts": accepted(takes[name]), "type": notation(takes[name])}
        if parameter.default is not inspect.Parameter.empty:
            about["default"] = _plain(parameter.default)
        told["options"][name] = about
    return told


def _plain(default: Any) -> Any:
    """A node by its name, DEFAULTS as {}; everything else is plain already."""
    if isinstance(default, Described):
        return default.type
    return dict(default) if hasattr(default, "items") else default


def _said(default: Any) -> str:
    if default == "required":
        return "required"
    if default is None or default == {}:
        return "optional"
    return f"default {default if isinstance(default, str) else shown(default)}"


def _hanging(head: str, text: str, indent: int, width: int) -> str:
    """`head`, and beside it `text`, wrapped; below it where the head is too long."""
    wrapped = textwrap.wrap(text, max(width - indent, 20), break_long_words=False, break_on_hyphens=False) or [""]
    if len(head) >= indent:
        wrapped = ["", *wrapped]
    lines = [head.ljust(indent) + wrapped[0], *(" " * indent + line for line in wrapped[1:])]
    return "\n".join(line.rstrip() for line in lines)
