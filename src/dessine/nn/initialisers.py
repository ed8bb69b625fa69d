"""Where weights start. Each draws (R, *shape) from a stream; which fan a shape has is told by the layer."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any, Literal

import numpy as np

from dessine.node import Node
from dessine.registry import NonNegative, Positive, Registry
from dessine.streams import Stream

Array = np.ndarray
initialisers: Registry[Initialiser] = Registry("initialiser")


class Initialiser(Node):
    """Draws the first weights."""

    registry = initialisers

    def draw(self, stream: Stream, shape: tuple[int, ...], fan: tuple[int, int], dtype: Any) -> Array:
        """(R, *shape) weights. `fan` counts the inputs and the outputs of one unit."""
        raise NotImplementedError


@initialisers.register("gaussian")
class Gaussian(Initialiser):
    """Normal draws with a given spread; the student report's is N(0, 1).

    std: standard deviation
    mean: centre
    """

    def __init__(self, std: NonNegative = 1.0, mean: float = 0.0):
        self.std, self.mean = std, mean

    def draw(self, stream: Stream, shape: tuple[int, ...], fan: tuple[int, int], dtype: Any) -> Array:
        return stream.gaussian(shape, dtype) * np.asarray(self.std, dtype) + np.asarray(self.mean, dtype)


@initialisers.register("uniform")
class Uniform(Initialiser):
    """Uniform draws in [-limit, limit).

    limit: half the width
    """

    def __init__(self, limit: Positive = 0.05):
        self.limit = limit

    def draw(self, stream: Stream, shape: tuple[int, ...], fan: tuple[int, int], dtype: Any) -> Array:
        return stream.uniform(shape, dtype, -self.limit, self.limit)


class _Scaled(Initialiser):
    """A spread that keeps the size of signals from layer to layer.

    distribution: shape of the draws
    """

    def __init__(self, distribution: Literal["uniform", "gaussian"] = "uniform"):
        self.distribution = distribution

    def std(self, fan: tuple[int, int]) -> float:
        raise NotImplementedError

    def draw(self, stream: Stream, shape: tuple[int, ...], fan: tuple[int, int], dtype: Any) -> Array:
        std = self.std(fan)
        if self.distribution == "gaussian":
            return stream.gaussian(shape, dtype) * np.asarray(std, dtype)
        return stream.uniform(shape, dtype, -sqrt(3) * std, sqrt(3) * std)


@initialisers.register("xavier")
class Xavier(_Scaled):
    """Variance 2 / (inputs + outputs), for tanh and sigmoid. Glorot and Bengio 2010.

    distribution: shape of the draws
    """

    def std(self, fan: tuple[int, int]) -> float:
        return sqrt(2 / sum(fan))


@initialisers.register("he")
class He(_Scaled):
    """Variance 2 / inputs, for relu. He et al. 2015.

    distribution: shape of the draws
    """

    def std(self, fan: tuple[int, int]) -> float:
        return sqrt(2 / fan[0])


@initialisers.register("orthogonal")
class Orthogonal(Initialiser):
    """A random rotation: rows or columns of the layer's matrix, the fewer of both, are orthogonal (Saxe et al. 2014).

    gain: length of each, 1 for linear layers; sqrt 2 keeps the size of signals through relu
    Uniform over all such matrices: Q of a normal draw's QR, with the signs that make R's diagonal positive. Signals, and
    errors on their way back, keep their length through any number of square layers. A convolution's matrix is window times
    channels, as PyTorch flattens it.
    """

    def __init__(self, gain: Positive = 1.0):
        self.gain = gain

    def draw(self, stream: Stream, shape: tuple[int, ...], fan: tuple[int, int], dtype: Any) -> Array:
        n, m = prod(shape[:-1]), shape[-1]
        drawn = stream.gaussian((max(n, m), min(n, m)), dtype)
        q, r = np.linalg.qr(drawn)
        q *= np.sign(np.linalg.diagonal(r))[:, None] * np.asarray(self.gain, dtype)
        return np.ascontiguousarray(q if n > m else q.mT).reshape(len(q), *shape)


@initialisers.register("constant")
class Constant(Initialiser):
    """All the same number.

    value: which one
    """

    def __init__(self, value: float = 0.0):
        self.value = value

    def draw(self, stream: Stream, shape: tuple[int, ...], fan: tuple[int, int], dtype: Any) -> Array:
        return np.full((len(stream.generators), *shape), self.value, dtype)


@initialisers.register("zeros")
class Zeros(Initialiser):
    """All zero."""

    def draw(self, stream: Stream, shape: tuple[int, ...], fan: tuple[int, int], dtype: Any) -> Array:
        return np.zeros((len(stream.generators), *shape), dtype)
