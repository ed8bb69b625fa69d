"""Curves of a run, from the records of metrics.jsonl. Repeats are drawn thin, with their mean."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogFormatter

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


def save_discriminator(folder: Path, records: Records, title: str, probability: bool = True) -> Path:
    """discriminator.png: D(x) and D(G(z)), with their spread over the batch."""
    steps = _steps(records)
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for i, (key, label) in enumerate((("d_real", "D(x), real"), ("d_generated", "D(G(z)), generated"))):
        mean, std = _values(records, key, "mean"), _values(records, key, "std")
        _curve(axes, steps, mean, label, f"C{i}")
        if mean.shape[1] == 1:
            axes.fill_between(steps, (mean - std)[:, 0], (mean + std)[:, 0], color=f"C{i}", alpha=0.2, lw=0)
    note = _thin(mean) or " (band: ± 1 standard deviation over the batch)"
    said = "probability of real" if probability else "output (no probability)"
    axes.set(title=fill(f"{title}: what D says{note}", 90), xlabel="step", ylabel=said)
    if probability:
        axes.axhline(0.5, color="grey", ls="--", lw=1)
        axes.set_ylim(-0.05, 1.05)
    axes.legend()
    return save_figure(figure, folder / "discriminator.png")


def save_estimate(folder: Path, records: Records, title: str) -> list[Path]:
    """w_estimate.png: the critic's estimate of W, where there is one."""
    values = _values(records, "w_estimate")
    if not np.isfinite(values).any():
        return []
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    _curve(axes, _steps(records), values, "E f(x) - E f(G(z))", "C0")
    axes.axhline(0, color="grey", ls="--", lw=1)
    told = f"{title}: the critic's estimate of W; lower is better, within this run; under 0 the critic is behind{_thin(values)}"
    axes.set(title=fill(told, 90), xlabel="step", ylabel="estimate of W (times the critic's Lipschitz constant)")
    axes.legend()
    return [save_figure(figure, folder / "w_estimate.png")]


def save_scores(folder: Path, records: Records, title: str) -> list[Path]:
    """scores.png: each score of the samples over time, with that of the moving average of the generator beside it."""
    names = _names(records, "scores")
    if not names:
        return []
    rows = -(-len(names) // 2)
    figure, grid = plt.subplots(rows, 2, figsize=(11, 3 * rows), layout="constrained", squeeze=False)
    note = ""
    for axes, name in zip(grid.flat, names, strict=False):
        for i, (group, label) in enumerate((("scores", "generator"), ("average_scores", "its moving average"))):
            values = _values(records, group, name)
            if np.isfinite(values).any():
                _curve(axes, _steps(records), values, label, f"C{i}")
                note = _thin(values)
        axes.set(title=SCORES.get(name, name), xlabel="step")
    for axes in list(grid.flat)[len(names) :]:
        axes.set_axis_off()
    if _names(records, "average_scores"):
        grid[0][0].legend()
    figure.suptitle(fill(f"{title}: what samples score{note}", 100))
    return [save_figure(figure, folder / "scores.png")]


SCORES = {
    "modes": "modes found (more is better)",
    "high_quality": "share of samples near a mode (more is better)",
    "reverse_kl": "reverse KL of the mode histogram, nats (less is better)",
    "digit_entropy": "entropy of the classes drawn, nats (ln 10 = 2.30: all alike)",
    "digit_confidence": "mean top probability of the digit classifier",
    "frechet": "Frechet distance in the classifier's features (less is better)",
    "diversity": "distance between samples / between real ones (1: as diverse)",
}
"""How each quick score is titled."""


def save_rotation(folder: Path, records: Records, title: str) -> list[Path]:
    """rotation.png: how much the joint gradient field turns, with the standard error of its measurement."""
    if not _names(records, "rotation"):
        return []
    share, error = _values(records, "rotation", "share"), _values(records, "rotation", "standard_error")
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    steps = _steps(records)
    _curve(axes, steps, share, "share of the Jacobian that is antisymmetric", "C0")
    if share.shape[1] == 1:
        axes.fill_between(steps, (share - error)[:, 0], (share + error)[:, 0], color="C0", alpha=0.2, lw=0)
    note = _thin(share) or " (band: ± 1 standard error)"
    axes.set(
        title=fill(f"{title}: how much the gradient field turns{note}", 90), xlabel="step", ylabel="0: descent, 1: rotation"
    )
    axes.set_ylim(-0.05, 1.05)
    axes.legend()
    return [save_figure(figure, folder / "rotation.png")]


def save_critic_moves(folder: Path, records: Records, title: str) -> list[Path]:
    """critic_moves.png: moves of the critic in a turn, where their number is not always the same."""
    moves = _values(records, "critic_moves")
    if not np.isfinite(moves).any() or len(np.unique(moves[np.isfinite(moves)])) == 1:
        return []
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    _curve(axes, _steps(records), moves, "moves of the critic", "C0")
    axes.set(title=fill(f"{title}: moves of the critic in the turn that was logged", 90), xlabel="step", ylabel="moves")
    axes.set_ylim(bottom=0)
    return [save_figure(figure, folder / "critic_moves.png")]


def save_slopes(folder: Path, records: Records, title: str) -> list[Path]:
    """critic_gradient.png: norms of the gradient of the critic's output by its input, at three kinds of points."""
    kinds = _names(records, "critic_gradient")
    if not kinds:
        return []
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    steps, note = _steps(records), ""
    for i, kind in enumerate(kinds):
        mean = _values(records, "critic_gradient", kind, "mean")
        _curve(axes, steps, mean, f"{kind}, mean", f"C{i}")
        most = _values(records, "critic_gradient", kind, "max")
        most = np.where(np.isfinite(most).any(1), np.nanmax(np.where(np.isfinite(most), most, -np.inf), 1), np.nan)
        axes.plot(steps, most, color=f"C{i}", ls=":", lw=1, label=f"{kind}, largest")
        note = _thin(mean)
        if (mean > 0).any():
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(LogFormatter())
            axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))  # 2 and 5, not 2 x 10^0
    told = f"{title}: how steep the critic is; its Lipschitz constant is no smaller than the largest{note}"
    axes.set(title=fill(told, 90), xlabel="step", ylabel="norm of the gradient by the input")
    axes.legend(fontsize="small", ncols=3)
    return [save_figure(figure, folder / "critic_gradient.png")]


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


def save_scatter(path: Path, real: np.ndarray, generated: dict[str, np.ndarray], caption: str) -> None:
    """Points of the plane: real (N, 2), and (M, 2) for each panel; the axes are set by the real ones."""
    figure, grid = plt.subplots(1, len(generated), figsize=(5.5 * len(generated), 5.5), layout="constrained", squeeze=False)
    low, high = real.min(0), real.max(0)
    pad = 0.25 * (high - low).max()
    for axes, (name, points) in zip(grid[0], generated.items(), strict=True):
        axes.scatter(real[:, 0], real[:, 1], s=6, color="silver", label="real")
        axes.scatter(points[:, 0], points[:, 1], s=6, color="C3", alpha=0.6, label="generated")
        axes.set(xlim=(low[0] - pad, high[0] + pad), ylim=(low[1] - pad, high[1] + pad), xlabel="x", ylabel="y")
        axes.set_title(fill(f"{caption}: {name}" if name else caption, 55))
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
