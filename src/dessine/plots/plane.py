"""The plane of a game of two numbers, one of each player: where the field leads, the way that was taken, and the theory's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dessine.plots.figure import heading, logarithmic, picture

Array = np.ndarray


class Window(NamedTuple):
    """What is seen of the plane: theta to the right, psi upwards."""

    low: Array
    high: Array

    @staticmethod
    def around(points: Array) -> Window:
        """A square with all the finite ones of (N, 2) in it."""
        there = points[np.isfinite(points).all(1)]
        low, high = there.min(0), there.max(0)
        half = max(float((high - low).max()) * 0.58, 1e-300)
        return Window((low + high) / 2 - half, (low + high) / 2 + half)

    def grid(self, n: int) -> Array:
        """(n * n, 2) points in even rows."""
        x, y = (np.linspace(a, b, n + 2)[1:-1] for a, b in zip(self.low, self.high, strict=True))
        return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def save_plane(
    path: Path,
    window: Window,
    field: tuple[Array, Array],
    ways: Array,
    orbit: Array | None,
    rest: Array | None,
    distances: tuple[Array, Array, Array | None],
    told: str,
    title: str,
) -> Path:
    """field: (N, 2) points, and where descent leads from them; ways: (R, T, 2) from the start on; orbit: (n, 2), the theory's.

    distances: from rest, the steps (T,), (R, T), and by the theory (n,), one a turn; told: what stands beside the pictures
    """
    with picture(path, 1, 2, (9.5, 5.4), 150) as (figure, ((plane, beside),)):
        at, v = field
        length = np.linalg.norm(v, axis=1, keepdims=True)
        arrows = v / np.where(length > 0, np.sqrt(length), 1)  # long ones would hide the short ones
        plane.quiver(*at.T, *arrows.T, color="0.72", angles="xy", width=0.004, zorder=1)
        for i, way in enumerate(ways):
            plane.plot(
                *way.T, color="C0", lw=1.1, alpha=1 if len(ways) == 1 else 0.6, label="taken" if not i else None, zorder=2
            )
        plane.plot(*ways[:, 0].T, "o", color="C0", ms=6, label="start", zorder=4)
        if orbit is not None:
            plane.plot(*orbit.T, color="C1", ls="--", lw=1.1, label="theory, near rest", zorder=3)
        if rest is not None:
            plane.plot(*rest, "+", color="black", ms=11, mew=2, label="rest", zorder=5)
        plane.set(xlim=(window.low[0], window.high[0]), ylim=(window.low[1], window.high[1]))
        plane.set(xlabel="theta, the generator", ylabel="psi, the discriminator")
        plane.set_aspect("equal")
        _distances(beside, *distances)
        handles, labels = plane.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
        beside.set_title(told, loc="left", fontsize="small")
        figure.suptitle(heading(title, "every turn of the game in its plane", 80))
    return path


def save_distance(path: Path, distances: tuple[Array, Array, Array | None], told: str, title: str) -> Path:
    """distance.png, of a game of more than two numbers: the right half of its `save_plane`."""
    with picture(path) as (_, ((axes,),)):
        _distances(axes, *distances)
        axes.set_title(f"{heading(title, 'how far the players are from rest')}\n{told}")
    return path


def _distances(axes: Any, steps: Array, measured: Array, theory: Array | None) -> None:
    for i, one in enumerate(measured):
        axes.plot(steps, np.where(one > 0, one, np.nan), color="C0", lw=1.3, label="taken" if not i else None)
    if theory is not None:
        at = np.arange(len(theory))
        axes.plot(at, np.where(theory > 0, theory, np.nan), color="C1", ls="--", lw=1.3, label="theory, near rest")
    axes.set(xlabel="turns", ylabel="distance from rest")
    if np.isfinite(measured).any() and (measured > 0).any():
        logarithmic(axes)
