"""What a sweep is going to run, by its sweep.yaml, so that its grid has a place for what has not begun.

Which cell has which place is told by what varies and by its seed; sweep.yaml may be anything, then there are no places.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from dessine.live.shelf import Seen
from dessine.registry import SpecError
from dessine.runs.files import RunError, own
from dessine.spec import BadSpec, check_document, read, value
from dessine.sweeps.cells import MOST_CELLS, Planner, Sweep, short_names, shown

MOST_COLUMNS = 12
"""Side by side; of more, as many as the screen has room for."""


@dataclass(frozen=True)
class Place:
    """One run that is planned: what varies, and its seed; cell: the one that is there"""

    label: str
    cell: Seen | None


@dataclass(frozen=True)
class Grid:
    """Places in rows of `columns`; None where there is no natural number of them."""

    places: list[Place]
    columns: int | None


def grid(sweep: Seen) -> Grid:
    """Every run that the sweep plans, in its order, then those that are there and stand in no plan, as of a search."""
    known = {id(cell): _values(cell) for cell in sweep.cells}
    try:
        planner = planned(sweep.row.path)
    except (BadSpec, SpecError, RunError, OSError, RecursionError):
        return Grid([Place(_label(known[id(cell)], cell.row.seed), cell) for cell in sweep.cells], None)
    keys = planner.sweep.axes.keys()
    search = planner.sweep.search is not None
    settings = [] if search else list(islice(planner.sweep.axes.settings(), MOST_CELLS))
    there = {}
    for cell in sweep.cells:
        values = known[id(cell)]
        there[_key({key: values.get(key) for key in keys}, cell.row.seed)] = cell
    places, used = list[Place](), set[int]()
    for i, values in enumerate(settings):
        for seed in planner.seeds(i):
            own_seed = planner.first if seed is None else seed
            found = there.get(_key(values, own_seed))
            places.append(Place(_label(values, seed), found))
            used.add(id(found))
    places += [Place(_label(known[id(cell)], cell.row.seed), cell) for cell in sweep.cells if id(cell) not in used]
    across, choices = len(planner.seeds()), planner.sweep.axes.choices()
    if not search and not planner.sweep.axes.random and len(choices) > 1 and across * len(choices[-1]) <= MOST_COLUMNS:
        across *= len(choices[-1])
    return Grid(places, across if 1 < across <= MOST_COLUMNS else None)


def planned(path: Path) -> Planner:
    """What the sweep in `path` says that it runs. Raises BadSpec, SpecError, RunError or OSError."""
    sweep: Any = check_document(read(own(path, "sweep.yaml"), alone=True), Sweep).node
    return Planner(sweep, read(own(path, "base.yaml"), alone=True), lambda document: {})


def _values(cell: Seen) -> dict[str, Any]:
    """What the command line of the cell set."""
    found = {}
    for text in cell.row.info.get("overrides", []):
        key, _, written = text.partition("=")
        try:
            found[key] = value(written)
        except SpecError:
            found[key] = written
    found.pop("seed", None)
    return found


def _key(values: dict[str, Any], seed: int | None) -> str:
    return json.dumps([values, seed], sort_keys=True, default=str)


def _label(values: dict[str, Any], seed: int | None) -> str:
    short = short_names(list(values))
    told = [f"{short[key]}={shown(v)}" for key, v in values.items()]
    return ", ".join([*told, *([f"seed {seed}"] if seed is not None else [])]) or "base"
