"""What the training data have of variety, so that a generator is held only to what it could have learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import exp, nan
from typing import Any, NamedTuple

import numpy as np

from dessine.data import Split
from dessine.scores.digits import entropy
from dessine.scores.mixture import high_quality, reverse_kl
from dessine.scores.own import Own

Array = np.ndarray
DRAWS = 25
"""Draws of real examples, of whose scores the median is taken."""
REAL = 0.989
"""Share of the points of a Gaussian in the plane within 3 sigma; 0.9973 on a line."""


MOST_MODES = 100
"""Whose weights and shares are kept in run.json."""


class Kinds(NamedTuple):
    """How a judge reads the training examples: names (K,) of its classes, their shares (K,), and its mean confidence."""

    names: tuple[str, ...]
    shares: Array
    confidence: float


@dataclass(frozen=True)
class Reference:
    """What a data set has, and what as many real examples as are scored would get.

    count: samples that are scored at once
    weights: of the modes; shares: of the training examples that fall on each mode, or kind of digit
    missed: reverse KL of training examples: not 0, because they are few, or because there are modes that they do not have
    classes: kinds of digits, or of what else a judge reads, counted as exp(entropy); 0 where no judge reads them
    named: what the kinds are called, where not by their numbers; sure: how sure the judge is of real examples
    obeyed: `obedience` of real examples, where classes are asked for
    regions: `region_share` of as many real examples as are scored
    quality: metric that tells samples from noise; noise, real: what these get
    chance: success of whoever always names the most frequent class; tests: examples of the test on the way
    ignorance: cross-entropy of whoever gives each class its share
    """

    count: int = 250
    weights: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    missed: float = 0.0
    classes: float = 0.0
    named: tuple[str, ...] = ()
    sure: float = 0.99
    chance: float = 0.0
    tests: int = 0
    ignorance: float = nan
    obeyed: float = nan
    regions: float = nan
    quality: str = ""
    noise: float = nan
    real: float = nan

    def plain(self) -> dict[str, Any]:
        """For run.json: what differs from a reference that knows nothing. Of very many modes nothing is told."""
        if len(self.weights) > MOST_MODES:
            return {}
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {key: _listed(v) for key, v in told.items() if v != getattr(Reference(), key) and v == v}

    @staticmethod
    def told(plain: Mapping[str, Any]) -> Reference:
        """What `plain` has told; what it does not know is left out."""
        names = {one.name for one in fields(Reference)}
        known: dict[str, Any] = {name: v for name, v in plain.items() if name in names and v is not None}
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in known.items()}
        return replace(Reference(), **given)

    @staticmethod
    def of(split: Split, count: int = 250, own: Own | None = None, kinds: Kinds | None = None) -> Reference:
        """Of a data set; own: its regions, where samples are scored; kinds: by a judge that a config names."""
        chance, classes, ignorance, labels = 0.0, 0.0, nan, split.watched.y
        weights, shares, missed = np.zeros(0), np.zeros(0), 0.0
        if labels is not None and labels.size == len(labels):
            frequent = np.unique(labels, return_counts=True)[1] / len(labels)
            chance, ignorance = float(frequent.max()), entropy(frequent)
        if split.mixture is not None:
            weights = split.mixture.weights
            shares = np.bincount(split.mixture.nearest(split.train.x)[0], minlength=len(weights)) / len(split.train)
        elif split.digits == 3:
            weights = shares = np.full(1000, 1e-3)
        elif kinds is not None:
            shares, classes = kinds.shares, exp(entropy(kinds.shares))
        elif split.digits == 1 and split.train.y is not None:
            shares = np.bincount(split.train.y.astype(int).ravel(), minlength=10) / len(split.train)
            classes = exp(entropy(shares))
        if len(weights) and count:
            missed = _missed(shares, weights, count)
        known = Reference(count, tuple(weights), tuple(shares), missed, classes)
        known = replace(known, chance=chance, tests=len(split.watched), ignorance=ignorance)
        if kinds is not None and split.mixture is None:
            known = replace(known, named=kinds.names, sure=kinds.confidence)
        if own is not None and own.has_regions and count:
            known = replace(known, regions=exp(-_missed(own.shares, own.shares, count)))
        if split.mixture is not None:
            known = replace(known, quality="scores.high_quality", noise=_on_modes(split), real=REAL)
        elif own is not None and own.has_neighbours:
            noise, real = own.near_real
            known = replace(known, quality="scores.near_real", noise=noise, real=real)
        return known


def _listed(v: Any) -> Any:
    """Without NumPy's own types."""
    if isinstance(v, tuple):
        return [one if isinstance(one, str) else float(one) for one in v]
    return v if isinstance(v, str | int) else float(v)


def _missed(shares: Array, weights: Array, count: int) -> float:
    """Reverse KL of `count` examples that fall on modes with these shares."""
    rng = np.random.default_rng(0)
    drawn = [rng.choice(len(shares), count, p=shares) for _ in range(DRAWS)]
    return float(np.median([reverse_kl(mode, weights) for mode in drawn]))


def _on_modes(split: Split) -> float:
    """`high_quality` of Gaussian noise with the mean and the standard deviation of the data."""
    x = np.asarray(split.train.x, np.float64)
    noise = x.mean(0) + x.std(0) * np.random.default_rng(0).standard_normal((4000, x.shape[1]))
    return high_quality(noise, split.mixture)[1] if split.mixture is not None else nan
