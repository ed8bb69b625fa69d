"""Batch normalisation."""

from __future__ import annotations

import numpy as np

from dessine.nn.initialisers import Gaussian, Zeros
from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.registry import Positive, Share


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
        axes = tuple(range(1, x.ndim - 1))
        n = int(np.prod([x.shape[a] for a in axes]))
        if mode.train:
            mean = x.mean(axes, keepdims=True)
            centred = x - mean
            var = np.square(centred).mean(axes, keepdims=True)
            if mode.record:
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (var * (n / max(n - 1, 1)) - self.running_var)
        else:
            centred, var = x - self.running_mean, self.running_var
        inverse = 1.0 / np.sqrt(var + self.epsilon)
        unit = centred
        unit *= inverse
        y = unit * self.gamma
        y += self.beta

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            along = dy * unit
            dgamma, dbeta = along.sum(axes, keepdims=True), dy.sum(axes, keepdims=True)
            scale = self.gamma * inverse
            if params:
                self.dgamma += dgamma
                self.dbeta += dbeta
            if not inputs:
                return None
            if not mode.train:
                return dy * scale
            dx = unit * (dgamma * (-1.0 / n))  # through the variance
            dx += dy
            dx -= dbeta * (1.0 / n)  # through the mean
            dx *= scale
            return dx

        return y, backward
