"""One page of several runs side by side: in what their specs differ, what they reached, their curves together, their samples.

What is compared, and by which metrics, belongs to `runs/comparison.py`; pictures are made before, and put into the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from dessine.reports.curves import MOST_LINES, Series, grid, panel, read
from dessine.reports.run_page import GOOD, how, is_picture, span
from dessine.reports.shell import facts, figure, folded, joined, page, prose, section, table
from dessine.runs.comparison import NOT_COMPARED, Setting, Track, apart, differences, each_drawing, name_of, shown
from dessine.runs.documents import read_summary
from dessine.runs.files import RunError, write_atomically
from dessine.runs.inside import files
from dessine.runs.run import PICTURE

MOST_RUNS = 50
"""Of which each is told by itself."""
MOST_PICTURES = 24
"""Settings whose last sample grid is shown."""
SORTS = {"healthy": "good", "unknown": "quiet"}


def save_comparison_page(
    path: Path,
    every: Sequence[Setting],
    names: Sequence[str],
    told: Mapping[str, Sequence[Mapping[str, Any]]],
    samples: Iterable[Path] = (),
) -> Path:
    """Write the page to `path`.

    names: the metrics that are compared; told: for each what `summarise_repeats` says of all that `apart` gives
    samples: pictures of what the settings draw
    """
    lines, labels = apart(every), [one.label for one in each_drawing(every)]
    runs = sum(len(one.tracks) for one in every)
    title = f"Comparison of {len(every)} settings" if len(every) > 1 else f"{runs} runs of {name_of(every[0])}"
    others = [name for one in every for track in one.tracks for name in track.names() if name not in names]
    parts = [
        Markup("<header>\n<h1>{}</h1>\n<p>{}</p>\n</header>").format(title, " · ".join(labels)),
        *(Markup('<p class="bad">{}</p>').format(fault) for one in every for track in one.tracks for fault in track.faults),
        section("What differs", _differing(every)),
        section("What they reached", _reached(lines, names, told)),
        section("Verdicts", _verdicts(every)),
        section("Curves", _curves(lines, names), _more(lines, list(dict.fromkeys(others)))),
        section("Samples", *_samples(each_drawing(every), samples)),
        section("The runs", *_runs(every)),
    ]
    write_atomically(path, page(title, joined(parts)))
    return path


def _differing(every: Sequence[Setting]) -> Markup:
    """Every key of the spec that is not the same in all; of runs of one setting, only their seeds differ."""
    firsts = [one.tracks[0].row for one in every]
    found = differences([{key: v for key, v in row.spec.items() if key not in NOT_COMPARED} for row in firsts])
    if not found:
        same = "The same spec" if len(every) > 1 else "The same spec, but for the seed"
        return Markup("<p>{}.</p>").format(same)
    rows = [[key, *map(shown, values)] for key, values in found.items()]
    return table(["key", *(one.label for one in every)], rows, numbers_from=len(every) + 1)


def _reached(every: Sequence[Setting], names: Sequence[str], told: Mapping[str, Sequence[Mapping[str, Any]]]) -> Markup:
    """Means at the end, over seeds and repeats, with their 95 % intervals where there are several."""
    heads, rows = ["setting", "n"], [[one.label, len(one.repeats)] for one in every]
    for name in names:
        heads += [name, "95 % interval"]
        for row, one in zip(rows, told[name], strict=True):
            low, high = one["interval"] if one["count"] else (np.nan, np.nan)
            row += [one["mean"] if one["count"] else None, f"{low:.4g} to {high:.4g}" if low == low else None]
    several = any(len(one.repeats) > 1 for one in every)
    if not several:
        kept = [i for i, head in enumerate(heads) if head != "95 % interval"]
        heads, rows = [heads[i] for i in kept], [[row[i] for i in kept] for row in rows]
    return table(heads, rows, "At the end of each run" + (", means over seeds and repeats" if several else ""))


def _verdicts(every: Sequence[Setting]) -> Markup:
    """What the diagnosis said of each run when it ended."""
    rows = []
    for label, track in _told(every):
        try:
            found = read_summary(track.row.path).get("diagnosis", {})
        except RunError as error:
            rows.append([label, track.name, Markup('<span class="bad">{}</span>').format(error), ""])
            continue
        if {"verdict", "words"} <= found.keys():
            name = Markup('<strong class="{}">{}</strong>').format(SORTS.get(found["verdict"], "bad"), found["verdict"])
            rows.append([label, track.name, name, prose(found["words"])])
    return table(["setting", "run", "verdict", "why"], rows, numbers_from=4) if rows else Markup()


def _told(every: Sequence[Setting]) -> list[tuple[str, Track]]:
    """The runs of all settings, each with the setting's label, as far as each is told by itself."""
    return [(one.label, track) for one in every for track in one.tracks][:MOST_RUNS]


def _curves(every: Sequence[Setting], names: Iterable[str]) -> Markup:
    """A panel for each metric, a line for each setting; where there are more than can be told apart, several panels."""
    made = []
    for name in names:
        lines = {one.label: _series(one, name) for one in every}
        there = [(label, one) for label, one in lines.items() if one.steps]
        for at in range(0, len(there), MOST_LINES):
            made.append(panel(name, dict(there[at : at + MOST_LINES]), read(name)))
    return grid(made)


def _more(every: Sequence[Setting], names: Sequence[str]) -> Markup:
    """What else was measured."""
    curves = _curves(every, names)
    return folded(f"{len(names)} more metrics", curves) if curves else Markup()


def _series(one: Setting, name: str) -> Series:
    """Its mean and range over seeds and repeats."""
    made = Series()
    for step, values in zip(*_columns(one, name), strict=True):
        made.add(step, [float(v) for v in values if np.isfinite(v)])
    return made


def _columns(one: Setting, name: str) -> tuple[list[float], list[Any]]:
    steps, values = one.curve(name, "step")
    return steps.tolist(), list(values.T)


def _samples(every: Sequence[Setting], together: Iterable[Path]) -> list[Markup]:
    """What they draw from the same latents, then the last picture of the first run of each, side by side."""
    whose = "each run" if all(len(one.tracks) == 1 for one in every) else "the first run of each setting"
    parts = [figure(path, f"What {whose} draws, from the same latents where they fit") for path in together]
    last = [(one, shots[-1]) for one in every if (shots := _pictures(one.tracks[0].row.path))][:MOST_PICTURES]
    cards = [figure(path, f"{one.label}{_name(one)}, {_step(path)}") for one, path in last]
    if cards:
        parts += [how(last[0][0].tracks[0].row), Markup('<div class="cards">\n{}\n</div>').format(joined(cards))]
    return parts


def _name(one: Setting) -> str:
    """Of its first run, if the label does not say it."""
    return "" if one.tracks[0].name in one.label else f": {one.tracks[0].name}"


def _pictures(folder: Path) -> list[Path]:
    return [path for path in files(folder, "samples", PICTURE.pattern) if is_picture(path)]


def _step(path: Path) -> str:
    return f"step {int(path.stem.rpartition('_')[2]):,}"


def _runs(every: Sequence[Setting]) -> list[Markup]:
    """Where each comes from."""
    rows = []
    for label, track in _told(every):
        row = track.row
        status = Markup('<span class="{}">{}</span>').format(GOOD.get(row.status, "quiet"), row.status)
        took = span(row.seconds) if row.seconds is not None else None
        rows.append([label, track.name, status, row.step, row.seed, row.repeats, took])
    heads = ["setting", "run", "status", "step", "seed", "repeats", "took"]
    left = sum(len(one.tracks) for one in every) - len(rows)
    caption = f"The first {len(rows)}; {left} more are compared" if left > 0 else ""
    commands = {track.name: track.row.info.get("command") for _, track in _told(every)}
    return [
        table(heads, rows, caption, numbers_from=3),
        folded("Their commands", facts(commands)) if any(commands.values()) else Markup(),
    ]
