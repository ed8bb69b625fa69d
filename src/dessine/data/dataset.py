"""What every data set gives: arrays as they are stored, and how they become floats."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, prod
from typing import Any, NamedTuple, Protocol

import numpy as np

from dessine.data.density import Density
from dessine.data.mixture import Mixture
from dessine.node import Node
from dessine.registry import Registry, SpecError

Array = np.ndarray
datasets: Registry[Dataset] = Registry("data set")
ROOM = 256_000_000
"""Bytes that examples may take as floats at one time, however large each is: 10,000 of CIFAR-10 in float64 fit."""
MOST_LABELS = 10_000_000
"""That are made of what a run says of data that are not there."""
PLACES = ("path", "source")
"""Options that say where the data lie: where the contents are the same, they make no difference."""


@dataclass(frozen=True)
class Examples:
    """x: (N, *shape), uint8 images (channels last) or float points; y: (N,) labels, (N, m) targets or None.

    uint8 values 0..255 are scaled to [low, high]; floats are taken as they are.
    """

    x: Array
    y: Array | None
    low: float = 0.0
    high: float = 1.0

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return self.x.shape[1:]

    @property
    def checksum(self) -> str:
        """SHA-256 of shape and contents."""
        digest = hashlib.sha256(repr((self.x.shape, self.x.dtype.str)).encode())
        for part in (self.x, self.y):
            if part is not None:
                digest.update(np.ascontiguousarray(part).data)  # no copy: it may be most of the memory
        return digest.hexdigest()

    def some(self, of: slice | Array) -> Examples:
        """Those at a slice or a mask."""
        return replace(self, x=self.x[of], y=None if self.y is None else self.y[of])

    def scattered(self, most: int) -> Array:
        """(n,) which of them stand for all, `most` at most: always the same, from anywhere, as data may lie class by class."""
        n = len(self)
        return np.arange(n) if n <= most else np.random.default_rng(0).permutation(n)[:most]

    def floats(self, index: Array, dtype: Any) -> Array:
        """A scaled copy of the examples at `index`, (*index.shape, *shape)."""
        x = self.x[index]
        if x.dtype != np.uint8:
            return x.astype(dtype)
        scaled: Array = np.multiply(x, (self.high - self.low) / 255, dtype=dtype)
        if self.low:
            scaled += self.low
        return scaled

    def at_once(self, most: int, dtype: Any) -> int:
        """Of how many examples, `most` at most, floats take no more than ROOM bytes."""
        return max(1, min(most, ROOM // max(1, prod(self.shape) * np.dtype(dtype).itemsize)))

    def images(self, x: Array) -> Array:
        """The inverse of the scaling: float32 in [0, 1], clipped."""
        return np.clip((x.astype(np.float32) - self.low) / (self.high - self.low), 0, 1, dtype=np.float32)


class Reader(Protocol):
    """A judge: images (N, H, W, C) in [0, 1], points as they are -> probabilities of its classes (N, K), features (N, f)."""

    @property
    def hash(self) -> str: ...

    @property
    def accuracy(self) -> float: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    def read(self, images: Array) -> tuple[Array, Array]: ...


@dataclass(frozen=True)
class Split:
    """Training and test part, and a validation part if one was asked for.

    notice: a line the user must see; source: where the data came from
    mixture: of points whose density is known, and their modes; known: the density of others
    digits: how many of MNIST's digits stand in the channels of one image; 0 where a judge of digits has nothing to say
    judge: who reads these examples, where a config names somebody; who does else, scores decide
    known_to: the judge in the package that has learnt from examples like these, by its name
    validation: examples that were taken from the training part, so that choices need not look at the test
    classes: names of the labels 0, 1, ..., where they have names
    asked: names of the classes that a generator is asked for, in the order of their labels; empty where it is asked for none
    missing: why these are no examples but zeros of their shape, where they are not: the data cannot be read here
    """

    train: Examples
    test: Examples
    notice: str = ""
    source: str = ""
    mixture: Mixture | None = None
    known: Density | None = None
    digits: int = 0
    judge: Reader | None = None
    known_to: str = ""
    classes: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    missing: str = ""
    validation: Examples | None = None

    @property
    def density(self) -> Density | None:
        """Of the examples, where it is known."""
        return self.mixture or self.known

    @property
    def watched(self) -> Examples:
        """What is measured on the way, and chosen by: the validation part, or the test part where there is no other."""
        return self.test if self.validation is None else self.validation

    def behind(self, most: int = 1000) -> Array:
        """(n, *shape) real examples, to be drawn behind generated ones; none where the data cannot be read."""
        return self.train.floats(self.train.scattered(0 if self.missing else most), np.float64)

    def name_of(self, label: float) -> str:
        """What the class with this label is called: its number where it has no name."""
        return self.classes[int(label)] if self.classes else f"{label:g}"


class Available(NamedTuple):
    """One line of `dessine data list`: the name in a spec, source, where, training and test examples."""

    name: str
    source: str
    where: str
    train: int
    test: int


class Dataset(Node):
    """A data set that a spec can name.

    known_modes: how many its examples have, where they can be counted
    """

    registry = datasets
    known_modes: float = inf

    def load(self) -> Split:
        """Read or make it. Raises SpecError, saying what is missing and how to get it."""
        raise NotImplementedError

    def absent(self, shape: Sequence[int], why: str, classes: Sequence[Mapping[str, Any]] = ()) -> Split:
        """In place of examples (N, ...) that cannot be read: as many zeros, which take no memory, in their scale.

        classes: label, name and count of each that they had
        """
        low = -1.0 if getattr(self, "scale", "") == "-1..1" else 0.0
        y, names = None, dict[int, str]()
        if sum(one["count"] for one in classes) == shape[0] <= MOST_LABELS:
            names = {one["label"]: one["name"] for one in classes}
            y = np.repeat(list(names), [one["count"] for one in classes])
        none = Examples(np.broadcast_to(np.uint8(0), tuple(shape)), y, low)
        most = max(names, default=-1)
        called = tuple(names.get(i, str(i)) for i in range(most + 1)) if most < MOST_LABELS else ()
        return Split(none, none, missing=why, classes=called)

    @classmethod
    def available(cls) -> list[Available]:
        """What can be loaded now, counted. As it stands, for data made on the spot: what the default options make."""
        made = cls().load()
        return [Available(cls.type, made.source, "", len(made.train), len(made.test))]


def modes_of(spec: Mapping[str, Any]) -> float:
    """How many modes the data of a resolved spec have; inf where they cannot be counted, or the data set is not known."""
    try:
        return Dataset.of(spec.get("data")).known_modes
    except SpecError:
        return inf


def kept_apart(count: int, share: float) -> Array:
    """(count,) which of so many training examples are for validation: the first of one permutation that is always the same, so
    that those of a smaller share are among those of a larger one. Raises SpecError where none would be, or none be left.
    """
    apart = np.zeros(count, bool)
    apart[np.random.default_rng(0).permutation(count)[: round(share * count)]] = True
    if share and apart.all() == apart.any():  # all of them, or none
        of = "all of them" if apart.any() else "none"
        raise SpecError(f"{share:g} of {count:,} training examples is {of}", ("validation",))
    return apart


def parted(whole: Examples, share: float, chosen: Array | None = None) -> tuple[Examples, Examples | None]:
    """Training and validation part of all that there is to learn from; without a share no validation part.

    chosen: (N,) which of N examples `whole` are: who is for validation depends on nothing but N.
    Raises SpecError where one of the two parts would be empty.
    """
    if not share:
        return whole, None
    apart = kept_apart(len(whole), share) if chosen is None else kept_apart(len(chosen), share)[chosen]
    if apart.all() == apart.any():
        of = "all" if apart.any() else "none"
        raise SpecError(f"{share:g} takes {of} of the {len(whole):,} training examples that were chosen", ("validation",))
    return whole.some(~apart), whole.some(apart)


def made(
    draw: Callable[[int, np.random.Generator], tuple[Array, Array | None]],
    points: int,
    test_points: int,
    streams: Sequence[np.random.Generator],
    validation: float,
    mixture: Mixture | None = None,
    known: Density | None = None,
    source: str = "made",
) -> Split:
    """Points that `draw(n, rng)` makes, x and y: training and test part each from a stream of its own, so that more points for
    one do not move the other. validation: share of the training part that is kept apart.
    """
    whole, test = (Examples(*draw(n, rng)) for n, rng in zip((points, test_points), streams, strict=True))
    train, watched = parted(whole, validation)
    return Split(train, test, source=source, mixture=mixture, known=known, validation=watched)
