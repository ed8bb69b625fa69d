"""report.html of a sweep: which settings are best, what each axis changes, the pictures, and what did not work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import numpy as np
from markupsafe import Markup

from dessine.intervals import summarise_repeats
from dessine.reports import beside, facts, figure, folded, joined, link, page, preformatted, section, table
from dessine.reports.run_page import frames_of
from dessine.runs.files import RunError, write_atomically
from dessine.runs.notes import notes_of
from dessine.sweeps.cells import counted
from dessine.sweeps.results import UNRANKED, Result, Results, main_effect, samples, within

MOST_DRAWN, MOST_RUNS = 24, 500
CAPTIONS = {
    "search": "{} of each trial, and the best so far",
    "curves": "{} of the settings over time",
    "effects": "{} along each axis: every run as a dot, and the mean over all else",
    "heat": "{} of each pair of axes",
    "planes": "The way of each setting in the plane of its two numbers",
}


def save_page(results: Results, path: Path, title: str, pictures: Sequence[Path], spec: str, command: str) -> Path:
    """Write the page; `pictures` are put into it. spec: the text of sweep.yaml."""
    counts = Counter(row.status for row in results.rows)
    told = {
        "runs": ", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or "none yet",
        "axes": "; ".join(f"{axis.label}: {len(axis.points)} values" for axis in results.axes),
        "command": command,
    }
    with suppress(RunError):  # a file that cannot be read keeps no page from being written
        said = notes_of(path.parent)
        told |= {"tags": ", ".join(said.tags)} if said.tags else {}
        told |= {"notes": " / ".join(said.text.split("\n"))} if said.notes else {}
    note = Markup('<p class="quiet">Values are those at the end of a run; only completed runs are compared.</p>')
    body = [
        Markup("<h1>{}</h1>").format(title),
        facts(told),
        note if results.done else "",
        Markup('<p class="bad">{}</p>').format(UNRANKED) if results.done and not results.metrics else "",
        *(settings_table(results, metric, way) for metric, way in results.metrics.items()),
        *(differences_table(results, metric) for metric in results.metrics),
        section("What the runs draw", *_drawn(results)),
        section("Pictures", *(figure(picture, caption_of(picture)) for picture in pictures)),
        section("Runs", _runs(results)),
        _failures(results),
        section("The sweep", preformatted(spec)),
    ]
    write_atomically(path, page(title, joined(body)))
    return path


def caption_of(picture: Path) -> str:
    """What a picture of a sweep shows, by its name."""
    kind, _, metric = picture.stem.partition("_")
    return CAPTIONS.get(kind, "{}").format(metric)


def settings_table(results: Results, metric: str, way: str) -> Markup:
    """Mean, interval and spread of each setting, the best first."""
    rows = []
    for runs in results.settings().values():
        told = summarise_repeats(np.array(list(samples(runs, metric).values())), within(runs, metric))
        if told["count"]:
            seconds = [r.seconds for r in runs if r.seconds is not None]
            names = [axis.name(runs[0].values) for axis in results.axes]
            mean_seconds = float(np.mean(seconds)) if seconds else None
            rows.append((told["mean"], [*names, told["mean"], *told["interval"], told["std"], told["count"], mean_seconds]))
    rows.sort(key=lambda row: row[0], reverse=way == "max")
    heads = [*(axis.label for axis in results.axes), "mean", "95 % from", "to", "std", "n", "seconds"]
    if not rows:
        return Markup()
    better = f"{'higher' if way == 'max' else 'lower'} is better; n counts seeds and repeats"
    return section(f"{metric} by setting", table(heads, [row for _, row in rows], better, len(results.axes), best=[0]))


def differences_table(results: Results, metric: str) -> Markup:
    """Each point of each axis against the first, seed by seed."""
    rows = []
    for axis in results.axes:
        if axis.drawn or not 1 < len(axis.points) <= 50:
            continue
        effect = main_effect(results, axis, metric)
        if effect.seeds < 2:
            continue
        for i, point in enumerate(axis.points[1:], 1):
            low, high = float(effect.difference_low[i]), float(effect.difference_high[i])
            names = [axis.label, axis.name(point), axis.name(axis.points[0])]
            excludes = None if low != low else "no" if low <= 0 <= high else "yes"
            rows.append([*names, float(effect.difference[i]), low, high, effect.seeds, excludes])
    if not rows:
        return Markup()
    heads = ["axis", "value", "against", "difference", "95 % from", "to", "seeds", "excludes 0"]
    how = (
        "The same seeds on both sides, over the settings of the other axes that all values completed. Where the interval "
        "excludes 0, other seeds would hardly turn the difference round; one of twenty such intervals errs by chance."
    )
    return section(f"{metric}: paired differences", table(heads, rows, how, 3))


def _drawn(results: Results) -> list[Markup]:
    """Side by side the last picture of the runs: of every one, or where they are many of the first seed of each setting."""
    settings = results.settings()
    runs = [(label, row) for label, rows in settings.items() for row in rows]
    if few := len(runs) > MOST_DRAWN:
        runs = [(label, rows[0]) for label, rows in settings.items()][:MOST_DRAWN]
    shown = [(label, row, frames) for label, row in runs if (frames := frames_of(row.run.path))]
    told = (
        f"The first seed of {len(shown)} of {len(settings)} settings, at the end of the run. "
        if few
        else "At the end of each run. "
    )
    note = Markup('<p class="quiet">{}A click leads to the folder of the run.</p>').format(told)
    cards = [(frames[-1], f"{label}, seed {row.seed}", _address(row)) for label, row, frames in shown]
    return [note, beside(cards)] if cards else []


def _runs(results: Results) -> Markup:
    """Every run, with what it reached; its name leads to its folder."""
    heads = ["run", *(axis.label for axis in results.axes), "seed", "status", *results.metrics]
    rows = []
    for row in results.rows[:MOST_RUNS]:
        reached = [float(np.mean(found)) if (found := row.last.get(metric)) else None for metric in results.metrics]
        names = [axis.name(row.values) for axis in results.axes]
        rows.append([link(_address(row), row.run.path.name), *names, row.seed, row.status, *reached])
    told = counted(len(results.rows), "run")
    told = f"the first {MOST_RUNS} of {told}" if len(results.rows) > MOST_RUNS else told
    return folded(told, table(heads, rows, "Values at the end, mean over the repeats of the run")) if rows else Markup()


def _address(row: Result) -> str:
    """Of a run's page, if it has one, else of its folder, from the sweep's page."""
    inside = f"{row.run.path.parent.name}/{quote(row.run.path.name)}/"
    return inside + "report.html" if (row.run.path / "report.html").is_file() else inside


def _failures(results: Results) -> Markup:
    rows = [[r.run.path.name, r.status, r.reason] for r in results.rows if r.status != "completed"]
    return section("Not completed", table(["cell", "status", "reason"], rows, "", 3)) if rows else Markup()
