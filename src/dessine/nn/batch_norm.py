"""Batch normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dessine.compiled import SHARED, enabled, own
from dessine.nn.initialisers import Gaussian, Zeros
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.nn.normalising import along
from dessine.registry import Positive, Share
from dessine.threads import mailbox


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
        mean, inverse = self.statistics(rows, mode)
        steep = inverse * rows.channels(self.gamma)
        y = rows.scaled(mean, steep, rows.channels(self.beta))

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dx, dgamma, dbeta = self.back(rows, mean, inverse, steep, dy, mode.train, inputs)
            if params:
                self.dgamma += dgamma.reshape(self.gamma.shape)
                self.dbeta += dbeta.reshape(self.gamma.shape)
            return dx.reshape(x.shape) if inputs else None

        return y.reshape(x.shape), backward

    def statistics(self, rows: Rows, mode: Mode) -> tuple[Array, Array]:
        """What is taken off, and what multiplied by: of this batch in training, which is remembered; else the running ones."""
        n = rows.x.shape[1]
        if mode.train:
            mean, var = rows.moments()
            if mode.record:
                self.running_mean += self.momentum * (mean.reshape(self.running_mean.shape) - self.running_mean)
                unbiased = var.reshape(self.running_var.shape) * (n / max(n - 1, 1))
                self.running_var += self.momentum * (unbiased - self.running_var)
        else:
            mean, var = rows.channels(self.running_mean), rows.channels(self.running_var)
        return mean, 1.0 / np.sqrt(var + self.epsilon)

    def back(
        self, rows: Rows, mean: Array, inverse: Array, steep: Array, dy: Array, train: bool, inputs: bool = True
    ) -> tuple[Array, Array, Array]:
        """dx of y = steep (x - mean), (R, n, C), if `inputs`, and what gamma and beta of it would learn, (R, 1, C)."""
        dy, n = own(dy).reshape(rows.x.shape), rows.x.shape[1]
        total, dbeta = rows.slopes(mean, dy)
        dgamma = total * inverse
        if not inputs:
            return dy, dgamma, dbeta
        through = (steep * inverse * dgamma / n, steep * dbeta / n) if train else (0 * mean, 0 * mean)
        return rows.back(mean, dy, steep, *through), dgamma, dbeta

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """By `normalising.along`, over batch and pixels; outside training the layer is a straight line."""
        if mode.train:
            return along(x, t, self.gamma, self.beta, tuple(range(1, x.ndim - 1)), self.epsilon, self._add)
        return self.along_straight(x, t, self.gamma, self.beta, self._add)

    def along_straight(
        self, x: Array, t: Array, gamma: Array, beta: Array, add: Callable[[Array, Array], None]
    ) -> tuple[Array, Array, BackwardAlong]:
        """Outside training. add: as in `normalising.along`."""
        inverse = 1.0 / np.sqrt(self.running_var + x.dtype.type(self.epsilon))
        u, q = (x - self.running_mean) * inverse, t * inverse

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            add(dy * u + ds * q, dy)
            return dy * (gamma * inverse), ds * (gamma * inverse)

        return u * gamma + beta, q * gamma, backward

    def _add(self, dgamma: Array, dbeta: Array) -> None:
        axes = tuple(range(1, dgamma.ndim - 1))
        self.dgamma += dgamma.sum(axes, keepdims=True)
        self.dbeta += dbeta.sum(axes, keepdims=True)


class Rows:
    """A batch as (R, n, C), and the passes over it, each plain and compiled. What is told of channels is (R, 1, C)."""

    def __init__(self, x: Array):
        self.x = own(x).reshape(len(x), math.prod(x.shape[1:-1]), x.shape[-1])
        self.compiled = enabled() and self.x.size > 0

    def channels(self, v: Array) -> Array:
        """A parameter."""
        return v.reshape(len(self.x), 1, -1)

    def moments(self) -> tuple[Array, Array]:
        """Mean and variance, over batch and pixels."""
        if not self.compiled:
            mean = self.x.mean(1, keepdims=True)
            return mean, np.square(self.x - mean).mean(1, keepdims=True)
        from dessine.compiled.normal import moments

        found = self._channels(2)
        moments(self._mail(), self.x, *found)
        return self.channels(found[0]), self.channels(found[1])

    def scaled(self, mean: Array, steep: Array, shift: Array) -> Array:
        """(x - mean) steep + shift."""
        if not self.compiled:
            return (self.x - mean) * steep + shift
        from dessine.compiled.normal import scale

        y = np.empty_like(self.x)
        scale(self._mail(), self.x, *_rows(mean, steep, shift), y)
        return y

    def slopes(self, mean: Array, dy: Array) -> tuple[Array, Array]:
        """The sums of dy (x - mean), and of dy."""
        if not self.compiled:
            return (dy * (self.x - mean)).sum(1, keepdims=True), dy.sum(1, keepdims=True)
        from dessine.compiled.normal import slopes

        found = self._channels(2)
        slopes(self._mail(), self.x, *_rows(mean), dy, *found)
        return self.channels(found[0]), self.channels(found[1])

    def back(self, mean: Array, dy: Array, steep: Array, through_var: Array, through_mean: Array) -> Array:
        """dy steep - (x - mean) through_var - through_mean."""
        if not self.compiled:
            return dy * steep - (self.x - mean) * through_var - through_mean
        from dessine.compiled.normal import back

        dx = np.empty_like(self.x)
        back(self._mail(), self.x, *_rows(mean), dy, *_rows(steep, through_var, through_mean), dx)
        return dx

    def _mail(self) -> Array:
        return mailbox(self.x.size >= SHARED)

    def _channels(self, count: int) -> Array:
        return np.empty((count, len(self.x), self.x.shape[2]), self.x.dtype)


def _rows(*told: Array) -> list[Array]:
    """(R, 1, C) each -> (R, C)."""
    return [np.ascontiguousarray(v[:, 0]) for v in told]
