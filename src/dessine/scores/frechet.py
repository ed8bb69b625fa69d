"""The Frechet distance of two sets of features: how far apart two Gaussians with their means and covariances are.

Where the features come from belongs to the callers; distances in the features of different judges cannot be compared.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from dessine.scores.jackknife import groups
from dessine.scores.parts import parted, variance

Array = np.ndarray


class Moments:
    """Of features (N, f), in random order: sums by group, from which mean and covariance follow with or without a group.

    about: a point near the mean, from which all is counted, so that no digits are lost in differences of large sums
    """

    def __init__(self, features: Array, about: Array | None = None):
        x = np.asarray(features, np.float64)
        self.about = x.mean(0) if about is None else about
        x = x - self.about
        parts = [x[part] for part in groups(len(x))]
        f = x.shape[1]
        self.parts = np.zeros((len(parts), f * f + f + 1))
        for row, one in zip(self.parts, parts, strict=True):
            row[: f * f], row[f * f : -1], row[-1] = (one.T @ one).ravel(), one.sum(0), len(one)

    @cached_property
    def whole(self) -> tuple[Array, Array]:
        """Mean and covariance of all."""
        return self.of(self.parts.sum(0))

    @cached_property
    def root(self) -> Array:
        """Of the covariance of all."""
        return root(self.whole[1])

    def of(self, sums: Array) -> tuple[Array, Array]:
        """Mean (f,) and covariance (f, f), with n - 1; of one example alone the covariance is 0."""
        n, f = sums[-1], len(self.about)
        mean = sums[f * f : -1] / n
        covariance = (sums[: f * f].reshape(f, f) - n * np.outer(mean, mean)) / max(n - 1, 1)
        return self.about + mean, covariance


def distance(*, real: Moments, generated: Moments) -> float:
    """The squared distance |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). 0 is perfect, lower is better.

    Heusel et al. 2017 take Inception's features; here they are the digit judge's. In float64, with (S1 S2)^(1/2) by two
    symmetric eigen-decompositions, so that covariances of lower rank do no harm.
    Misleads: it is biased upwards by about (a constant of the features) / N: compare only at equal N, and see how far from 0
    real test images stand. Two first moments are all it sees: a generator that has learnt the training images by heart
    scores best, and shapes that no Gaussian has go unseen. In another judge's features it is another number.
    """
    return _between(real.whole, generated.whole, real.root)


def error(*, real: Moments, generated: Moments) -> float:
    """The standard error of `distance`, of both draws, its bias left out; NaN for fewer than 8 examples on either side.

    From the variances on halves and on quarters of both (`parts.py`): they grow as 1 / n where the distance is large beside its
    bias, and as 1 / n^2 where both sides are of one source and it is nothing but bias. From quarter to half to whole the growth
    is taken to be the same. A jackknife takes the first for granted, and says up to 1.6 times too much.
    """
    if min(len(real.parts), len(generated.parts)) < 8:
        return float("nan")
    quarter, half = (variance(_on_parts(real, generated, parts)) for parts in (4, 2))
    shrinks = np.clip(half / quarter, 0.25, 0.5) if quarter > 0 else 0.5
    return float(np.sqrt(half * shrinks))


def _on_parts(real: Moments, generated: Moments, parts: int) -> Array:
    """(splits, parts) distances of parts of one side from parts of the other."""
    found = []
    for one, other in zip(*(parted(len(side.parts), parts) for side in (real, generated)), strict=True):
        sides = [
            [side.of(side.parts[split == i].sum(0)) for i in range(parts)] for side, split in ((real, one), (generated, other))
        ]
        found.append([_between(a, b, root(a[1])) for a, b in zip(*sides, strict=True)])
    return np.array(found)


def root(covariance: Array) -> Array:
    """The symmetric square root of a symmetric matrix; what rounding has made negative counts as 0."""
    values, vectors = np.linalg.eigh(covariance)
    scaled: Array = vectors * np.sqrt(np.maximum(values, 0))
    return scaled @ vectors.T


def _between(one: tuple[Array, Array], other: tuple[Array, Array], root_of_one: Array) -> float:
    """tr (S1 S2)^(1/2) is the sum of the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2), which is symmetric."""
    product = root_of_one @ other[1] @ root_of_one
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2), 0)).sum()
    gap = one[0] - other[0]
    return max(0.0, float(gap @ gap + np.trace(one[1]) + np.trace(other[1]) - 2 * shared))
