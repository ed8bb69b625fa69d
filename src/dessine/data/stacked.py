"""Stacked MNIST: three digits in the three channels of one image, so that a generator has 1,000 modes to find."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from dessine.data.dataset import Available, Dataset, Examples, Split, datasets, kept_apart
from dessine.data.mnist import Mnist
from dessine.registry import Part, Whole

Images = Annotated[int, Ge(1), Le(500_000)]  # 2,352 bytes each


@datasets.register("stacked_mnist")
class StackedMnist(Dataset):
    """Three random MNIST digits in red, green and blue, 28 x 28 x 3: 1,000 modes (Metz et al. 2017).

    source: of the digits: sample (10,000 images in the package), full (all 60,000), or auto: full if it is there
    images: for training, made of MNIST's training images
    test_images: for testing, made of its test images
    seed: of the choice; the run's own seed does not move it
    validation: share of the training images, and of the digits that they are made of, that is kept apart for what is measured
        on the way
    scale: range of the pixels
    The label is the number that the three digits write, red first: 0 to 999. An image takes 2.4 kB, 50,000 of them 118 MB.
    """

    known_modes = 1000

    def __init__(
        self,
        source: Literal["auto", "full", "sample"] = "auto",
        images: Images = 50_000,
        test_images: Images = 10_000,
        seed: Whole = 0,
        scale: Literal["0..1", "-1..1"] = "0..1",
        validation: Part = 0.0,
    ):
        self.source, self.scale, self.seed, self.validation = source, scale, seed, validation
        self.images, self.test_images = images, test_images

    def load(self) -> Split:
        single = Mnist(source=self.source, scale=self.scale, validation=self.validation).load()
        apart = int(kept_apart(self.images, self.validation).sum())
        streams = np.random.default_rng(self.seed).spawn(3)  # so that no part moves another
        train, test = stack(single.train, self.images - apart, streams[0]), stack(single.test, self.test_images, streams[1])
        watched = stack(single.validation, apart, streams[2]) if single.validation else None
        return Split(train, test, single.notice, single.source, digits=3, validation=watched)

    @classmethod
    def available(cls) -> list[Available]:
        made = cls()
        return [Available(cls.type, "made", "", made.images, made.test_images)]


def stack(single: Examples, count: int, rng: np.random.Generator) -> Examples:
    """`count` images of three channels, each channel one of the images (N, H, W, 1), drawn with replacement."""
    chosen = rng.integers(len(single), size=(count, 3))
    x = np.empty((count, *single.shape[:2], 3), single.x.dtype)
    for channel in range(3):
        x[..., channel] = single.x[chosen[:, channel], ..., 0]
    assert single.y is not None
    digits = single.y[chosen].astype(np.int64)
    return Examples(x, digits @ np.array([100, 10, 1]), single.low, single.high)
