"""Decision maps: what a network says of every point of the plane, with the points it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from textwrap import wrap

import numpy as np

from dessine.plots.canvas import CLASSES, GENERATED, REAL, Canvas, Panel, bands, key
from dessine.plots.figure import COLOURS
from dessine.plots.fonts import plain

Array = np.ndarray
MOST_POINTS = 300
COLUMNS, MOST_NAMED = 5, 10
ONE, SEVERAL = 420, 170
"""Pixels along a map, alone or among others."""
LEFT, GAP, FOOT = 46, 14, 74
SHARES = (-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8)
"""Of the way from the middle to what means the last class, or the first: where the colours change."""


def save_map(
    path: Path,
    values: Array,
    x: Array,
    classes: Array,
    shown: int,
    caption: str,
    names: Sequence[str],
    span: tuple[float, float],
) -> Path:
    """One panel for each of the first `shown` repeats.

    values: (R, side, side), the output over the square that x covers, row 0 at the bottom, or of more than two classes which
    one is named; x: (N, 2), classes: (N,); names: of the classes; span: the outputs that mean the first and the last class.
    """
    low, high = float(x.min()), float(x.max())
    many, columns = len(names) > 2, min(shown, COLUMNS)
    side, over = (ONE, 24) if shown == 1 else (SEVERAL, 24)
    left = LEFT if shown == 1 else 10
    width = max(left + columns * (side + GAP), 570)
    if shown > 1:
        caption += (
            f", {shown} of {len(values)} repeats" * (shown < len(values))
            + f"; each panel: x and y from {low:.2g} to {high:.2g}"
        )
    lines = wrap(plain(caption, 300), (width - 10) // 8) or [""]
    top, rows = 10 + 20 * len(lines), ceil(shown / columns)
    canvas = Canvas(width, top + rows * (over + side) + FOOT)
    for i, line in enumerate(lines):
        canvas.write((6, 6 + 20 * i), line, 16)
    middle, half = sum(span) / 2, (span[1] - span[0]) / 2
    points, of = x[:MOST_POINTS], classes[:MOST_POINTS]
    ink = CLASSES + len(COLOURS) + of % len(COLOURS) if many else np.where(of > 0, REAL, GENERATED)
    for r in range(shown):
        box = (left + r % columns * (side + GAP), top + over + r // columns * (over + side), side, side)
        panel = Panel(canvas, box, (low, low), (high, high))
        if many:
            panel.regions(values[r])
        else:
            panel.field((values[r] - middle) / half, SHARES)
        panel.points(points, ink, large=shown == 1)
        panel.frame("", axes="xy" if shown == 1 else "")
        if shown > 1:
            canvas.write((box[0], box[1] - 20), f"repeat {r}", 13)
    below = top + rows * (over + side) + (26 if shown == 1 else 10)
    if many:
        named = [("patch", CLASSES + i % len(COLOURS), plain(name, 11)) for i, name in enumerate(names[:MOST_NAMED])]
        for i in range(0, len(named), 5):
            key(canvas, (left, below + 4 * i), named[i : i + 5])
    else:
        at = key(canvas, (left, below), [("dot", GENERATED, f"class {names[0]}"), ("dot", REAL, f"class {names[-1]}")])
        bands(canvas, (at, below), f"{span[0]:g}", f"{span[1]:g}", [middle + half * share for share in SHARES])
        canvas.write((left, below + 32), "colour: the output of the network; black line: half way between the classes", 13)
    return canvas.save(path)
