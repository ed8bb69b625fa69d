"""A sheet of panels drawn point by point, in a palette of few colours: milliseconds a frame where matplotlib needs a fifth of a
second. What is drawn on it belongs to its callers.

A colour is its place in `PALETTE`. The first sixteen are greys from black to the paper, so that letters have smooth edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from dessine.plots.figure import COLOURS
from dessine.plots.fonts import own_font, plain
from dessine.plots.grid import _font, _runs, _save, _width

Array = np.ndarray

LEVELS = (-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0)
"""Where the bands of a field meet: of log p/q and of a logit."""
GREYS = 16
BLACK, PALE, PAPER = 0, 12, 15
REAL, GENERATED, ARROW, LINE = 16, 17, 18, 19
UNKNOWN, CLASSES = 20, 21
"""CLASSES: pale, for the place of a class; as many further on dark, for its points. There are no more, they begin again."""
BANDS = CLASSES + 2 * len(COLOURS)
_SHADES = (  # from "generated" to "real": orange to blue, told apart by all eyes
    (219, 118, 52), (233, 152, 97), (243, 184, 142), (249, 211, 183), (252, 233, 218),
    (222, 234, 245), (189, 213, 235), (148, 188, 223), (102, 157, 206), (57, 122, 184),
)  # fmt: skip
_OTHERS = ((8, 48, 107), (140, 45, 4), (20, 20, 20), (0, 120, 90), (226, 226, 226))
_CLASSES = [tuple(bytes.fromhex(colour[1:])) for colour in COLOURS]
_PALE = [tuple(round(255 - 0.5 * (255 - c)) for c in colour) for colour in _CLASSES]
_DARK = [tuple(round(0.6 * c) for c in colour) for colour in _CLASSES]
PALETTE = [(17 * i,) * 3 for i in range(GREYS)] + [*_OTHERS, *_PALE, *_DARK, *_SHADES]


class Canvas:
    """A sheet of so many pixels, and all that is written and drawn on it."""

    def __init__(self, width: int, height: int):
        self.image = Image.new("L", (width, height), PAPER)

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        """Draws lines and shapes."""
        return ImageDraw.Draw(self.image)

    def write(self, at: tuple[float, float], text: str, size: int = 15, anchor: str = "l", ink: int = BLACK) -> None:
        """One line of text on the paper, `at` its upper left corner; anchor "m": its upper middle, "r": its upper right one."""
        strip = _strip(plain(text, 400), size, ink)
        x = round(at[0] - {"l": 0, "m": strip.width / 2, "r": strip.width}[anchor])
        self.image.paste(strip, (x, round(at[1])))

    def save(self, path: Path) -> Path:
        """As a PNG of its palette."""
        image = self.image.copy()
        image.putpalette([c for colour in PALETTE for c in colour])
        return _save(image, path, compress_level=3)  # half the time of 6, and a quarter larger


@lru_cache(maxsize=512)
def _strip(text: str, size: int, ink: int) -> Image.Image:
    """A line of text on paper; most of it is the same from frame to frame."""
    strip = Image.new("L", (ceil(_width(text, size)) + 1, ceil(size * 1.4)), 255)
    pen, left, base = ImageDraw.Draw(strip), 0.0, _font(own_font(), size).getmetrics()[0]
    for piece, font in _runs(text, size):
        pen.text((left, base), piece, fill=17 * ink, font=font, anchor="ls")
        left += font.getlength(piece)
    return strip.point([i // GREYS for i in range(256)])


class Panel:
    """A window into the plane on a canvas. low, high: (2,) its corners; box: left, top, width, height."""

    def __init__(
        self, canvas: Canvas, box: tuple[int, int, int, int], low: Sequence[float] | Array, high: Sequence[float] | Array
    ):
        self.canvas, self.box = canvas, box
        self.low, self.high = np.asarray(low, float), np.asarray(high, float)

    def pixels(self, points: Array) -> Array:
        """(N, 2) places on the canvas, whole numbers, far away at most by 10,000; NaN far away, too."""
        left, top, wide, high = self.box
        unit = (np.asarray(points, float) - self.low) / (self.high - self.low)
        at = np.stack([left + unit[:, 0] * (wide - 1), top + (1 - unit[:, 1]) * (high - 1)], -1)
        return np.clip(np.nan_to_num(at, nan=-1e4, posinf=1e4, neginf=-1e4), -1e4, 1e4).round().astype(int)

    def field(self, values: Array, levels: Sequence[float] = LEVELS) -> None:
        """(side, side), the lowest row first, in bands between `levels`, a line where they are 0; NaN: unknown."""
        left, top, wide, high = self.box
        size = (wide, high)
        known = np.isfinite(values)
        smooth = Image.fromarray(np.where(known, values, 0)[::-1].astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        there = np.asarray(Image.fromarray(known[::-1].astype(np.uint8)).resize(size, Image.Resampling.NEAREST)) > 0
        v = np.asarray(smooth)
        index = np.full(v.shape, BANDS, np.uint8)
        for level in levels:
            index += v >= level
        over = v > 0
        edge = np.zeros_like(over)
        edge[:, 1:] |= over[:, 1:] != over[:, :-1]
        edge[1:] |= over[1:] != over[:-1]
        index[edge] = BLACK
        index[~there] = UNKNOWN
        self.canvas.image.paste(Image.fromarray(index), (left, top))

    def regions(self, classes: Array) -> None:
        """(side, side) numbers of classes, the lowest row first, each in the pale colour of its own."""
        index = (CLASSES + classes[::-1].astype(int) % len(COLOURS)).astype(np.uint8)
        self.canvas.image.paste(Image.fromarray(index).resize(self.box[2:], Image.Resampling.NEAREST), self.box[:2])

    def points(self, x: Array, colour: int | Array, large: bool = False) -> None:
        """(N, 2) dots, all of one colour, or (N,) of their own; those outside are not there."""
        left, top, wide, high = self.box
        at = self.pixels(x) - (left, top)
        inside = ((at >= 1) & (at < (wide - 1, high - 1))).all(1)
        at, ink = at[inside], np.broadcast_to(colour, len(at))[inside]
        a = np.array(self.canvas.image.crop((left, top, left + wide, top + high)))
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)) if not large else ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)):
            a[at[:, 1] + dy, at[:, 0] + dx] = ink
        self.canvas.image.paste(Image.fromarray(a), (left, top))

    def bars(self, x: Array, heights: Array, colour: int) -> None:
        """A filled curve over 0: (n,) places from left to right, and how high it stands there."""
        left, top, wide, high = self.box
        columns = self.low[0] + (np.arange(wide) + 0.5) / wide * (self.high[0] - self.low[0])
        rows = self.high[1] - (np.arange(high) + 0.5) / high * (self.high[1] - self.low[1])
        tall = np.nan_to_num(np.interp(columns, x, heights))
        a = np.array(self.canvas.image.crop((left, top, left + wide, top + high)))
        a[(rows[:, None] > 0) & (rows[:, None] < tall)] = colour
        self.canvas.image.paste(Image.fromarray(a), (left, top))

    def lines(self, ways: Sequence[Array], colour: int, width: int = 1) -> None:
        """Each (n, 2), from point to point, within the panel; broken where a point is not finite."""
        left, top, wide, high = self.box
        part = self.canvas.image.crop((left, top, left + wide, top + high))
        pen, every = ImageDraw.Draw(part), np.concatenate(ways)
        at = np.split(self.pixels(every) - (left, top), np.cumsum([len(way) for way in ways])[:-1])
        for way, pixels in zip(ways, at, strict=True):
            there = np.isfinite(way).all(1)
            for piece in np.split(pixels, np.flatnonzero(np.diff(there)) + 1)[0 if there[0] else 1 :: 2]:
                if len(piece) > 1:
                    pen.line(piece.ravel().tolist(), fill=colour, width=width)
        self.canvas.image.paste(part, (left, top))

    def arrows(self, x: Array, dx: Array, colour: int, longest: float = 26) -> None:
        """(N, 2) each: from x along dx, the longest of them so many pixels, short ones by the root, so that they are seen."""
        length = np.linalg.norm(dx, axis=1)
        there = np.isfinite(x).all(1) & np.isfinite(length) & (length > 0)
        if not there.any():
            return
        x, dx, length = x[there], dx[there], length[there]
        left, top, wide, high = self.box
        part = self.canvas.image.crop((left, top, left + wide, top + high))
        pen = ImageDraw.Draw(part)
        size = (longest * np.sqrt(length / length.max()))[:, None]
        start, way = self.pixels(x) - (left, top), dx / length[:, None] * (1, -1) * size
        end, across = start + way, way[:, ::-1] * (-1, 1)
        head = np.minimum(5, size / 2) / size
        wings = [end - head * (way + turn * across) for turn in (0.5, -0.5)]
        seen = size[:, 0] >= 2
        for shaft in np.concatenate([start, end], 1)[seen].round().astype(int).tolist():
            pen.line(shaft, fill=colour)
        for point in np.concatenate([wings[0], end, wings[1]], 1)[seen].round().astype(int).tolist():
            pen.line(point, fill=colour)
        self.canvas.image.paste(part, (left, top))

    def frame(self, title: str, below: str = "", numbers: bool = True, axes: str = "xy") -> None:
        """Its border, a title above, numbers along its axes, and a line below."""
        left, top, wide, high = self.box
        canvas, pen = self.canvas, self.canvas.pen
        pen.rectangle((left - 1, top - 1, left + wide, top + high), outline=8)
        canvas.write((left + wide / 2, top - 22), title, 14, "m")
        if numbers and "x" in axes:
            for v in ticks(self.low[0], self.high[0]):
                x = int(self.pixels(np.array([[v, self.low[1]]]))[0, 0])
                pen.line((x, top + high, x, top + high + 4), fill=8)
                canvas.write((x, top + high + 5), f"{v:g}", 12, "m")
        if numbers and "y" in axes:
            for v in ticks(self.low[1], self.high[1]):
                y = int(self.pixels(np.array([[self.low[0], v]]))[0, 1])
                pen.line((left - 5, y, left - 1, y), fill=8)
                canvas.write((left - 7, y - 9), f"{v:g}", 12, "r")
        if below:
            canvas.write((left + wide / 2, top + high + 22), below, 12, "m")


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between, `most` at most."""
    span = high - low
    if not (np.isfinite(span) and span > 0):
        return []
    power = 10.0 ** floor(log10(span / most))
    step = next((power * k for k in (1, 2, 5, 10) if span / (power * k) <= most - 1), power * 10)
    return [round(i * step, 12) + 0.0 for i in range(ceil(low / step), floor(high / step) + 1)]


def key(canvas: Canvas, at: tuple[int, int], entries: Sequence[tuple[str, int, str]], size: int = 13) -> int:
    """Signs and what they mean, in a row from `at` on; where it ends. entries: dot, line, arrow or patch, its colour, words."""
    x, y = at
    for kind, colour, words in entries:
        pen: Any = canvas.pen
        if kind == "dot":
            pen.ellipse((x + 4, y + 5, x + 10, y + 11), fill=colour)
        elif kind == "patch":
            pen.rectangle((x, y + 3, x + 13, y + 13), fill=colour)
        else:
            pen.line((x, y + 8, x + 16, y + 8), fill=colour, width=2 if kind == "line" else 1)
        if kind == "arrow":
            pen.line((x + 16, y + 8, x + 11, y + 5), fill=colour)
            pen.line((x + 16, y + 8, x + 11, y + 11), fill=colour)
        canvas.write((x + 20, y), words, size)
        x += 20 + ceil(_width(plain(words, 200), size)) + 16
    return x


def bands(canvas: Canvas, at: tuple[int, int], left: str, right: str, levels: Sequence[float] = LEVELS) -> None:
    """What the colours of a field mean, as a strip with numbers: `left` and `right` stand at its ends. About 420 wide."""
    x, y = at
    canvas.write((x, y), left, 13)
    x += ceil(_width(left, 13)) + 8
    for i in range(len(levels) + 1):
        canvas.pen.rectangle((x + 26 * i, y + 1, x + 26 * i + 25, y + 13), fill=BANDS + i)
    for i, level in enumerate(levels):
        canvas.write((x + 26 * (i + 1), y + 14), f"{level:g}", 11, "m")
    canvas.write((x + 26 * (len(levels) + 1) + 8, y), right, 13)
