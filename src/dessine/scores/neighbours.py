"""Precision, recall, density and coverage: whether samples lie where real examples lie, and whether they lie everywhere there.

In what space distances are taken is the caller's choice. Real and generated are named at every call: exchanged they give
other scores that look as good.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dessine.scores.distances import blocks, rows

Array = np.ndarray
Score = tuple[float, float]
K = 5


class Neighbours(NamedTuple):
    """Four scores, each with its standard error; higher is better. `neighbours` tells what they mean."""

    precision: Score
    recall: Score
    density: Score
    coverage: Score


def radii(x: Array, k: int = K) -> Array:
    """(N, *shape) -> (N,): the distance from each to the k-th nearest of the others; a duplicate is one of them, at 0."""
    if len(x) <= k:
        raise ValueError(f"{len(x)} examples do not have {k} neighbours each")
    flat = rows(x)
    found = np.empty(len(flat))
    for at, d in blocks(flat, flat):
        d[np.arange(len(d)), np.arange(at.start, at.stop)] = np.inf  # by its place, not by its 0: that may be a duplicate
        found[at] = np.partition(d, k - 1, axis=1)[:, k - 1]
    return np.sqrt(found)


def neighbours(*, real: Array, generated: Array, k: int = K, real_radii: Array | None = None) -> Neighbours:
    """real: (N, *shape), generated: (M, *shape), more than k of each, in random order; real_radii: `radii(real, k)`, if known.

    Around every example lies a ball that reaches to its k-th nearest of its own kind.
    precision (Kynkaanniemi et al. 2019): share of generated examples in some real ball, 0 to 1
    recall (the same): share of real examples in some generated ball, 0 to 1
    density (Naeem et al. 2020): real balls that hold a generated example, in units of k, mean; 0 and up: it may exceed 1, and
        does for samples that crowd where real ones are dense
    coverage (the same): share of real balls that hold a generated example, 0 to 1
    Real against real, of one size, precision and recall come near 1 with large balls, density to 1, coverage to 1 - 2^-k.
    The errors count samples as independent, and leave out that the balls would lie elsewhere.
    Misleads: one real outlier's ball is large and makes precision high for anything in it; wild samples do the same for
    recall (density and coverage have no such balls to fear); a collapsed generator has full precision, and copies of the
    training images have everything; all four depend on N, M and k. Samples that are not finite give NaN.
    """
    a, b = rows(generated), rows(real)
    if not np.isfinite(a).all():
        return Neighbours(*[(float("nan"), float("nan"))] * 4)
    own = radii(b, k) if real_radii is None else real_radii
    # What rounding cannot tell apart is as near: else duplicates, whose balls have radius 0, would miss each other.
    slack = 16 * np.finfo(np.result_type(a, b)).eps * max(_spread(a, b.mean(0)), _spread(b, b.mean(0)))
    real_balls, generated_balls = np.square(own) + slack, np.square(radii(a, k)) + slack
    held = np.empty(len(a))
    covered, recalled = np.zeros(len(b), bool), np.zeros(len(b), bool)
    for at, d in blocks(a, b):
        inside = d <= real_balls
        held[at] = inside.sum(1)
        covered |= inside.any(0)
        recalled |= (d <= generated_balls[at, None]).any(0)
    density = held / k
    error = float(density.std(ddof=1) / np.sqrt(len(a)))
    return Neighbours(_share(held > 0), _share(recalled), (float(density.mean()), error), _share(covered))


def _spread(x: Array, middle: Array) -> float:
    """The largest squared distance from a point: what rounding errors of distances are in proportion to."""
    return float(np.square(x - middle).sum(1).max())


def _share(hits: Array) -> Score:
    p = float(hits.mean())
    return p, float(np.sqrt(p * (1 - p) / len(hits)))
