"""Rank correlation: does one number rise where another does, whatever their scales? Such as a critic's estimate and a score."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def spearman(a: Array, b: Array) -> float:
    """Spearman's rho of (N,) and (N,), in [-1, 1]; equal values share their mean rank. Pairs with a NaN are left out.

    NaN for fewer than two pairs, or if one side has one value only.
    """
    there = np.isfinite(a) & np.isfinite(b)
    return _correlation(_ranks(np.asarray(a)[there]), _ranks(np.asarray(b)[there]))


def spearman_interval(a: Array, b: Array, confidence: float = 0.95, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Spearman's rho between the ends of its bootstrap interval (percentiles, pairs drawn with replacement).

    NaN for fewer than five pairs, of which nothing can be said.
    Misleads: checkpoints of one run resemble their neighbours, so the interval is too narrow for "another run would show the
    same"; repeat with other seeds. And in a run that only gets better, anything that drifts correlates.
    """
    there = np.isfinite(a) & np.isfinite(b)
    a, b, n = np.asarray(a)[there], np.asarray(b)[there], int(there.sum())
    if n < 5:
        return float("nan"), float("nan")
    chosen = np.random.default_rng(seed).integers(n, size=(draws, n))
    found = np.array([_correlation(_ranks(a[i]), _ranks(b[i])) for i in chosen])
    found = found[np.isfinite(found)]  # a draw may hold one pair only, again and again
    if not len(found):
        return float("nan"), float("nan")
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _ranks(x: Array) -> Array:
    """1 to N."""
    _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return (ends - (count - 1) / 2)[inverse]


def _correlation(a: Array, b: Array) -> float:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1, 1))
