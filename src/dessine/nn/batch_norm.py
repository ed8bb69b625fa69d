"""Batch normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from dessine.compiled import enabled
from dessine.nn.initialisers import Gaussian, Zeros
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.nn.normalising import along
from dessine.registry import Positive, Share
from dessine.threads import share


@layers.register("batch_norm")
class BatchNorm(Layer):
    """Centre and scale each feature over its batch, then let the network choose both anew.

    momentum: weight of the newest batch in the running statistics, which serve outside training
    epsilon: added to the variance
    x: (R, B, *features); for images, channels are normalised over batch and pixels. Ioffe and Szegedy 2015.
    The running variance is the unbiased one, as in PyTorch. A batch of one cannot be normalised.
    """

    mixes_examples = True
    gamma: Array
    dgamma: Array
    beta: Array
    dbeta: Array
    running_mean: Array
    running_var: Array

    def __init__(self, momentum: Share = 0.1, epsilon: Positive = 1e-5):
        self.momentum, self.epsilon = momentum, epsilon

    def declare(self, shape: Shape) -> Declaration:
        self.least_batch = 2 if len(shape) == 1 else 1  # the pixels of one image can be normalised, one number cannot
        lead = (1,) * len(shape)
        one = (*lead, shape[-1])  # broadcasts over the batch and, for images, the pixels
        fan = (shape[-1], shape[-1])
        return Declaration(
            shape,
            {"gamma": (one, Gaussian(0.0, 1.0), fan), "beta": (one, Zeros(), fan)},
            {"running_mean": (one, 0.0), "running_var": (one, 1.0)},
        )

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        rows = Rows(x)
        n = rows.x.shape[1]
        if mode.train:
            mean = rows.sum() / n
            var = rows.spread(mean) / n
            if mode.record:
                self.running_mean += self.momentum * (mean.reshape(self.gamma.shape) - self.running_mean)
                unbiased = var.reshape(self.gamma.shape) * (n / max(n - 1, 1))
                self.running_var += self.momentum * (unbiased - self.running_var)
        else:
            mean, var = rows.channels(self.running_mean), rows.channels(self.running_var)
        inverse = 1.0 / np.sqrt(var + self.epsilon)
        steep = inverse * rows.channels(self.gamma)
        y = rows.scaled(mean, steep, rows.channels(self.beta))

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dy = np.ascontiguousarray(dy).reshape(rows.x.shape)
            total, dbeta = rows.slopes(mean, dy)
            dgamma = total * inverse
            if params:
                self.dgamma += dgamma.reshape(self.gamma.shape)
                self.dbeta += dbeta.reshape(self.gamma.shape)
            if not inputs:
                return None
            through = (steep * inverse * dgamma / n, steep * dbeta / n) if mode.train else (0 * mean, 0 * mean)
            return rows.back(mean, dy, steep, *through).reshape(x.shape)

        return y.reshape(x.shape), backward

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """By `normalising.along`, over batch and pixels; outside training the layer is a straight line."""
        if mode.train:
            return along(x, t, self.gamma, self.beta, tuple(range(1, x.ndim - 1)), self.epsilon, self._add)
        inverse = 1.0 / np.sqrt(self.running_var + x.dtype.type(self.epsilon))
        u, q = (x - self.running_mean) * inverse, t * inverse

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            self._add(dy * u + ds * q, dy)
            return dy * (self.gamma * inverse), ds * (self.gamma * inverse)

        return u * self.gamma + self.beta, q * self.gamma, backward

    def _add(self, dgamma: Array, dbeta: Array) -> None:
        axes = tuple(range(1, dgamma.ndim - 1))
        self.dgamma += dgamma.sum(axes, keepdims=True)
        self.dbeta += dbeta.sum(axes, keepdims=True)


ENOUGH = 400_000
"""Numbers of one replicate from which the work is cut into parts, for threads to share."""
PARTS = 4


class Rows:
    """A batch as (R, n, C), and the passes over it, each plain and compiled. What is told of channels is (R, 1, C)."""

    def __init__(self, x: Array):
        self.x = np.ascontiguousarray(x).reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1])
        self.compiled = enabled() and self.x.size > 0

    def channels(self, v: Array) -> Array:
        """A parameter."""
        return v.reshape(len(self.x), 1, -1)

    def sum(self) -> Array:
        """Over batch and pixels."""
        if not self.compiled:
            return self.x.sum(1, keepdims=True)
        from dessine.compiled.normal import add_up

        return self._totals(1, lambda r, part, total: add_up(self.x[r, part], *total))[0]

    def spread(self, mean: Array) -> Array:
        """The sum of squared distances from the mean."""
        if not self.compiled:
            return np.square(self.x - mean).sum(1, keepdims=True)
        from dessine.compiled.normal import spread

        return self._totals(1, lambda r, part, total: spread(self.x[r, part], mean[r, 0], *total))[0]

    def scaled(self, mean: Array, steep: Array, shift: Array) -> Array:
        """(x - mean) steep + shift."""
        if not self.compiled:
            return (self.x - mean) * steep + shift
        from dessine.compiled.normal import scale

        y, given = np.empty_like(self.x), (mean, steep, shift)
        self._each(lambda i, r, part: scale(self.x[r, part], *(v[r, 0] for v in given), y[r, part]))
        return y

    def slopes(self, mean: Array, dy: Array) -> tuple[Array, Array]:
        """The sums of dy (x - mean), and of dy."""
        if not self.compiled:
            return (dy * (self.x - mean)).sum(1, keepdims=True), dy.sum(1, keepdims=True)
        from dessine.compiled.normal import slopes

        total, offset = self._totals(2, lambda r, part, total: slopes(self.x[r, part], mean[r, 0], dy[r, part], *total))
        return total, offset

    def back(self, mean: Array, dy: Array, steep: Array, through_var: Array, through_mean: Array) -> Array:
        """dy steep - (x - mean) through_var - through_mean."""
        if not self.compiled:
            return dy * steep - (self.x - mean) * through_var - through_mean
        from dessine.compiled.normal import back

        dx, given = np.empty_like(self.x), (steep, through_var, through_mean)
        self._each(lambda i, r, part: back(self.x[r, part], mean[r, 0], dy[r, part], *(v[r, 0] for v in given), dx[r, part]))
        return dx

    def _each(self, do: Callable[[int, int, slice], object]) -> int:
        """Once for each part of each replicate, by its number; returns how many a replicate has."""
        n = self.x.shape[1]
        k = min(n, PARTS) if self.x[0].size > ENOUGH else 1
        parts = [slice(n * i // k, n * (i + 1) // k) for i in range(k)]
        share([partial(do, r * k + i, r, part) for r in range(len(self.x)) for i, part in enumerate(parts)])
        return k

    def _totals(self, count: int, do: Callable[[int, slice, Array], object]) -> Array:
        """`count` sums, (count, R, 1, C), which do(r, part, total) adds to total (count, C); put together in a fixed order."""
        r, _, c = self.x.shape
        sums = np.zeros((PARTS * r, count, c))
        k = self._each(lambda i, replicate, part: do(replicate, part, sums[i]))
        return sums[: k * r].reshape(r, k, count, c).sum(1).swapaxes(0, 1)[:, :, None].astype(self.x.dtype)
