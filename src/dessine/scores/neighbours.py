"""Precision, recall, density and coverage: whether samples lie where real examples lie, and whether they lie everywhere there.

In what space distances are taken is the caller's choice. Real and generated are named at every call: exchanged they give
other scores that look as good.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dessine.scores.distances import blocks, rows
from dessine.scores.parts import error_by_halves, error_of_share, parted

Array = np.ndarray
Score = tuple[float, float]
K = 5
LISTED = 7
"""Neighbours that are known, in units of k: of so many, fewer than k are in one half of the examples once in 100,000 times."""


class Neighbours(NamedTuple):
    """Four scores, each with its standard error; higher is better. `neighbours` tells what they mean."""

    precision: Score
    recall: Score
    density: Score
    coverage: Score


class Balls(NamedTuple):
    """The nearest others of each example: which (N, L), and their squared distances, rising (N, L); L is 7 k, or all there are.

    What rounding cannot tell apart is as near: the distances are the largest that it leaves possible.
    """

    which: Array
    squares: Array

    def of(self, half: Array, k: int) -> Array:
        """Squared radii (N,) of balls that hold the k-th nearest of those on one's own side. half: (N,) 0 or 1."""
        same = half[self.which] == half[:, None]
        reach = np.argmax(same.cumsum(1) >= k, 1)
        reach[same.sum(1) < k] = -1
        radii: Array = self.squares[np.arange(len(reach)), reach]
        return radii


def balls(x: Array, k: int = K) -> Balls:
    """(N, *shape), finite -> what `neighbours` asks of one side, so that it can be kept. In float64.

    A duplicate is one of the others, at 0. Raises ValueError for fewer than k + 1 examples.
    """
    if len(x) <= k:
        raise ValueError(f"{len(x)} examples do not have {k} neighbours each")
    flat, most = rows(x).astype(np.float64), min(LISTED * k, len(x) - 1)
    which, squares = np.empty((len(flat), most), int), np.empty((len(flat), most))
    for at, d in blocks(flat, flat, lean=1):
        d[np.arange(len(d)), np.arange(at.start, at.stop)] = np.inf  # by its place, not by its 0: that may be a duplicate
        near = np.argpartition(d, most - 1, 1)[:, :most]
        far = np.take_along_axis(d, near, 1)
        order = np.argsort(far, 1)
        which[at], squares[at] = np.take_along_axis(near, order, 1), np.take_along_axis(far, order, 1)
    return Balls(which, squares)


def radii(x: Array, k: int = K) -> Array:
    """(N, *shape) -> (N,): the distance from each to the k-th nearest of the others; a duplicate is one of them, at 0."""
    return np.sqrt(balls(x, k).squares[:, k - 1])


def neighbours(
    *, real: Array, generated: Array, k: int = K, real_balls: Balls | None = None, errors: bool = True
) -> Neighbours:
    """real: (N, *shape), generated: (M, *shape), more than k of each, in random order; real_balls: `balls(real, k)`, if known.

    Around every example lies a ball that reaches to its k-th nearest of its own kind, which is in it (Naeem's
    `prdc` leaves it out: that differs where distances are equal).
    precision (Kynkaanniemi et al. 2019): share of generated examples in some real ball, 0 to 1
    recall (the same): share of real examples in some generated ball, 0 to 1
    density (Naeem et al. 2020): real balls that hold a generated example, in units of k, mean; 0 and up: it may exceed 1, and
        does for samples that crowd where real ones are dense
    coverage (the same): share of real balls that hold a generated example, 0 to 1
    Real against real, of one size, precision and recall come near 1 with large balls, density to 1, coverage to 1 - 2^-k.
    The errors are of both draws, of real and of generated examples: from what the scores are on disjoint halves (`parts.py`).
    NaN if not asked for, for halves of k or fewer, and where all halves agree, as where nothing is in any ball.
    Misleads: one real outlier's ball is large and makes precision high for anything in it; wild samples do the same for
    recall (density and coverage have no such balls to fear); a collapsed generator has full precision, and copies of the
    training images have everything; all four depend on N, M and k. Examples that are not finite, on either side, give NaN.
    """
    a, b = rows(generated), rows(real)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return Neighbours(*[(float("nan"), float("nan"))] * 4)
    theirs, own = real_balls or balls(b, k), balls(a, k)
    whole = _Count(theirs, own, k, np.zeros(len(b), int), np.zeros(len(a), int))
    halved: list[_Count] = []
    if errors and min(len(a), len(b)) >= 2 * (k + 1):
        halved = [_Count(theirs, own, k, *split) for split in zip(parted(len(b)), parted(len(a)), strict=True)]
    for at, d in blocks(a, b.astype(np.float64), lean=-1):
        for count in (whole, *halved):
            count.add(at, d)
    scores = whole.scores(0)
    if not halved:
        return Neighbours(*((score, float("nan")) for score in scores))
    parts = np.moveaxis(np.array([[count.scores(half) for half in (0, 1)] for count in halved]), -1, 0)
    found = [error_of_share(p, n, part) for p, n, part in zip(scores, (len(a), len(b), 0, len(b)), parts, strict=True)]
    found[2] = float(error_by_halves(parts[2]))  # density is no share
    return Neighbours(*((score, error or float("nan")) for score, error in zip(scores, found, strict=True)))


def precision(*, real: Array, generated: Array, real_balls: Balls, k: int = K) -> float:
    """That of `neighbours` alone, to the bit, without what only the other three need; NaN for examples that are not finite."""
    a, b = rows(generated), rows(real)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    reach = real_balls.squares[:, k - 1]
    inside = [(d <= reach).any(1) for _, d in blocks(a, b.astype(np.float64), lean=-1)]
    return float(np.concatenate(inside).mean())


class _Count:
    """Who is in whose ball, among those of the same half; real, generated: the half of each."""

    def __init__(self, theirs: Balls, own: Balls, k: int, real: Array, generated: Array):
        self.k, self.real, self.generated = k, real, generated
        self.real_balls, self.generated_balls = theirs.of(real, k), own.of(generated, k)
        self.held = np.zeros(len(generated))
        self.covered, self.recalled = np.zeros(len(real), bool), np.zeros(len(real), bool)

    def add(self, at: slice, d: Array) -> None:
        """d: squared distances of generated examples `at` from all real ones."""
        same = self.generated[at, None] == self.real
        inside = (d <= self.real_balls) & same
        self.held[at] = np.count_nonzero(inside, 1)
        self.covered |= inside.any(0)
        self.recalled |= ((d <= self.generated_balls[at, None]) & same).any(0)

    def scores(self, half: int) -> list[float]:
        """Precision, recall, density and coverage of one half."""
        held, there = self.held[self.generated == half], self.real == half
        found = (held > 0).mean(), self.recalled[there].mean(), held.mean() / self.k, self.covered[there].mean()
        return [float(one) for one in found]
