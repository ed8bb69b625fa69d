"""Which runs of a sweep stand behind a row of a published table, and whether they have the table's own settings.

What those runs tell belongs to `ours.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dessine.registry import SpecError, did_you_mean
from dessine.schema import shown
from dessine.sweeps.cells import Cell
from dessine.sweeps.published import Published, Row

Behind = Mapping[str, Sequence[Cell]]
"""The name of a row -> its cells: one setting, with each of its seeds."""
SPARED = ("name", "seed", "repeats", "outputs")
"""Parts of a config that change no game: what a run is called, its luck, and what it keeps."""
LENGTH = ("training.steps", "training.epochs")
MOST_TOLD = 3


def behind(published: Published, cells: Sequence[Cell], fixed: dict[str, Any]) -> dict[str, list[Cell]]:
    """Row -> the cells that fit it; none for a row that this sweep does not play. fixed: what all of its runs have, its `set`.

    Raises SpecError where a row fits several settings, which are no repeats of each other.
    """
    found = {row.name: [cell for cell in cells if _fits(row, {**fixed, **cell.values})] for row in published.rows}
    for i, row in enumerate(published.rows):
        settings = list({cell.setting: cell.values for cell in found[row.name]}.values())
        if len(settings) > 1:
            told = "; ".join(
                f"{key}: {', '.join(values)}"
                for key in settings[0]
                if key not in row.cell and len(values := list(dict.fromkeys(shown(v[key]) for v in settings))) > 1
            )
            text = f"fits {len(settings)} settings of this sweep, and must single out one; say which ({told})"
            raise SpecError(text, ("published", "rows", i, "cell"))
    return found


def _fits(row: Row, values: Mapping[str, Any]) -> bool:
    return all(key in values and _same(values[key], value) for key, value in row.cell.items())


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def refuse_empty(published: Published, cells: Sequence[Cell], fixed: dict[str, Any]) -> None:
    """Raises SpecError for the first row that no run of the sweep stands behind, with what would be accepted."""
    everything = [{**fixed, **cell.values} for cell in cells]
    for i, row in enumerate(published.rows):
        if any(_fits(row, values) for values in everything):
            continue
        at = ("published", "rows", i, "cell")
        for key, value in row.cell.items():
            known = list(dict.fromkeys(name for values in everything for name in values))
            if key not in known:
                raise SpecError(f"{key} has no value in this sweep{did_you_mean(key, known)} (known: {', '.join(known)})", at)
            there = [values[key] for values in everything if key in values]
            if not any(_same(v, value) for v in there):
                text = f"{key}: no run has {shown(value)} (there are {', '.join(dict.fromkeys(map(shown, there)))})"
                raise SpecError(text, at)
        raise SpecError("each of these values is there, but no run has all of them", at)


def changes(published: Published, row: Row, table: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """In which settings our run is another game than the table asks for, as text; empty if in none.

    table, ours: resolved configs. How long a run is counts only where the table does not say how many turns the authors made:
    where it does, a shorter run is known by those.
    """
    spared = (*SPARED, *(LENGTH if row.steps or published.steps else ()))
    asked, made = (
        {key: v for key, v in _leaves(spec) if key not in spared and key.partition(".")[0] not in spared}
        for spec in (table, ours)
    )
    other = [f"{key}={shown(v)}" for key, v in made.items() if key not in asked or not _alike(asked[key], v)]
    other += [f"no {key}" for key in asked if key not in made]
    more = f" and {len(other) - MOST_TOLD} more" if len(other) > MOST_TOLD else ""
    return ", ".join(other[:MOST_TOLD]) + more


def _leaves(node: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no other, with its dotted key, as a command line writes it."""
    below = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    if not below:
        yield at, node
    for key, value in below:
        yield from _leaves(value, f"{at}.{key}" if at else str(key))


def _alike(a: Any, b: Any) -> bool:
    """Whether two values mean the same; a file is the same wherever it lies."""
    if isinstance(a, str) and isinstance(b, str) and Path(a).is_absolute() and Path(b).is_absolute():
        return Path(a).name == Path(b).name
    return _same(a, b)
