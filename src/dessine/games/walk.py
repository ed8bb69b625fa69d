"""A way through the latents, from stop to stop. Who draws what lies on it belongs to `pair.py`."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

Array = np.ndarray
Path = Literal["linear", "spherical"]
PATHS: tuple[Path, ...] = ("linear", "spherical")


class Walk(NamedTuple):
    """latents: (frames, size), in order; at: of each stop, the frame that is exactly there."""

    latents: Array
    at: list[int]


def walk(stops: Array, frames: int, path: Path = "linear", closed: bool = False) -> Walk:
    """From stop to stop, (n, size), in as many frames as even as whole numbers allow.

    path: in straight lines, or as `spherical` has it; closed: from the last stop back to the first, which is not shown again,
    so that the end leads on to the beginning.
    Raises ValueError for less than two stops, or fewer frames than stops.
    """
    n = len(stops)
    if n < 2:
        raise ValueError(f"a walk needs two latents or more, not {n}")
    if frames < n:
        raise ValueError(f"{frames} frames are too few for {n} stops")
    legs = n if closed else n - 1
    ends = [round(i * (frames if closed else frames - 1) / legs) for i in range(legs + 1)]
    between = spherical if path == "spherical" else linear
    parts = [
        between(stops[i], stops[(i + 1) % n], np.arange(ends[i + 1] - ends[i])[:, None] / (ends[i + 1] - ends[i]))
        for i in range(legs)
    ]
    return Walk(np.concatenate(parts if closed else [*parts, stops[-1:]]), ends[:n])


def linear(a: Array, b: Array, t: Array) -> Array:
    """From a at t = 0 to b at t = 1 in a straight line. t: (frames, 1)."""
    return a * (1 - t) + b * t


def spherical(a: Array, b: Array, t: Array) -> Array:
    """The same around the origin: between two latents of one length, all have this length (White 2016, section 2.1).

    The middle of a straight line is shorter than what is drawn: two gaussian latents of many numbers are at right angles, and
    the one halfway between them is 0.7 times as long. Where a or b is 0, or they point the same way or opposite ways, no circle
    is told from others, and the line is straight.
    """
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    angle = float(np.arccos(np.clip(a @ b / lengths, -1, 1))) if lengths > 0 else 0.0
    if np.sin(angle) < 1e-6:
        return linear(a, b, t)
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
