"""A mixture of Gaussians: drawn from, and its density known. Which mixtures are data sets is written in `mixtures.py`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

Array = np.ndarray
PORTION = 4_000_000
"""Distances that are held at one time."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Round Gaussians of one standard deviation: centres (K, d), weights (K,) that sum to 1, sigma."""

    centres: Array
    weights: Array
    sigma: float

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """n points (n, d) and the mode (n,) each comes from."""
        mode = rng.choice(len(self.weights), size=n, p=self.weights)
        return self.centres[mode] + self.sigma * rng.standard_normal((n, self.centres.shape[1])), mode

    def log_density(self, x: Array) -> Array:
        """x: (N, d) -> (N,), natural logarithm."""
        return np.concatenate([self._log_density(part) for part in self._parts(x)])

    def _log_density(self, x: Array) -> Array:
        d = self.centres.shape[1]
        of_each = np.log(self.weights) - self._squares(x) / (2 * self.sigma**2)
        density: Array = logsumexp(of_each, axis=1) - d * np.log(self.sigma * np.sqrt(2 * np.pi))
        return density

    def nearest(self, x: Array) -> tuple[Array, Array]:
        """x: (N, d) -> the mode whose centre is nearest (N,), and the distance to it (N,); NaN stays NaN."""
        found = [self._nearest(part) for part in self._parts(x)]
        return np.concatenate([mode for mode, _ in found]), np.concatenate([distance for _, distance in found])

    def _nearest(self, x: Array) -> tuple[Array, Array]:
        squares = self._squares(x)
        mode = squares.argmin(1)
        return mode, np.sqrt(squares[np.arange(len(x)), mode])

    def _parts(self, x: Array) -> list[Array]:
        """Some points at a time, for there may be thousands of centres."""
        return np.array_split(x, 1 + len(x) * len(self.weights) // PORTION)

    def _squares(self, x: Array) -> Array:
        """(N, K) squared distances, in float64; by coordinate, so that nothing of shape (N, K, d) is made."""
        x = np.asarray(x, np.float64)
        squares: Array = sum(np.square(x[:, i, None] - self.centres[:, i]) for i in range(self.centres.shape[1]))
        return squares
