"""Layer normalisation."""

from __future__ import annotations

import numpy as np

from dessine.nn.initialisers import Gaussian, Zeros
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.registry import Positive


@layers.register("layer_norm")
class LayerNorm(Layer):
    """Centre and scale each example by itself, then let the network choose both anew (Ba et al. 2016).

    epsilon: added to the variance
    x: (R, B, *features). Mean and variance are over all features of an example, for images over all pixels and channels;
    gamma and beta are for each feature or, for images, each channel, as in WGAN-GP's critics: PyTorch's GroupNorm(1, channels).
    No example sees another: what a gradient penalty asks for in place of batch_norm.
    """

    gamma: Array
    dgamma: Array
    beta: Array
    dbeta: Array

    def __init__(self, epsilon: Positive = 1e-5):
        self.epsilon = epsilon

    def declare(self, shape: Shape) -> Declaration:
        one, fan = (*(1,) * len(shape), shape[-1]), (shape[-1], shape[-1])
        return Declaration(shape, {"gamma": (one, Gaussian(0.0, 1.0), fan), "beta": (one, Zeros(), fan)})

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        unit, inverse = self._unit(x)
        y = unit * self.gamma
        y += self.beta

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dx = _centred(dy * self.gamma, unit) * inverse if inputs else None
            if params:
                self._add(dy * unit, dy)
            return dx

        return y, backward

    def _unit(self, x: Array) -> tuple[Array, Array]:
        """(x - mean) / deviation, and 1 / deviation."""
        axes = tuple(range(2, x.ndim))
        unit = x - x.mean(axes, keepdims=True)
        inverse = 1 / np.sqrt(np.square(unit).mean(axes, keepdims=True) + x.dtype.type(self.epsilon))
        unit *= inverse
        return unit, inverse

    def _add(self, dgamma: Array, dbeta: Array) -> None:
        axes = tuple(range(1, dgamma.ndim - 1))
        self.dgamma += dgamma.sum(axes, keepdims=True)
        self.dbeta += dbeta.sum(axes, keepdims=True)

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """s = gamma P t / deviation, P being `_centred`, which depends on x as the deviation does."""
        unit, inverse = self._unit(x)
        axes, pt = tuple(range(2, x.ndim)), _centred(t, unit)
        q = pt * inverse

        def mean(a: Array) -> Array:
            return a.mean(axes, keepdims=True)

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            self._add(dy * unit + ds * q, dy)
            du, dq = dy * self.gamma, ds * self.gamma
            pdq = _centred(dq, unit)
            dx = _centred(du, unit) - mean(dq * q) * unit - inverse * (mean(unit * t) * pdq + mean(dq * unit) * pt)
            return dx * inverse, pdq * inverse

        return unit * self.gamma + self.beta, q * self.gamma, backward


def _centred(a: Array, unit: Array) -> Array:
    """P a: what of `a` is left when mean and spread do not answer to it."""
    axes = tuple(range(2, a.ndim))
    return a - a.mean(axes, keepdims=True) - unit * (a * unit).mean(axes, keepdims=True)
