"""Points in the plane from a picture: as many where there is more ink, so that a generator of points learns to draw it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from PIL import Image

from dessine.data.dataset import Array, Available, Dataset, Split, datasets, made
from dessine.data.density import Pixels
from dessine.data.picture import Broken, Wanted, decode
from dessine.paths import expanded, shown, unreadable
from dessine.registry import NonNegative, Part, PathText, Points, Positive, SpecError, Whole

LARGEST_FILE = 300_000_000


@datasets.register("picture")
class Picture(Dataset):
    """Points of the ink of one picture: its dark pixels, each as often as it is dark, evenly within it.

    path: PNG, JPEG, WebP, BMP or GIF; a relative one is looked for beside the config that says it, then in the working
        directory, where KEY=VALUE also begins
    invert: the light pixels are the ink; what is transparent never is
    threshold: darkness, from 0 for white to 1 for black, below which a pixel is paper
    extent: the longer side reaches from -extent to extent, the shorter one as far as it is long
    size: pixels of the longer side, of which a larger picture has no more
    sigma: standard deviation of noise around; the true density of points beside the ink is then known, too
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    """

    def __init__(
        self,
        path: PathText,
        invert: bool = False,
        threshold: Annotated[float, Ge(0), Le(1)] = 0.1,
        extent: Positive = 1.0,
        size: Annotated[int, Ge(8), Le(4096)] = 256,
        sigma: NonNegative = 0.0,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.path, self.invert, self.threshold, self.extent, self.size = path, invert, threshold, extent, size
        self.sigma, self.points, self.test_points, self.seed, self.validation = sigma, points, test_points, seed, validation

    def density(self) -> Pixels:
        """Of its ink, the lowest row first. Raises SpecError where there is none, or no picture."""
        grey = read_grey(expanded(self.path), self.size, "black" if self.invert else "white")
        ink = (grey if self.invert else 255.0 - grey)[::-1] / 255.0
        ink = np.where(ink >= self.threshold, ink, 0.0)
        if not ink.any():
            other = "invert: false takes what is dark" if self.invert else "invert: true takes what is light"
            raise SpecError(f"{shown(expanded(self.path))} has no ink, all of it is paper: {other}", ("path",))
        side = 2 * self.extent / max(ink.shape)
        low = -side * np.array(ink.shape[::-1]) / 2
        return Pixels(ink / ink.sum(), low, side, self.sigma)

    def load(self) -> Split:
        known = self.density()
        below = np.cumsum(known.shares)  # of each pixel, row by row

        def draw(n: int, rng: np.random.Generator) -> tuple[Array, None]:
            pixel = np.minimum(np.searchsorted(below, rng.uniform(size=n) * below[-1], side="right"), below.size - 1)
            corner = np.stack(np.unravel_index(pixel, known.shares.shape)[::-1], -1)
            x = known.low + known.side * (corner + rng.uniform(size=(n, 2)))
            return x + self.sigma * rng.standard_normal((n, 2)), None

        streams = np.random.default_rng(self.seed).spawn(2)
        return made(draw, self.points, self.test_points, streams, self.validation, known=known, source=self.path)

    @classmethod
    def available(cls) -> list[Available]:
        return []


def read_grey(path: Path, size: int, paper: str) -> Array:
    """(H, W) from 0 to 255, upright, its longer side `size` at the most. Raises SpecError saying what the file is instead."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise unreadable(path, error).below("path") from None
    if len(data) > LARGEST_FILE:
        raise SpecError(f"{shown(path)} has more than {LARGEST_FILE:,} bytes", ("path",))
    try:
        x, _ = decode(data, Wanted(None, 1, "crop", False, paper))
    except Broken as why:
        raise SpecError(f"{shown(path)} {why}", ("path",)) from None
    if max(x.shape) > size:
        scale = size / max(x.shape)
        small = (max(1, round(x.shape[1] * scale)), max(1, round(x.shape[0] * scale)))
        return np.asarray(Image.fromarray(x[..., 0]).resize(small, Image.Resampling.BOX), np.float64)
    return x[..., 0].astype(np.float64)
