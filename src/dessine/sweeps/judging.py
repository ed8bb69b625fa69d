"""Theirs beside ours, figure by figure, with a verdict.

What is published belongs to `published.py`, what our runs tell to `ours.py`. A figure reached with other settings is no
reproduction: a run that made fewer steps than the authors', or is another game than the table asks for, is not compared.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from dessine.intervals import Limits, limits, mean_interval
from dessine.registry import DEFAULTS
from dessine.sweeps.behind import Behind
from dessine.sweeps.ours import Value
from dessine.sweeps.published import Column, Published, Row, Theirs
from dessine.sweeps.results import UNREADABLE

Array = np.ndarray
CERTAIN = 0.05
"""Chance of an order as close as ours, or closer, among all orders, up to which it is called the same."""


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


def judge(published: Published, values: Iterable[Value], runs: Behind = DEFAULTS) -> tuple[list[Judgement], list[Order]]:
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
