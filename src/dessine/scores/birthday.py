"""The birthday paradox as a test of diversity: how many different images a generator seems to have (Arora and Zhang 2017).

Where a batch of s samples holds a duplicate as often as not, the support is about s^2. What a duplicate is has to be settled
beforehand, on real images.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, sqrt
from typing import NamedTuple

import numpy as np

from dessine.scores.distances import blocks, rows

Array = np.ndarray
ALLOWED = 10
"""Pairs of real images that count as duplicates, among all pairs: one alone would be a matter of luck, more would lower the
ceiling."""
LEAST = 50
"""Examples of which ten pairs are one in a hundred: fewer have no duplicates that are not just neighbours."""


class Birthday(NamedTuple):
    """pairs: duplicates found among all pairs of N samples; batch: the size at which one is found with probability 1/2;
    support: as many equally likely images would collide as often, and its relative standard error, for a given `near`: that it
    rests on ten pairs itself, where it comes from real images, adds a third.

    Without any pair, batch and support are infinite: all that is known is a support of more than N^2 / 6 (95 %).
    """

    pairs: int
    batch: float
    support: float
    relative_error: float


def closeness(real: Array, allowed: int = ALLOWED) -> float:
    """The distance below which two samples are duplicates: `allowed` of all pairs of these real ones are as near.

    real: (N, *shape), images or what a judge makes of them; as many as will be tested, but others than the ceiling's. What
    rounding cannot tell apart is as near, so that equal images are duplicates even if all that near are equal.
    Raises ValueError for so few that there are no `allowed` pairs.
    """
    if len(real) * (len(real) - 1) < 2 * allowed:
        raise ValueError(f"{len(real)} examples do not have {allowed} pairs")
    least = np.array([])
    for _, d in _later(real, 1):
        least = np.partition(np.append(least, d), allowed - 1)[:allowed]
    return sqrt(float(least.max()))


def birthday(x: Array, near: float) -> Birthday:
    """x: (N, *shape), of what `closeness` was told of; two of them at a distance of at most `near` are duplicates.

    The estimate uses all pairs instead of many batches: with a share p of them duplicates, a batch holds one with probability
    1/2 at s = 1/2 + sqrt(1/4 + 2 log(2) / p), and 1 / p equally likely images would give that share. It goes from 1 (all alike)
    to about N^2 / 20, where real images themselves have their ten pairs: show others of them, measured alike, as the ceiling.
    Misleads: it sees the likeliest images, not how many rare ones there are; a generator that has memorised its data looks as
    diverse as these; what is spread by noise has no duplicates; and smears that are all alike to a judge are duplicates. It
    says nothing of points in the plane, where neighbours are near whatever the source. Samples that are not finite give NaN.
    """
    n = len(x)
    found, degree, every = 0, np.zeros(n), n * (n - 1) / 2
    if n < 2 or not np.isfinite(x).all():
        return Birthday(0, *[float("nan")] * 3)
    for at, d in _later(x, -1):
        pairs = d <= near * near
        found += int(pairs.sum())
        degree[at] += pairs.sum(1)
        degree += pairs.sum(0)
    if not found:
        return Birthday(0, float("inf"), float("inf"), float("nan"))
    p = found / every
    # Pairs that share a sample are not independent: the variance has a part from each sample and one from each pair. How much
    # degrees differ holds chance of the pairs, too, which is counted once.
    chance = p * (1 - p)
    variance = 4 * max(0.0, (degree / (n - 1)).var() - chance / (n - 1)) / n + chance / every
    return Birthday(found, 0.5 + sqrt(0.25 + 2 * log(2) / p), 1 / p, sqrt(variance) / p)


def _later(x: Array, lean: int) -> Iterator[tuple[slice, Array]]:
    """Squared distances (rows, N) of some samples from all later ones, infinite from the others. lean: of `blocks`."""
    flat = rows(x)
    for at, d in blocks(flat, flat, lean):
        d[np.arange(len(flat)) <= np.arange(at.start, at.stop)[:, None]] = np.inf
        yield at, d
