"""Distances between many examples and many others, as matrix products. What is near enough belongs to the scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Array = np.ndarray
CHUNK = 2**18
"""Numbers of one block of distances: 1 MB in float32."""
SOME = 500
"""Examples of which the median is taken."""
FEW = 16
"""Numbers of one example up to which it counts as a point."""


def rows(x: Array) -> Array:
    """(N, *shape) as (N, numbers) of a floating type: points in float64.

    Thousands of points in the plane have neighbours nearer than what float32 leaves of `blocks`: a ring's, at sigma 0.01, are
    0.001 apart. For images that is no matter, and float32 takes half the time.
    """
    flat = np.asarray(x).reshape(len(x), -1)
    if flat.shape[1] <= FEW:
        return flat.astype(np.float64, copy=False)
    return flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float32)


def blocks(a: Array, b: Array, lean: int = 0) -> Iterator[tuple[slice, Array]]:
    """Squared distances of (N, d) from (M, d), some rows of `a` at a time: the rows, and (rows, M) that may be written to.

    Both are moved by a point amidst b, so that points far from 0 and close together keep their digits. What is left of the
    rounding is about 1e-6 (float32) of the two squared distances from that point: each pair has its own. lean: -1 for the least
    distance that rounding leaves possible, 1 for the largest. Nothing is below 0.
    """
    middle, same = amidst(b), a is b
    b = b - middle
    grown = 1 + lean * (4 + np.sqrt(b.shape[1])) * np.finfo(b.dtype).eps
    own = np.einsum("ij,ij->i", b, b) * b.dtype.type(grown)
    step = max(1, CHUNK // max(len(b), 1))
    for i in range(0, len(a), step):
        part = b[i : i + step] if same else a[i : i + step] - middle
        d = part @ b.T
        d *= -2
        d += own
        d += (np.einsum("ij,ij->i", part, part) * d.dtype.type(grown))[:, None]
        yield slice(i, i + len(part)), np.maximum(d, 0, out=d)


def amidst(x: Array) -> Array:
    """The median of some of (N, d), by coordinate: a mean would follow one wild example away from all the others."""
    middle: Array = np.median(x[:: max(1, len(x) // SOME)], 0)
    return middle


def mean_pairwise(x: Array) -> float:
    """Mean distance between two of (N, d), over all pairs of different rows; NaN for fewer than two."""
    n = len(x)
    if n < 2:
        return float("nan")
    total = 0.0
    for at, d in blocks(x, x):
        d[np.arange(len(d)), np.arange(at.start, at.stop)] = 0  # rounding leaves a little between a row and itself
        total += float(np.sqrt(d, out=d).sum(dtype=np.float64))
    return total / (n * (n - 1))
