"""Sheep, drawn: left and right, standing and lying, with horns and without, and the box in which the sheep is.

Every kind and how often it comes is known, so that it can be said exactly what a generator has lost. Nothing is downloaded.
How sheep that somebody else has drawn are told apart belongs to `scores/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from math import cos, pi, sin
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, MinLen
from PIL import Image, ImageDraw

from dessine.data.dataset import Array, Available, Dataset, Examples, Split, datasets, parted
from dessine.data.packed import LARGEST
from dessine.registry import Part, SpecError, Whole

FACTORS = {"direction": ("left", "right"), "posture": ("standing", "lying"), "head": ("plain", "horned")}
"""What kinds of sheep differ in, and how; a box has nothing of these."""
KINDS = (*("-".join(kind) for kind in product(*FACTORS.values())), "box")
Kind = Literal[
    "left-standing-plain",
    "left-standing-horned",
    "left-lying-plain",
    "left-lying-horned",
    "right-standing-plain",
    "right-standing-horned",
    "right-lying-plain",
    "right-lying-horned",
    "box",
]
Images = Annotated[int, Ge(1), Le(500_000)]
Point = tuple[float, float]
FINE = 4
"""Pixels along a side of one pixel, while it is drawn; their mean is what is kept."""
LOTS = 48
"""Random numbers that one picture may use."""
INK, PAPER = 25, 255


@datasets.register("sheep")
class Sheep(Dataset):
    """Small sheep in ink on white paper, of eight kinds, and the box in which the sheep is: nine classes, equally often.

    images: for training
    test_images: for testing
    size: height and width of an image, in pixels
    classes: only these kinds, such as [left-standing-plain, box]
    invert: white ink on black paper, as MNIST's digits are
    seed: of the pictures; the run's own seed does not move them
    scale: range of the pixels
    validation: share of the training images, always the same ones, that is kept apart for what is measured on the way
    The label counts left before right, then standing before lying, then plain before horned; 8 is the box.
    """

    def __init__(
        self,
        images: Images = 10_000,
        test_images: Images = 2_000,
        size: Annotated[int, Ge(8), Le(256)] = 28,
        classes: Annotated[list[Kind], MinLen(1)] | None = None,
        invert: bool = False,
        seed: Whole = 0,
        scale: Literal["0..1", "-1..1"] = "0..1",
        validation: Part = 0.0,
    ):
        self.images, self.test_images, self.size, self.invert = images, test_images, size, invert
        if max(images, test_images) * size**2 > LARGEST:
            raise SpecError(
                f"{max(images, test_images):,} images of {size} x {size} are more than {LARGEST:,} bytes", ("images",)
            )
        self.kinds = [i for i, kind in enumerate(KINDS) if classes is None or kind in classes]
        self.seed, self.scale, self.validation = seed, scale, validation

    def load(self) -> Split:
        low, parts = 0.0 if self.scale == "0..1" else -1.0, []
        for part, count in enumerate((self.images, self.test_images)):
            x, y = _drawn(count, self.size, tuple(self.kinds), (self.seed, part))
            parts.append(Examples(~x if self.invert else x, y, low))
        train, validation = parted(parts[0], self.validation)
        read = "" if self.invert or self.size != 28 else "sheep"
        return Split(train, parts[1], source="made", validation=validation, classes=KINDS, known_to=read)

    @classmethod
    def available(cls) -> list[Available]:
        made = cls()
        return [Available(cls.type, "made", "", made.images, made.test_images)]


@lru_cache(4)
def _drawn(count: int, size: int, kinds: tuple[int, ...], seed: tuple[int, int]) -> tuple[Array, Array]:
    """Images (count, size, size, 1) and their kinds (count,), uint8, read-only; more of them begin with the same ones."""
    rng = np.random.default_rng(seed)
    x, y = np.empty((count, size, size, 1), np.uint8), np.empty(count, np.uint8)
    for i in range(count):
        first, *lots = rng.random(1 + LOTS).tolist()
        y[i] = kinds[int(first * len(kinds))]
        x[i, ..., 0] = draw(int(y[i]), size, lots)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def draw(kind: int, size: int, lots: Sequence[float]) -> Array:
    """One picture (size, size), uint8, of a kind in 0..8. lots: LOTS numbers in [0, 1) that settle what is left to chance."""
    chance = Chance(lots)
    if KINDS[kind] == "box":
        page = Page(size, chance.sign(), chance)
        box(page, chance)
    else:
        direction, posture, head = KINDS[kind].split("-")
        page = Page(size, 1 if direction == "right" else -1, chance)
        sheep(page, chance, lying=posture == "lying", horned=head == "horned")
    return page.done()


class Chance:
    """What is left to chance in one picture, from numbers in [0, 1)."""

    def __init__(self, lots: Sequence[float]):
        self._lots: Iterator[float] = iter(lots)

    def between(self, low: float, high: float) -> float:
        """Evenly."""
        return low + (high - low) * next(self._lots)

    def sign(self) -> int:
        """1 or -1."""
        return 1 if next(self._lots) < 0.5 else -1


class Page:
    """Paper to draw on, 28 by 28 with (0, 0) in its middle, y downwards, x as one looks: -1 mirrors it.

    Corners are rounded to the fine grid, so that a last bit of a sine makes no other picture on another machine.
    """

    def __init__(self, size: int, looks: int, chance: Chance):
        self.size, self.looks = size, looks
        self.unit = FINE * size / 28 * chance.between(0.92, 1.04)
        self.at = FINE * size * (0.5 + chance.between(-0.035, 0.035)), FINE * size * (0.5 + chance.between(-0.05, 0.05))
        self.image = Image.new("L", (FINE * size, FINE * size), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def place(self, x: float, y: float) -> tuple[int, int]:
        """On the fine grid."""
        return round(self.at[0] + self.looks * x * self.unit), round(self.at[1] + y * self.unit)

    def disc(self, x: float, y: float, rx: float, ry: float, shade: int) -> None:
        """An upright ellipse with the half-axes rx and ry."""
        (i, j), di, dj = self.place(x, y), round(rx * self.unit), round(ry * self.unit)
        self.pen.ellipse((i - di, j - dj, i + di, j + dj), fill=shade)

    def oval(self, x: float, y: float, rx: float, ry: float, turn: float, shade: int) -> None:
        """The same, turned by so many radians, clockwise as it looks to the right."""
        around = [(rx * cos(a), ry * sin(a)) for a in (2 * pi * i / 20 for i in range(20))]
        self.shape([(x + u * cos(turn) - v * sin(turn), y + u * sin(turn) + v * cos(turn)) for u, v in around], shade)

    def shape(self, corners: list[Point], shade: int) -> None:
        """A filled polygon."""
        self.pen.polygon([self.place(*corner) for corner in corners], fill=shade)

    def stroke(self, points: list[Point], width: float, shade: int) -> None:
        """A line; a wide one has round ends and corners."""
        self.pen.line([self.place(*point) for point in points], fill=shade, width=max(1, round(width * self.unit)))
        if width * self.unit >= 3:
            for x, y in points:
                self.disc(x, y, width / 2, width / 2, shade)

    def done(self) -> Array:
        """(size, size), uint8."""
        return np.asarray(self.image.reduce(FINE))


def sheep(page: Page, chance: Chance, lying: bool, horned: bool) -> None:
    """It looks to the right. What is behind comes first."""
    line = chance.between(0.8, 1.15)
    long, high = chance.between(5.8, 7.2), chance.between(3.6, 4.8)
    x, y = chance.between(-2.4, -1.6), chance.between(2.8, 3.8) if lying else chance.between(-1.3, -0.4)
    legs(page, chance, x, y, long, high, lying)
    wool(page, chance, x, y, long, high, line)
    nod = chance.between(0.1, 0.9)
    at = x + long + chance.between(0.4, 1.3), y - high * chance.between(0.45, 0.95)
    head(page, chance, at, nod, line, horned)


def legs(page: Page, chance: Chance, x: float, y: float, long: float, high: float, lying: bool) -> None:
    """Four that stand or walk; or what is seen of two that are folded."""
    thick, shade = chance.between(1.2, 1.9), round(chance.between(INK, 80))
    bottom = y + high
    if lying:
        for share in (-0.45, 0.7):
            knee = x + share * long
            page.stroke([(knee, bottom + 0.4), (knee + chance.between(2.6, 3.8), bottom + 1.0)], thick, shade)
        return
    length = chance.between(4.4, 6.0)
    for share, far in ((-0.35, True), (0.75, True), (-0.7, False), (0.4, False)):
        hip, step = x + share * long, chance.between(-1.0, 1.0)
        foot = hip + step, bottom + length - 0.5 * far
        page.stroke([(hip, y), foot], thick, shade + 50 * far)


def wool(page: Page, chance: Chance, x: float, y: float, long: float, high: float, line: float) -> None:
    """A cloud: all curls in ink, then all of them again, smaller, in the colour of paper; some are seen inside; a tail."""
    curls, first = round(chance.between(7.5, 11.49)), chance.between(0, 2 * pi)
    size = chance.between(0.95, 1.15) * 1.1 * pi * (long + high) / 2 / curls
    angles = [first + 2 * pi * i / curls for i in range(curls)]
    around = [(x + long * 0.86 * cos(a), y + high * 0.8 * sin(a)) for a in angles]
    tail = x - long - chance.between(0.4, 1.2), y - chance.between(-0.6, 1.6)
    for more, shade in ((line, INK), (0.0, PAPER)):
        page.disc(*tail, 1.3 + more, 1.0 + more, shade)
        page.disc(x, y, long * 0.95 + more, high * 0.9 + more, shade)
        for u, v in around:
            page.disc(u, v, size + more, size + more, shade)
    for _ in range(3):
        u, v, r = x + chance.between(-0.6, 0.5) * long, y + chance.between(-0.5, 0.6) * high, chance.between(0.9, 1.3)
        page.stroke([(u + r * cos(a), v + r * sin(a)) for a in (0.3, 0.9, 1.5, 2.1, 2.7)], 0.45, 150)


def head(page: Page, chance: Chance, at: Point, nod: float, line: float, horned: bool) -> None:
    """A dark face that nods, one eye, an ear, a tuft of wool; horns that curl about the ear."""
    (x, y), shade = at, round(chance.between(INK, 75))
    long, wide = chance.between(3.2, 4.0), chance.between(2.0, 2.5)

    def on(u: float, v: float) -> Point:
        """Along the face and across it, downwards."""
        return x + u * cos(nod) - v * sin(nod), y + u * sin(nod) + v * cos(nod)

    page.oval(*on(0.8, 0.1), long, wide, nod, shade)
    for more, ink in ((line * 0.8, INK), (0.0, PAPER)):
        for u, v in ((-2.1, -1.4), (-1.0, -2.2), (-2.7, 0.0)):
            page.disc(*on(u, v), 1.15 + more, 1.15 + more, ink)
    page.disc(*on(1.6, -0.6), 0.55, 0.55, PAPER)
    if horned:
        thick, turns = chance.between(1.0, 1.4), chance.between(1.15, 1.4)
        spiral = [(3.3 - 2.1 * t, -pi / 2 - 0.2 - 2 * pi * turns * t) for t in (i / 13 for i in range(14))]
        horn = [on(-1.9 + r * cos(a), -0.9 + r * sin(a)) for r, a in spiral]
        page.stroke(horn, thick + 1.4, INK)
        page.stroke(horn, thick, 225)
    else:
        ear, droop = on(-1.9, 0.3), nod + chance.between(1.7, 2.8)
        ear = ear[0] + 1.6 * cos(droop), ear[1] + 1.6 * sin(droop)
        page.oval(*ear, 2.1 + line * 0.5, 1.05 + line * 0.5, droop, PAPER)
        page.oval(*ear, 2.1, 1.05, droop, shade)


def box(page: Page, chance: Chance) -> None:
    """ "This is only his box. The sheep you asked for is inside." It has three holes, so that he may breathe."""
    line = chance.between(0.75, 1.15)
    wide, high = chance.between(7.0, 8.8), chance.between(4.2, 5.4)
    back = chance.between(2.6, 4.0), -chance.between(2.0, 3.4)
    x, y = -back[0] / 2, 1.2 - back[1] / 2
    corners = [(x - wide, y - high), (x + wide, y - high), (x + wide, y + high), (x - wide, y + high)]
    behind = [(u + back[0], v + back[1]) for u, v in corners]
    edges = [corners, [corners[0], behind[0], behind[1], corners[1]], [corners[1], behind[1], behind[2], corners[2]]]
    shades = (PAPER, PAPER, round(chance.between(190, 235)))
    for face, shade in zip(edges, shades, strict=True):
        page.shape(face, shade)
        page.stroke([*face, face[0]], line, INK)
    hole, lift = chance.between(1.0, 1.5), chance.between(-1.0, 1.0)
    for share in (-0.5, 0.0, 0.5):
        page.disc(x + share * wide, y + lift, hole, hole * 0.85, INK)
