"""The Frechet distance of two sets of features: how far apart two Gaussians with their means and covariances are.

Where the features come from belongs to the callers; distances in the features of different judges cannot be compared.
"""

from __future__ import annotations

import numpy as np

from dessine.scores.jackknife import groups, standard_error

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

    def of(self, sums: Array) -> tuple[Array, Array]:
        """Mean (f,) and covariance (f, f), with n - 1; of one example alone the covariance is 0."""
        n, f = sums[-1], len(self.about)
        mean = sums[f * f : -1] / n
        covariance = (sums[: f * f].reshape(f, f) - n * np.outer(mean, mean)) / max(n - 1, 1)
        return self.about + mean, covariance


def frechet(*, real: Moments, generated: Moments) -> tuple[float, float]:
    """The squared distance |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), and its standard error. 0 is perfect, lower is better.

    Heusel et al. 2017 take Inception's features; here they are the digit judge's. In float64, with (S1 S2)^(1/2) by two
    symmetric eigen-decompositions, so that covariances of lower rank do no harm. The error is a jackknife over 20 groups of
    either side, and leaves the bias out.
    Misleads: it is biased upwards by about (a constant of the features) / N: compare only at equal N, and see how far from 0
    real test images stand. Two first moments are all it sees: a generator that has learnt the training images by heart
    scores best, and shapes that no Gaussian has go unseen. In another judge's features it is another number.
    """
    first, second = real.of(real.parts.sum(0)), generated.of(generated.parts.sum(0))
    root_first, root_second = root(first[1]), root(second[1])
    value = _distance(first, second, root_first)
    by_generated = standard_error(lambda sums: _distance(first, generated.of(sums), root_first), generated.parts)
    by_real = standard_error(lambda sums: _distance(second, real.of(sums), root_second), real.parts)
    return value, float(np.hypot(by_generated, by_real))


def root(covariance: Array) -> Array:
    """The symmetric square root of a symmetric matrix; what rounding has made negative counts as 0."""
    values, vectors = np.linalg.eigh(covariance)
    scaled: Array = vectors * np.sqrt(np.maximum(values, 0))
    return scaled @ vectors.T


def _distance(one: tuple[Array, Array], other: tuple[Array, Array], root_of_one: Array) -> float:
    """tr (S1 S2)^(1/2) is the sum of the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2), which is symmetric."""
    between = root_of_one @ other[1] @ root_of_one
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh((between + between.T) / 2), 0)).sum()
    gap = one[0] - other[0]
    return max(0.0, float(gap @ gap + np.trace(one[1]) + np.trace(other[1]) - 2 * shared))
