"""Decision maps: what a network says of every point of the plane, with the points it learns from."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from dessine.plots.figure import library, picture
from dessine.plots.fonts import plain

Array = np.ndarray
MOST_POINTS = 300
COLUMNS = 5


def save_map(path: Path, values: Array, x: Array, classes: Array, shown: int, caption: str, span: tuple[float, float]) -> None:
    """One panel for each of the first `shown` repeats, all in one pair of axes: twenty pairs take matplotlib seconds.

    values: (R, side, side), the output over the square that x covers, row 0 at the bottom; x: (N, 2), classes: (N,);
    span: the outputs that mean the first and the last class.
    """
    low, high = float(x.min()), float(x.max())
    many, side = bool(classes.max() > 1), values.shape[-1]
    columns = min(shown, COLUMNS)
    rows, gap = ceil(shown / columns), max(4, side // 8) if shown > 1 else 0
    step = (side + gap) * (high - low) / (side - 1)  # from one panel to the next
    whole = np.full((rows * (side + gap) - gap, columns * (side + gap) - gap), np.nan)
    corners = []
    for r in range(shown):
        row, column = rows - 1 - r // columns, r % columns  # the first row of panels is the uppermost
        top, left = row * (side + gap), column * (side + gap)
        whole[top : top + side, left : left + side] = values[r]
        corners.append((column * step, row * step))
    width, height = ((n - 1) * (high - low) / (side - 1) for n in whole.shape[::-1])
    size = 5.0 if shown == 1 else 2.3
    with picture(path, size=(size * columns + 2.0, size * rows + 0.8), dpi=100) as (figure, ((axes,),)):
        limits = (low, low + width, low, low + height)
        colours: dict[str, Any] = (
            {"cmap": "tab10", "vmin": 0, "vmax": 9} if many else {"cmap": "RdBu", "vmin": span[0], "vmax": span[1]}
        )
        axes.grid(visible=False)
        image = axes.imshow(whole, origin="lower", extent=limits, alpha=0.75, **colours)
        middle = sum(span) / 2
        if not many and np.nanmin(whole) < middle < np.nanmax(whole):
            across, up = np.linspace(low, low + width, whole.shape[1]), np.linspace(low, low + height, whole.shape[0])
            axes.contour(across, up, whole, levels=[middle], colors="black", linewidths=1.2)
        points, of = x[:MOST_POINTS], classes[:MOST_POINTS]
        two = np.where(of[:, None] > 0, [[0.05, 0.2, 0.5]], [[0.55, 0.05, 0.1]])
        every = np.concatenate([points + corner for corner in corners])
        ink = np.tile(library().colormaps["tab10"](of)[:, :3] if many else two, (shown, 1))
        axes.scatter(every[:, 0], every[:, 1], s=5 if shown == 1 else 1.5, c=ink, linewidths=0)
        if shown == 1:
            axes.set(xlabel="x", ylabel="y")
        else:
            for r, (left, bottom) in enumerate(corners):
                axes.text(low + left, high + bottom, f"repeat {r}", fontsize=8, va="bottom")
            axes.axis("off")
            caption += f"; each panel: x and y from {low:.2g} to {high:.2g}"
        if not many:
            figure.colorbar(
                image, ax=axes, label="output of the network\n(black line: half way between the classes)", shrink=0.8
            )
        figure.suptitle(fill(plain(caption), 32 + 24 * columns), fontsize="medium")
