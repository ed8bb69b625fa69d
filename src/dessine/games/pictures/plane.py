"""A small game in its plane: its field, the way that it took, and beside it the theory's, computed from the game itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.measures.standing import contraction
from dessine.games.small import Small

ARROWS = 17
"""In each row, and rows."""
LONGEST = 5_000
"""Turns of the theory that are drawn."""


def save_plane(small: Small, folder: Path, records: list[dict[str, Any]], title: str) -> list[Path]:
    """plane.png of a game of two numbers, else distance.png."""
    from dessine.plots import plane

    steps = np.array([0, *(record["step"] for record in records)])
    way = _ways(small, records)
    ways = np.concatenate([small.start[:, None], way], 1)
    orbit = small.orbit(min(int(steps[-1]), LONGEST))
    rest, far = small.rest, np.full(ways.shape[:2], np.nan)
    theory = None if orbit is None or rest is None else np.linalg.norm(orbit - rest[0], axis=1)
    if rest is not None:
        far = np.linalg.norm(ways - rest[:, None], axis=2)
    told, distances = words(small, records), (steps, far, theory)
    if ways.shape[2] != 2:
        return [plane.save_distance(folder / "distance.png", distances, told, title)]
    window = plane.Window.around(np.concatenate([ways.reshape(-1, 2), *([] if rest is None else [rest])]))
    at = window.grid(ARROWS)
    one = None if rest is None else rest[0]
    drawn = folder / "plane.png"
    return [plane.save_plane(drawn, window, (at, small.field(at)), ways, orbit, one, distances, told, title)]


def words(small: Small, records: list[dict[str, Any]]) -> str:
    """The eigenvalues, of the field and of a turn, and the contraction that was measured."""
    if small.rest is None:
        return "no point of rest was found"
    lines = [f"eigenvalues at rest, of the field: {_written(small.eigenvalues)}"]
    if small.turn_eigenvalues is None:
        lines.append("a turn has no linear form there")
    else:
        lines += [f"of a turn: {_written(small.turn_eigenvalues[:2], 5)}", f"spectral radius of a turn: {small.radius:.5f}"]
    found = [c for c in contraction(records, len(small.start)) if c is not None]
    return "\n".join([*lines, *([f"distance, in the second half: times {np.mean(found):.5f} a turn"] if found else [])])


def _written(values: Array | None, digits: int = 3) -> str:
    """Eigenvalues as people write them, a conjugate pair as one."""
    if values is None:
        return "not differentiable"
    made: list[str] = []
    for z in values:
        real, imaginary = z.real.round(digits) + 0.0, abs(z.imag).round(digits)
        one = (
            f"{real:.{digits}f}"
            if not imaginary
            else f"{real:.{digits}f} ± {imaginary:.{digits}f} i"
            if real
            else f"± {imaginary:.{digits}f} i"
        )
        if one not in made or not imaginary:
            made.append(one)
    return ", ".join(made)


def _ways(small: Small, records: list[dict[str, Any]]) -> Array:
    """(R, T, P) of the lines of metrics."""

    def numbers(record: dict[str, Any]) -> list[Any]:
        every: list[Any] = []
        for letter in ("theta", "psi"):
            told = record.get(letter)
            every += [*told.values()] if isinstance(told, dict) else [told]
        return every

    rows = [
        np.array([np.broadcast_to(np.nan if v is None else v, len(small.start)) for v in numbers(r)], float) for r in records
    ]
    return np.stack(rows, 1).transpose(2, 1, 0)
