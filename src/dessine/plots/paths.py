"""Where points go while the latent they are drawn from moves: lines over the real points, or a GIF of one on its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from dessine.plots.figure import COLOURS, legend_below, picture, shades
from dessine.plots.fonts import plain
from dessine.plots.grid import save_frames
from dessine.plots.view import view_of

Array = np.ndarray
DPI = 100
TAIL, DOT = (213, 94, 0), (20, 20, 20)


def save_path(path: Path, real: Array, way: Array, at: Sequence[int], names: Sequence[str], caption: str) -> Path:
    """One way through the plane, (F, 2), or along the line, (F, 1), from stop to stop: at: their places on it, names: theirs.

    real: (N, n) real points; of more than two numbers, both are seen as `plane.py` says. As a GIF the point moves and
    leaves its line behind.
    """
    view = view_of(real, way.shape[1])
    real, way = view.of(real), view.of(way)
    if path.suffix.lower() != ".gif":
        with picture(path, size=(5.5, 5.8), dpi=DPI) as (figure, ((axes,),)):
            line = _ground(axes, real, way, view.labels)
            axes.plot(*line.T, ".-", color="C1", ms=4, lw=1, label="drawn on the way")
            _stops(axes, line, at, names)
            legend_below(figure, axes, width=60)
            figure.suptitle(fill(plain(caption), 55) + view.told)
        return path
    with TemporaryDirectory() as folder:
        ground = Path(folder) / "ground.png"
        with picture(ground, size=(5.5, 5.8), dpi=DPI) as (figure, ((axes,),)):
            figure.set_dpi(DPI)
            line = _ground(axes, real, way, view.labels)
            _stops(axes, line, at, names)
            axes.plot([], [], "o", color="black", label="drawn now")
            axes.plot([], [], color="C1", label="drawn before")
            legend_below(figure, axes, width=60)
            figure.suptitle(fill(plain(caption), 55) + view.told)
        with Image.open(ground) as file:
            sheet = file.convert("RGB")
        pixels = axes.transData.transform(line)
    spots = [(float(x), sheet.height - float(y)) for x, y in pixels]
    stops = set(at)
    return save_frames(path, _frames(sheet, spots), [i in stops for i in range(len(spots))])


def save_ways(path: Path, real: Array, ways: Array, steps: Array, names: Sequence[str], caption: str) -> Path:
    """Several ways, (K, F, n), that meet at step 0, each with its name; a dot at each whole step. steps: (F,)."""
    view = view_of(real, ways.shape[2])
    real, ways = view.of(real), view.of(ways)
    with picture(path, size=(6.5, 6.8), dpi=DPI) as (figure, ((axes,),)):
        _real(axes, real, (steps[0], steps[-1]), view.labels)
        axes.set(**({"xlabel": "standard deviations along the direction"} if ways.shape[2] == 1 else {}))
        colours = [f"C{i + 1}" for i in range(len(ways))] if len(ways) < len(COLOURS) else shades(len(ways))
        for way, name, colour in zip(ways, names, colours, strict=True):
            line, whole = _line(way, steps), np.flatnonzero(steps == steps.round())
            axes.plot(*line.T, "-", color=colour, lw=1.5, label=plain(name, 60))
            axes.plot(*line[whole].T, ".", color=colour, ms=7)
        axes.plot(*_line(ways[0], steps)[steps == 0].T, "o", color="black", ms=6, label="0 σ: where they meet", zorder=4)
        legend_below(figure, axes, width=80)
        figure.suptitle(fill(plain(caption), 62) + view.told)
    return path


def _ground(axes: Any, real: Array, way: Array, labels: tuple[str, str]) -> Array:
    """Real points, and room for the way; returns what to plot of it, (F, 2)."""
    line = _line(way, np.arange(len(way)))
    _real(axes, real, (0, len(way) - 1), labels)
    finite = line[np.isfinite(line).all(1)]
    axes.plot(*finite.T, alpha=0)  # so that the axes have room for it
    return line


def _line(way: Array, steps: Array) -> Array:
    return way if way.shape[1] == 2 else np.stack([steps, way[:, 0]], 1)


def _real(axes: Any, real: Array, ends: tuple[float, float], labels: tuple[str, str]) -> None:
    """(N, 2), or (N, 1) as lines from end to end."""
    if real.shape[1] == 2:
        axes.scatter(*real.T, s=6, color="C0", alpha=0.4, lw=0)
        axes.plot([], [], "o", color="C0", ms=4, label="real")
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.set_aspect("equal", "datalim")
    else:
        axes.hlines(real[:300, 0], *ends, color="C0", alpha=0.15, lw=0.6)
        axes.plot([], [], color="C0", label="real")
        axes.set(xlabel="frame", ylabel="x")


def _stops(axes: Any, line: Array, at: Sequence[int], names: Sequence[str]) -> None:
    axes.plot(*line[list(at)].T, "o", color="C2", ms=7, zorder=4)
    for i, name in zip(at, names, strict=True):
        if np.isfinite(line[i]).all():
            axes.annotate(plain(name, 24), line[i], xytext=(6, 6), textcoords="offset points", zorder=5)


def _frames(sheet: Image.Image, spots: Sequence[tuple[float, float]]) -> Iterator[Image.Image]:
    for i, (x, y) in enumerate(spots):
        canvas = sheet.copy()
        pen = ImageDraw.Draw(canvas)
        if i:
            pen.line(spots[: i + 1], fill=TAIL, width=2)
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=DOT)
        yield canvas.convert("P", palette=Image.Palette.ADAPTIVE)
