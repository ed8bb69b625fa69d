"""What the training data have of variety, so that a generator is held only to what it could have learnt."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np

from dessine.data import Split
from dessine.scores.digits import entropy
from dessine.scores.mixture import reverse_kl

Array = np.ndarray
DRAWS = 25
"""Draws of real examples, of whose scores the median is taken."""


@dataclass(frozen=True)
class Reference:
    """What a data set has, and what as many real examples as are scored would get.

    count: samples that are scored at once
    weights: of the modes; shares: of the training examples that fall on each mode, or kind of digit
    missed: reverse KL of training examples: not 0, because they are few, or because there are modes that they do not have
    classes: kinds of digits, counted as exp(entropy); 0 where no judge reads them
    chance: success of whoever always names the most frequent class; tests: examples of the test
    """

    count: int = 250
    weights: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    missed: float = 0.0
    classes: float = 0.0
    chance: float = 0.0
    tests: int = 0

    @staticmethod
    def of(split: Split, count: int = 250) -> Reference:
        """Of a data set."""
        chance, classes, labels = 0.0, 0.0, split.test.y
        weights, shares, missed = np.zeros(0), np.zeros(0), 0.0
        if labels is not None and labels.size == len(labels):
            chance = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
        if split.mixture is not None:
            weights = split.mixture.weights
            shares = np.bincount(split.mixture.nearest(split.train.x)[0], minlength=len(weights)) / len(split.train)
        elif split.digits == 3:
            weights = shares = np.full(1000, 1e-3)
        elif split.digits == 1 and split.train.y is not None:
            shares = np.bincount(split.train.y.astype(int).ravel(), minlength=10) / len(split.train)
            classes = exp(entropy(shares))
        if len(weights) and count:
            rng = np.random.default_rng(0)
            drawn = [rng.choice(len(shares), count, p=shares) for _ in range(DRAWS)]
            missed = float(np.median([reverse_kl(mode, weights) for mode in drawn]))
        return Reference(count, tuple(weights), tuple(shares), missed, classes, chance, len(split.test))
