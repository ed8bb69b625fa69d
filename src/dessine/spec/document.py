"""A config as plain data that remembers where each key stood. What keys mean belongs to the schema."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dessine import plugins
from dessine.paths import absolute, expanded, shown
from dessine.registry import Described, Problem, SpecError, dotted
from dessine.registry import Path as KeyPath
from dessine.schema import Schema, check, paths_in, signature

MOST_LINES = 200
"""Mistakes that are told of one config; who makes more has made the same one again and again."""


class BadSpec(Exception):
    """Mistakes in a config; `lines` says each, with its file and line."""

    def __init__(self, lines: list[str]):
        self.lines = lines
        super().__init__("\n".join(lines))


class Place(NamedTuple):
    """Where something is written. The column is not shown: it tells apart, and orders, what stands in one line."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Fault:
    """A mistake in how a config is written. path: of the value that is not to be trusted, if one is."""

    place: Place
    message: str
    path: KeyPath = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass
class Document:
    """data: plain; source: the user's text; places: where each key path stood; faults: what is wrong whatever it means.

    words: how each value that is no text was written: where text is wanted, these are its letters.
    alone: it lies in a run's folder, and may be a stranger's; plugin: which file stands in for one that it names
    """

    data: dict[str, Any]
    source: str
    places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    words: dict[KeyPath, str] = field(default_factory=dict)
    alone: bool = False
    plugin: Callable[[Path], Path] = lambda path: path

    def place(self, path: KeyPath) -> Place:
        """Of the nearest key that is written somewhere."""
        return next((self.places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.places), Place("config"))

    def forget(self, *paths: KeyPath) -> None:
        """What stood at `paths` is replaced: so are the places below, and how it was written."""
        gone = set(paths)
        if not gone:
            return
        self.places = {p: x for p, x in self.places.items() if not any(p[:n] in gone for n in range(len(p)))}
        self.words = {p: x for p, x in self.words.items() if not any(p[:n] in gone for n in range(len(p) + 1))}

    def lines(self, problems: Iterable[Problem] = ()) -> list[str]:
        """Every fault and problem, one line each, in the order of files and lines; what an alias repeats is said once."""
        distrusted = {fault.path for fault in self.faults if fault.path}
        above = {path[:n] for path in distrusted for n in range(len(path))}
        told: dict[tuple[Any, ...], tuple[Place, str]] = {(f.place, f.message): (f.place, str(f)) for f in self.faults}
        for p in problems:
            follows = p.path in above or any(p.path[:n] in distrusted for n in range(len(p.path) + 1))
            if p.path and follows and not p.message.startswith("unknown key"):
                continue
            place, where = self.place(p.path), dotted(p.path)
            text = f"{place}: {where + ': ' if where else ''}{p.message}"
            told.setdefault((place, p.path[-1:], p.message), (place, text))
        files = list(dict.fromkeys(place.file for place in self.places.values() if place.line))
        rank = {file: n for n, file in enumerate(files)}
        ordered = sorted(told.values(), key=lambda t: (rank.get(t[0].file, len(rank)), t[0].line, t[0].column))
        lines = list(dict.fromkeys(text for _, text in ordered))
        more = [f"{self.place(())}: and {len(lines) - MOST_LINES:,} more mistakes"] if len(lines) > MOST_LINES else []
        return [*lines[:MOST_LINES], *more]


def anchor(document: Document, cls: type[Described]) -> None:
    """Load the plugins that a `cls` names, which may add options, and make its files and folders absolute, so that they mean
    the same from anywhere.
    """
    if PLUGINS in signature(cls):
        _load_plugins(document)
    for key, written in list(paths_in(cls, document.data)):
        place = document.place(key)
        try:
            _replace(document.data, key, anchored(written, place))
        except SpecError as error:
            document.faults.append(Fault(place, f"{dotted(key)}: {error}", key))


PLUGINS = "plugins"
"""The key of a config that names them."""
RECORDS = ("run.json", "sweep.json")
"""What makes a folder that of a run or of a sweep."""


def _load_plugins(document: Document) -> None:
    plugins.installed()
    named = document.data.get(PLUGINS)
    for i, written in enumerate(named if isinstance(named, list) else []):
        place = document.place((PLUGINS, i))
        if not isinstance(written, str) or any(fault.path == (PLUGINS, i) for fault in document.faults):
            continue
        try:
            path = Path(anchored(written, place))
            if not plugins.trusted() and _is_foreign(document, place):
                raise SpecError(
                    f"{shown(path)} is a program, and may do whatever you may: one that a run's folder names is loaded only if "
                    f"you trust whoever made it, and say so with {plugins.TRUST} (in Python trust_plugins=True)"
                )
            plugins.load(document.plugin(path), path)
        except SpecError as error:
            document.faults.append(Fault(place, f"{dotted((PLUGINS, i))}: {error}", (PLUGINS, i)))


def _is_foreign(document: Document, place: Place) -> bool:
    """Whether a plugin may be named by who made a run's or a sweep's folder, and not by the user, who writes configs."""
    return document.alone or (bool(place.line) and any(os.path.lexists(Path(place.file).parent / name) for name in RECORDS))


def anchored(written: str, place: Place) -> str:
    """The absolute path of what is `written` at `place`. Raises SpecError where it is none.

    A relative one is looked for beside the file that says it, then in the working directory, where KEY=VALUE also begins.
    What no config can hold, because it is no UTF-8, stays as it is written.
    """
    path = expanded(written)
    beside = absolute(Path(place.file).parent) / path
    is_beside = place.line and (os.path.lexists(beside) or not os.path.lexists(path))
    text = str(absolute(beside if is_beside else path))
    try:
        text.encode()
    except UnicodeEncodeError:
        if is_beside and not os.path.lexists(path):
            raise SpecError(f"{shown(beside)} is no UTF-8, and no config can hold it: start in that folder") from None
        return written
    return text


def check_document(document: Document, cls: type[Described]) -> Schema:
    """Check against `cls`. Raises BadSpec with every mistake, those that `read` has found included.

    A word that YAML reads as a number, true, null or a list is text where only text will do: `name: 2024`, `name=[a]`.
    """
    anchor(document, cls)
    if any(fault.path[:1] == (PLUGINS,) for fault in document.faults):  # what they would have added cannot be missed by name
        raise BadSpec(document.lines())
    try:
        try:
            made = check(cls, document.data, also=("extends",))
        except SpecError as error:
            words = {p.path: document.words[p.path] for p in error.problems if p.text and p.path in document.words}
            if not words:
                raise
            for path, word in words.items():
                _replace(document.data, path, word)
            anchor(document, cls)
            made = check(cls, document.data, also=("extends",))
    except SpecError as error:
        raise BadSpec(document.lines(error.problems)) from None
    if document.faults:
        raise BadSpec(document.lines())
    return made


def _replace(data: Any, path: KeyPath, new: str) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = new
