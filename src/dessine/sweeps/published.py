"""A table that others have published, as a block of a sweep: their figures, and which of our metrics stands beside each.

What runs is the sweep's; how theirs and ours are compared is told in `judging.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from scipy.special import ndtri, stdtrit

from dessine.intervals import ANY, Limits
from dessine.node import Node
from dessine.registry import Count, Path, SpecError, did_you_mean
from dessine.schema import shown

Figure = int | float | str | list[int | float]
"""As the paper prints it: 12.0, or "0.70", a text, where a number would lose its last 0; or [12.0, 0.1] with its error."""
Name = Annotated[str, MinLen(1)]


class Column(Node):
    """One column of the table, and what of ours stands in it.

    name: its head
    metric: ours, the full name of a metric at the end of a run, such as scores.modes, or of a score of `dessine eval`, such as
        eval.parzen, of 10,000 samples
    times: ours is times * metric + plus: -100 and 100 make an error in per cent of a success; not 0
    plus: see times
    error: a metric that is the standard error of the first, for runs that tell one by themselves
    exact: whether luck has no part in it, so that one run tells it all
    compare: interval: each row by itself; order: only how the rows rank, by Spearman
    """

    def __init__(
        self,
        name: Name,
        metric: Name,
        times: float = 1.0,
        plus: float = 0.0,
        error: str | None = None,
        exact: bool = False,
        compare: Literal["interval", "order"] = "interval",
    ):
        self.name, self.metric, self.times, self.plus = name, metric, times, plus
        self.error, self.exact, self.compare = error, exact, compare
        if not times:
            raise SpecError("expects another number than 0, which makes all of ours alike", ("times",))


class Row(Node):
    """One row of the table.

    name: what the paper calls it
    cell: the values of the sweep's axes by which its runs are known; they must single out one setting, whatever its seed
    figures: column -> what is printed there, or [figure, error]; a column that is omitted has none. "0.70" in quotes keeps the
        last 0, which tells to how many digits it is rounded
    steps: turns of a run in the authors' set-up, where they differ from those of the table
    because: why its figures cannot be compared, if they cannot
    columns: those of the table that mean something for it; all of them, if omitted
    """

    def __init__(
        self,
        name: Name,
        cell: dict[str, Any] = {},  # noqa: B006
        figures: dict[str, Any] = {},  # noqa: B006
        steps: Count | None = None,
        because: Name | None = None,
        columns: Annotated[list[str], MinLen(1)] | None = None,
    ):
        self.name, self.cell, self.steps, self.because, self.columns = name, cell, steps, because, columns
        self.figures: dict[str, Figure] = figures
        for column, figure in figures.items():
            alone = float(figure) if isinstance(figure, str) and _is_number(figure) else figure
            numbers = figure if isinstance(figure, list) and len(figure) == 2 else [alone]
            known = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in numbers)
            if not known or numbers[-1] < 0 < len(numbers) - 1:
                raise SpecError(
                    f"expects a figure, or [figure, error] with an error of at least 0, got {shown(figure)}",
                    ("figures", column),
                )
            if columns is not None and column not in columns:
                raise SpecError(f"this row has only the columns {', '.join(columns)}", ("figures", column))

    def has(self, column: str) -> bool:
        """Whether the column means something for it."""
        return self.columns is None or column in self.columns


class Published(Node):
    """A published table: theirs, to be held against the runs of this sweep.

    source: the paper
    table: which of its tables or claims
    columns: of the table, each with our metric
    rows: of the table, each with the runs that are ours
    steps: turns of a run in the authors' set-up; a run that made fewer is not compared
    error: what stands behind a figure: the standard error or the standard deviation of `trials` runs, or the half width of its
        95 % interval
    trials: how many runs a figure of theirs is the mean of; a standard deviation says nothing of a mean without it
    differs: what is not as the authors had it
    time: how long all of it takes, on which machine
    notes: what else a reader must know
    """

    def __init__(
        self,
        source: Name,
        table: Name,
        columns: Annotated[list[Column], MinLen(1)],
        rows: Annotated[list[Row], MinLen(1)],
        steps: Count | None = None,
        error: Literal["standard_error", "standard_deviation", "half_width"] = "half_width",
        trials: Count | None = None,
        differs: list[str] = [],  # noqa: B006
        time: str = "",
        notes: list[str] = [],  # noqa: B006
    ):
        self.source, self.table, self.columns, self.rows, self.steps = source, table, columns, rows, steps
        self.error, self.trials, self.differs, self.time, self.notes = error, trials, differs, time, notes
        names = [column.name for column in columns]
        for what, all_names in (("columns", names), ("rows", [row.name for row in rows])):
            for i, name in enumerate(all_names):
                if name in all_names[:i]:
                    raise SpecError(f"expects another name for each of the {what}, got {shown(name)} twice", (what, i, "name"))
        for i, row in enumerate(rows):
            written: list[tuple[str, Path]] = [(name, ("figures", name)) for name in row.figures]
            written += [(name, ("columns", n)) for n, name in enumerate(row.columns or ())]
            for name, at in written:
                if name not in names:
                    known = f"{did_you_mean(name, names)} (known: {', '.join(names)})"
                    raise SpecError(f"no column {shown(name)}{known}", ("rows", i, *at))
        if error == "standard_deviation" and (trials or 0) < 2:
            raise SpecError("how many runs were there? A standard deviation needs at least 2", ("trials",))

    def theirs(self, figure: Figure, within: Limits = ANY) -> Theirs:
        """The figure as an interval: 95 %, from its error, or else what rounds to the digits that are printed.

        within: what such a figure can be at all; what is printed lies inside whatever they have counted
        """
        first, error = (figure[0], figure[1]) if isinstance(figure, list) else (figure, None)
        printed = Decimal(first if isinstance(first, str) else repr(first))
        mean = float(printed)
        if error is None:
            half, how = float(Decimal(5).scaleb(int(printed.as_tuple().exponent) - 1)), "as printed"
        elif self.error == "half_width":
            half, how = float(error), "± as printed"
        else:
            n = self.trials or 0
            wide = float(stdtrit(n - 1, 0.975)) if n > 1 else float(ndtri(0.975))
            half = wide * error / (n**0.5 if self.error == "standard_deviation" and n else 1)
            how = f"95 %, from the {self.error.replace('_', ' ')}{f' of {n} runs' if n else ''}"
        low, high = min(within[0], mean), max(within[1], mean)
        return Theirs(mean, max(low, mean - half), min(high, mean + half), how)


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


@dataclass(frozen=True)
class Theirs:
    """A figure of theirs, between which ends it lies, and how those are known."""

    mean: float
    low: float
    high: float
    how: str
