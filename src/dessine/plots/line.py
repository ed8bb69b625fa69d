"""A game on a line, one frame: the densities of both sides, what the discriminator says there beside what would be right, and
where the generator puts each latent."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

import numpy as np

from dessine.plots.canvas import BANDS, BLACK, GENERATED, LINE, PALE, REAL, Canvas, Panel, key
from dessine.plots.fonts import plain

Array = np.ndarray
SIDE, GAP, LEFT, TOP, FOOT = 300, 46, 44, 30, 88
ROOM = 1.7
"""Height of the panel of densities, by the greatest density of the data: samples in one place go beyond it."""


def reach(real: Array, generated: Array) -> tuple[float, float]:
    """From where to where the axis goes: a little beyond the real points; where these are one, beyond all."""
    x = real if real.min() < real.max() else np.concatenate([real, generated[np.isfinite(generated)]])
    pad = 0.35 * (x.max() - x.min()) or 1.0
    return float(x.min() - pad), float(x.max() + pad)


def save_line(
    path: Path,
    at: Array,
    densities: tuple[Array, Array, bool, float],
    said: Array | None,
    right: Array | None,
    probability: bool,
    arrows: tuple[Array, Array] | None,
    way: Array | None,
    caption: str,
) -> Path:
    """at: (n,) places. densities: of the data and of the samples, (n,) each; whether that of the data is known; how far both
    are blurred. said: (n,) the probability of real that D gives, or what a critic says, centred; right: what it would be at
    best, NaN where nobody is seen. arrows: samples (m,), and where each is sent. way: (k, 2) latents, and where they go.
    What is None is not drawn.
    """
    panels = 1 + (said is not None) + (way is not None)
    width = LEFT + panels * SIDE + (panels - 1) * GAP + 10
    lines = wrap(plain(caption, 300), (width - 10) // 8) or [""]
    top = TOP + 20 * len(lines)
    canvas = Canvas(width, top + SIDE + FOOT)
    for i, text in enumerate(lines):
        canvas.write((6, 6 + 20 * i), text, 16)
    boxes = iter([(LEFT + i * (SIDE + GAP), top, SIDE, SIDE) for i in range(panels)])
    (p, q, known, blur), low, high = densities, float(at[0]), float(at[-1])
    height = ROOM * float(p.max()) or 1.0
    first = Panel(canvas, next(boxes), (low, -0.12 * height), (high, height))
    first.bars(at, np.minimum(q, height), BANDS + 2)
    first.lines([np.stack([at, np.minimum(q, height)], -1)], GENERATED)
    first.lines([np.stack([at, p], -1)], REAL, 2)
    if arrows is not None:
        x, dx = arrows
        first.arrows(np.stack([x, np.full(len(x), -0.06 * height)], -1), np.stack([dx, 0 * dx], -1), BLACK, 22)
    first.frame("densities of x")
    if said is not None:
        span = (-0.03, 1.03) if probability else (-4.0, 4.0)
        second = Panel(canvas, next(boxes), (low, span[0]), (high, span[1]))
        middle = 0.5 if probability else 0.0
        second.lines([np.array([[low, middle], [high, middle]])], PALE)
        if right is not None:
            second.lines([np.stack([at, right], -1)], BANDS + 7, 5)
        second.lines([np.stack([at, said], -1)], BLACK, 2)
        second.frame("D(x), probability of real" if probability else "what the critic says of x, centred")
    if way is not None:
        third = Panel(canvas, next(boxes), (way[0, 0], low), (way[-1, 0], high))
        third.lines([way], LINE, 2)
        third.frame("x = G(z), by the latent z")
    below = top + SIDE + 26
    signs = [("line", REAL, "data" if known else "data, as seen"), ("patch", BANDS + 2, "samples")]
    signs += [("arrow", BLACK, "where G's loss sends it")] if arrows is not None else []
    signs += [("line", BLACK, "learnt")] if said is not None else []
    signs += [("patch", BANDS + 7, "right: p / (p + q)")] if said is not None and right is not None else []
    key(canvas, (LEFT, below), signs[: 3 if panels == 1 else None])
    canvas.write(
        (LEFT, below + 24), f"densities are blurred by {blur:.2g}; {_told(probability, said)}"[: (width - LEFT) // 7], 13
    )
    return canvas.save(path)


def _told(probability: bool, said: Array | None) -> str:
    if said is None:
        return "D does not judge one example by itself"
    return "where both agree, D knows all there is to know; 1/2: undecided" if probability else "the higher, the more real"
