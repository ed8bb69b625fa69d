"""What can be said of samples of any data without a judge: by the numbers of the examples themselves.

A judge or a known density says more, where there is one; see `panel.py` for which data has which.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from dessine.data import Examples, Split
from dessine.scores.distances import blocks, rows
from dessine.scores.mixture import reverse_kl
from dessine.scores.ndb import k_means
from dessine.scores.neighbours import Balls, K, balls, precision

Array = np.ndarray
KEPT, REFERENCE, REGIONS = 2000, 1000, 50
"""Training examples whose k-means clusters are the regions, those that samples are laid beside, and regions at most."""
FEWEST = 5
"""Regions: fewer tell nothing."""


class Own:
    """Regions of one data set, and examples of it to lay samples beside."""

    def __init__(self, data: Split, dtype: Any):
        self.data, self.dtype = data, np.dtype(dtype)
        x = data.train.x[:KEPT]
        differ = data.mixture is None and bool((x != x[:1]).any())
        self.has_regions = differ and data.digits != 3 and len(data.train) >= 10 * FEWEST
        self.has_neighbours = data.mixture is None and len(data.train) > 4 * K

    def glance(self, x: Array) -> dict[str, float]:
        """Of (N, *shape) samples in the data's own scale.

        region_share: share of the data's regions that samples visit, each counted by how evenly: exp(-KL) of their shares to
            those of training examples. One digit of ten gets 0.11 to 0.26; 250 real MNIST images get 0.91
        near_real: share of samples that lie as near to one of 1,000 training examples as its five nearest do: `precision`
            of `neighbours.py`, in the numbers themselves. 250 real MNIST images get 0.96, noise 0.05, smooth images all
        """
        told = {}
        if self.has_regions:
            told["region_share"] = float(np.exp(-reverse_kl(self.region(x), self.shares)))
        if self.has_neighbours and len(x) > K:
            told["near_real"] = precision(real=self._real, generated=self._apart(x), real_balls=self._balls)
        return told

    def region(self, x: Array) -> Array:
        """(N,) the cluster of each of (N, *shape)."""
        return np.concatenate([d.argmin(1) for _, d in blocks(rows(x), self._centres)])

    @cached_property
    def shares(self) -> Array:
        """(regions,) of the training examples."""
        return np.bincount(self.region(self._floats(self.data.train, KEPT)), minlength=len(self._centres)) / self._kept

    @cached_property
    def near_real(self) -> tuple[float, float]:
        """What noise gets, each number with its own mean and standard deviation within the data's range, and real examples."""
        x = self._floats(self.data.train, REFERENCE)
        low, high, rng = x.min(), x.max(), np.random.default_rng(0)
        noise = np.clip(x.mean(0) + x.std(0) * rng.standard_normal(x.shape), low, high).astype(x.dtype)
        return self.glance(noise)["near_real"], self.glance(self._floats(self.data.watched, REFERENCE)).get("near_real", 1.0)

    @cached_property
    def _centres(self) -> Array:
        x = rows(self._floats(self.data.train, KEPT))
        return k_means(x, min(REGIONS, len(x) // 10), np.random.default_rng(0))

    @property
    def _kept(self) -> int:
        return min(KEPT, len(self.data.train))

    @cached_property
    def _real(self) -> Array:
        return rows(self._apart(self._floats(self.data.train, REFERENCE))[:REFERENCE])

    def _apart(self, x: Array) -> Array:
        """Stacked digits one by one: together they are so far from each other that noise lies among them."""
        return np.moveaxis(x, -1, 1).reshape(-1, *x.shape[1:-1], 1) if self.data.digits > 1 else x

    @cached_property
    def _balls(self) -> Balls:
        return balls(self._real)

    def _floats(self, examples: Examples, n: int) -> Array:
        """n examples, or all there are, always the same."""
        return examples.floats(np.random.default_rng(0).permutation(len(examples))[:n], self.dtype)
