"""The nearest training examples of samples: has the generator learnt them by heart?"""

from __future__ import annotations

import numpy as np

from dessine.scores.distances import blocks, rows

Array = np.ndarray
QUANTILE = 0.05
LEAST = 20
"""Test images of which 5 % are one."""
FEW = f"needs {LEAST} test images beside as many that are scored"
ALIKE = "real examples are all alike"


def nearest(x: Array, train: Array) -> tuple[Array, Array]:
    """x: (N, *shape), train: (M, *shape) -> the distance of each to the nearest of `train` (N,), and which that is (N,).

    The distance is that of the two themselves, without what rounding leaves of `blocks`: of a copy it is 0.
    """
    flat, others = rows(x), rows(train)
    distance, which = np.empty(len(flat)), np.empty(len(flat), int)
    for at, d in blocks(flat, others):
        which[at] = d.argmin(1)
        distance[at] = np.sqrt(np.square(flat[at] - others[which[at]]).sum(1, dtype=np.float64))
    return distance, which


def memorised(*, generated: Array, test: Array, quantile: float = QUANTILE) -> tuple[float, float]:
    """Share of samples that are nearer to a training image than all but 5 % of test images are, and its standard error.

    generated: (N,), test: (M,), distances to the nearest training example. 0.05 is expected where samples are as far as other
    real images are, 1 where they are copies; lower is better, but below 0.05 says only that samples are far from all of them.
    The error is that of both shares; an error of the threshold counts as much as samples are dense there beside test images.
    Misleads: in pixels smooth and simple images (ones, blurs, the mean digit) are near to much without being copies of any:
    look at the picture; and a copy moved by one pixel is far.
    """
    below, threshold, above = np.quantile(test, [quantile / 2, quantile, 3 * quantile / 2])
    p = float((generated <= threshold).mean())
    dense = float(((generated > below) & (generated <= above)).mean()) / quantile
    return p, float(np.sqrt(p * (1 - p) / len(generated) + dense**2 * quantile * (1 - quantile) / len(test)))


def closeness(*, generated: Array, test: Array) -> tuple[float, float]:
    """Median distance of samples over that of test images, to the nearest training example, and its standard error.

    1 where samples are as far from the training images as other real images are; 0 for copies. Well above 1: they are far from
    everything real; so neither lower nor higher is better, near 1 is. The error is that of medians of densities that are
    normal near their middle. Misleads as `memorised` does.
    """
    one, other = (np.median(d) for d in (generated, test))
    if not other > 0:
        return float("nan"), float("nan")
    value = float(one / other)
    return value, float(np.hypot(_error_of_median(generated) / other, value * _error_of_median(test) / other))


def _error_of_median(x: Array) -> float:
    """1.253 standard deviations of the mean, with the deviation from the quartiles, which wild samples do not move.

    NaN for fewer than four, which have no quartiles.
    """
    if len(x) < 4:
        return float("nan")
    low, high = np.quantile(x, [0.25, 0.75])
    return float(1.2533 * (high - low) / 1.349 / np.sqrt(len(x)))
