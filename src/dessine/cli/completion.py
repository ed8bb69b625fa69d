"""What a shell offers on the Tab key: runs, keys of a config and their values, names. Files are the shell's own business.

Whatever goes wrong here, nothing is offered: a shell has no place for an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete, add_completion_class

from dessine.cli.known import known, nameable


@add_completion_class
class Bash(BashComplete):
    """Click's own, but for the space after a word that goes on."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", 'COMPREPLY+=("$value"); [[ $value == *[=.] ]] && compopt -o nospace'
    )


@add_completion_class
class Zsh(ZshComplete):
    """The same; of words that go on and others, each by itself."""

    source_template = ZshComplete.source_template.replace(
        "compadd -U -V unsorted -a completions",
        "local -a on=(${(M)completions:#*[=.]}) done=(${completions:#*[=.]})\n"
        "        (( $#on )) && compadd -S '' -U -V unsorted -a on\n"
        "        (( $#done )) && compadd -U -V unsorted -a done",
    )


@add_completion_class
class Fish(FishComplete):
    """Click's own, but for what stands behind a second comma: values of a sweep, and most of what options say of themselves."""

    source_template = FishComplete.source_template.replace('string split "," ', 'string split -m 1 "," ')


def files(incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell."""
    return [CompletionItem(incomplete, type="file")]


def words(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those that begin as `incomplete` does."""
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`last`, the folders of runs and sweeps, and their names without the time where that is enough."""
    if "/" in incomplete or incomplete[:1] in ("~", "."):
        return files(incomplete)
    folder, names = Path(ctx.params.get("runs_dir") or "runs"), list[str]()
    with suppress(OSError):
        made = [e.name for e in os.scandir(folder) if os.path.isdir(e.path) and not e.name.startswith(".")]
        marks = ("config.yaml", "sweep.yaml")
        names = sorted((n for n in made if any(os.path.isfile(folder / n / mark) for mark in marks)), reverse=True)
    short = [re.sub(known()["time"], "", name) for name in names]
    found = words(["last", *(name for name in short if short.count(name) == 1), *names], incomplete)
    return found or files(incomplete)


def config_and_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A config, then keys; after --resume and --from keys alone."""
    given = list(ctx.params.get(param.name or "") or ())
    if given or ctx.params.get("resume") or ctx.params.get("source"):
        return keys(ctx, param, incomplete)
    return files(incomplete)


def keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`training.st` -> `training.steps=`; `game.loss=min` -> `game.loss=minimax`."""
    given = list(ctx.params.get(param.name or "") or ())
    config = ctx.params.get("config") or (given[0] if given else None)
    key, sign, value = incomplete.partition("=")
    apart = False
    if not sign and given and given[-1] == "=":  # bash takes a word with = apart
        key, value, apart = given[-2], incomplete, True
    elif not sign and given and "=" not in given[-1] and given[-1] != str(config):
        key, value, apart = given[-1], incomplete, True
    with suppress(Exception):  # a config that is not right yet, too, is completed
        at = _place(config)
        if not (sign or apart):
            return words(at.keys(key), key)
        before, comma, last = value.rpartition(",")  # of a sweep
        whole = before + comma if apart else f"{key}={before}{comma}"
        return [CompletionItem(whole + one) for one in at.values(key) if one.startswith(last)]
    return []


def checkpoints(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Which of a run, but for their numbers."""
    return words(["best", "last"], incomplete)


def scores(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of scores, after the last comma."""
    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in known()["scores"] if name.startswith(last)]


def filters(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Columns and statuses, then keys."""
    statuses, columns = known()["statuses"], known()["columns"]
    given = list(ctx.params.get(param.name or "") or ())
    key, sign, _ = incomplete.partition("=")
    if key == "status" and sign:
        return words([f"status={one}" for one in statuses], incomplete)
    if given[-2:] == ["status", "="] or given[-1:] == ["status"]:
        return words(statuses, incomplete)
    return words([*statuses, *(f"{name}=" for name in columns)], incomplete) or keys(ctx, param, incomplete)


def _place(config: Any) -> _Place:
    """The config as far as it can be read, with what its plugins register, by the rule of trust that all commands keep."""
    from dessine.spec import BadSpec, read

    try:
        document = read(Path(str(config)).expanduser()) if config and os.path.isfile(str(config)) else None
    except (BadSpec, OSError):
        document = None
    if document is None or not document.data.get("plugins"):
        return _Place(document.data if document else {}, known()["classes"], known()["families"])
    from dessine.experiment import Experiment
    from dessine.spec import anchor

    anchor(document, Experiment)
    return _Place(document.data, *nameable())


class _Place:
    """Places in a config, by what its schema knows of them; `data` tells which member of a family stands there."""

    def __init__(self, data: dict[str, Any], classes: dict[str, Any], families: dict[str, Any]):
        self.data, self.classes, self.families = data, classes, families

    def keys(self, start: str) -> Iterator[str]:
        """Every key one step on from the last dot of `start`, with what may follow it."""
        above, dot, _ = start.rpartition(".")
        for cls in self._classes(above.split(".") if above else []):
            for name, (plain, below, _words) in cls["keys"].items():
                if plain:
                    yield f"{above}{dot}{name}="
                if below is not None:
                    yield f"{above}{dot}{name}."
            if cls["typed"]:
                yield f"{above}{dot}type="

    def values(self, key: str) -> Iterator[str]:
        """What may stand there, where that is one of a few words."""
        *above, name = key.split(".")
        for cls in self._classes(above):
            if name == "type" and cls["family"] is not None:
                yield from self.families[cls["family"]]
                return
            yield from cls["keys"].get(name, [True, None, []])[2]

    def _classes(self, path: list[str]) -> list[dict[str, Any]]:
        """The classes that the mapping at `path` may be of."""
        found, data = ["dessine.experiment.Experiment"], self.data
        for word in path:
            inner: Any = data
            with suppress(KeyError, IndexError, ValueError, TypeError):
                inner = data[int(word)] if isinstance(data, list) else data[word]
            data = inner if inner is not data else {}
            if not word.lstrip("-").isdigit():
                below = [self.classes[cls]["keys"].get(word, [True, None, []])[1] for cls in found]
                found = [cls for cls in below if cls is not None]
            found = self._members(found, data)
        return [self.classes[cls] for cls in found]

    def _members(self, classes: list[str], data: Any) -> list[str]:
        """Of a family the member that is there; where nobody says, all of them."""
        made = []
        for cls in classes:
            family = self.classes[cls]["family"]
            if family is None:
                made.append(cls)
                continue
            members = self.families[family]
            named = data if isinstance(data, str) else data.get("type") if isinstance(data, dict) else None
            made += [members[named]] if named in members else list(members.values())
        return list(dict.fromkeys(made))
