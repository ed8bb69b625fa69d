"""A judged table as a page beside the runs, and as a section of docs/published.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from markupsafe import Markup

from dessine.reports import facts, joined, page, section, table
from dessine.runs.files import write_atomically
from dessine.sweeps.judging import Judgement, Order
from dessine.sweeps.published import Published

NO_BREAK = "\u00a0"
HEADS = ("row", "figure", "theirs", "ours", "seeds", "steps", "verdict")


def told(judged: Iterable[Judgement]) -> list[tuple[str, ...]]:
    """The rows of the table as text. Of ours: mean and 95 % interval. Why a figure is not comparable stands in `reasons`."""
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


def reasons(judged: Sequence[Judgement]) -> list[str]:
    """Why figures are not comparable: each reason once, with the rows and figures that it is the reason of, if not of all."""
    every: dict[str, list[Judgement]] = {}
    for j in judged:
        if j.because:
            every.setdefault(j.because, []).append(j)
    lines = []
    for because, those in every.items():
        names = dict.fromkeys(
            j.row if all(k in those for k in judged if k.row == j.row) else f"{j.row}, {j.column}" for j in those
        )
        whose = "" if len(those) == len(judged) else f"{'; '.join(names)}: "
        lines.append(f"{whose}not comparable because {because}")
    return lines


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


def counted(judged: Sequence[Judgement], orders: Sequence[Order] = ()) -> str:
    """Such as: 3 match, 1 miss. Of an order it is the order that matches or not, no row of it."""
    kinds = ("match", "match, weakly", "miss", "not comparable")
    counts = {kind: sum(j.told == kind for j in judged) for kind in kinds}
    rows = [f"{n} {kind.replace(', weakly', ' weakly')}" for kind, n in counts.items() if n]
    return ", ".join([*rows, *(f"order by {order.column}: {order.verdict}" for order in orders)])


def save_page(
    published: Published, judged: Sequence[Judgement], orders: Sequence[Order], path: Path, title: str, command: str
) -> Path:
    """Write the page."""
    facts_of = {"source": published.source, "table": published.table, "verdicts": counted(judged, orders), "command": command}
    how = (
        "Theirs and ours with 95 % intervals; a match means that they meet, and is weak where one is wider than half of its "
        "figure. Ours are those at the end of the runs."
    )
    best = [i for i, j in enumerate(judged) if j.verdict == "match"]
    body = [
        Markup("<h1>{}</h1>").format(title),
        facts(facts_of | {"time": published.time}),
        section(
            "Theirs and ours",
            table(HEADS, _in_cells(told(judged)), how, len(HEADS), best),
            *(_line(text) for text in (*reasons(judged), *(order.told for order in orders))),
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
    time = [f"Time: {_text(published.time)}."] if published.time else []
    rows = "\n".join([_row(HEADS), _row(["---"] * len(HEADS)), *map(_row, told(judged))])
    said = _bullets([*reasons(judged), *(order.told for order in orders)])
    differs = ["What differs:", *_bullets(published.differs)] if published.differs else []
    notes = ["\n".join(map(_text, published.notes))] if published.notes else []
    head = [f"## {_text(name)}", f"{_text(published.source)}, {_text(published.table)}.", f"```sh\n{command}\n```"]
    return "\n\n".join([*head, *time, rows, *said, *differs, *notes]) + "\n"


def overview(verdicts: Mapping[str, str]) -> str:
    """The verdicts of all tables, above their sections. verdicts: name -> what is counted there"""
    rows = [_row((f"[{name}](#{name})", text)) for name, text in verdicts.items()]
    return "\n".join([_row(("table", "verdicts")), _row(("---", "---")), *rows]) + "\n"


def _bullets(texts: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {_text(text)}" for text in texts)] if texts else []


def _text(text: str) -> str:
    """As it stands in Markdown: on one line, and no HTML."""
    return escape(" ".join(text.split()), quote=False)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_text(cell).replace("|", "\\|") for cell in cells) + " |"
