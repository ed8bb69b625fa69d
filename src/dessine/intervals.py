"""How sure one can be of a mean or a share over repeats. Which values are compared belongs to the callers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats would take a second to load

Array = np.ndarray


Limits = tuple[float, float]
ANY: Limits = (float("-inf"), float("inf"))
SHARE: Limits = (0.0, 1.0)
POSITIVE: Limits = (0.0, float("inf"))

RANGES: dict[str, Limits] = {
    **dict.fromkeys(
        ("precision", "recall", "coverage", "high_quality", "likely", "memorised", "ndb", "share", "obedience"), SHARE
    ),
    **dict.fromkeys(
        ("frechet", "reverse_kl", "density", "diversity", "nearest_ratio", "support", "modes", "kinds", "reconstruction"),
        POSITIVE,
    ),
    **dict.fromkeys(
        ("wasserstein", "sliced_wasserstein", "test_loss", "train_loss", "validation_loss", "grad_norm", "std", "seconds"),
        POSITIVE,
    ),
    "kernel_distance_error": POSITIVE,
    "digit_score": (1.0, 10.0),
    "digit_entropy": (0.0, math.log(10)),
    "digit_confidence": (0.1, 1.0),
    "class_score": (1.0, float("inf")),
    "class_entropy": POSITIVE,
    "class_confidence": SHARE,
}
"""What a metric or a score can be, where not any number."""


def limits(metric: str, modes: float = math.inf) -> Limits:
    """Between which ends a metric lies by what it is, from its dotted name; a loss of a game may be anything.

    modes: how many the data have, where they can be counted: so many are found at most
    """
    name = metric.rsplit(".", 1)[-1].removeprefix("random_").removeprefix("pca_")
    low, high = SHARE if name.endswith("success") else RANGES.get(name, ANY)
    return low, min(high, modes) if name == "modes" else high


def mean_interval(values: Array, confidence: float = 0.95, within: Limits = ANY) -> tuple[Array, Array, Array]:
    """Mean over axis 0, and the lower and upper end of its Student interval (values independent, close to normal).

    values: (n, ...); NaN counts as missing. With fewer than two values the ends are NaN, and with equal ones: n runs that all
    ended at 1 show no spread to go by, and do not say that the next one will end there.
    within: what the mean can be at all. The part of an interval outside is cut off: nothing possible is lost with it, so that
    it holds the true mean as often as before.
    """
    x = np.asarray(values, np.float64)
    there = np.isfinite(x)
    n = there.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, x, 0).sum(0) / n
        std = np.sqrt(np.where(there, np.square(x - mean), 0).sum(0) / (n - 1))
        half = stdtrit(np.maximum(n - 1, 1), 0.5 + confidence / 2) * std / np.sqrt(n)
    half = np.where((n > 1) & (std > 1e-12 * np.abs(mean)), half, np.nan)
    return mean, np.maximum(mean - half, within[0]), np.minimum(mean + half, within[1])


def share_interval(hits: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share of `hits` out of `n`: also good near 0 and 1. (0, 1) without data."""
    if n == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + confidence / 2))
    p, spread = hits / n, z * z / n
    centre = (p + spread / 2) / (1 + spread)
    half = z * np.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def summarise_repeats(values: Array, within: Limits = ANY) -> dict[str, Any]:
    """count, mean, std (n - 1) and 95 % interval of one number per repeat; NaN for what these repeats cannot tell."""
    x = np.asarray(values, np.float64).ravel()
    x = x[np.isfinite(x)]
    if not len(x):
        return {"count": 0, "mean": float("nan"), "std": float("nan"), "interval": [float("nan")] * 2}
    mean, low, high = mean_interval(x, within=within)
    std = float(x.std(ddof=1)) if len(x) > 1 else float("nan")
    return {"count": len(x), "mean": float(mean), "std": std, "interval": [float(low), float(high)]}
