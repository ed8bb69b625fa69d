"""The bench: what samples are laid beside to be scored: real examples, and what a perfect, a blind and a collapsed generator
give. Which scores there are belongs to `table.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from dessine.data import Split
from dessine.data.dataset import Examples, Reader
from dessine.scores import frechet
from dessine.scores.distances import rows
from dessine.scores.features import Spaces
from dessine.scores.kernel import Kernel
from dessine.scores.ndb import Bins
from dessine.scores.nearest import nearest
from dessine.scores.neighbours import Balls, balls

Array = np.ndarray
NEIGHBOURS, COPIES, LINES, PAIRED, CRITIC, PAIRS, RECOVERED = 5_000, 1_000, 5_000, 1_000, 5_000, 5_000, 100
"""Samples that scores take at most whose time grows faster than their number."""
VALIDATION = 1_000
PORTION = 10_000


def are_images(data: Split) -> bool:
    """Images, not points."""
    return len(data.train.shape) == 3


def is_read(data: Split) -> bool:
    """Whether a judge reads these examples: one that a config names, or that of digits."""
    return data.judge is not None or data.digits > 0


def are_digits(data: Split) -> bool:
    """Single digits, which their judge takes for one of ten."""
    return data.digits == 1 and (data.judge is None or len(data.judge.classes) == 10)


class View:
    """Features (n, f) of one side, and what scores make of them."""

    def __init__(self, features: Array):
        self.features = features

    @cached_property
    def moments(self) -> frechet.Moments:
        return frechet.Moments(self.features)

    @cached_property
    def kernel(self) -> Kernel:
        return Kernel(self.features)

    @cached_property
    def balls(self) -> Balls:
        """Of some of them."""
        return balls(self.features[:NEIGHBOURS])


class Side:
    """Examples to be scored, (n, *shape) in the data's own scale and in random order; a judge reads them once, if at all.

    recover: how near what has drawn them comes to each of (N, *shape), by `reconstruction.errors`, where something can tell
    asked: (n,) which of `data.asked` each was to be, where it was asked for
    """

    def __init__(
        self,
        x: Array,
        data: Split,
        judge: Reader | None,
        recover: Callable[[Array], Array] | None = None,
        asked: Array | None = None,
        spaces: Spaces | None = None,
    ):
        self.x, self.data, self.judge, self.recover, self.asked, self.spaces = x, data, judge, recover, asked, spaces
        self._views: dict[str, View] = {}
        self.finite = bool(np.isfinite(x).all())

    def __len__(self) -> int:
        return len(self.x)

    @property
    def images(self) -> Array:
        """(n, *shape) in [0, 1]."""
        return self.data.train.images(self.x)

    @cached_property
    def _answers(self) -> tuple[Array, Array]:
        """(n, parts, K) and (n, parts * f): parts are the digits in the channels, or the whole example."""
        assert self.judge is not None
        x = self.images if are_images(self.data) else self.x
        read = [self.judge.read(one) for one in ([x] if self.data.digits < 2 else np.split(x, self.data.digits, -1))]
        return np.stack([p for p, _ in read], 1), np.concatenate([f for _, f in read], 1)

    @property
    def probabilities(self) -> Array:
        """(n, parts, K)."""
        return self._answers[0]

    @property
    def classes(self) -> Array:
        """(n,) what the judge takes each for, of examples of one part."""
        found: Array = self.probabilities[:, 0].argmax(-1)
        return found

    @property
    def features(self) -> Array:
        """(n, f): the judge's, or the numbers of the examples themselves where no judge has anything to say."""
        return self._answers[1] if self.judge else rows(self.x)

    def view(self, space: str = "judge") -> View:
        """Of these features, or of those that need no labels: "random" or "pca"."""
        if space not in self._views:
            assert space == "judge" or self.spaces is not None
            self._views[space] = View(self.features if space == "judge" else self.spaces[space].of(self.images))  # type: ignore[index]
        return self._views[space]


class Bench:
    """One data set, made ready to score n samples.

    real: n training examples, what all is compared with
    ceiling: n test examples, scored as if they were generated
    floor: n times Gaussian noise with each pixel's own mean and standard deviation, cut off at the range of the data
    collapsed: one training example n times, with a little noise
    n is at most the number of test examples, so that samples have no more of themselves to show than the ceiling has, and
    fewer where they would take too much memory.
    """

    def __init__(self, data: Split, dtype: Any, count: int, seed: int, judge: Reader | None, spaces: Spaces | None = None):
        self.data, self.judge, self.dtype, self.seed = data, judge, np.dtype(dtype), seed
        self.spaces = spaces or Spaces(data, dtype)
        rng = np.random.default_rng(seed)
        self.n = min(data.train.at_once(count, dtype), len(data.test))
        order = rng.permutation(len(data.train))
        self.kept = min(self.n, max(1, len(order) * 10 // 11))  # some remain for validation
        self.order = order
        self.real = self.side(self._floats(data.train, order[: self.kept]))
        tested = rng.permutation(len(data.test))[: self.n]
        asked = _classes(data, tested)
        self.ceiling = self.side(self._floats(data.test, tested), asked=asked)
        x = self.real.x
        mean, std = np.asarray(x.mean(0, dtype=np.float64)), np.asarray(x.std(0, dtype=np.float64))
        self.floor = self.side(self._noisy(mean, std, rng), asked=asked)
        self.collapsed = self.side(self._noisy(x[0], 0.01 * x.std(), rng), asked=asked)
        self.baselines = {"ceiling": self.ceiling, "floor": self.floor, "collapsed": self.collapsed}

    def errors_of(self, side: Side) -> bool:
        """Whether the errors of a side are shown: those of noise and of one repeated example are not."""
        return side is not self.floor and side is not self.collapsed

    def side(self, x: Array, recover: Callable[[Array], Array] | None = None, asked: Array | None = None) -> Side:
        """Examples (n, *shape), ready to be scored."""
        return Side(x, self.data, self.judge, recover, asked, self.spaces)

    def _floats(self, examples: Examples, index: Array) -> Array:
        return examples.floats(index, self.dtype)

    def _noisy(self, x: Array, sigma: Any, rng: np.random.Generator) -> Array:
        """n times one example (*shape), each with noise of its own; images keep to their range, points may lie anywhere."""
        noisy = rng.standard_normal((self.n, *x.shape), np.float32)
        noisy *= np.float32(sigma)
        noisy += x.astype(np.float32)
        if are_images(self.data):
            np.clip(noisy, self.data.train.low, self.data.train.high, out=noisy)
        return noisy.astype(self.dtype, copy=False)

    @cached_property
    def validation(self) -> Array:
        """Training images that are not among the real ones, in [0, 1]."""
        rest = self.order[self.kept : self.kept + VALIDATION]
        return self.data.train.images(self._floats(self.data.train, rest))

    @cached_property
    def bins(self) -> Bins:
        """Clusters of the real examples."""
        return Bins(self.real.x, seed=self.seed)

    def nearest(self, x: Array) -> tuple[Array, Array]:
        """The distance of each of (N, *shape) to the nearest training example, and which that is.

        Over some training examples at a time: all of them as floats would take most of the memory.
        """
        train = self.data.train
        portion = train.at_once(PORTION, self.dtype)
        distance, which = np.full(len(x), np.inf), np.zeros(len(x), int)
        for i in range(0, len(train), portion):
            index = np.arange(i, min(i + portion, len(train)))
            d, nearest_here = nearest(x, self._floats(train, index))
            closer = d < distance
            distance[closer], which[closer] = d[closer], index[nearest_here[closer]]
        return distance, which

    @cached_property
    def from_test(self) -> Array:
        """Distances of test examples to the nearest training example; none of those that the ceiling shows."""
        return self.nearest(self.ceiling.x[self.copies :][:COPIES])[0]

    @property
    def copies(self) -> int:
        """How many samples are looked at for copies: half of them, so that the test examples suffice for both sides."""
        return min(COPIES, max(1, self.n // 2))


def _classes(data: Split, which: Array) -> Array | None:
    """(n,) which of `data.asked` test examples are; None where nothing is asked for."""
    if not data.asked or data.train.y is None or data.test.y is None:
        return None
    values = np.unique(data.train.y)
    return np.clip(np.searchsorted(values, data.test.y.reshape(-1)[which]), 0, len(values) - 1)
