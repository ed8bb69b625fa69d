"""Theirs beside ours, figure by figure, with a verdict; and the csv in which ours are kept.

What is published belongs to `published.py`. A figure reached with other settings is no reproduction: what differs is said
beside, and a run that made fewer steps than the authors' is not compared at all.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import ndtri

from dessine.intervals import Limits, limits, mean_interval
from dessine.runs.documents import read_scores, repeat_part
from dessine.runs.files import RunError, write_atomically
from dessine.sweeps.behind import Behind
from dessine.sweeps.cells import Cell
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.launchers import is_half_made
from dessine.sweeps.published import Column, Published, Row, Theirs
from dessine.sweeps.results import UNREADABLE, Result, read_result, run_folders
from dessine.sweeps.running import steps_made

Array = np.ndarray
HEADS = ("row", "column", "seed", "value", "error", "status", "steps", "of", "settings")
EVAL = "eval."
"""Begins the name of a score that `dessine eval` measures."""
NONE: Mapping[str, Any] = MappingProxyType({})
CERTAIN = 0.05
"""Chance of an order as close as ours, or closer, among all orders, up to which it is called the same."""


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


@dataclass(frozen=True)
class Judgement:
    """One figure: theirs and ours, each between its ends, and the verdict: match, miss, not comparable, or order.

    because: of a verdict that is not comparable; runs: completed ones, and all there should be
    """

    row: str
    column: str
    theirs: Theirs | None
    mean: float
    low: float
    high: float
    seeds: int
    runs: tuple[int, int]
    steps: int
    of: int
    verdict: str
    because: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        t = self.theirs
        theirs = {"figure": t.mean, "interval": [t.low, t.high], "how": t.how} if t else None
        ours = {"mean": self.mean, "interval": [self.low, self.high], "seeds": self.seeds}
        runs = {"completed": self.runs[0], "of": self.runs[1]}
        told = {"row": self.row, "column": self.column, "theirs": theirs, "ours": ours}
        verdict = {"verdict": self.verdict, "weak": self.weak, "because": self.because}
        return told | {"runs": runs, "steps": self.steps, "of": self.of} | verdict

    @property
    def weak(self) -> bool:
        """Whether it is a match that says little: one of the two intervals is wider than half of its figure."""
        t = self.theirs
        wide = t is not None and (t.high - t.low > abs(t.mean) / 2 or self.high - self.low > abs(self.mean) / 2)
        return self.verdict == "match" and wide

    @property
    def told(self) -> str:
        """The verdict in a word or two; why stands in `because`."""
        return f"{self.verdict}, weakly" if self.weak else self.verdict


@dataclass(frozen=True)
class Order:
    """How alike two orders of the same rows are. chance: of one as close or closer, among all orders.

    Both are NaN where there is no order to compare: of fewer than three rows, or of rows that are all alike.
    """

    column: str
    rows: int
    spearman: float
    chance: float
    verdict: str

    @property
    def told(self) -> str:
        if math.isnan(self.spearman):
            return f"order of {self.rows} rows by {self.column}: three are needed, not all alike: {self.verdict}"
        return (
            f"order of {self.rows} rows by {self.column}: Spearman {self.spearman:.2f}, as close or closer by chance "
            f"{self.chance:.2g}: {self.verdict}"
        )


def measured(published: Published, folder: SweepFolder | None, runs: Behind, changed: Mapping[str, str] = NONE) -> list[Value]:
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


def judge(published: Published, values: Iterable[Value], runs: Behind = NONE) -> tuple[list[Judgement], list[Order]]:
    """Every figure of the table, row by row, and the orders of those columns of which only the order is compared.

    runs: whose data tell how many modes there are to be found
    """
    values = list(values)
    columns = {column.name: column for column in published.columns}
    judged = []
    for row in published.rows:
        modes = max((cell.modes for cell in runs.get(row.name, ())), default=math.inf)
        for name, column in ((name, column) for name, column in columns.items() if row.has(name)):
            own = [v for v in values if v.row == row.name and v.column == name]
            figure, within = row.figures.get(name), _within(column, modes)
            theirs = None if figure is None else published.theirs(figure, within)
            judged.append(_figure(row, column, theirs, own, within))
    orders = [_order(name, [j for j in judged if j.column == name]) for name, c in columns.items() if c.compare == "order"]
    return judged, [order for order in orders if order is not None]


def _within(column: Column, modes: float) -> Limits:
    """What a figure of the column can be. modes: of the row's data"""
    if not column.times:
        return column.plus, column.plus
    low, high = sorted(column.times * end + column.plus for end in limits(column.metric, modes))
    return low, high


def _figure(row: Row, column: Column, theirs: Theirs | None, own: list[Value], within: Limits) -> Judgement:
    """One cell of the table. within: what such a figure can be"""
    # What a run says on the way is no result beside those that ended.
    ended = [v for v in own if v.status == "completed"] or own
    there = {v.seed: v for v in ended if math.isfinite(v.value)}
    x = np.array([v.value for v in there.values()])
    mean, low, high = _interval(column, x, [v.error for v in there.values()], within)
    runs = sum(v.status == "completed" for v in own), len(own)
    steps, of = min((v.steps for v in own), default=0), max((v.of for v in own), default=0)
    verdict, because = "not comparable", _obstacle(row, column, theirs, own, x, (low, high))
    if not because and theirs:
        meets = theirs.low <= high + _slack(theirs) and low <= theirs.high + _slack(theirs)
        verdict = "order" if column.compare == "order" else "match" if meets else "miss"
    return Judgement(row.name, column.name, theirs, mean, low, high, len(x), runs, steps, of, verdict, because)


def _slack(theirs: Theirs) -> float:
    """That 11.95 is not missed by its last bit."""
    return 1e-9 * max(abs(theirs.low), abs(theirs.high))


def _interval(column: Column, x: Array, errors: list[float | None], within: Limits) -> tuple[float, float, float]:
    """Mean and its 95 % interval: Student's over seeds, a single run's own where it tells one. NaN ends where nothing does.

    Where every run gives the same number, as 25 modes of 25, that is the interval.
    """
    if not len(x):
        return math.nan, math.nan, math.nan
    if len(x) == 1 and errors[0] is not None:
        half = float(ndtri(0.975)) * errors[0]
        return float(x[0]), max(within[0], float(x[0]) - half), min(within[1], float(x[0]) + half)
    if column.exact or (len(x) > 1 and np.ptp(x) <= 1e-12 * np.abs(x).max()):
        return float(x.mean()), float(x.min()), float(x.max())
    mean, low, high = mean_interval(x, within=within)
    return float(mean), float(low), float(high)


def _obstacle(row: Row, column: Column, theirs: Theirs | None, own: list[Value], x: Array, ends: tuple[float, float]) -> str:
    """Why the figure cannot be compared; empty if it can."""
    states = {v.status for v in own}
    done = sum(v.status == "completed" for v in own)
    if states <= {"missing"}:
        return "it has not been run yet"
    if row.because:
        return row.because
    if theirs is None:
        return "no figure is printed"
    if changed := next((v.settings for v in own if v.settings), ""):
        return f"our runs have other settings than the table: {changed}"
    least, of = min(v.steps for v in own), max(v.of for v in own)
    if done < len(own):
        most = max(v.steps for v in own)
        made = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        far = f"; they have made {made} of {of:,} steps" if of else ""
        lost = {"failed": "failed", UNREADABLE: "cannot be read"}
        counts = [f", {n} {word}" for state, word in lost.items() if (n := sum(v.status == state for v in own))]
        return f"{done} of {len(own)} runs are completed{''.join(counts)}{far}"
    if any(v.steps < v.of for v in own):
        return f"our runs make only {least:,} of {of:,} steps"
    if len(x) < len(own):
        return f"{len(own) - len(x)} of {len(own)} runs tell no {column.metric}"
    if column.compare == "interval" and not (math.isfinite(ends[0]) and math.isfinite(ends[1])):
        return "one run tells no interval"
    return ""


def _order(column: str, judged: list[Judgement]) -> Order | None:
    """Spearman's correlation of the ranks, equal figures sharing theirs; its chance is counted over all orders."""
    both = [(j.theirs.mean, j.mean) for j in judged if j.theirs and j.verdict == "order"]
    if not both:
        return None
    theirs, ours = (_ranks(np.array(side)) for side in zip(*both, strict=True))
    if len(both) < 3 or not np.ptp(theirs) or not np.ptp(ours):
        return Order(column, len(both), math.nan, math.nan, "not comparable")
    rho = _correlation(theirs, ours)
    if len(both) <= 8:
        every = [_correlation(theirs, np.array(p)) for p in itertools.permutations(ours)]
    else:
        rng = np.random.default_rng(0)
        every = [_correlation(theirs, rng.permutation(ours)) for _ in range(20_000)]
    chance = float(np.mean(np.array(every) >= rho - 1e-12))
    same = rho > 1 - 1e-12 or chance <= CERTAIN
    return Order(column, len(both), rho, chance, "match" if same else "miss")


def _ranks(x: Array) -> Array:
    ranks: Array = ((x[:, None] > x).sum(1) + (x[:, None] >= x).sum(1)) / 2
    return ranks


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


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
            number, error = float(value) if value else math.nan, float(own) if own else None
            found.append(Value(name, column, int(seed), number, error, status, int(steps), int(of), settings))
        except ValueError:
            raise RunError(f"{path}:{i}: expects {','.join(HEADS)}, with whole numbers for seed, steps and of") from None
    return found
