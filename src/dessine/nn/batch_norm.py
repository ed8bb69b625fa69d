"""Batch normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

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
        lines = Lines(x)
        rows, n = lines.rows, lines.count
        centred, y = np.empty_like(rows), np.empty_like(rows)
        if mode.train:
            mean = lines.sum(lambda part: rows[part]) / n
            var = lines.sum(lambda part: np.square(np.subtract(rows[part], lines.wide(mean), out=centred[part]))) / n
            if mode.record:
                self.running_mean += self.momentum * (mean.reshape(self.gamma.shape) - self.running_mean)
                unbiased = var.reshape(self.gamma.shape) * (n / max(n - 1, 1))
                self.running_var += self.momentum * (unbiased - self.running_var)
        else:
            mean, var = lines.narrow(self.running_mean), lines.narrow(self.running_var)
            lines.each(lambda part: np.subtract(rows[part], lines.wide(mean), out=centred[part]))
        inverse = 1.0 / np.sqrt(var + self.epsilon)
        scale = inverse * lines.narrow(self.gamma)
        steep, shift = lines.wide(scale), lines.wide(lines.narrow(self.beta))

        def scaled(part: Part) -> None:
            out = y[part]
            np.multiply(centred[part], steep, out=out)
            out += shift

        lines.each(scaled)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            error = dy.reshape(rows.shape)
            dgamma, dbeta = lines.sum(lambda part: error[part] * centred[part]) * inverse, lines.sum(lambda part: error[part])
            if params:
                self.dgamma += dgamma.reshape(self.gamma.shape)
                self.dbeta += dbeta.reshape(self.gamma.shape)
            if not inputs:
                return None
            dx = np.empty_like(rows)
            through_var, through_mean = lines.wide(scale * inverse * dgamma / n), lines.wide(scale * dbeta / n)

            def back(part: Part) -> None:
                out = dx[part]
                np.multiply(error[part], steep, out=out)
                if mode.train:
                    out -= centred[part] * through_var
                    out -= through_mean

            lines.each(back)
            return dx.reshape(x.shape)

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


Part = tuple[slice, slice]
ENOUGH = 100_000
"""Numbers of one replicate from which the work is cut into parts, for threads to share."""
PARTS = 4


class Lines:
    """A batch as rows of W * C numbers, W pixels side by side (1 if the input is flat): C alone can be too short for NumPy's
    loops. Numbers for each channel are (R, 1, C), or `wide`, (R, 1, W * C), to meet a row.
    """

    def __init__(self, x: Array):
        self.r, self.c, self.w = len(x), x.shape[-1], x.shape[-2] if x.ndim > 3 else 1
        self.count = math.prod(x.shape[1:-1])
        self.rows = x.reshape(self.r, self.count // self.w, self.w * self.c)
        n = self.rows.shape[1]
        k = min(n, PARTS) if self.rows[0].size > ENOUGH else 1
        self.parts: list[Part] = [(slice(None), slice(n * i // k, n * (i + 1) // k)) for i in range(k)]

    def each(self, do: Callable[[Part], object]) -> None:
        """Once for each part."""
        share([partial(do, part) for part in self.parts])

    def sum(self, of: Callable[[Part], Array]) -> Array:
        """(R, 1, C) over batch and pixels, by products with ones; added in a fixed order, whatever thread did it."""
        sums: dict[int, Array] = {}

        def work(i: int, part: Part) -> None:
            rows = of(part)
            sums[i] = np.ones((1, rows.shape[1]), rows.dtype) @ rows

        share([partial(work, i, part) for i, part in enumerate(self.parts)])
        total: Array = sum((sums[i] for i in range(1, len(sums))), sums[0])
        return total.reshape(self.r, self.w, self.c).sum(1, keepdims=True)

    def narrow(self, v: Array) -> Array:
        """A parameter as (R, 1, C)."""
        return v.reshape(self.r, 1, self.c)

    def wide(self, v: Array) -> Array:
        """(R, 1, C) -> (R, 1, W * C)."""
        return np.tile(v, self.w) if self.w > 1 else v
