"""`KEY=VALUE` on the command line, put into a document. Which keys and values make sense belongs to the schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from yaml import ScalarNode

from dessine.registry import Path as KeyPath
from dessine.registry import SpecError, dotted
from dessine.schedules import Schedule
from dessine.schema import signature
from dessine.spec.document import BadSpec, Document, Fault, Place
from dessine.spec.text import DEEPEST, Budget, Builder, Spent, compose


def change(document: Document, overrides: Sequence[str]) -> None:
    """Put each `KEY=VALUE` into `document`, the last one winning. Raises BadSpec."""
    faults = put(document, overrides)
    if faults:
        raise BadSpec([str(fault) for fault in faults])


def put(document: Document, overrides: Sequence[str]) -> list[Fault]:
    """The same; returns what is wrong with those that cannot be put in."""
    faults = []
    for override in overrides:
        shown = override if override.isprintable() else repr(override)
        place = Place(f"command line {shown if len(shown) <= 200 else shown[:197] + '...'}")
        try:
            path, written = _parts(override)
            new, words = _read(written)
            path = _set(document.data, path, new)
        except SpecError as error:
            faults.append(Fault(place, str(error)))
            continue
        document.forget(path)
        document.words |= {(*path, *below): word for below, word in words.items()}
        for n in range(1, len(path) + 1):
            changed = n < len(path) and bool(document.words.pop(path[:n], ""))  # a number before, a mapping now
            if n == len(path) or changed or path[:n] not in document.places:
                document.places[path[:n]] = place
    return faults


def value(text: str) -> Any:
    """What stands behind the `=` of an override, as plain data. Raises SpecError."""
    return _read(text)[0]


def _read(text: str) -> tuple[Any, dict[KeyPath, str]]:
    """The same, and how each value in it that is no text was written."""
    budget = Budget()
    builder = Builder("value", budget)
    try:
        tree = compose(text, budget)
        new = None if tree is None else builder.build(tree)
    except SyntaxError as error:
        raise SpecError(
            f"the value is not YAML: {error.msg} (text stands in quotes, those of YAML within those of the shell)"
        ) from None
    except Spent as error:
        raise SpecError(str(error)) from None
    if builder.faults:
        raise SpecError(builder.faults[0].message)
    plain = isinstance(tree, ScalarNode) and tree.style is None
    if plain and isinstance(new, str):
        new = text.strip()  # a '#' begins no comment here
    own = {} if isinstance(new, str) or not text.strip() else {(): text.strip()}
    return new, builder.words | own


def _parts(text: str) -> tuple[KeyPath, str]:
    key, equals, written = text.partition("=")
    words = re.sub(r"\[(-?[0-9]+)\]", r".\1", key.strip()).split(".")
    if not equals or not all(words):
        raise SpecError("expects KEY=VALUE, such as training.steps=100 or game.generator.layers[0].units=64")
    if len(words) > DEEPEST:
        raise SpecError(f"nested more than {DEEPEST} deep")
    if words[0] == "extends":
        raise SpecError("extends stands in a file: it is read before any KEY=VALUE")
    numbers = re.compile(r"-?[0-9]{1,9}")
    return tuple(int(word) if numbers.fullmatch(word) else word for word in words), written


def placed(data: Any, key: str) -> KeyPath:
    """Where the value of `KEY=VALUE` would stand in `data`, however KEY is spelled. Raises SpecError where it is no key."""
    path: KeyPath = ()
    for word in _parts(f"{key}=")[0]:
        if isinstance(data, list) and isinstance(word, int):
            path = (*path, word + len(data) * (word < 0))
            data = data[word] if -len(data) <= word < len(data) else None
        else:
            path = (*path, str(word))
            data = data.get(str(word)) if isinstance(data, dict) else None
    return path


def _set(holder: Any, path: KeyPath, new: Any) -> KeyPath:
    """Put `new` at `path` below `holder`; the path with list indices counted from the front."""
    gone: KeyPath = ()
    for n, key in enumerate(path):
        if isinstance(holder, list):
            if not isinstance(key, int) or not -len(holder) <= key < len(holder):
                raise SpecError(f"{dotted(gone)} is a list of {len(holder)}: there is no {dotted((key,))}")
            key %= len(holder)
        elif isinstance(holder, dict):
            key = str(key)
        else:
            raise SpecError(f"{dotted(gone)} is not a mapping: there is no {dotted((key,))} in it")
        gone = (*gone, key)
        if n == len(path) - 1:
            holder[key] = new
        else:
            below = holder.get(key) if isinstance(holder, dict) else holder[key]
            if isinstance(below, str):  # a bare name is short for {type: name}
                below = {"type": below}
            elif isinstance(below, int | float) and not isinstance(below, bool) and path[n + 1] in signature(Schedule):
                below = {"from": below}  # a number that is to move starts from where it stood still
            elif below is None and isinstance(path[n + 1], int):
                raise SpecError(f"there is no list {dotted(gone)} in the config: give all of it, {dotted(gone)}=[...]")
            holder[key] = {} if below is None else below
            holder = holder[key]
    return gone
