"""Curves of a run, from the records of metrics.jsonl. Repeats are drawn thin, with their mean."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dessine.plots.figure import save_figure

Records = list[dict[str, Any]]


def save_losses(folder: Path, records: Records, title: str) -> Path:
    """losses.png: the loss of each player."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for i, player in enumerate(_names(records, "loss")):
        _curve(axes, _steps(records), _values(records, "loss", player), player, f"C{i}")
    title = fill(f"{title}: losses{_thin(_values(records, 'loss', *_names(records, 'loss')[:1]))}", 90)
    axes.set(title=title, xlabel="step", ylabel="loss (mean over the batch)")
    axes.legend()
    return save_figure(figure, folder / "losses.png")


def save_scores(folder: Path, records: Records, title: str) -> Path:
    """scores.png: D(x) and D(G(z)), with their spread over the batch."""
    steps = _steps(records)
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for i, (key, label) in enumerate((("d_real", "D(x), real"), ("d_generated", "D(G(z)), generated"))):
        mean, std = _values(records, key, "mean"), _values(records, key, "std")
        _curve(axes, steps, mean, label, f"C{i}")
        if mean.shape[1] == 1:
            axes.fill_between(steps, (mean - std)[:, 0], (mean + std)[:, 0], color=f"C{i}", alpha=0.2, lw=0)
    axes.axhline(0.5, color="grey", ls="--", lw=1)
    note = _thin(mean) or " (band: ± 1 standard deviation over the batch)"
    axes.set(title=fill(f"{title}: what D believes{note}", 90), xlabel="step", ylabel="probability of real")
    axes.set_ylim(-0.05, 1.05)
    axes.legend()
    return save_figure(figure, folder / "scores.png")


def save_gradients(folder: Path, records: Records, title: str) -> list[Path]:
    """gradients.png: gradient norm and relative size of the update, of each layer of each player."""
    players = _names(records, "layers")
    if not players:
        return []
    figure, grid = plt.subplots(2, len(players), figsize=(7 * len(players), 7), layout="constrained", squeeze=False)
    note = ""
    for column, player in enumerate(players):
        layers = _names([r.get("layers", {}) for r in records], player)
        colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, max(len(layers), 1)))
        for row, (key, label) in enumerate((("grad_norm", "gradient norm"), ("update_ratio", "|update| / |weights|"))):
            axes = grid[row][column]
            for layer, colour in zip(layers, colours, strict=True):
                values = _values(records, "layers", player, layer, key)
                _curve(axes, _steps(records), values, layer, colour)
                note = _thin(values)
                if (values > 0).any():
                    axes.set_yscale("log")
            axes.set(title=f"{player}: {label} of each layer", xlabel="step", ylabel=label)
            if row == 0:  # beside the curves, which it would hide; the row below has the same colours
                axes.legend(title="layer", fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    figure.suptitle(fill(f"{title}{note}", 60 * len(players)))
    return [save_figure(figure, folder / "gradients.png")]


def save_scatter(path: Path, real: np.ndarray, generated: np.ndarray, caption: str) -> None:
    """Points of the plane, (N, 2) and (M, 2); the axes are set by the real ones."""
    figure, axes = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
    axes.scatter(real[:, 0], real[:, 1], s=6, color="silver", label="real")
    axes.scatter(generated[:, 0], generated[:, 1], s=6, color="C3", alpha=0.6, label="generated")
    low, high = real.min(0), real.max(0)
    pad = 0.25 * (high - low).max()
    axes.set(xlim=(low[0] - pad, high[0] + pad), ylim=(low[1] - pad, high[1] + pad), xlabel="x", ylabel="y")
    axes.set_title(fill(caption, 55))
    axes.set_aspect("equal")
    axes.legend(loc="upper right")
    save_figure(figure, path)


def _steps(records: Records) -> np.ndarray:
    return np.array([r["step"] for r in records])


def _names(records: Records, key: str) -> list[str]:
    return list(dict.fromkeys(name for r in records for name in (r.get(key) or {})))


def _values(records: Records, *keys: str) -> np.ndarray:
    """(records, repeats); what is missing or null is NaN."""
    rows = []
    for value in records:
        found: Any = value
        for key in keys:
            found = (found or {}).get(key)
        rows.append(found if isinstance(found, list) else [found])
    width = max((len(row) for row in rows), default=1)
    return np.array([[np.nan if v is None else v for v in row] + [np.nan] * (width - len(row)) for row in rows], float)


def _curve(axes: Any, steps: np.ndarray, values: np.ndarray, label: str, colour: Any) -> None:
    if values.shape[1] > 1:
        axes.plot(steps, values, color=colour, lw=0.4, alpha=0.5)
        values = np.where(np.isfinite(values).any(1), np.nansum(values, 1) / np.maximum(np.isfinite(values).sum(1), 1), np.nan)
    axes.plot(steps, values, color=colour, lw=1.4, label=label, marker="o" if len(steps) == 1 else None)


def _thin(values: np.ndarray) -> str:
    """How single repeats are drawn, where there are several."""
    return f" ({values.shape[1]} repeats thin, their mean bold)" if values.shape[1] > 1 else ""
