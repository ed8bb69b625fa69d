"""Decision maps: what a network says of every point of the plane, with the points it learns from."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

Array = np.ndarray
MOST_POINTS = 300


def save_map(path: Path, values: Array, x: Array, classes: Array, shown: int, caption: str, span: tuple[float, float]) -> None:
    """One panel for each of the first `shown` repeats.

    values: (R, side, side), the output over the square that x covers, row 0 at the bottom; x: (N, 2), classes: (N,);
    span: the outputs that mean the first and the last class.
    """
    columns = min(shown, 4)
    rows = ceil(shown / columns)
    size = 5.0 if shown == 1 else 2.6
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns + 1.2, size * rows + 0.7), layout="constrained", squeeze=False
    )
    low, high = float(x.min()), float(x.max())
    many = classes.max() > 1
    image = None
    for r, panel in enumerate(axes.flat):
        if r >= shown:
            panel.axis("off")
            continue
        image = panel.imshow(
            values[r],
            origin="lower",
            extent=(low, high, low, high),
            cmap="tab10" if many else "RdBu",
            vmin=0 if many else span[0],
            vmax=9 if many else span[1],
            alpha=0.75,
        )
        if not many:
            middle = sum(span) / 2
            if values[r].min() < middle < values[r].max():
                axis = np.linspace(low, high, values.shape[-1])
                panel.contour(axis, axis, values[r], levels=[middle], colors="black", linewidths=1.2)
        points, of = x[:MOST_POINTS], classes[:MOST_POINTS]
        two = np.where(of[:, None] > 0, [[0.05, 0.2, 0.5]], [[0.55, 0.05, 0.1]])
        colours = plt.get_cmap("tab10")(of) if many else two
        panel.scatter(points[:, 0], points[:, 1], s=4 if shown == 1 else 1.5, c=colours, linewidths=0)
        panel.set_title(f"repeat {r}" if shown > 1 else "line: where it changes its mind", fontsize="small")
        panel.set(xlabel="x" if r // columns == rows - 1 else "", ylabel="y" if r % columns == 0 else "")
        panel.label_outer()
    if image is not None and not many:
        figure.colorbar(image, ax=axes, label="output of the network", shrink=0.8)
    figure.suptitle(caption)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.tmp.png")
    figure.savefig(beside, dpi=100)
    plt.close(figure)
    os.replace(beside, path)
