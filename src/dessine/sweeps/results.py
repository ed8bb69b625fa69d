"""What a sweep found, read from its run folders: a table with one row per repeat, and means that can be trusted.

Pictures belong to `pictures.py`, the page to `page.py`.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from dessine.data import modes_of
from dessine.intervals import Limits, limits, mean_interval
from dessine.registry import SpecError
from dessine.runs.comparison import NOTHING
from dessine.runs.documents import read_summary, spec_of
from dessine.runs.files import write_atomically
from dessine.runs.inside import read
from dessine.runs.metrics import flat
from dessine.runs.run import Run, RunError
from dessine.spec import value
from dessine.sweeps.cells import Axes, counted, short_names, shown
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.launchers import is_half_made

Array = np.ndarray
NAME = "name"
"""Of a run: where it varies with other keys, it says what they are together."""
UNREADABLE = "unreadable"
"""The status of a cell whose files are damaged."""


@dataclass
class Result:
    """One run. values: what varies, and what it is here; best: as in summary.json.

    last: metric -> one number per repeat, at the end
    """

    run: Run
    status: str
    reason: str
    values: dict[str, Any]
    seed: int
    repeats: int
    steps: int | None
    seconds: float | None
    last: dict[str, list[float]]
    best: dict[str, dict[str, float]]

    def curve(self, metric: str) -> tuple[Array, Array]:
        """Steps (n,) and values (n, repeats) of a metric, where it was measured."""
        try:
            rows = [(record["step"], flat(record, self.repeats).get(metric)) for record in self.run.metrics()]
        except RunError:
            rows = []
        there = [(step, v) for step, v in rows if v is not None]
        return np.array([s for s, _ in there]), np.array([v for _, v in there], float).reshape(-1, self.repeats)


def within(rows: Iterable[Result], metric: str) -> Limits:
    """Between which ends a metric of these runs can lie."""
    if not metric.endswith(".modes"):
        return limits(metric)
    found = {json.dumps(data, sort_keys=True): data for row in rows if (data := (row.run.info().get("spec") or {}).get("data"))}
    return limits(metric, max((modes_of({"data": data}) for data in found.values()), default=math.inf))


@dataclass
class Axis:
    """Keys that vary together. points: the values they take, in order, each as {key: value}.

    drawn: at random, instead of from a list; log: evenly in the logarithm
    """

    keys: tuple[str, ...]
    label: str
    points: list[dict[str, Any]]
    drawn: bool
    log: bool = False

    def point(self, values: dict[str, Any]) -> str:
        """What tells one value of the axis from another."""
        return _text({key: values.get(key) for key in self.keys})

    def name(self, point: dict[str, Any]) -> str:
        """For ticks and legends; points that have been given names go by them."""
        if self.named:
            return shown(point[NAME])
        return ", ".join(shown(point.get(key)) for key in self.keys[: 1 if self.alike else None])

    @property
    def named(self) -> bool:
        """Whether each of its points has a name of its own."""
        names = [_text(point.get(NAME)) for point in self.points]
        return NAME in self.keys and len(set(names)) == len(names)

    @property
    def alike(self) -> bool:
        """Whether keys of one name always take the same value, as mu of two layers may: it is said once."""
        ends = {key.rpartition(".")[2] for key in self.keys}
        return len(ends) == 1 and all(len({_text(v) for v in point.values()}) == 1 for point in self.points)

    @property
    def numbers(self) -> list[float] | None:
        """The points as numbers, if they all are."""
        if not self.alike:
            return None
        found = [point.get(self.keys[0]) for point in self.points]
        ok = all(isinstance(v, int | float) and not isinstance(v, bool) for v in found)
        return [float(v) for v in found if v is not None] if ok else None


@dataclass
class Results:
    """All runs of a sweep, and what varies among them."""

    rows: list[Result]
    axes: list[Axis]
    metrics: dict[str, str] = field(default_factory=dict)  # name -> min or max

    @property
    def done(self) -> list[Result]:
        """The completed runs: only they are compared."""
        return [row for row in self.rows if row.status == "completed"]

    def settings(self) -> dict[str, list[Result]]:
        """Completed runs by setting, in the order of the axes."""
        order = [{axis.point(p): i for i, p in enumerate(axis.points)} for axis in self.axes]
        key = {id(r): tuple(axis.point(r.values) for axis in self.axes) for r in self.done}
        rows = sorted(self.done, key=lambda r: (*(o.get(k, 0) for o, k in zip(order, key[id(r)], strict=True)), r.seed))
        grouped: dict[str, list[Result]] = {}
        for row in rows:
            grouped.setdefault(self.label(row), []).append(row)
        return grouped

    def label(self, row: Result) -> str:
        """Of a setting."""
        parts = [
            axis.name(row.values)
            if axis.named
            else f"{axis.label}={axis.name(row.values)}"
            if axis.alike
            else f"({axis.label})=({axis.name(row.values)})"
            for axis in self.axes
        ]
        return ", ".join(parts) or "base"


def samples(rows: Iterable[Result], metric: str) -> dict[int, float]:
    """Seed -> the metric at the end; repeat r of a run has its seed + r. Runs that do not know the metric are left out."""
    return {row.seed + r: v for row in rows for r, v in enumerate(row.last.get(metric, [])) if np.isfinite(v)}


def distinct(rows: Iterable[Result]) -> Iterator[tuple[Result, list[int]]]:
    """Of one setting: each run with those of its repeats whose seed no run before it has. The others are the same games."""
    seen: set[int] = set()
    for row in rows:
        new = [r for r in range(row.repeats) if row.seed + r not in seen]
        seen.update(row.seed + r for r in new)
        yield row, new


@dataclass
class Effect:
    """Means of one metric at each point of an axis, over all else; NaN ends where seeds are too few or all alike.

    difference, low and high of it: against the first point, seed by seed, if the seeds are paired
    """

    axis: Axis
    mean: Array
    low: Array
    high: Array
    difference: Array
    difference_low: Array
    difference_high: Array
    seeds: int


def main_effect(results: Results, axis: Axis, metric: str) -> Effect:
    """One number per point and seed: the mean over the settings of the other axes that were completed at every point
    with that seed, so that no point is favoured by what failed elsewhere. The interval is Student's over seeds."""
    others = [a for a in results.axes if a is not axis]
    table: dict[str, dict[tuple[str, int], float]] = {axis.point(p): {} for p in axis.points}
    for row in results.done:
        rest = "|".join(a.point(row.values) for a in others)
        for seed, v in samples([row], metric).items():
            table.setdefault(axis.point(row.values), {})[rest, seed] = v
    columns = [table[axis.point(p)] for p in axis.points]
    shared = set.intersection(*(set(c) for c in columns)) if columns else set()
    nothing, own = np.full(len(columns), np.nan), within(results.done, metric)
    if shared:
        seeds = sorted({seed for _, seed in shared})
        by_seed = np.array([[np.mean([c[k] for k in shared if k[1] == s]) for c in columns] for s in seeds])  # (seeds, points)
        furthest = own[1] - own[0]
        differences = mean_interval(by_seed - by_seed[:, :1], within=(-furthest, furthest))
        return Effect(axis, *mean_interval(by_seed, within=own), *differences, len(seeds))
    # Nothing is paired: each setting has seeds of its own. The spread within settings says how sure the means are.
    per = [[np.array(list(samples(rows, metric).values())) for rows in _split(results, axis, p).values()] for p in axis.points]
    per = [[x for x in groups if len(x)] for groups in per]
    mean = np.array([np.mean([x.mean() for x in groups]) if groups else np.nan for groups in per])
    half = np.array([_pooled(groups) for groups in per])
    low, high = np.maximum(mean - half, own[0]), np.minimum(mean + half, own[1])
    return Effect(axis, mean, low, high, nothing, nothing, nothing, 0)


def _split(results: Results, axis: Axis, point: dict[str, Any]) -> dict[str, list[Result]]:
    grouped: dict[str, list[Result]] = {}
    for row in results.done:
        if axis.point(row.values) == axis.point(point):
            grouped.setdefault(results.label(row), []).append(row)
    return grouped


def _pooled(groups: list[Array]) -> float:
    """Half a 95 % interval of the mean of the groups' means, from the spread within each, which may differ between them.

    The variance of a group's mean is known with len - 1 degrees of freedom; that of all together with as many as Welch and
    Satterthwaite (1946) give. NaN if a group has a single value, or if none has any spread.
    """
    if not groups or min(len(x) for x in groups) < 2:
        return float("nan")
    parts = np.array([x.var(ddof=1) / len(x) for x in groups])
    if not parts.sum() > (1e-12 * max(np.abs(x).max() for x in groups)) ** 2:
        return float("nan")
    freedom = parts.sum() ** 2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, groups, strict=True))
    return float(stdtrit(freedom, 0.975) * np.sqrt(parts.sum()) / len(groups))


def collect(folder: SweepFolder, axes: Axes, goals: dict[str, str]) -> Results:
    """Read every run folder. goals: the metrics to compare, and whether min or max is better."""
    every = [read_result(path) for path in run_folders(folder.path) if not is_half_made(path)]
    rows = [row for row in every if row.status != UNREADABLE]
    keys = list(dict.fromkeys(key for row in rows for key in row.values))
    varying = [k for k in keys if len({_text(row.values.get(k)) for row in rows}) > 1 or k in axes.keys()]  # noqa: SIM118
    for row in rows:
        row.values = {k: row.values.get(k) for k in varying}
    groups: list[tuple[tuple[str, ...], list[dict[str, Any]], bool]] = []
    for choices in axes.choices():
        groups.append((tuple(choices[0]), choices, False))
    groups += [((key,), [], True) for key in axes.random]
    groups += [((key,), [], False) for key in varying if key not in axes.keys()]  # noqa: SIM118
    made = []
    short = short_names([key for group, _, _ in groups for key in group])
    for names, planned, drawn in groups:
        there = {_text(p): p for p in ({k: row.values.get(k) for k in names} for row in rows)}
        points = [p for p in planned if _text(p) in there]
        more = [p for text, p in there.items() if text not in {_text(q) for q in points}]
        points += sorted(more, key=lambda p: [_order(v) for v in p.values()])
        if points:
            log = drawn and axes.random[names[0]].log
            axis = Axis(names, ", ".join(short[n] for n in names), points, drawn, log)
            if axis.named:
                axis.label = NAME
            elif len(names) > 1 and axis.alike:
                axis.label = _shared([name.split(".") for name in names])
            made.append(axis)
    known = {name for row in rows for name in row.last}
    return Results(every, made, {name: way for name, way in goals.items() if name in known})


def _shared(paths: list[list[str]]) -> str:
    """The words that all paths end with."""
    words = [here[0] for here in zip(*(reversed(path) for path in paths), strict=False)]
    same = [len(set(here)) == 1 for here in zip(*(reversed(path) for path in paths), strict=False)]
    return ".".join(reversed(words[: [*same, False].index(False)]))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _order(value: Any) -> tuple[int, float, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), "") if number else (1, 0.0, _text(value))


def run_folders(sweep: Path) -> list[Path]:
    """In order; a sweep may be a stranger's: no link in it is followed."""
    cells = sweep / "cells"
    return [] if cells.is_symlink() else sorted(path for path in cells.glob("*") if not path.is_symlink() and path.is_dir())


def read_result(path: Path) -> Result:
    """What one run folder says; of a damaged one, what is wrong with it: it costs no other."""
    run = Run(path)
    try:
        info, status, summary, repeats = run.info(), run.status(), read_summary(path), _repeats(path)
        last = flat(summary.get("last", {}), repeats)
    except (RunError, RecursionError) as error:
        return Result(run, UNREADABLE, str(error), {}, 0, 1, None, None, {}, {})
    values = {}
    for text in info.get("overrides", []):
        key, _, written = text.partition("=")
        try:
            values[key] = value(written)
        except SpecError:
            values[key] = written
    values.pop("seed", None)
    return Result(
        run=run,
        status=status,
        reason=info.get("reason") or "",
        values=values,
        seed=info.get("seed", 0),
        repeats=repeats,
        steps=summary.get("step"),
        seconds=info.get("seconds"),
        last=last,
        best=summary.get("best", {}),
    )


def _repeats(path: Path) -> int:
    """Of a resolved config: a top-level line, read without parsing the whole file, of which there may be thousands."""
    file = path / "config.yaml"
    try:
        found = re.search(r"^repeats:(.*)$", read(path, "config.yaml").decode(), re.MULTILINE)
    except FileNotFoundError:
        raise RunError(f"{file} is missing") from None
    except UnicodeDecodeError as error:
        raise RunError(f"{file} cannot be read: not UTF-8 ({error.reason} at byte {error.start})") from None
    if found is None:
        return 1
    try:
        spec_of({"repeats": json.loads(found[1])})
    except (ValueError, RunError):
        raise RunError(f"{file} cannot be read: repeats: expects a number of them, got {found[1].strip()[:40]!r}") from None
    return int(found[1])


def save_table(results: Results, path: Path) -> None:
    """results.csv: one row per repeat of each run."""
    keys = [key for axis in results.axes for key in axis.keys]
    last = list(dict.fromkeys(name for row in results.rows for name in row.last))
    best = list(dict.fromkeys(name for row in results.rows for name in row.best))
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    heads = [h for name in best for h in (f"best.{name}", f"best.{name}.step")]
    out.writerow(["cell", "status", *keys, "seed", "repeat", "steps", "seconds", *last, *heads, "reason"])
    for row in results.rows:
        known = (row.values.get(key) if row.values or row.status != UNREADABLE else "" for key in keys)
        settings = [repr(v) if isinstance(v, float) else shown(v) for v in known]
        ends = [x for name in best for x in (row.best.get(name, {}).get("value"), row.best.get(name, {}).get("step"))]
        for r in range(row.repeats):
            measured = [row.last[name][r] if name in row.last else None for name in last]
            line = [
                row.run.path.name,
                row.status,
                *settings,
                row.seed + r if row.status != UNREADABLE else None,
                r,
                row.steps,
                row.seconds,
                *measured,
                *ends,
                row.reason,
            ]
            out.writerow(["" if v is None or v != v else v for v in line])
    write_atomically(path, text.getvalue())


UNRANKED = f"no setting is the best: {NOTHING} (--metric NAME compares by any metric that was measured)"


def best_settings(results: Results, count: int = 3) -> list[str]:
    """Lines for the screen: of the first metric, the best settings with their intervals."""
    lines = [UNRANKED] if results.done and not results.metrics else []
    for metric, way in list(results.metrics.items())[:1]:
        told = []
        for label, rows in results.settings().items():
            found = np.array(list(samples(rows, metric).values()))
            if len(found):
                mean, low, high = (float(v) for v in mean_interval(found, within=within(rows, metric)))
                sure = f"[{low:.4g}, {high:.4g}]" if low == low else "all alike" if len(found) > 1 else "one seed"
                told.append((mean, sure, len(found), label))
        told.sort(key=lambda row: row[0], reverse=way == "max")
        lines.append(f"best of {counted(len(told), 'setting')} by {metric}, mean and 95 % interval:")
        lines += [f"  {mean:.4g} {interval} (n = {n})  {label}" for mean, interval, n, label in told[:count]]
    return lines
