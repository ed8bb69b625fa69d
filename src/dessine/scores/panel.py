"""Which scores a data set has: a few cheap ones for every line of metrics, all of them for `dessine eval`."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.data import Split
from dessine.scores.distances import mean_pairwise, rows
from dessine.scores.mixture import assigned, high_quality, reverse_kl

Array = np.ndarray


class Panel:
    """The scores of one data set.

    goals: metric -> "min" or "max": what ranks runs; empty where no cheap score can
    """

    def __init__(self, data: Split, dtype: Any):
        self.data, self.dtype = data, np.dtype(dtype)
        self.goals: dict[str, str] = {"scores.reverse_kl": "min", "scores.high_quality": "max"} if data.mixture else {}
        self._spreads: dict[int, float] = {}

    def glance(self, x: Array) -> dict[str, float]:
        """Cheap scores of (N, *shape) samples in the data's own scale.

        diversity: mean distance between two samples over that between two real ones; 1 is healthy, 0 collapsed, noise over 1
        modes, high_quality, reverse_kl: of a mixture; what they mean is told in `mixture.py`
        """
        return self._modes(x) | {"diversity": self._diversity(x)}

    def _modes(self, x: Array) -> dict[str, float]:
        mixture = self.data.mixture
        if mixture is None:
            return {}
        points = rows(x)
        modes, good = high_quality(points, mixture)
        lost = reverse_kl(assigned(points, mixture), mixture.weights)
        return {"modes": float(modes), "high_quality": good, "reverse_kl": lost}

    def _diversity(self, x: Array) -> float:
        n = len(x)
        if n not in self._spreads:
            self._spreads[n] = mean_pairwise(rows(self._some(self.data.test, n)))
        real = self._spreads[n]
        return mean_pairwise(rows(x)) / real if real > 0 else float("nan")

    def _some(self, examples: Any, n: int, seed: int = 0) -> Array:
        """n examples, or all there are, always the same, in the data's own scale, (n, *shape)."""
        chosen = np.random.default_rng(seed).permutation(len(examples))[:n]
        floats: Array = examples.floats(chosen, self.dtype)
        return floats
