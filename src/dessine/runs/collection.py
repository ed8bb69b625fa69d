"""Many run folders as rows: what each says of itself in its one small run.json, and which of them are meant.

Thousands are read in a second, so config.yaml is opened only for a run whose run.json does not tell its spec, and only when a
filter asks for it. A broken folder is a row like any other: what is wrong with it is its reason. Taking runs away belongs to
`removal.py`, comparing them to `comparison.py`.
"""

from __future__ import annotations

import gc
import json
import operator
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from dessine.registry import SpecError, did_you_mean
from dessine.runs.documents import goals_of, line_of, read_info, read_sweep
from dessine.runs.files import RunError
from dessine.runs.inside import checked, folders, subfolders
from dessine.runs.naming import composed, time_in
from dessine.runs.notes import notes_of
from dessine.runs.run import status_of

ReadSpec = Callable[[Path], dict[str, Any]]
"""config.yaml as plain data; an empty mapping where it cannot be read."""

FIELDS = ("name", "kind", "status", "reason", "step", "steps", "seed", "repeats", "age", "seconds", "tags", "note")
WORST_FIRST = ("running", "failed", "broken", "lost", "interrupted", "queued", "completed")


@dataclass
class Row:
    """One run; or one sweep, whose cells are counted by status.

    step: the last one made; began: seconds since 1970; results: goal -> the mean over repeats at the end, or so far;
    tags, note: what people have said of it
    """

    path: Path
    name: str
    kind: str = "run"
    status: str = "broken"
    reason: str | None = None
    step: int | None = None
    steps: int | None = None
    seed: int | None = None
    repeats: int | None = None
    began: float | None = None
    seconds: float | None = None
    results: dict[str, float] = field(default_factory=dict)
    cells: dict[str, int] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    note: str = ""
    info: dict[str, Any] = field(default_factory=dict)
    read_spec: ReadSpec = lambda path: {}

    @cached_property
    def keys(self) -> list[str]:
        """Every dotted key of the spec."""
        return _keys(self.spec)

    @property
    def age(self) -> float | None:
        """Seconds since it began; None where nobody knows."""
        return None if self.began is None else max(0.0, time.time() - self.began)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The resolved spec; of a sweep, that of its base."""
        known = self.info.get("spec")
        if isinstance(known, dict) and known:
            return known
        return self.read_spec(self.path / ("base.yaml" if self.kind == "sweep" else "config.yaml"))

    def changed(self) -> list[str]:
        """What the command line changed in the config, each with the shortest end of its key that no other key has.

        Not its name and seed, which have columns of their own, and not what is written when.
        """
        given = self.info.get("overrides") or ()
        pairs = {key.strip(): value for key, sign, value in (one.partition("=") for one in given) if sign}
        told = []
        for key, value in pairs.items():
            if key in ("name", "seed") or key.startswith("outputs."):
                continue
            parts = re.sub(r"\[(-?[0-9]+)\]", r".\1", key).split(".")
            ends = (".".join(parts[-n:]) for n in range(1, len(parts) + 1))
            short = next((end for end in ends if len(_ending(self.keys, end)) <= 1 and not end[:1].isdigit()), key)
            told.append(f"{short}={value}")
        return told

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        known = None if self.began is None else datetime.fromtimestamp(self.began).astimezone()
        began = known and known.isoformat(timespec="seconds")
        own = {key: getattr(self, key) for key in FIELDS if key != "age"}
        return own | {
            "began": began,
            "results": self.results,
            "cells": self.cells,
            "changed": self.changed(),
            "path": str(self.path),
        }


def survey(folder: Path, cells: bool = False, read_spec: ReadSpec = lambda path: {}) -> list[Row]:
    """Every run and every sweep in `folder`, newest first. cells: the runs of each sweep in its place."""
    collects = gc.isenabled()
    gc.disable()  # it would walk through all rows again and again: a third of the time
    try:
        rows = list(_survey(folder, cells, read_spec))
    finally:
        if collects:
            gc.enable()
    return sorted(rows, key=lambda row: (-(row.began or 0.0), row.name))


def _survey(folder: Path, cells: bool, read_spec: ReadSpec) -> Iterator[Row]:
    for path in subfolders(folder, links=True):
        row = read_row(path, path.name, read_spec)
        if row and cells and row.kind == "sweep":
            inside = (read_row(cell, f"{path.name}/cells/{cell.name}", read_spec) for cell in folders(path, "cells"))
            yield from (one for one in inside if one)
        elif row:
            yield row


def read_row(path: Path, name: str, read_spec: ReadSpec = lambda path: {}, cells: Iterable[Row] | None = None) -> Row | None:
    """What stands in `path`, or None if it is neither a run nor a sweep. Never raises for what is in the files.

    cells: those of a sweep, where somebody has read them already
    """
    row = Row(path, name, read_spec=read_spec)
    with suppress(RunError):  # a damaged notes.json hides no run; `dessine runs note` names it
        said = notes_of(path)
        row.tags, row.note = said.tags, said.text
    try:
        row.info = read_info(path)
        if not os.path.isfile(f"{path}/config.yaml"):
            row.reason = "config.yaml is missing"
    except FileNotFoundError:
        if os.path.isfile(path / "sweep.yaml"):
            return _sweep(row, cells)
        if not os.path.isfile(path / "config.yaml"):
            return None
        row.reason = "run.json is missing"
    except RunError as error:
        row.reason = str(error).removeprefix(f"{path}/")
    row.began = _began(row.info.get("started"), path)
    if row.reason is None:
        _tell(row)
    return row


def _tell(row: Row) -> None:
    """Take over what run.json says."""
    info = row.info
    row.status = status_of(info, row.path)
    row.reason = info.get("reason") or (LOST if row.status == "lost" else None)
    row.step, row.steps, row.seed, row.seconds = (info.get(key) for key in ("step", "steps", "seed", "seconds"))
    row.repeats = info.get("spec", {}).get("repeats")
    results = info.get("results")
    if results is not None and row.status not in ("running", "lost"):
        row.results = {key: float(v) for key, v in results.items() if v is not None}
        return
    records = [last_record(row.path)]
    row.step = records[0].get("step", row.step)
    if (row.repeats or 1) > 1 and (apart := [last_record(one) for one in folders(row.path, "repeats")]):
        made = sum(record.get("step", 0) for record in apart) // row.repeats  # as the line of progress has it
        if made > (row.step or 0):
            records, row.step = apart, made
    for goal in goals_of(info):
        known = [v for record in records for v in _numbers(record, goal)]
        if known:
            row.results[goal] = sum(known) / len(known)


LOST = "its process is gone without a word: killed, or its disk was full"


def _numbers(record: Any, name: str) -> list[float]:
    """Those of a dotted metric."""
    for key in name.split("."):
        record = record.get(key) if isinstance(record, dict) else None
    return [v for v in (record if isinstance(record, list) else [record]) if _is_number(v)]


def _sweep(row: Row, cells: Iterable[Row] | None) -> Row:
    row.kind = "sweep"
    try:
        row.info = read_sweep(row.path)
    except FileNotFoundError:
        row.info = {}
    except RunError as error:
        row.info, row.reason = {}, str(error).removeprefix(f"{row.path}/")
    row.began = _began(row.info.get("created"), row.path)
    if cells is None:
        cells = filter(None, (read_row(cell, cell.name) for cell in folders(row.path, "cells")))
    for one in cells:
        row.cells[one.status] = row.cells.get(one.status, 0) + 1
    row.status = next((status for status in WORST_FIRST if status in row.cells), "queued")
    return row


def last_record(path: Path) -> dict[str, Any]:
    """The last good line of metrics.jsonl in the run folder `path`, read from its end; empty if there is none."""
    size, tried = 1 << 14, 0
    try:
        with checked(path, "metrics.jsonl").open("rb", buffering=0) as file:
            whole = file.seek(0, os.SEEK_END)
            while tried < MOST_TRIED:
                file.seek(max(0, whole - size))
                for line in reversed(file.read().split(b"\n")[-MOST_TRIED:]):
                    tried += 1
                    with suppress(RunError):  # torn, empty, damaged, or cut by where we began to read
                        return line_of(line)
                if size >= whole:
                    break
                size *= 8
    except (OSError, RunError):
        pass
    return {}


MOST_TRIED = 100
"""Lines at the end of metrics.jsonl that are looked at: a list of many runs has no time for a file full of others."""


def _began(text: str | None, path: Path) -> float | None:
    """Seconds since 1970, as a run says itself or else the name of its folder: when a file was changed tells something else."""
    return time_in(path.name) if text is None else datetime.fromisoformat(text).timestamp()


MISSING = object()


def look(row: Row, key: str) -> Any:
    """What `key` is in `row`: a column, a result, or a key of the spec such as `game.network.layers[0].units`."""
    if key in FIELDS:
        return getattr(row, key)
    if key in row.results:
        return row.results[key]
    plain = re.sub(r"\[(-?[0-9]+)\]", r".\1", key)
    found = _at(row.spec, plain)
    if found is MISSING:  # an end of a key, as tables show it
        whole = _ending([*row.results, *row.keys], plain)
        found = row.results.get(whole[0], _at(row.spec, whole[0])) if len(whole) == 1 else MISSING
    return found


def _at(spec: Any, key: str) -> Any:
    for word in key.split("."):
        try:
            spec = spec[int(word)] if isinstance(spec, list) else spec[word]
        except (KeyError, IndexError, ValueError, TypeError):
            return MISSING
    return spec


def _ending(keys: Iterable[str], end: str) -> list[str]:
    """Those that are `end`, or end in it after a dot."""
    return [key for key in keys if key == end or key.endswith(f".{end}")]


@dataclass(frozen=True)
class Filter:
    """`KEY=VALUE`, or with != < <= > >= between them. A word of several kinds, {type: x}, is compared by its type."""

    key: str
    sign: str
    wanted: Any
    written: str

    @staticmethod
    def parse(text: str) -> Filter | None:
        """None if `text` is not of this form. Raises SpecError if its value makes no sense."""
        parts = re.fullmatch(r"\s*([\w.\[\]-]+?)\s*(<=|>=|!=|==?|<|>)\s*(.*?)\s*", text, re.DOTALL)
        if not parts:
            return None
        key, sign, written = parts.groups()
        sign = "=" if sign == "==" else sign
        wanted = duration(written) if key == "age" else _value(written)
        if sign in ORDERS and not _is_number(wanted):
            raise SpecError(f"'{text}': {sign} compares numbers, not '{written}'")
        return Filter(key, sign, wanted, written)

    @staticmethod
    def is_word(text: str) -> bool:
        """Whether `text` is a word alone, of letters, numbers and what stands in names."""
        return bool(re.fullmatch(r"[^\s=<>!]+", text))

    @staticmethod
    def word(text: str) -> Filter:
        """A status, or a part of a name, a tag or a note."""
        if text in WORST_FIRST:
            return Filter("status", "=", text, text)
        return Filter("word", "=", text if set(text) & set("*?") else f"*{text}*", text)

    def fits(self, row: Row) -> bool:
        """Whether `row` is meant. What it does not have fits only !=."""
        if self.key == "word":
            return any(replace(self, key=key).fits(row) for key in ("name", "tags", "note"))
        found = look(row, self.key)
        if self.sign in ORDERS:
            return _is_number(found) and bool(ORDERS[self.sign](found, self.wanted))
        same = found is not MISSING and self._same(found)
        if self.key == "name":  # the folder's, or the one that the config gives
            same = same or self._same(row.spec.get("name"))
        return same == (self.sign == "=")

    def _same(self, found: Any) -> bool:
        if isinstance(found, dict) and isinstance(self.wanted, str):
            found = found.get("type")
        if self.key == "tags" and isinstance(found, list):
            return any(self._same(one) for one in found)
        if isinstance(found, str):  # a text that looks like a number is one all the same
            wanted = self.wanted if isinstance(self.wanted, str) else self.written
            return fnmatchcase(composed(found), composed(wanted))
        return bool(found == self.wanted and isinstance(found, bool) == isinstance(self.wanted, bool))


ORDERS: dict[str, Callable[[Any, Any], Any]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def select(rows: Iterable[Row], filters: Sequence[Filter]) -> list[Row]:
    """The rows that fit every filter. Raises SpecError for a key that no row has."""
    every = list(rows)
    for one in filters:
        known_to(every, one.key)
        every_fitting = [row for row in every if one.fits(row)]
        if not every_fitting:
            return []
        every = every_fitting
    return every


def known_to(rows: Sequence[Row], key: str) -> None:
    """Raises SpecError if no row has `key`; without rows there is nothing to know."""
    if key in (*FIELDS, "word") or not rows or any(look(row, key) is not MISSING for row in rows):
        return
    names = dict.fromkeys([*FIELDS, *(name for row in rows[:100] for name in (*row.results, *_keys(row.spec)))])
    several = dict.fromkeys(name for row in rows[:100] for name in _ending([*row.results, *row.keys], key))
    if several:
        raise SpecError(f"'{key}' may be {' or '.join(several)}: give more of it")
    raise SpecError(f"no run here has '{key}'{did_you_mean(key, names)} (such as {', '.join(FIELDS)}, game.loss, test_success)")


def in_order(rows: Sequence[Row], key: str, reverse: bool = False) -> list[Row]:
    """From the smallest to the largest; what has no `key` comes last either way. Raises SpecError if no row has it."""
    known_to(rows, key)

    def place(row: Row) -> tuple[bool, Any]:
        found = look(row, key)
        if isinstance(found, dict):
            found = found.get("type")
        return (not _is_number(found), found if _is_number(found) else str(found))  # numbers before words

    there = [row for row in rows if look(row, key) not in (MISSING, None)]
    return sorted(there, key=place, reverse=reverse) + [row for row in rows if look(row, key) in (MISSING, None)]


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration(text: str) -> float:
    """Seconds of `90s`, `30m`, `12h`, `7d`, `2w`. Raises SpecError."""
    parts = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([smhdw])", text.strip())
    if not parts:
        raise SpecError(f"'{text}' is not a time: expects a number with s, m, h, d or w, such as 7d or 12h")
    return float(parts[1]) * UNITS[parts[2]]


def _value(text: str) -> Any:
    """Numbers, true, false, null and lists are read as such, the rest is text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_number(v: Any) -> bool:
    return isinstance(v, int | float) and not isinstance(v, bool)


def _keys(spec: Any, at: str = "") -> list[str]:
    """Every dotted key of a spec; what stands in a list has its number as a key."""
    pairs = spec.items() if isinstance(spec, dict) else enumerate(spec) if isinstance(spec, list) else ()
    below = [key for k, v in pairs for key in _keys(v, f"{at}.{k}" if at else str(k))]
    return [at, *below] if at else below
