"""Curves of several settings in one picture: one panel for each metric, the mean of the repeats with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dessine.intervals import mean_interval
from dessine.plots.figure import save_figure

Array = np.ndarray
Curves = Mapping[str, tuple[Array, Array]]
"""Label -> x (n,) and values (repeats, n), NaN where a repeat has none."""

MOST_POINTS = 1000


def save_comparison(path: Path, panels: Mapping[str, Curves], title: str, against: str = "step") -> Path:
    """panels: metric -> the curve of each setting; a setting without values in a panel is not drawn there."""
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    colours = [f"C{i}" for i in range(len(labels))] if len(labels) <= 10 else plt.get_cmap("viridis")(_even(len(labels)))
    colour = dict(zip(labels, colours, strict=True))
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    entries = -(-len(labels) // (1 if max(map(len, labels), default=0) > 45 else 2)) if len(labels) > 1 else 0
    size = (9 if columns == 1 else 12, 3.8 * rows + 0.22 * entries + 0.6)
    figure, grid = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    most = 1
    for axes, (metric, curves) in zip(grid.flat, panels.items(), strict=False):
        means: list[Array] = []
        for label, (x, values) in curves.items():
            there = np.isfinite(values).any(0) if len(x) else np.zeros(0, bool)
            if not there.any():
                continue
            x, values = _thinned(x[there], values[:, there])
            mean, low, high = mean_interval(values)
            axes.plot(x, mean, color=colour[label], lw=1.5, label=label, marker="o" if len(x) == 1 else None)
            axes.fill_between(x, low, high, color=colour[label], alpha=0.18, lw=0)
            most, means = max(most, len(values)), [*means, mean]
        axes.set(xlabel=against, ylabel=metric)
        _zoom(axes, means)
        axes.grid(alpha=0.3)
    for left in list(grid.flat)[len(panels) :]:
        left.set_visible(False)
    band = "\nmean over seeds and repeats, band: 95 % interval" if most > 1 else ""
    figure.suptitle(f"{title}{band}")
    handles = {h.get_label(): h for axes in grid.flat for h in axes.get_legend_handles_labels()[0]}
    if len(labels) > 1:
        wide = 1 if max(map(len, labels)) > 45 else 2
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=wide, fontsize="small", frameon=False)
    return save_figure(figure, path)


def _zoom(axes: Any, means: list[Array]) -> None:
    """The interval of two or three repeats may be huge: it shall not flatten the curves."""
    if not means:
        return
    low, high = min(m.min() for m in means), max(m.max() for m in means)
    (bottom, top), span = axes.get_ylim(), max(high - low, 0.05 * abs(high), 1e-12)
    axes.set_ylim(max(bottom, low - span), min(top, high + span))


def _even(n: int) -> Array:
    return np.linspace(0, 0.92, n)


def _thinned(x: Array, values: Array) -> tuple[Array, Array]:
    """No more points than a picture can show, the first and the last among them."""
    if len(x) <= MOST_POINTS:
        return x, values
    kept = np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int)
    return x[kept], values[:, kept]
