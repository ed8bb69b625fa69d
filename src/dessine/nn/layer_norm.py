"""Layer normalisation."""

from __future__ import annotations

from dessine.nn.initialisers import Gaussian, Zeros
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.nn.normalising import along, centred, unit
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
        axes = tuple(range(2, x.ndim))
        u, inverse = unit(x, axes, self.epsilon)
        y = u * self.gamma
        y += self.beta

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dx = centred(dy * self.gamma, u, axes) * inverse if inputs else None
            if params:
                self._add(dy * u, dy)
            return dx

        return y, backward

    def _add(self, dgamma: Array, dbeta: Array) -> None:
        axes = tuple(range(1, dgamma.ndim - 1))
        self.dgamma += dgamma.sum(axes, keepdims=True)
        self.dbeta += dbeta.sum(axes, keepdims=True)

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """By `normalising.along`, over the features of each example."""
        return along(x, t, self.gamma, self.beta, tuple(range(2, x.ndim)), self.epsilon, self._add)
