"""How sure one can be of a mean or a share over repeats. Which values are compared belongs to the callers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats would take a second to load

Array = np.ndarray


def mean_interval(values: Array, confidence: float = 0.95) -> tuple[Array, Array, Array]:
    """Mean over axis 0, and the lower and upper end of its Student interval (values independent, close to normal).

    values: (n, ...); NaN counts as missing. With fewer than two values the ends are NaN.
    """
    x = np.asarray(values, np.float64)
    there = np.isfinite(x)
    n = there.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, x, 0).sum(0) / n
        std = np.sqrt(np.where(there, np.square(x - mean), 0).sum(0) / (n - 1))
        half = stdtrit(np.maximum(n - 1, 1), 0.5 + confidence / 2) * std / np.sqrt(n)
    half = np.where(n > 1, half, np.nan)
    return mean, mean - half, mean + half


def share_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share of `hits` out of `n`: also good near 0 and 1. (0, 1) without data."""
    if n == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + confidence / 2))
    p, spread = hits / n, z * z / n
    centre = (p + spread / 2) / (1 + spread)
    half = z * np.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def summarise_repeats(values: Array) -> dict[str, Any]:
    """count, mean, std (n - 1) and 95 % interval of one number per repeat; NaN for what too few repeats cannot tell."""
    x = np.asarray(values, np.float64).ravel()
    x = x[np.isfinite(x)]
    if not len(x):
        return {"count": 0, "mean": float("nan"), "std": float("nan"), "interval": [float("nan")] * 2}
    mean, low, high = mean_interval(x)
    std = float(x.std(ddof=1)) if len(x) > 1 else float("nan")
    return {"count": len(x), "mean": float(mean), "std": std, "interval": [float(low), float(high)]}
