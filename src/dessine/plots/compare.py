"""Curves of several settings in one picture: one panel for each metric, the mean of the repeats with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from dessine.intervals import limits, mean_interval
from dessine.plots.curves import SCORES, mark, possible
from dessine.plots.figure import heading, picture, shades
from dessine.plots.fonts import plain
from dessine.plots.view import view_of

Array = np.ndarray
Curves = Mapping[str, tuple[Array, Array]]
"""Label -> x (n,) and values (repeats, n), NaN where a repeat has none."""

REAL, GENERATED = "C0", "C1"
MOST_POINTS, MOST_BANDS = 1000, 6
"""Bands of more settings would hide each other."""


def save_comparison(path: Path, panels: Mapping[str, Curves], title: str, against: str = "step", modes: float = inf) -> Path:
    """panels: metric -> the curve of each setting; a setting without values in a panel is not drawn there.

    modes: how many there are to be found
    """
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    colours = [f"C{i}" for i in range(len(labels))] if len(labels) <= 10 else shades(len(labels))
    colour = dict(zip(labels, colours, strict=True))
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    wide = 1 if max(map(len, labels), default=0) > 45 else 2
    entries = -(-len(labels) // wide) if len(labels) > 1 else 0
    size = (9 if columns == 1 else 12, 3.8 * rows + 0.22 * entries + 0.6)
    with picture(path, rows, columns, size) as (figure, grid):
        most, handles = 1, dict[str, Any]()
        for axes, (metric, curves) in zip(grid.flat, panels.items(), strict=False):
            means: list[Array] = []
            for label, (x, values) in curves.items():
                there = np.isfinite(values).any(0) if len(x) else np.zeros(0, bool)
                if not there.any():
                    continue
                x, values = _thinned(x[there], values[:, there])
                mean, low, high = mean_interval(values, within=limits(metric, modes))
                (line,) = axes.plot(x, mean, color=colour[label], lw=1.5, marker=mark(x))
                handles.setdefault(label, line)
                if len(labels) <= MOST_BANDS:
                    axes.fill_between(x, low, high, color=colour[label], alpha=0.18, lw=0)
                most, means = max(most, len(values)), [*means, mean]
            name = metric.removeprefix("scores.")
            about = fill(SCORES[name].title, 70) if name in SCORES and name != metric else ""
            axes.set(xlabel=against, ylabel=metric, title=about)
            _zoom(axes, means)
            possible(axes, np.concatenate(means) if means else np.array([]))
        for left in list(grid.flat)[len(panels) :]:
            left.set_visible(False)
        band = "\nmean over seeds and repeats" + (", band: 95 % interval" if len(labels) <= MOST_BANDS else "")
        figure.suptitle(heading(title, ", ".join(panels), 100) + (band if most > 1 else ""))
        if len(labels) > 1:
            figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=wide, frameon=False)
    return path


def _zoom(axes: Any, means: list[Array]) -> None:
    """The interval of two or three repeats may be huge: it shall not flatten the curves."""
    if not means:
        return
    low, high = min(m.min() for m in means), max(m.max() for m in means)
    (bottom, top), span = axes.get_ylim(), max(high - low, 0.05 * abs(high), 1e-12)
    axes.set_ylim(max(bottom, low - span), min(top, high + span))


def _thinned(x: Array, values: Array) -> tuple[Array, Array]:
    """No more points than a picture can show, the first and the last among them."""
    if len(x) <= MOST_POINTS:
        return x, values
    kept = np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int)
    return x[kept], values[:, kept]


def save_points(path: Path, drawn: Mapping[str, Array], reals: Mapping[str, Array], title: str) -> Path:
    """Points of each setting, label -> (N, n), beside each other on the same axes, over its real ones, label -> (M, n); of more
    than two numbers, as `plane.py` says. title: all before its first colon is a name"""
    real = np.concatenate(list(reals.values()))
    view = view_of(real, real.shape[1])
    real = view.of(real)
    columns, several = min(len(drawn), 4), len(drawn) > 1
    rows = -(-len(drawn) // columns)
    size = (max(3.0 * columns, 5), 3.1 * rows + 0.7) if several else (6.5, 4.5) if real.shape[1] == 1 else (5.5, 5.8)
    with picture(path, rows, columns, size, sharex=True, sharey=True) as (figure, grid):
        for axes, (label, x) in zip(grid.flat, drawn.items(), strict=False):
            own, there = view.of(reals[label]), view.of(x[np.isfinite(x).all(1)])
            if real.shape[1] == 1:
                edges = np.histogram_bin_edges(real if len(real) else there, 40)
                for some, how in ((own, {"color": REAL, "alpha": 0.5}), (there, {"color": GENERATED, "histtype": "step"})):
                    axes.hist(some[:, 0], edges, density=True, **how)
                axes.set(xlabel="x", ylabel="density")
            else:
                axes.plot(*own.T, ".", color=REAL, ms=3)
                axes.plot(*there.T, ".", color=GENERATED, ms=3 if several else 4)
                axes.set(xlabel=view.labels[0], ylabel=view.labels[1], aspect="equal")
            axes.label_outer()
            axes.set_title(label, fontsize="small", wrap=True)
        if real.shape[1] > 1 and len(real):
            low, high = real.min(0), real.max(0)
            margin = 0.35 * (high - low)
            grid.flat[0].set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
        for left in list(grid.flat)[len(drawn) :]:
            left.set_visible(False)
        signs = [("real", REAL)] * bool(len(real)) + [("generated", GENERATED)]
        handles = [grid.flat[0].plot([], [], "o", color=colour, ms=5, label=name)[0] for name, colour in signs]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
        name, _, told = title.partition(":")
        figure.suptitle((heading(name, told.strip(), max(24 * columns, 56)) if told else fill(plain(title), 56)) + view.told)
    return path
