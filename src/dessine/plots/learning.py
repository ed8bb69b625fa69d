"""Curves of a classification: success with its interval over repeats, confusion, mistakes, the spread of the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dessine.intervals import mean_interval
from dessine.plots.curves import _names, _values
from dessine.plots.figure import save_figure
from dessine.plots.grid import save_labelled

Array = np.ndarray
Records = list[dict[str, Any]]


def save_learning(folder: Path, records: Records, title: str) -> Path:
    """learning.png: test success and losses against the examples learnt; mean, 95 % interval, single repeats thin."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(8, 8), layout="constrained", sharex=True)
    tested = [r for r in records if "test_success" in r]
    seen = np.array([r["examples"] for r in tested])
    repeats = with_interval(top, seen, 100 * _values(tested, "test_success"), "test success", "C0")
    final = 100 * _values(tested[-1:], "test_success")
    note = f"last: {np.nanmean(final):.2f} %" if len(tested) else ""
    told = f" ({repeats} repeats: mean, 95 % interval, single runs thin)" if repeats > 1 else ""
    top.set(title=f"{title}: success on the test examples\n{note}{told}", ylabel="success (%)")
    top.grid(alpha=0.3)
    with_interval(bottom, seen, _values(tested, "loss", "network"), "training, mean since the last test", "C1")
    with_interval(bottom, seen, _values(tested, "test_loss"), "test", "C0")
    bottom.set(xlabel="examples learnt", ylabel="loss", title="loss")
    if (_values(tested, "test_loss") > 0).all():
        bottom.set_yscale("log")
    bottom.grid(alpha=0.3, which="both")
    bottom.legend()
    return save_figure(figure, folder / "learning.png")


def with_interval(axes: Any, x: Array, values: Array, label: str, colour: Any, single: bool = True) -> int:
    """Draw values (len(x), repeats): the mean, its 95 % interval as a band, the single repeats thin. Returns how many."""
    repeats = values.shape[1] if len(values) else 0
    if repeats > 1:
        if single:
            axes.plot(x, values, color=colour, lw=0.4, alpha=min(0.5, 15 / repeats))
        mean, low, high = mean_interval(values.T)
        axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
    else:
        mean = values[:, 0] if repeats else np.array([])
    axes.plot(x, mean, color=colour, lw=1.6, label=label, marker="o" if len(x) == 1 else None)
    return repeats


def save_weight_spread(folder: Path, records: Records, title: str) -> Path:
    """weight_spread.png: how the weights of each layer are spread, over time."""
    tested = [r for r in records if "weights" in r]
    layers = _names(tested, "weights")
    figure, axes = plt.subplots(
        1, max(len(layers), 1), figsize=(4.2 * max(len(layers), 1) + 0.6, 4), layout="constrained", squeeze=False
    )
    seen = np.array([r["examples"] for r in tested])
    for panel, layer in zip(axes[0], layers, strict=False):
        one = np.array([np.asarray(r["weights"][layer], float).reshape(-1, 5)[0] for r in tested])
        panel.fill_between(seen, one[:, 0], one[:, 4], color="C0", alpha=0.2, lw=0, label="98 % of the weights")
        panel.fill_between(seen, one[:, 1], one[:, 3], color="C0", alpha=0.4, lw=0, label="half of them")
        panel.plot(seen, one[:, 2], color="C0", label="median")
        panel.set(title=f"layer {layer}", xlabel="examples learnt", ylabel="weights and biases")
        panel.grid(alpha=0.3)
    axes[0][0].legend(fontsize="small")
    figure.suptitle(f"{title}: spread of the weights")
    return save_figure(figure, folder / "weight_spread.png")


def save_confusion(folder: Path, counts: Array, names: list[str], title: str) -> Path:
    """confusion.png. counts: (classes, classes), examples of class i that were named j."""
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    n = len(names)
    figure, axes = plt.subplots(figsize=(max(4.5, 0.62 * n + 1.6), max(4, 0.55 * n + 1.4)), layout="constrained")
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i in range(n):
        for j in range(n):
            if counts[i, j]:
                text = f"{share[i, j]:.0f}" if share[i, j] >= 10 or n > 12 else f"{share[i, j]:.1f}"
                axes.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if share[i, j] > 60 else "black")
    axes.set(xticks=range(n), yticks=range(n), xlabel="named", ylabel="true class", title=f"{title}: who is taken for whom")
    axes.set_xticklabels(names)
    axes.set_yticklabels(names)
    figure.colorbar(image, label="share of the true class (%)")
    return save_figure(figure, folder / "confusion.png")


def save_mistakes(folder: Path, images: Array, labels: list[str], title: str) -> list[Path]:
    """mistakes.png: the examples that were named wrongly, worst first. Nothing to draw: no file."""
    if not len(images):
        return []
    path = folder / "mistakes.png"
    save_labelled(path, images, labels, 8, f"{title}: mistakes, worst first (true > named)")
    return [path]
