"""Runs side by side: in what their specs differ, and how they did. Runs that differ only in their seed are one setting.

How it is drawn belongs to `dessine.plots.compare`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dessine.registry import SpecError
from dessine.runs.collection import Row
from dessine.runs.documents import goals_of, read_metrics, some
from dessine.runs.files import RunError
from dessine.runs.metrics import flat, full_name

Array = np.ndarray

NOT_COMPARED = ("name", "seed", "repeats", "outputs")
"""Keys of the spec that change no number of a repeat."""

NOTHING = "nothing was measured in these runs that tells which of their samples are better, and losses do not"
ABSENT = "–"


class Track:
    """The records of one run. known: them and what is wrong with the others, where somebody has read them already

    name: as much of its path as tells it from the others, if that is more than its own name
    """

    def __init__(self, row: Row, known: tuple[list[dict[str, Any]], list[str]] | None = None, name: str = ""):
        self.row, self.seed, self.repeats, self._known = row, row.seed or 0, row.repeats or 1, known
        self.name = name or row.name

    @cached_property
    def _read(self) -> tuple[list[dict[str, Any]], list[str]]:
        if self._known is not None:
            return self._known
        try:
            return read_metrics(self.row.path)
        except RunError as error:
            return [], [str(error)]

    @property
    def faults(self) -> list[str]:
        """What is wrong with metrics.jsonl, line by line."""
        return some(self._read[1])

    @cached_property
    def records(self) -> list[tuple[dict[str, Any], dict[str, list[float]]]]:
        """Each as it is written, and as dotted metrics with one number per repeat."""
        return [(record, flat(record, self.repeats)) for record in self._read[0]]

    def names(self) -> list[str]:
        """Every metric that was measured at some time."""
        return list(dict.fromkeys(name for _, values in self.records for name in values))

    def last(self, metric: str, repeat: int) -> float:
        """At the end; NaN if it was not measured then."""
        values = self.records[-1][1].get(metric) if self.records else None
        return values[repeat] if values else float("nan")


@dataclass
class Setting:
    """Runs of one spec but for the seed. values: what sets it apart; repeats: (track, repeat), each seed once."""

    values: dict[str, Any]
    label: str = ""
    tracks: list[Track] = field(default_factory=list)
    repeats: list[tuple[Track, int]] = field(default_factory=list)

    def statuses(self) -> dict[str, int]:
        """How many of its runs have which status."""
        told = [track.row.status for track in self.tracks]
        return {status: told.count(status) for status in dict.fromkeys(told)}

    def ends(self, metric: str) -> Array:
        """(repeats,) at the end of each run."""
        return np.array([track.last(metric, r) for track, r in self.repeats])

    def curve(self, metric: str, against: str) -> tuple[Array, Array]:
        """x (n,), in order, and values (repeats, n): NaN where a run was not measured. against: step, epoch or examples."""
        found = []
        for track, r in self.repeats:
            pairs = [(record.get(against), values.get(metric)) for record, values in track.records]
            found.append({float(x): v[r] for x, v in pairs if isinstance(x, int | float) and v is not None})
        x = sorted({x for one in found for x in one})
        return np.array(x), np.array([[one.get(at, np.nan) for at in x] for one in found]).reshape(len(found), len(x))


def settings(rows: Sequence[Row]) -> tuple[list[Setting], list[str]]:
    """The rows by setting, in the order given, and a line for each run that is left out as the repetition of another."""
    groups: dict[str, list[Row]] = {}
    names = dict(zip((row.path for row in rows), ends_of([row.path for row in rows]), strict=True))
    for row in rows:
        groups.setdefault(json.dumps(_identity(row), sort_keys=True, default=str), []).append(row)
    varying = differences([_identity(group[0]) for group in groups.values()])
    short = short_names(list(varying))
    made, notes = [], []
    for i, group in enumerate(groups.values()):
        one = Setting({short[key]: values[i] for key, values in varying.items()})
        seen: dict[int, str] = {}
        for track in (Track(row, name=names[row.path]) for row in group):
            seeds = range(track.seed, track.seed + track.repeats)
            twice = next((seen[seed] for seed in seeds if seed in seen), None)
            if twice:
                notes.append(f"{track.name}: omitted, its seed and spec are those of {twice}")
                continue
            seen |= dict.fromkeys(seeds, track.name)
            one.tracks.append(track)
            one.repeats += [(track, r) for r in range(track.repeats)]
        made.append(one)
    _label(made)
    return made, notes


def _label(every: Sequence[Setting]) -> None:
    """What sets each apart, in a few words; if that takes too many, its name."""
    for one in every:
        one.label = ", ".join(f"{key}={shown(v)}" for key, v in one.values.items()) or "all runs"
    if max(len(one.label) for one in every) > 50:
        for one in every:
            one.label = name_of(one)
    labels = [one.label for one in every]  # numbers may differ by less than is shown
    for i, one in enumerate(every, 1):
        one.label = f"{i}: {one.label}" if labels.count(one.label) > 1 else one.label


def name_of(one: Setting) -> str:
    """What its config calls itself."""
    return str(one.tracks[0].row.spec.get("name") or one.tracks[0].name)


MOST_APART = 12
"""Runs of a single setting that have a line each: more hide each other."""


def apart(every: Sequence[Setting]) -> list[Setting]:
    """What has a line of its own in tables and curves: each setting. Of a single one, each of its runs, and at the end, as the
    last, all of them together.
    """
    one = every[0]
    if len(every) > 1 or not 1 < len(one.tracks) <= MOST_APART:
        return list(every)
    made = []
    for track in one.tracks:
        name = track.name if track.repeats > 1 else f"{track.name}, seed {track.seed}"
        made.append(Setting({"run": name}, name, [track], [(track, r) for r in range(track.repeats)]))
    return [*made, Setting({"run": f"all {len(made)}"}, f"mean of all {len(made)}", one.tracks, one.repeats)]


def each_drawing(every: Sequence[Setting]) -> list[Setting]:
    """Those of `apart` whose samples are shown: the first run of each setting, or each run of a single one."""
    lines = apart(every)
    return lines[: max(len(lines) - 1, 1)] if len(every) == 1 else lines


def ends_of(paths: Sequence[Path]) -> list[str]:
    """Of each path the shortest end that no other has."""
    parts = [path.absolute().parts for path in paths]
    found: dict[int, str] = {}
    for n in range(1, max(map(len, parts), default=0) + 1):
        ends = [own[-n:] for own in parts]
        often = Counter(ends)
        found |= {i: "/".join(end) for i, end in enumerate(ends) if i not in found and (often[end] == 1 or n >= len(parts[i]))}
        if len(found) == len(parts):
            break
    return [found[i] for i in range(len(parts))]


def _identity(row: Row) -> dict[str, Any]:
    """Everything that two runs of one setting share."""
    spec = {key: v for key, v in row.spec.items() if key not in NOT_COMPARED}
    checksum = row.info.get("data_checksum")
    return spec | {"data (checksum)": str(checksum)[:8]} if checksum else spec


def metrics_of(every: Sequence[Setting], wanted: Sequence[str]) -> list[str]:
    """Full names of the metrics to compare: the wanted ones, or the goals of the games. Raises SpecError."""
    tracks = [track for one in every for track in one.tracks]
    known = list(dict.fromkeys(name for track in tracks for name in track.names()))
    if wanted:
        if not known:
            raise SpecError("no metric was measured in any of these runs")
        return [full_name(text, known) for text in wanted]
    goals = [name for track in tracks for name in goals_of(track.row.info)]
    found = [name for name in dict.fromkeys(goals) if name in known]
    if known and not found:
        raise SpecError(f"{NOTHING} (--metrics NAME,... compares by any metric that was measured: {', '.join(sorted(known))})")
    return found or known[:2]


def differences(specs: Sequence[Any], at: str = "") -> dict[str, list[Any]]:
    """Dotted key -> its value in each spec, for the keys that are not the same in all; ABSENT where a spec lacks it.

    Mappings of another type have nothing in common below: they differ as a whole.
    """
    if all(_same(spec, specs[0]) for spec in specs[1:]):
        return {}
    if all(isinstance(spec, dict) for spec in specs) and len({str(spec.get("type")) for spec in specs}) == 1:
        keys = dict.fromkeys(key for spec in specs for key in spec)
        parts = [(f"{at}.{key}" if at else str(key), [spec.get(key, ABSENT) for spec in specs]) for key in keys]
    elif all(isinstance(spec, list) for spec in specs) and any(isinstance(v, dict) for spec in specs for v in spec):
        longest = max(len(spec) for spec in specs)
        parts = [(f"{at}[{i}]", [spec[i] if i < len(spec) else ABSENT for spec in specs]) for i in range(longest)]
    else:
        return {at: list(specs)}
    return {key: values for name, below in parts for key, values in differences(below, name).items()}


def _same(a: Any, b: Any) -> bool:
    """Equal, where true is not 1 but 1.0 is."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(v, b[key]) for key, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b and isinstance(a, bool) == isinstance(b, bool))


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """For each dotted key the shortest end that no other key has, and that is more than a number in brackets."""
    parts = {key: key.split(".") for key in keys}
    names = {}
    for key, own in parts.items():
        fitting = (n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for k, other in parts.items() if k != key))
        names[key] = ".".join(own[-next(fitting, len(own)) :])
    return names


def shown(v: Any) -> str:
    """A value as it stands in tables and legends."""
    if isinstance(v, bool) or v is None:
        return {True: "true", False: "false", None: "null"}[v]
    if isinstance(v, float):
        return f"{v:g}"
    if isinstance(v, dict):
        rest = ", ".join(f"{key}={shown(one)}" for key, one in v.items() if key != "type")
        return (f"{v['type']}({rest})" if rest else str(v["type"])) if "type" in v else "{" + rest + "}"
    return "[" + ", ".join(map(shown, v)) + "]" if isinstance(v, list) else str(v)


def count_of(statuses: dict[str, int] | Iterable[tuple[str, int]]) -> str:
    """`10 completed, 2 failed`."""
    return ", ".join(f"{n} {status}" for status, n in dict(statuses).items())
