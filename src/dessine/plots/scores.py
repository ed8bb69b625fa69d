"""Scores of a generator on a common scale, from noise to real examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dessine.plots.figure import heading, picture


def save_strips(path: Path, scores: dict[str, dict[str, Any]], title: str) -> Path:
    """Each score between the worse of its baselines, which are noise and one example repeated (0), and real test examples (1).

    scores: name -> value, standard_error, better, ceiling, floor, collapsed; interval: the ends of the bar, else two standard
    errors to either side. What lies beyond the scale stands at its edge; what has none, because a number is missing, is told in
    words alone.
    """
    names = list(scores)
    with picture(path, size=(9.5, 1.7 + 0.36 * max(len(names), 1))) as (_, ((axes,),)):
        for y, name in enumerate(names):
            row = {key: np.nan if scores[name][key] is None else float(scores[name][key]) for key in KEYS}
            ends = [end for end in scores[name].get("interval", ()) if end is not None and np.isfinite(end)]
            row |= dict(zip(("low", "high"), ends, strict=True)) if len(ends) == 2 else {}
            axes.text(1.31, y, _told(row), va="center", fontsize="small")
            places = _places(row, scores[name]["better"])
            if not places:
                axes.text(
                    0.5, y, "no scale: the baselines reach the real ones, too", ha="center", va="center", fontsize="x-small"
                )
            axes.plot([0, 1] if places else [], [y, y] if places else [], color="silver", lw=1, zorder=0)
            for key, x, around in places:
                mark, colour, _ = MARKS[key]
                axes.plot(np.clip(x, *EDGES), y, mark, color=colour, ms=8)
                if key == "value":
                    axes.plot(np.clip(around, *EDGES), [y, y], color=colour, lw=3, alpha=0.5)
        for mark, colour, label in MARKS.values():
            axes.plot([], [], mark, color=colour, label=label)
        axes.axvline(1, color="C0", ls="--", lw=1.2)
        axes.set(xlim=(EDGES[0] - 0.03, EDGES[1] + 0.03), ylim=(max(len(names), 1) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks([0, 1], ["as bad as noise or\none example repeated", "as good as\nreal test examples"])
        axes.grid(visible=False)
        axes.set_title(heading(title, "each score from worst (left) to best (right)"))
        below = -0.55 / (0.36 * max(len(names), 1))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, below), ncols=3, frameon=False)
    return path


def save_along(path: Path, checkpoints: list[dict[str, Any]], title: str, better: dict[str, str]) -> Path:
    """A panel for each number of the checkpoints, against their steps; `better` tells which way a score is better."""
    names = [name for name in checkpoints[0] if name != "step"]
    steps = [row["step"] for row in checkpoints]
    rows = -(-len(names) // 3)
    height = 2.6 * rows + 0.6
    with picture(path, rows, 3, (12, height), fitted=False) as (figure, grid):
        figure.subplots_adjust(0.06, 0.5 / height, 0.985, 1 - 0.85 / height, 0.22, 0.5)
        for axes, name in zip(grid.flat, names, strict=False):
            axes.plot(steps, [np.nan if row[name] is None else row[name] for row in checkpoints], color="C1", marker="o", ms=4)
            axes.set_title(f"{name} ({better[name]} is better)" if name in better else name)
        for axes in list(grid.flat)[len(names) :]:
            axes.set_axis_off()
        for axes in list(grid.flat)[max(0, len(names) - 3) : len(names)]:
            axes.set_xlabel("step")
        figure.suptitle(heading(title, "scores of the checkpoints", 100), y=1 - 0.2 / height)
    return path


EDGES = -0.02, 1.25
MARKS = {
    "floor": ("+", "C7", "noise"),
    "collapsed": ("x", "C3", "one example repeated"),
    "value": ("o", "C1", "generator (bar: 95 %)"),
}


def _places(row: dict[str, float], better: str) -> list[tuple[str, float, np.ndarray]]:
    """Where the marks stand, and the ends of their bars: 1 at the ceiling, 0 at the worse baseline."""
    goodness = {"higher": lambda v: v, "lower": lambda v: -v, "near 1": lambda v: -abs(v - 1)}[better]
    top = goodness(row["ceiling"])
    others = [v for v in (goodness(row["floor"]), goodness(row["collapsed"])) if np.isfinite(v)]
    if not others or not np.isfinite(top) or not top > min(others):
        return []
    worst = min(others)
    error = np.nan_to_num(row["standard_error"], posinf=0)
    bar = np.array([row.get("low", row["value"] - 2 * error), row.get("high", row["value"] + 2 * error)])
    found = []
    for key in MARKS:
        x = (goodness(row[key]) - worst) / (top - worst)
        around = (goodness(bar) - worst) / (top - worst)
        if np.isfinite(x) or (key == "value" and x == np.inf):  # support, where no two samples are alike
            found.append((key, x, around))
    return found


KEYS = ("value", "standard_error", "ceiling", "floor", "collapsed")


def _told(row: dict[str, float]) -> str:
    if np.isnan(row["value"]):
        return "no number"
    error = f" ± {row['standard_error']:.2g}" if np.isfinite(row["standard_error"]) else ""
    value, real = ("∞" if np.isinf(v) else f"{v:,.0f}" if abs(v) >= 1e4 else f"{v:.4g}" for v in (row["value"], row["ceiling"]))
    return f"{value}{error}   (real: {real})"
