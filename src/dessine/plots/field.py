"""A game in the plane, one frame: what the discriminator says of every place, what would be right, and the generator's grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np

from dessine.plots.canvas import (
    ARROW,
    GENERATED,
    LINE,
    PALE,
    REAL,
    Canvas,
    Panel,
    bands,
    key,
)
from dessine.plots.fonts import plain

Array = np.ndarray
SIDE, GAP, LEFT, TOP, FOOT = 300, 16, 44, 30, 92
"""Pixels of a panel, between two, and around."""


def window(real: Array) -> tuple[Array, Array]:
    """(2,), (2,): corners of a square around the real points, with a margin."""
    low, high = real.min(0), real.max(0)
    half = 0.62 * float((high - low).max()) or 1.0
    return (low + high) / 2 - half, (low + high) / 2 + half


def save_field(
    path: Path,
    low: Array,
    high: Array,
    real: Array,
    drawn: Array,
    said: Array | None,
    probability: bool,
    truth: tuple[Array, bool, float] | None,
    arrows: tuple[Array, Array] | None,
    warped: Sequence[Array] | None,
    latents: str,
    caption: str,
    averaged: bool = False,
) -> Path:
    """real, drawn: (N, 2), (M, 2) points. said: (side, side) the logit, lowest row first, or what a critic says, centred.

    truth: log p/q, (side, side), NaN where nothing is known; whether p is known; how far both are blurred. arrows: samples
    (n, 2), and where each is sent. warped: where lines through the latents go, (m, 2) each; latents: which, in words.
    What is None is not drawn. averaged: whether G's moving average has drawn the samples, which D does not meet
    """
    panels = 1 + (truth is not None) + (warped is not None)
    width = LEFT + panels * SIDE + (panels - 1) * GAP + 10
    caption += "" if np.isfinite(drawn).all(1).any() else ", no sample is finite"
    lines = wrap(plain(caption, 300), (width - 10) // 8) or [""]
    top = TOP + 20 * len(lines)
    canvas = Canvas(width, top + SIDE + FOOT)
    for i, line in enumerate(lines):
        canvas.write((6, 6 + 20 * i), line, 16)
    boxes = [(LEFT + i * (SIDE + GAP), top, SIDE, SIDE) for i in range(panels)]
    first, *rest = (Panel(canvas, box, low, high) for box in boxes)
    if said is not None:
        first.field(said)
    first.points(real, REAL)
    first.points(drawn, GENERATED)
    if arrows is not None:
        first.arrows(*arrows, ARROW)
    what = "what D says: its logit" if probability else "what the critic says, centred"
    first.frame(what if said is not None else "real and generated", axes="xy")
    if truth is not None:
        ratio, known, _ = truth
        second = rest.pop(0)
        second.field(ratio)
        right = "what is right: log p/q" if probability else "log p/q of data and samples"  # no critic aims at it
        second.frame(right + ("" if known else ", estimated"), axes="x")
    if warped is not None:
        third = rest.pop(0)
        third.points(real, PALE)
        third.lines(warped, LINE)
        third.frame(f"{latents}, as G warps it", axes="x")
    _foot(canvas, top + SIDE + 26, panels, said is not None, truth, arrows is not None, averaged)
    return canvas.save(path)


def _foot(
    canvas: Canvas,
    below: int,
    panels: int,
    judged: bool,
    truth: tuple[Array, bool, float] | None,
    arrows: bool,
    averaged: bool,
) -> None:
    """What the signs and colours mean, from `below` on. judged: whether D says something of each place"""
    signs = [("dot", REAL, "real"), ("dot", GENERATED, "generated")]
    signs += [("arrow", ARROW, "where G's loss sends it")] if arrows else []
    at = key(canvas, (LEFT, below), signs)
    if judged or truth is not None:
        beside = panels > 1
        bands(canvas, (max(at, LEFT + SIDE) if beside else LEFT, below + (0 if beside else 20)), "generated", "real")
    told = "" if judged else "no field: D does not judge a place of this plane by itself"
    if truth is not None:
        _, known, blur = truth
        both = f"both blurred by {blur:.2g}" + ("" if known else ", from samples alone")
        told += "; " * bool(told) + f"p: data, q: samples, {both}; grey: no samples; black line: 0, undecided"
        told += "; D meets G's plain weights, not their average" if averaged else ""
    for i, line in enumerate(wrap(told, (canvas.image.width - LEFT) // 7)):
        canvas.write((LEFT, below + 32 + 17 * i), line, 13)
