"""What a judge, such as that of digits, says of samples: which classes there are, how sure it is, and both in one number.

The judge is handed over as its answers: probabilities (N, 10) whose rows sum to 1.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from dessine.scores.jackknife import groups, standard_error

Array = np.ndarray


def histogram(probabilities: Array) -> Array:
    """(N, K) -> (K,) shares of the samples whose top class each is."""
    n, k = probabilities.shape
    return np.bincount(probabilities.argmax(1), minlength=k) / max(n, 1)


def kinds(generated: Array, real: Array) -> int:
    """How many of K classes samples show; both: shares (K,). One comes up where it has a tenth of its real share or more.

    Misleads: it knows nothing of quality, and a judge names some class for every smear: noise shows several.
    """
    return int(np.count_nonzero((generated > 0) & (generated >= real / 10) & (real > 0)))


def entropy(shares: Array) -> float:
    """Of shares (K,) that sum to 1, in nats: 0 for one class alone, log K for all alike."""
    return max(0.0, -float(xlogy(shares, shares).sum()))


def class_entropy(probabilities: Array) -> tuple[float, float]:
    """Entropy of the class histogram in nats, 0 to log K (ln 10 = 2.303), and its standard error. Higher is better.

    Real digits have 2.301 on MNIST's test images. The error is that of the delta method, and near equal shares, where its
    first order vanishes, that of the second: sqrt((K - 1) / 2) / N.
    Misleads: it knows nothing of quality. Smears that the judge scatters over all classes score as real digits do, and one
    image per class, always the same, gets all of ln 10. It is too low by about (K - 1) / 2N.
    """
    n, k = probabilities.shape
    p = histogram(probabilities)
    h = entropy(p)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = float(np.where(p > 0, p * np.square(np.log(p)), 0).sum()) - h * h
    first = max(0.0, first - (k - 1) / n)  # what chance alone makes of it where it vanishes
    return h, float(np.sqrt(first / n + (k - 1) / (2 * n * n)))


def confidence(probabilities: Array) -> tuple[float, float]:
    """Mean probability of the top class, 1/K to 1, and its standard error. Higher is better.

    Misleads: a judge is sure of much that is no digit (uniform noise, single strokes), and one clear digit repeated gets
    more than real ones do.
    """
    top = probabilities.max(1).astype(np.float64)
    return float(top.mean()), _error_of_mean(top)


def digit_score(probabilities: Array) -> tuple[float, float]:
    """exp of the mean KL(p(y|x) || p(y)), 1 to K, and its standard error. Higher is better.

    The inception score's form (Salimans et al. 2016, section 4) with a judge of digits in the place of Inception: high where
    every sample is surely one class and all classes come up alike. p(y) is the mean over all samples, not over tenths of
    them; the error is a jackknife over 20 groups, and slightly less is expected of fewer samples.
    Misleads: one perfect image per class gets 10, as does copying the training set; nothing is compared to real images, so
    within a class everything may be lost; and a judge that is sure of nonsense believes it.
    """
    p = probabilities.astype(np.float64)
    n, k = p.shape
    each = np.empty((n, k + 2))  # p(y), its own negative entropy, and a 1 to count by: the score needs but their sums
    each[:, :k], each[:, k], each[:, k + 1] = p, xlogy(p, p).sum(1), 1

    def score(sums: Array) -> float:
        mean = sums[:k] / sums[k + 1]
        return float(np.exp(max(0.0, sums[k] / sums[k + 1] - xlogy(mean, mean).sum())))

    parts = np.array([each[part].sum(0) for part in groups(n)])
    return score(parts.sum(0)), standard_error(score, parts)


def _error_of_mean(x: Array) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else float("nan")
