"""What the Tab key needs to know of commands, configs and scores, kept in the user's cache: to load all that takes a second.

It is made anew when any file of the package, or an installed plugin, has changed. Where nothing can be kept, it is made each
time.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from platformdirs import user_cache_path

from dessine.cli.commands import COMMANDS
from dessine.installed import stamps as of_plugins
from dessine.runs.files import write_atomically

Known = dict[str, Any]


@cache
def known() -> Known:
    """commands: name -> what `light` makes one of; classes, families: what `_Place` walks; scores, columns, statuses, time."""
    package = Path(__file__).parents[1]
    stamps = [(path.relative_to(package).as_posix(), path.stat().st_mtime_ns) for path in sorted(package.rglob("*.py"))]
    stamp = json.loads(json.dumps([sys.version, stamps, of_plugins()]))
    place = user_cache_path("dessine") / "completion.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(place.read_text(encoding="utf-8"))
        if kept["stamp"] == stamp:
            found: Known = kept["known"]
            return found
    made = _made()
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, json.dumps({"stamp": stamp, "known": made}))
    return made


def _made() -> Known:
    from dessine import plugins
    from dessine.cli.errors import notices

    with redirect_stderr(StringIO()), notices(lambda text: None):  # a shell has no place for what a plugin says
        plugins.installed()
    from dessine.runs.collection import FIELDS, WORST_FIRST
    from dessine.runs.naming import TIME
    from dessine.scores.table import GROUPS

    classes, families = nameable()
    return {
        "commands": {name: _described(_real(name)) for name in COMMANDS},
        "classes": classes,
        "families": families,
        "scores": list(dict.fromkeys(name for group in GROUPS for name in group.better)),
        "columns": list(FIELDS),
        "statuses": list(WORST_FIRST),
        "time": TIME.pattern,
    }


def _real(name: str) -> click.Command:
    command: click.Command = import_module(f"dessine.cli.{COMMANDS[name][0]}").command
    return command


def _described(command: click.Command) -> Known:
    told: Known = {"help": command.get_short_help_str(), "params": [_of_param(one) for one in command.params]}
    if isinstance(command, click.Group):
        context = click.Context(command)
        inner = {name: command.get_command(context, name) for name in command.list_commands(context)}
        told["commands"] = {name: _described(one) for name, one in inner.items() if one is not None}
    return told


def _of_param(param: click.Parameter) -> Known:
    told: Known = {"name": param.name, "nargs": param.nargs, "how": _how(param)}
    if isinstance(param, click.Option):
        told |= {"opts": [*param.opts], "secondary": [*param.secondary_opts], "flag": param.is_flag, "help": param.help}
        told |= {"multiple": param.multiple, "hidden": param.hidden}
    return told


def _how(param: click.Parameter) -> Known:
    """What its values are completed by: a function of `completion.py`, words, files, nothing, or else the command itself."""
    own, kind = param._custom_shell_complete, param.type
    if own is not None:
        plain = getattr(own, "__module__", "") == "dessine.cli.completion" and own.__name__.isidentifier()
        return {"call": own.__name__} if plain else {"ask": True}
    if completed_by := getattr(kind, "completed_by", ""):
        return {"call": completed_by}
    if isinstance(kind, click.Choice):
        return {"words": [str(one) for one in kind.choices]}
    if isinstance(kind, click.Path):
        return {"files": "dir" if kind.dir_okay and not kind.file_okay else "file"}
    return {} if type(kind).shell_complete is click.ParamType.shell_complete else {"ask": True}


def light(name: str, functions: Any) -> click.Command:
    """A command that completes as the real one does, by the functions of `completion.py`, and can do nothing else."""
    return _command(name, known()["commands"][name], (name,), functions)


def _command(name: str, told: Known, path: tuple[str, ...], functions: Any) -> click.Command:
    params = [_param(one, (*path, one["name"]), functions) for one in told["params"]]
    if "commands" in told:
        inner = {key: _command(key, one, (*path, key), functions) for key, one in told["commands"].items()}
        return click.Group(name, inner, params=params, help=told["help"])
    return click.Command(name, params=params, help=told["help"])


def _param(told: Known, path: tuple[str, ...], functions: Any) -> click.Parameter:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _complete(told["how"], path, functions, ctx, param, incomplete)

    if "opts" not in told:
        return click.Argument([told["name"]], nargs=told["nargs"], required=False, shell_complete=complete)
    sides = f"{'/'.join([told['opts'][-1], *told['secondary'][-1:]])}"
    names = [told["name"], *told["opts"][:-1], sides]
    more = {"is_flag": True} if told["flag"] else {"nargs": told["nargs"], "multiple": told["multiple"]}
    return click.Option(names, help=told["help"], hidden=told["hidden"], shell_complete=complete, **more)


def _complete(
    how: Known, path: tuple[str, ...], functions: Any, ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    if "call" in how:
        found: list[CompletionItem] = getattr(functions, how["call"])(ctx, param, incomplete)
        return found
    if "words" in how:
        return [CompletionItem(one) for one in how["words"] if one.startswith(incomplete)]
    if "files" in how:
        return [CompletionItem(incomplete, type=how["files"])]
    if "ask" not in how:
        return []
    name, *inner, last = path
    command = _real(name)
    for one in inner:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), one) or command
    real = next(one for one in command.params if one.name == last)
    return real.shell_complete(ctx, incomplete)


def nameable() -> tuple[Known, Known]:
    """Of every class that a config may name by now: its family, and key -> whether a value may stand there, the class below,
    words. Then the members of each family.
    """
    from dessine.experiment import Experiment
    from dessine.schema import hints, node_in

    classes, families, waiting = Known(), Known(), list[Any]([Experiment])

    def named(cls: Any) -> str:
        return f"{cls.__module__}.{cls.__qualname__}"

    while waiting:
        cls = waiting.pop()
        if named(cls) in classes:
            continue
        family = None
        if cls.registry is not None:
            family = cls.registry.kind
            if family not in families:
                families[family] = {name: named(member) for name, member in cls.registry.members.items()}
                waiting += cls.registry.members.values()
        keys = Known()
        for name, hint in hints(cls).items():
            if name == "return":
                continue
            below = node_in(hint)
            plain = below is None or below.registry is not None or not _is_node(hint)
            keys[name] = [plain, None if below is None else named(below), list(_words(hint))]
            if below is not None:
                waiting.append(below)
        classes[named(cls)] = {"family": family, "typed": bool(cls.registry is not None and cls.type), "keys": keys}
    return classes, families


def _is_node(hint: Any) -> bool:
    return isinstance(hint, type) or get_origin(hint) is list


def _words(hint: Any) -> Iterator[str]:
    """The few words that an option takes."""
    from dessine.registry import Described

    origin = get_origin(hint)
    if origin is Literal:
        yield from (one for one in get_args(hint) if isinstance(one, str))
    elif origin is Annotated:
        yield from _words(get_args(hint)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(hint):
            yield from _words(one)
    elif hint is bool:
        yield from ("true", "false")
    elif hint is type(None):
        yield "null"
    elif isinstance(hint, type) and issubclass(hint, Described) and hint.registry is not None:
        yield from hint.registry.members
