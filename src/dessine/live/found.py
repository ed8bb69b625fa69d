"""What a sweep has found so far, for its page: the tables and the pictures of its report."""

from __future__ import annotations

from collections.abc import Hashable

from markupsafe import Markup

from dessine.live.pieces import address
from dessine.live.planned import planned
from dessine.live.shelf import Seen, stamps
from dessine.registry import SpecError
from dessine.reports import figure, joined, section
from dessine.reports.run_page import is_picture
from dessine.runs.documents import goals_of
from dessine.runs.files import RunError
from dessine.runs.inside import files
from dessine.spec import BadSpec
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.page import caption_of, differences_table, settings_table
from dessine.sweeps.results import collect


def mark(sweep: Seen) -> Hashable:
    """What is the same as long as nothing has been found since."""
    done = [cell.row.name for cell in sweep.cells if cell.row.status == "completed"]
    return (*done, *stamps(sweep.row.path, ("plots", "sweep.yaml", "sweep.json")).items())


def found(sweep: Seen) -> Markup:
    """Its settings from best to worst, paired differences, and the pictures that it drew at its end. Of completed runs only."""
    path = sweep.row.path
    parts = []
    try:
        folder, goals = SweepFolder(path), dict[str, str]()
        for cell in sweep.cells:
            goals |= goals_of(cell.row.info)
        results = collect(folder, planned(path).sweep.axes, folder.info().get("metrics") or goals)
        parts += [settings_table(results, metric, way) for metric, way in results.metrics.items()]
        parts += [differences_table(results, metric) for metric in results.metrics]
    except (BadSpec, SpecError, RunError, OSError, RecursionError) as error:
        why = error.lines[0] if isinstance(error, BadSpec) else error
        parts.append(Markup('<p class="bad">What it has found cannot be told: {}</p>').format(why))

    pictures = [one for one in files(path, "plots", r"[\w.-]+\.png") if is_picture(one)]
    drawn = [
        figure(
            one,
            caption_of(one),
            lambda own: f"{address('file', sweep.row.name, 'plots', own.name)}?v={own.stat().st_mtime_ns:x}",
        )
        for one in pictures
    ]
    return joined([*parts, section("Pictures", *drawn)])
