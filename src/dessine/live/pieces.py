"""What a page shows of a run, piece by piece, as HTML: those of its report, and what only a run that goes on has."""

from __future__ import annotations

import json
import shlex
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from dessine.live.growing import Growing
from dessine.live.shelf import Seen, Shelf, stamps
from dessine.reports import joined, section
from dessine.reports.run_page import (
    CAPTIONS,
    config,
    curves,
    diagnosed,
    head,
    how,
    last_metrics,
    log,
    networks,
    pictures,
    provenance,
    results,
    scored_by_eval,
)
from dessine.runs.collection import Row
from dessine.runs.comparison import Track, count_of
from dessine.runs.documents import goals_of, read_summary
from dessine.runs.files import RunError
from dessine.runs.run import picture_name

MOST_KEPT = 16
"""Runs whose lines of metrics stay in memory: those that somebody looks at."""
MOST_SAMPLES = 2000
"""Pictures under a slider; of more, every second, fourth ... is left."""
MOST_DOTS = 400
BESIDES = ("source.yaml", "plots", "eval", "eval/best", "eval/scores.json")
"""What changes a page of a run, besides what changes its card in a list."""
RECENT = 30.0
"""Seconds over which the speed is taken, if there are pictures that far back."""
SAID = {
    "lost": "Its process is gone without a word: it was killed, or its machine went down. What it has saved is here.",
    "interrupted": "It was stopped before its last step.",
    "failed": "It could not go on. What it has written until then is here.",
    "broken": "Its files cannot be read as they are now.",
    "queued": "It has not begun yet.",
}
APART = "Its repeats train apart; until they are put together, samples and lines of metrics are those of the first."
SIGNS = {"running": "●", "completed": "✓", "failed": "✕", "broken": "✕", "lost": "?", "interrupted": "‖", "queued": "○"}
"""Of a status, for those who do not see its colour."""


def address(*parts: str) -> str:
    """Of a page or a file of the watch; the parts of a cell's name stay apart."""
    return "/" + "/".join(quote(part, safe="/", errors="surrogateescape") for part in parts)


class Pieces:
    """Makes them, and keeps what it has read of the runs that are looked at."""

    def __init__(self, shelf: Shelf):
        self.shelf = shelf
        self._kept: OrderedDict[Path, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: str) -> bytes:
        """Of the run `name`, as JSON: its pieces, its pictures and its state. Many who ask at once cost no more than one.

        Raises Missing.
        """
        seen = self.shelf.see(name)
        mark = (seen.mark, tuple(stamps(seen.row.path, BESIDES).items()))
        with self._lock:
            kept = self._kept.setdefault(seen.row.path, Kept(Growing(seen.row.path)))
            self._kept.move_to_end(seen.row.path)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        with kept.lock:
            if kept.mark != mark:
                kept.growing.catch_up(seen.row.repeats or 1)
                kept.told, kept.mark = json.dumps(_run(seen, kept.growing)).encode(), mark
            return kept.told


@dataclass
class Kept:
    """A run that somebody looks at: its lines of metrics, and what was told of it last, when its files had this mark."""

    growing: Growing
    mark: Hashable = None
    told: bytes = b""
    lock: threading.Lock = field(default_factory=threading.Lock)


def _run(seen: Seen, growing: Growing) -> dict[str, Any]:
    row, goes_on = seen.row, seen.row.status == "running"
    if growing.step is not None and (goes_on or row.step is None):
        row.step = growing.step
    try:
        summary = {} if goes_on else read_summary(row.path)
        wrong = [*growing.told(), *([APART] if growing.apart and growing.records else [])]
    except RunError as error:
        summary, wrong = {}, [str(error), *growing.told()]
    track = Track(replace(row, repeats=1) if growing.apart else row, (growing.records[-1:], []))
    best = {goal: found for goal, way in goals_of(row.info).items() if (found := growing.best(goal, way))}

    def source(path: Path) -> str:
        own = address("file", row.name, path.relative_to(row.path).as_posix())
        return f"{own}?v={path.stat().st_mtime_ns:x}"

    made: dict[str, Callable[[], Any]] = {
        "head": lambda: joined([head(row), _progress(seen, growing), *(_bad(one) for one in wrong)]),
        "how": lambda: how(row),
        "verdict": lambda: _verdict(seen, summary, growing),
        "curves": lambda: section("Curves", *curves(growing.history, goals_of(row.info))),
        "results": lambda: section("Results", results(row, track, {"best": best} | summary), last_metrics(track)),
        "pictures": lambda: "" if goes_on else section("Pictures", *pictures(row.path, "plots", CAPTIONS, source)),
        "eval": lambda: section("Measured by dessine eval", *scored_by_eval(row.path, "eval", source)),
        "log": lambda: section("Log", log(row.path)),
        "config": lambda: section("Config", config(row)),
        "networks": lambda: section("Networks", *networks(row)),
        "origin": lambda: section("Where it comes from", provenance(row)),
    }
    samples = seen.samples
    while len(samples) > MOST_SAMPLES:
        samples = [*samples[:-1:2], samples[-1]]
    return {
        "name": row.name,
        "title": title_of(seen),
        "status": row.status,
        "pieces": {name: piece(name, make) for name, make in made.items()},
        "files": address("file", row.name, seen.part) + "/",
        "steps": [one.step for one in samples],
        "tags": [one.tag for one in samples],
    }


def piece(name: str, make: Callable[[], Any]) -> str:
    """A piece; or in its place why there is none: whatever is in a damaged folder, the others are shown."""
    try:
        return str(make())
    except Exception as error:
        return str(_bad(f"{name}: cannot be shown ({type(error).__name__}: {error})"))


def _bad(text: str) -> Markup:
    return Markup('<p class="bad">{}</p>').format(text)


def title_of(seen: Seen) -> str:
    """What its config calls it; without, its folder."""
    row = seen.row
    own = row.info.get("name") if row.kind == "sweep" else row.spec.get("name")
    return own if isinstance(own, str) and own else row.name.rpartition("/")[2]


def _progress(seen: Seen, growing: Growing) -> Markup:
    """How far it is, how fast it goes, and what its state means."""
    row = seen.row
    parts: list[str] = []
    if row.status == "running" and row.step is not None and row.steps:
        bar = Markup('<progress max="{}" value="{}" aria-label="Steps made"></progress>')
        parts.append(bar.format(row.steps, min(row.step, row.steps)))
    if row.status == "running":
        parts.append(Markup('<p class="quiet">{}</p>').format(pace(seen, growing)))
    elif row.status in SAID:
        resumed = Markup(" <code>{}</code> goes on with it.").format(
            shlex.join(["dessine", "train", "--resume", str(row.path)])
        )
        again = resumed if row.status in ("lost", "interrupted") else ""
        parts.append(Markup('<p class="quiet">{}{}</p>').format(SAID[row.status], again))
    return joined(parts)


def _verdict(seen: Seen, summary: dict[str, Any], growing: Growing) -> Markup:
    """What is the matter with it: as it was told at its end, or as its lines of metrics say until now."""
    at_end = summary.get("diagnosis")
    told = dict(at_end or growing.verdict(seen.row))
    if not at_end and told["early"]:
        told["advice"] = []  # but to wait
    heading = "Verdict" if at_end else "Verdict so far"
    command = shlex.join(["dessine", "diagnose", str(seen.row.path)])
    note = Markup('<p class="quiet">From the lines of metrics alone; <code>{}</code> looks at samples and data, too.</p>')
    return section(heading, diagnosed(told), "" if at_end else note.format(command))


def pace(seen: Seen, growing: Growing) -> str:
    """Steps per second and the time left, as the times of its pictures and of its last line of metrics tell them."""
    row, step, at = seen.row, growing.step, growing.written
    if step is None:
        return "no line of metrics yet"
    since = max(_begun(row), 0.0)
    marks = [(since, 0.0)] if since and not row.info.get("resumes") else []
    marks += [(int(one.tag.partition("-")[0], 16) / 1e9, float(one.step)) for one in seen.samples]
    before = [(when, made) for when, made in marks if since <= when < at - 1.0 and made < step]
    if not before:
        return ""
    when, made = next((one for one in reversed(before) if at - one[0] >= RECENT), before[0])
    speed = (step - made) / (at - when)
    told = f"{speed:,.0f} steps/s" if speed >= 10 else f"{speed:.2g} steps/s"
    if row.steps and row.steps > step:
        told += f" · about {_about((row.steps - step) / speed)} left"
    return told


def _about(seconds: float) -> str:
    """A time to come, no finer than anybody knows it."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _begun(row: Row) -> float:
    """When the process that works on it began, in seconds since 1970."""
    said = row.info.get("since")
    try:
        return datetime.fromisoformat(said).timestamp() if isinstance(said, str) else row.began or 0.0
    except ValueError:
        return row.began or 0.0


def card(seen: Seen, label: str = "") -> Markup:
    """A run or a sweep in a list: its last picture, its state, how far it is, what it reached. label: instead of its name"""
    row = seen.row
    reached = " · ".join(f"{name.removeprefix('scores.').replace('_', ' ')} {v:.4g}" for name, v in row.results.items())
    at = address("run", row.name)
    return CARD.format(
        at=at,
        picture=_dots(seen) if row.kind == "sweep" else _thumb(seen),
        title=label or title_of(seen),
        state=state(row.status, _far(row)),
        bar=_bar(row),
        reached=reached or (row.reason or "") if row.kind == "run" else count_of(row.cells) or "no runs yet",
        said=SAY.format(" · ".join([*row.tags, *row.note.split("\n")[-1:]]).strip(" ·")) if row.tags or row.note else "",
        began=Markup('<time data-at="{:.0f}"></time> · ').format(row.began) if row.began and not label else "",
        folder="" if label else row.name.rpartition("/")[2],
        pick=Markup() if row.kind == "sweep" else PICK.format(name=row.name, title=label or title_of(seen)),
    )


CARD = Markup("""<a class="thumb" href="{at}" tabindex="-1" aria-hidden="true">{picture}</a>
<div class="about"><h3><a href="{at}">{title}</a></h3>
{state}{bar}
<p class="quiet reached">{reached}</p>{said}
<p class="quiet folder">{began}{folder}</p>
{pick}</div>""")
SAY = Markup("<p>{}</p>")
PICK = Markup(
    '<label class="pick"><input type="checkbox" value="{name}" aria-label="Side by side: {title}"> side by side</label>'
)


def state(status: str, more: str = "") -> Markup:
    """A status with its sign."""
    made = Markup('<p class="state {0}"><span aria-hidden="true">{1}</span> <strong>{0}</strong>{2}</p>')
    return made.format(status, SIGNS.get(status, "○"), f" · {more}" if more else "")


def _far(row: Row) -> str:
    if row.kind == "sweep":
        return f"sweep of {sum(row.cells.values()):,}"
    if row.step is None:
        return ""
    return f"step {row.step:,}" + (f" of {row.steps:,}" if row.steps and row.steps != row.step else "")


def _bar(row: Row) -> Markup:
    if row.kind == "sweep":
        made, of = row.cells.get("completed", 0), sum(row.cells.values())
    else:
        made, of = row.step or 0, row.steps or 0
    if not of or made >= of or row.status in ("completed", "queued"):
        return Markup()
    return Markup('<progress max="{}" value="{}" aria-label="Done"></progress>').format(of, made)


def _thumb(seen: Seen) -> Markup:
    if not seen.samples:
        return Markup('<span class="none">no samples</span>')
    last = seen.samples[-1]
    source = f"{address('file', seen.row.name, seen.part, picture_name(last.step))}?v={last.tag}"
    return Markup('<img loading="lazy" decoding="async" src="{}" alt="">').format(source)


def _dots(seen: Seen) -> Markup:
    """One square for each cell of a sweep."""
    dots = [Markup('<i class="{}"></i>').format(one.row.status) for one in seen.cells[:MOST_DOTS]]
    return (
        Markup('<span class="dots">{}</span>').format(Markup().join(dots))
        if dots
        else Markup('<span class="none">sweep</span>')
    )
