"""What our runs tell of a published table, number by number; and the csv in which that is kept when the runs are gone.

How it is held against theirs is told in `judging.py`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dessine.runs.documents import read_scores, repeat_part
from dessine.runs.files import RunError, write_atomically
from dessine.sweeps.behind import Behind
from dessine.sweeps.cells import Cell
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.launchers import is_half_made
from dessine.sweeps.published import Column, Published
from dessine.sweeps.results import UNREADABLE, Result, read_result, run_folders
from dessine.sweeps.running import steps_made

HEADS = ("row", "column", "seed", "value", "error", "status", "steps", "of", "settings")
EVAL = "eval."
"""Begins the name of a score that `dessine eval` measures."""


@dataclass(frozen=True)
class Value:
    """One number of ours: of a repeat of a run. value: of the column, NaN where the run does not tell it (yet).

    error: its own standard error, if it has one; steps: that the run has made; of: how many it was to make; settings: in which
    the run is another game than the table asks for, if in any
    """

    row: str
    column: str
    seed: int
    value: float
    error: float | None
    status: str
    steps: int
    of: int
    settings: str = ""


def measured(published: Published, folder: SweepFolder | None, runs: Behind, changed: Mapping[str, str]) -> list[Value]:
    """What the runs in `folder` tell of every figure; a run that is not there, or is damaged, tells that.

    changed: row -> settings in which its runs are not the table's

    A run is known by what was asked for, not by its cell's identity, which a new option of a later version changes.
    """
    there = _by_overrides(folder) if folder else {}
    found = []
    for row in published.rows:
        for cell in runs[row.name]:
            result = there.get(cell.overrides)
            lost = folder is not None and result is None and folder.state(cell) != "missing"
            missing = UNREADABLE if lost else "missing"
            for part in _parts(result):
                made = (part.steps or steps_made(part.run)) if part else 0
                of = row.steps or published.steps or (part and part.run.info().get("steps")) or 0
                for column in (c for c in published.columns if row.has(c.name)):
                    values = _values(row.name, column, cell, part, made, of, missing)
                    found += [replace(value, settings=changed.get(row.name, "")) for value in values]
    return found


def _parts(result: Result | None) -> list[Result | None]:
    """The run itself; or, while its repeats train apart, each of them, which has its own folder until all are put together."""
    if result is None or result.status == "completed":
        return [result]
    folders = [path for path in sorted(result.run.path.glob("repeats/*")) if not path.is_symlink() and path.is_dir()]
    parts = [None if is_half_made(path) else read_result(path) for path in folders]
    return [part if part and part.status != UNREADABLE else None for part in parts] or [result]


def _by_overrides(folder: SweepFolder) -> dict[tuple[str, ...], Result]:
    """The runs of a sweep that can be read, by what they change of its base; of two, the one that got further."""
    found: dict[tuple[str, ...], Result] = {}
    for path in run_folders(folder.path):
        if is_half_made(path):
            continue
        result = read_result(path)
        if result.status == UNREADABLE:
            continue
        key = tuple(result.run.info().get("overrides", ()))
        if key not in found or steps_made(result.run) >= steps_made(found[key].run):
            found[key] = result
    return found


def _values(
    row: str, column: Column, cell: Cell, result: Result | None, made: int, of: int, missing: str = "missing"
) -> list[Value]:
    """One for each repeat; a run that goes on tells what it has last measured. missing: the status of a run without result"""
    status = result.status if result else missing
    nothing = [Value(row, column.name, cell.seed or 0, math.nan, None, status, made, of)]
    if result is None:
        return nothing
    if column.metric.startswith(EVAL):
        found = _evaluated(result, column.metric.removeprefix(EVAL))
        last, errors = [value for value, _ in found], [error for _, error in found]
    else:
        last = _last(result, column.metric)
        errors = [*(_last(result, column.error) if column.error else []), *[None] * len(last)]
    if not last:
        return nothing
    scale = abs(column.times)
    return [
        Value(
            row,
            column.name,
            result.seed + r,
            column.times * v + column.plus,
            None if (error := errors[r]) is None else scale * error,
            status,
            made,
            of,
        )
        for r, v in enumerate(last)
    ]


def _evaluated(result: Result, name: str) -> list[tuple[float, float | None]]:
    """Of each repeat, a score of `dessine eval` and its standard error; NaN where that has not been measured, or not read."""
    return [_evaluated_repeat(result.run.path, repeat_part(repeat), name) for repeat in range(result.repeats)]


def _evaluated_repeat(run: Path, part: str, name: str) -> tuple[float, float | None]:
    for file in ("scores.json", "only.json"):
        try:
            found = read_scores(run, "/".join(filter(None, ("eval", part, file)))).get("scores", {}).get(name, {})
        except (FileNotFoundError, RunError):
            continue
        value, error = found.get("value"), found.get("standard_error")
        if isinstance(value, int | float):
            return float(value), float(error) if isinstance(error, int | float) else None
    return math.nan, None


def _last(result: Result, metric: str) -> list[float]:
    if metric in result.last:
        return result.last[metric]
    _, curve = result.curve(metric)
    return [float(v) for v in curve[-1]] if len(curve) else []


def unmeasured(published: Published, folder: SweepFolder) -> dict[tuple[Path, int], list[str]]:
    """Of the completed runs, the repeats that `dessine eval` must still measure, and which scores."""
    names = [c.metric.removeprefix(EVAL) for c in published.columns if c.metric.startswith(EVAL)]
    runs = _by_overrides(folder).values() if names else ()
    left: dict[tuple[Path, int], list[str]] = {}
    for run in (r for r in runs if r.status == "completed"):
        for name in names:
            for repeat, (value, _) in enumerate(_evaluated(run, name)):
                if math.isnan(value):
                    left.setdefault((run.run.path, repeat), []).append(name)
    return left


def save_values(values: Iterable[Value], path: Path) -> None:
    """Ours as csv, one row per run, repeat and column: what a table can be judged by again without the runs."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(HEADS)
    for v in values:
        number = "" if v.value != v.value else f"{v.value:.10g}"
        out.writerow(
            [v.row, v.column, v.seed, number, "" if v.error is None else f"{v.error:.6g}", v.status, v.steps, v.of, v.settings]
        )
    write_atomically(path, text.getvalue())


def load_values(path: Path) -> list[Value]:
    """What `save_values` wrote. Raises RunError, with the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    rows = list(csv.reader(lines))
    if not rows or tuple(rows[0]) != HEADS:
        raise RunError(f"{path}:1: expects the columns {','.join(HEADS)}")
    found = []
    for i, row in enumerate(rows[1:], 2):
        try:
            name, column, seed, value, own, status, steps, of, settings = row
            number, spread = float(value) if value else math.nan, float(own) if own else None
            found.append(Value(name, column, int(seed), number, spread, status, int(steps), int(of), settings))
        except ValueError:
            raise RunError(f"{path}:{i}: expects {','.join(HEADS)}, with whole numbers for seed, steps and of") from None
    return found
