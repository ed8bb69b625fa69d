"""Densities in the plane that are known, so that samples can be asked how likely they are: of curves, segments and pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtr

from dessine.data.mixture import Array, Mixture


class Density(Protocol):
    """Of all examples that could be drawn; a mixture is one."""

    def log_density(self, x: Array) -> Array:
        """x: (N, d) -> (N,), natural logarithm; -inf where nothing is ever drawn."""
        ...


MOST = 20_000
"""Steps along a curve."""


def along(curve: Callable[[Array], Array], longest: float, sigma: float) -> Mixture | None:
    """Of curve(u) + sigma * noise, u uniform in [0, 1): the midpoint rule, whose error vanishes where steps are below sigma.

    curve: (K,) -> (K, d); longest: the most that it moves for a step of u, over that step. None where so little noise asks for
    more than MOST steps.
    """
    if 2 * longest > MOST * sigma:
        return None
    k = max(64, int(2 * longest / sigma))
    return Mixture(curve((np.arange(k) + 0.5) / k), np.full(k, 1 / k), sigma)


@dataclass(frozen=True, eq=False)
class Segments:
    """Points evenly along straight pieces, start (K, 2) to end (K, 2), with noise of standard deviation sigma around."""

    start: Array
    end: Array
    sigma: float

    def log_density(self, x: Array) -> Array:
        """Of each piece: what of the noise's bell lies along it, times the bell across it."""
        along, lengths = self.end - self.start, np.linalg.norm(self.end - self.start, axis=1)
        unit = along / lengths[:, None]
        from_start = np.asarray(x, np.float64)[:, None] - self.start  # (N, K, 2)
        t = (from_start * unit).sum(-1)
        across = from_start[..., 0] * unit[:, 1] - from_start[..., 1] * unit[:, 0]
        near = np.maximum(-t, t - lengths)  # from the nearer end, negative beside the piece
        nearer, other = log_ndtr(-near / self.sigma), log_ndtr(-(lengths + near) / self.sigma)
        nearer += np.log1p(-np.exp(other - nearer))  # Phi(b) - Phi(a) where neither underflows
        of_each = nearer - np.log(lengths.sum()) - across**2 / (2 * self.sigma**2)
        density: Array = logsumexp(of_each, axis=1) - np.log(self.sigma * np.sqrt(2 * np.pi))
        return density


@dataclass(frozen=True, eq=False)
class Pixels:
    """Points evenly within pixels, noise around. shares: (H, W), summing to 1, the lowest row first; low: (2,) x and y of the
    first pixel's lower left corner; side: of a pixel; sigma: of the noise, 0 for none
    """

    shares: Array
    low: Array
    side: float
    sigma: float

    def log_density(self, x: Array) -> Array:
        """The noise is the same along both axes, so that two thin matrices hold all that it does."""
        x = np.asarray(x, np.float64)
        columns, rows = (self._reached(x[:, i], self.shares.shape[1 - i], self.low[i]) for i in (0, 1))
        with np.errstate(divide="ignore"):
            logs: Array = np.log(((rows @ self.shares) * columns).sum(1)) - 2 * np.log(self.side)
        return logs

    def _reached(self, x: Array, count: int, low: float) -> Array:
        """(N, count) how much of a bell about each x lies in each column, or row."""
        edges = low + self.side * np.arange(count + 1)
        if not self.sigma:
            return ((x[:, None] >= edges[:-1]) & (x[:, None] < edges[1:])).astype(float)
        return np.diff(ndtr((edges - x[:, None]) / self.sigma), axis=1)
