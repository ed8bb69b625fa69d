"""A judged table as a page beside the runs, and as a section of docs/published.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from dessine.reports import facts, joined, page, section, table
from dessine.runs.files import write_atomically
from dessine.sweeps.judging import Judgement, Order
from dessine.sweeps.published import Published

NO_BREAK = "\u00a0"
HEADS = ("row", "figure", "theirs", "ours", "seeds", "steps", "verdict")


def told(judged: Iterable[Judgement]) -> list[tuple[str, ...]]:
    """The rows of the table as text. Of ours: mean and 95 % interval."""
    return [
        (
            j.row,
            j.column,
            _of_theirs(j),
            between(j.mean, j.low, j.high) if j.seeds else "-",
            str(j.seeds),
            "-" if not j.of else f"{j.steps:,}" if j.steps >= j.of else f"{j.steps:,} of {j.of:,}",
            j.told,
        )
        for j in judged
    ]


def _of_theirs(j: Judgement) -> str:
    return between(j.theirs.mean, j.theirs.low, j.theirs.high) if j.theirs else "-"


def between(mean: float, low: float, high: float) -> str:
    """Such as 4.7 [4.6, 4.8]; with as many digits as the interval bears."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{mean:.4g}"
    wide = high - low
    if wide <= 1e-9 * abs(mean):
        return f"{mean:.4g}"
    digits = max(1, min(6, 2 + math.floor(math.log10(max(abs(mean), wide) / wide)))) if mean else 3
    return f"{mean:.{max(digits, 3)}g} [{low:.{max(digits, 3)}g}, {high:.{max(digits, 3)}g}]"


def counted(judged: Sequence[Judgement]) -> str:
    """Such as: 3 match, 1 miss."""
    kinds = ("match", "match, weakly", "miss", "order", "not comparable")
    counts = {kind: sum((j.verdict if j.because else j.told) == kind for j in judged) for kind in kinds}
    return ", ".join(
        f"{n} {'in order' if kind == 'order' else kind.replace(', weakly', ' weakly')}" for kind, n in counts.items() if n
    )


def save_page(
    published: Published, judged: Sequence[Judgement], orders: Sequence[Order], path: Path, title: str, command: str
) -> Path:
    """Write the page."""
    facts_of = {"source": published.source, "table": published.table, "verdicts": counted(judged), "command": command}
    how = (
        "Theirs and ours with 95 % intervals; a match means that they meet, and is weak where one is wider than half of its "
        "figure. Ours are those at the end of the runs."
    )
    best = [i for i, j in enumerate(judged) if j.verdict == "match"]
    body = [
        Markup("<h1>{}</h1>").format(title),
        facts(facts_of | {"time": published.time}),
        section(
            "Theirs and ours", table(HEADS, _in_cells(told(judged)), how, len(HEADS), best), *(_line(o.told) for o in orders)
        ),
        section("What differs", *(_line(text) for text in published.differs)),
        section("Notes", *(_line(text) for text in published.notes)),
    ]
    write_atomically(path, page(title, joined(body)))
    return path


def _in_cells(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The rows of a page: a row's name stands once, and a figure with its interval is not broken into lines."""
    names = ["" if i and row[0] == rows[i - 1][0] else row[0] for i, row in enumerate(rows)]
    return [
        (name, *(text.replace(" ", NO_BREAK) for text in row[1:-1]), row[-1]) for name, row in zip(names, rows, strict=True)
    ]


def _line(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def markdown(name: str, published: Published, judged: Sequence[Judgement], orders: Sequence[Order], command: str) -> str:
    """One section of docs/published.md."""
    lines = [f"## {name}", "", f"{published.source}, {published.table}.", "", "```sh", command, "```", ""]
    if published.time:
        lines += [f"Time: {published.time}.", ""]
    lines += [_row(HEADS), _row(["---"] * len(HEADS)), *(_row(row) for row in told(judged)), ""]
    lines += [f"- {order.told}" for order in orders]
    if published.differs:
        lines += ["", "What differs:", "", *(f"- {text}" for text in published.differs)]
    if published.notes:
        lines += ["", *(f"{text}" for text in published.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
