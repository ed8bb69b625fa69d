"""How near a generator comes to real images that it has not seen: recall that needs no judge.

How the latent of an image is found stands in `games/recovery.py`.
"""

from __future__ import annotations

import numpy as np

from dessine.scores.distances import rows

Array = np.ndarray


def errors(x: Array, targets: Array, reach: float) -> Array:
    """(N,): the mean squared difference of (N, *shape) per number, in units in which the data have a range of 1.

    reach: the range of the data as they are
    """
    return np.square((rows(x) - rows(targets)) / reach, dtype=np.float64).mean(1)


def reconstruction(each: Array) -> tuple[float, float]:
    """The median of (N,) errors, and its standard error: from the two of them between which, in order, 95 % of all draws of N
    would have it (binomial, about N / 2 -+ sqrt(N)); NaN for fewer than 8.

    Webster et al. 2019, "Detecting overfitting of deep generative networks via latent recovery", section 3.2: the median, for
    errors have a long tail.
    """
    found, n = np.sort(each), len(each)
    if n < 8:
        return float(np.median(found)), float("nan")
    low, high = max(0, int(n / 2 - 0.98 * n**0.5)), min(n - 1, int(np.ceil(n / 2 + 0.98 * n**0.5)))
    return float(np.median(found)), float(found[high] - found[low]) / (2 * 1.96)
