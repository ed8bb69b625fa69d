"""What can be seen in images without labels: by a convolutional network that never learns, and by principal components.

Neither knows what an image shows. Distances in such features rank generators of one data set; which is how far from a judge's
is measured in docs/scores.md. What is measured in them belongs to `table.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import ceil, log2
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh

from dessine.data import Split
from dessine.nn import Mode, Network
from dessine.nn.layer import size
from dessine.streams import Streams

Array = np.ndarray
SEED, KERNEL, WIDTHS, SMALLEST = 0, 3, (16, 32, 64), 8
"""Of the random network: its stages make 16, 32, and then always 64 maps, each half as large as those before, until these are
8 x 8 or less. The mean of each map of each stage is a feature."""
COMPONENTS = 64
FITTED = 2_000
"""Training images, at most, by which features are scaled and components found."""
AT_ONCE = 4_000_000
"""Numbers that one layer may make of the images that pass it together."""
LEAST = 4
"""Pixels of the shorter side, of which there is anything to see."""


class Features(NamedTuple):
    """name: seed and architecture, or how many components; of: images (N, H, W, C) in [0, 1] -> (N, f), float32."""

    name: str
    of: Callable[[Array], Array]


def has_features(data: Split) -> bool:
    """Whether they are images, not points, and neither tiny nor a handful."""
    shape = data.train.shape
    return len(shape) == 3 and min(shape[:2]) >= LEAST and len(data.train) > 10


class Spaces:
    """Both kinds of features of one data set, fitted on its training images when they are first asked for."""

    def __init__(self, data: Split, dtype: Any):
        self.data, self.dtype = data, np.dtype(dtype)

    def __getitem__(self, space: str) -> Features:
        return self.random if space == "random" else self.pca

    @cached_property
    def random(self) -> Features:
        return random_conv(self._some)

    @cached_property
    def pca(self) -> Features:
        return principal(self._some)

    @property
    def _some(self) -> Array:
        train = self.data.train
        n = train.at_once(FITTED, self.dtype)
        return train.images(train.floats(np.random.default_rng(0).permutation(len(train))[:n], self.dtype))


def random_conv(some: Array) -> Features:
    """Of a network whose weights are drawn once and for all, each feature with mean 0 and variance 1 over `some` training
    images (n, H, W, C).

    He's initialisation, relu, means of 2 x 2 between stages: what an image shows it does not know, but how much there is of
    edges, strokes and textures of several sizes moves its features; where they are does not. Random networks as feature
    extractors for scores: Naeem et al. 2020, section 4 (there an untrained VGG16).
    """
    shape = some.shape[1:]
    stages = max(2, 1 + ceil(log2(min(shape[:2]) / SMALLEST)))
    widths = [*WIDTHS, *[WIDTHS[-1]] * stages][:stages]
    layers: list[Any] = []
    for width in widths:
        conv = {
            "type": "conv2d",
            "channels": width,
            "kernel": KERNEL,
            "padding": KERNEL // 2,
            "activation": "relu",
            "init": "he",
        }
        layers += [{"type": "average_pool", "size": 2}] * bool(layers) + [conv]
    network = Network(layers, shape, Streams(SEED), np.float32, "random_conv")
    portion = max(1, min(250, AT_ONCE // max(map(size, network.shapes))))

    def seen(x: Array) -> Array:
        return np.concatenate([_means(network, x[i : i + portion]) for i in range(0, max(1, len(x)), portion)])

    first = seen(some)
    mean, spread = first.mean(0), first.std(0)
    scale = 1 / np.where(spread > 1e-6 * spread.max(), spread, np.inf)  # what never moves tells nothing
    name = f"random_conv_s{SEED}_{'x'.join(map(str, shape))}_k{KERNEL}_{'-'.join(map(str, widths))}"
    return Features(name, lambda x: np.asarray((seen(x) - mean) * scale, np.float32))


def _means(network: Network, x: Array) -> Array:
    """(n, maps): of each map of each stage, for images in [0, 1]."""
    made = network.walk((2 * x - 1)[None], Mode(network.streams, train=False, record=False))
    return np.concatenate([y[0].mean((1, 2)) for name, y in made if name.endswith("conv2d")], 1)


def principal(some: Array) -> Features:
    """The first 64 principal components of `some` training images (n, H, W, C), all in one scale: their mean variance is 1.

    By the smaller of the two products of the images with themselves, in float64.
    """
    x = some.reshape(len(some), -1)
    mean = x.mean(0)
    x = x - mean
    n, d = x.shape
    k = min(COMPONENTS, n - 1, d)
    gram = (x.T @ x if d <= n else x @ x.T).astype(np.float64)
    vectors = eigh(gram, subset_by_index=[len(gram) - k, len(gram) - 1])[1][:, ::-1].astype(np.float32)
    axes = vectors if d <= n else x.T @ vectors
    length = np.linalg.norm(axes, axis=0)
    axes /= np.where(length > 0, length, 1)
    axes *= _scale(x @ axes)
    return Features(f"pca_{k}", lambda y: np.asarray((y.reshape(len(y), -1) - mean) @ axes, np.float32))


def _scale(features: Array) -> np.float32:
    """What brings the mean of the variances of (n, f) to 1; 1 where nothing varies."""
    variance = float(features.var(0, dtype=np.float64).mean())
    return np.float32(1 / np.sqrt(variance) if variance > 0 else 1)
