"""How well samples cover a mixture whose true density is known, or any set of modes that can be told apart.

Which mode an image belongs to is for a judge to say: here modes are numbers.
"""

from __future__ import annotations

import numpy as np

from dessine.data.density import Density
from dessine.data.mixture import Mixture

Array = np.ndarray


def high_quality(x: Array, mixture: Mixture, sigmas: float = 3.0) -> tuple[int, float]:
    """Modes found, 0 to K, and the share of high-quality samples, by VEEGAN's rule (Srivastava et al. 2017).

    x: (N, d), as a rule 2,500. A sample is of high quality within `sigmas` standard deviations of the nearest mode; a mode is
    found with at least one such sample. In the plane 1 - exp(-4.5) = 0.989 of real points are within 3: the ceiling. Samples
    that are not finite are of low quality.
    Misleads: one lucky sample finds a mode, so more samples find more; and a generator that draws the very centres, without
    any spread, gets 1.0.
    """
    mode, distance = mixture.nearest(x)
    good = distance < sigmas * mixture.sigma
    return distinct(mode[good]), float(good.mean())


def distinct(mode: Array) -> int:
    """How many modes a sample visits. mode: (N,), such as the labels that a judge reads in stacked digits.

    Misleads: a judge names some mode for every smear, so a poor generator visits many; look at reverse KL, too. Metz et al.
    2017 use 25,600 samples for 1,000 modes; N perfect ones miss a share of (1 - 1/K)^N: 8 % of 1,000 with 2,500.
    """
    return len(np.unique(mode))


def reverse_kl(mode: Array, weights: Array) -> float:
    """KL(generated || true) = sum p log(p / w), in nats, over the modes' shares p of the samples and true weights w.

    mode: (N,) in 0..K-1; weights: (K,), summing to 1. No smoothing is needed in this direction: a mode without samples adds
    nothing itself, only what the others have too much of. 0 is perfect; everything on one mode of K equal ones gives log K
    (2.08 for 8, 3.22 for 25, 6.91 for 1,000). NaN without samples.
    Misleads: even perfect samples get about what `least_reverse_kl` says.
    """
    if not len(mode):
        return float("nan")
    p = np.bincount(mode, minlength=len(weights)) / len(mode)
    there = p > 0
    with np.errstate(divide="ignore"):
        return max(0.0, float(np.sum(p[there] * np.log(p[there] / weights[there]))))  # rounding alone may go below 0


def least_reverse_kl(modes: int, n: int) -> float:
    """(K - 1) / 2N, about what n samples of the true distribution get: half a chi-square of K - 1 degrees of freedom, over N.

    0.2 for 1,000 modes and 2,500 samples. Too much where most modes get no sample at all: of N < K, ln (K / N) is nearer.
    """
    return (modes - 1) / (2 * n)


def assigned(x: Array, mixture: Mixture) -> Array:
    """The mode that each finite sample is nearest to, for `reverse_kl`: good or bad, every one counts. x: (N, d)."""
    return mixture.nearest(x[np.isfinite(x).all(1)])[0]


def mean_log_density(x: Array, true: Density) -> tuple[float, float]:
    """Mean of log p(x) under the true density, in nats, and its standard error. x: (N, d).

    Real points get minus the true density's entropy: the ceiling for samples that spread as the mixture does. It has no floor.
    -inf where a sample lies outside of all that could be drawn.
    Misleads: samples on the centres alone get more than real ones, by d / 2, and a lost mode costs nothing; a single sample
    far away costs its distance squared / 2 sigma^2, and may outweigh all others.
    """
    density = true.log_density(x)
    if not np.isfinite(density).all():  # some lie where nothing is ever drawn
        return float("-inf"), float("nan")
    return float(density.mean()), float(density.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else float("nan")


def likely(generated: Array, real: Array) -> float:
    """Share of samples where the true density is at least as high as at 99 % of real examples; 0.99 is perfect.

    generated: (N,), real: (M,), logarithms of the density at each. What `high_quality` is for modes, for any known density.
    Misleads: samples that are all at one likely place get 1.
    """
    threshold = np.quantile(real, 0.01, method="inverted_cdf")  # one of them: on an even density all are as likely
    return float((generated >= threshold - 1e-9).mean())


def written(digits: Array) -> Array:
    """The modes of stacked digits: (N, 3) digits read in red, green and blue -> the number that they write (N,), 0 to 999."""
    return digits @ np.array([100, 10, 1])
