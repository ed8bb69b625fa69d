"""Curves of a classification: success with its interval over repeats, confusion, mistakes, the spread of the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dessine.intervals import POSITIVE, Limits, mean_interval
from dessine.plots.curves import _names, _values, mark
from dessine.plots.figure import heading, legend_below, logarithmic, picture
from dessine.plots.fonts import plain
from dessine.plots.grid import save_labelled

Array = np.ndarray
Records = list[dict[str, Any]]


def save_learning(folder: Path, records: Records, title: str, part: str = "test") -> Path:
    """learning.png: success and losses against the examples learnt; mean, 95 % interval, single repeats thin.

    part: of the data, which is looked at on the way: test or validation
    """
    with picture(folder / "learning.png", 2, 1, (8, 8), sharex=True) as (figure, ((top,), (bottom,))):
        tested = [r for r in records if f"{part}_success" in r]
        seen = np.array([r["examples"] for r in tested])
        repeats = with_interval(top, seen, 100 * _values(tested, f"{part}_success"), f"{part} success", "C0", (0, 100))
        final = 100 * _values(tested[-1:], f"{part}_success")
        note = f"; at the end {np.nanmean(final):.2f} %" if np.isfinite(final).any() else ""
        told = f"\n{repeats} repeats: mean, 95 % interval, single runs thin" if repeats > 1 else ""
        top.set(title=heading(title, f"success on the {part} examples{note}") + told, ylabel="success (%)")
        top.set_ylim(max(-2, top.get_ylim()[0]), min(102, top.get_ylim()[1]))
        with_interval(bottom, seen, _values(tested, "loss", "network"), "training, mean since the last test", "C1")
        with_interval(bottom, seen, _values(tested, f"{part}_loss"), part, "C0")
        bottom.set(xlabel="examples learnt", ylabel="loss", title="loss")
        if tested and (_values(tested, f"{part}_loss") > 0).all():
            logarithmic(bottom)
        legend_below(figure, bottom)
    return folder / "learning.png"


def with_interval(axes: Any, x: Array, values: Array, label: str, colour: Any, within: Limits = POSITIVE) -> int:
    """Draw values (len(x), repeats): the mean, its 95 % interval as a band, the single repeats thin. Returns how many.

    within: what the values can be at all; a loss of a classification is not negative
    """
    repeats = values.shape[1] if len(values) else 0
    if repeats > 1:
        axes.plot(x, values, color=colour, lw=0.4, alpha=min(0.5, 15 / repeats))
        mean, low, high = mean_interval(values.T, within=within)
        axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
    else:
        mean = values[:, 0] if repeats else np.array([])
    axes.plot(x, mean, color=colour, lw=1.6, label=label, marker=mark(x))
    return repeats


def save_weight_spread(folder: Path, records: Records, title: str) -> Path:
    """weight_spread.png: how the weights of each layer are spread, over time."""
    tested = [r for r in records if "weights" in r]
    layers = _names(tested, "weights")
    columns = min(max(len(layers), 1), 3)
    rows = -(-max(len(layers), 1) // columns)
    seen = np.array([r["examples"] for r in tested])
    with picture(folder / "weight_spread.png", rows, columns, (4.4 * columns + 0.6, 3.4 * rows + 0.6)) as (figure, grid):
        for panel, layer in zip(grid.flat, layers, strict=False):
            one = np.array([np.asarray(r["weights"][layer], float).reshape(-1, 5)[0] for r in tested])
            panel.fill_between(seen, one[:, 0], one[:, 4], color="C0", alpha=0.2, lw=0, label="98 % of the weights")
            panel.fill_between(seen, one[:, 1], one[:, 3], color="C0", alpha=0.4, lw=0, label="half of them")
            panel.plot(seen, one[:, 2], color="C0", label="median")
            panel.set(title=f"layer {layer}", xlabel="examples learnt", ylabel="weights and biases")
        for panel in list(grid.flat)[len(layers) :]:
            panel.set_axis_off()
        legend_below(figure, grid[0][0], width=60 * columns)
        figure.suptitle(heading(title, "spread of the weights", 40 * columns))
    return folder / "weight_spread.png"


MOST_NUMBERED, MOST_NAMED = 20, 32
"""Classes whose cells have a number in them, and that stand at the axes: with more, the picture stays as large."""


def save_confusion(folder: Path, counts: Array, names: list[str], title: str) -> Path:
    """confusion.png. counts: (classes, classes), examples of class i that were predicted to be j."""
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    n = len(names)
    side = 0.55 * min(n, MOST_NUMBERED)
    size = (max(5.5, 1.13 * side + 1.8), max(4.6, side + 1.6))
    named = range(0, n, -(-n // MOST_NAMED))
    with picture(folder / "confusion.png", size=size) as (figure, ((axes,),)):
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100, aspect="auto")  # else its labels may leave the sheet
        for i in range(n if n <= MOST_NUMBERED else 0):
            for j in range(n):
                if counts[i, j]:
                    whole = n > 12 or 10 <= share[i, j] < 99.5 or share[i, j] == 100
                    text = f"{share[i, j]:.0f}" if whole else f"{share[i, j]:.1f}"
                    axes.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if share[i, j] > 60 else "black")
        axes.set(xlabel="predicted class", ylabel="true class", title=heading(title, "who is taken for whom", 50))
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 5 else {}
        axes.set_xticks(named, [plain(names[i], 24) for i in named], **slanted)
        axes.set_yticks(named, [plain(names[i], 24) for i in named])
        axes.grid(visible=False)
        figure.colorbar(image, label="share of the true class (%)")
    return folder / "confusion.png"


def save_mistakes(folder: Path, images: Array, labels: list[str], title: str) -> list[Path]:
    """mistakes.png: the examples that were predicted wrongly, worst first. Nothing to draw: no file."""
    if not len(images):
        return []
    path = folder / "mistakes.png"
    save_labelled(path, images, labels, 8, heading(title, "mistakes, worst first: true → predicted"))
    return [path]
