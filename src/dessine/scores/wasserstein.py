"""The Wasserstein distance between two samples: exactly, by pairing their points, or along random lines.

Both are distances in the data's own scale, 0 or more, and never 0 between two finite samples, even of one source: show
real against real beside them. What a critic says of it belongs to `independent.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dessine.scores.distances import amidst, blocks, rows
from dessine.scores.parts import error_by_halves, parted

Array = np.ndarray
MOST = 4_000
"""Points that `exact` takes: 4,000 need 260 MB and 5 s, 1,000 a fifth of a second."""


def exact(x: Array, y: Array) -> float:
    """W1: the mean distance of partners, when every point of x (N, *shape) is given one of y (N, *shape) at the least cost.

    N at most MOST, else ValueError: the time grows as N^3. Euclidean distances; NaN if a point is not finite.
    Misleads: it falls towards the distance of the sources only as N^(-1/d), so that in the plane 1,000 points tell a good deal,
    and for images nearly all of it is the distance between any two finite samples.
    """
    if x.shape != y.shape or len(x) > MOST:
        raise ValueError(f"needs two samples of one size, at most {MOST:,}: x has shape {x.shape}, y {y.shape}")
    from scipy.optimize import linear_sum_assignment

    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    a, b = rows(x).astype(np.float64), rows(y).astype(np.float64)
    cost = np.concatenate([d for _, d in blocks(a, b)])
    np.sqrt(cost, out=cost)
    return float(cost[linear_sum_assignment(cost)].mean())


def sliced(x: Array, y: Array, projections: int = 500, seed: int = 0) -> tuple[float, float]:
    """Sliced W1 (Bonneel et al. 2015): the mean W1 along random lines, and its standard error over these.

    x, y: (N, *shape) each. Between 0 and W1. Along one line the best partners are those of equal rank, so that many points of
    many dimensions are cheap: 10,000 images and 500 lines take about 1 s.
    Misleads: along most lines images look like one bell curve, whatever they show; so the values are small, and smears may come
    close to real ones. The standard error is over lines, not over samples: for these see `sliced_error`.
    """
    along = np.concatenate([_of_equal_rank(one, other) for one, other in _projected(x, y, projections, seed)])
    return float(along.mean()), float(along.std(ddof=1) / np.sqrt(projections)) if projections > 1 else float("nan")


def sliced_error(x: Array, y: Array, projections: int = 500, seed: int = 0) -> float:
    """The standard error of `sliced` over draws of both samples, in random order, along the same lines: `parts.py`.

    NaN for fewer than 4 examples.
    """
    if len(x) < 4:
        return float("nan")
    halves = [(half == 0, half == 1) for half in parted(len(x))]
    found = np.zeros((len(halves), 2))
    for one, other in _projected(x, y, projections, seed):
        found += [[_of_equal_rank(one[:, half], other[:, half]).sum() for half in split] for split in halves]
    return float(error_by_halves(found / projections))


def _projected(x: Array, y: Array, projections: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Both samples along some of the lines, (lines, N): all at once would need more memory than the images."""
    if x.shape != y.shape:
        raise ValueError(f"needs two samples of one size: x has shape {x.shape}, y {y.shape}")
    a, b = rows(x), rows(y)
    middle, rng = amidst(b), np.random.default_rng(seed)  # moved by it, data far from 0 keep their digits
    a, b = a - middle, b - middle
    for i in range(0, projections, 50):
        lines = rng.standard_normal((a.shape[1], min(50, projections - i)))
        lines = (lines / np.sqrt(np.square(lines).sum(0))).astype(a.dtype)
        yield np.ascontiguousarray((a @ lines).T), np.ascontiguousarray((b @ lines).T)


def _of_equal_rank(x: Array, y: Array) -> Array:
    """(lines, N) and (lines, N) -> (lines,), the mean distance of partners."""
    gaps: Array = np.abs(np.sort(x) - np.sort(y)).mean(1, dtype=np.float64)
    return gaps
