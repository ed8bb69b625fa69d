"""Group normalisation."""

from __future__ import annotations

from dessine.nn.initialisers import Gaussian, Zeros
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.nn.normalising import along, centred, unit
from dessine.registry import Count, Positive, SpecError


@layers.register("group_norm")
class GroupNorm(Layer):
    """Centre and scale each group of channels of each example, then let the network choose both anew (Wu and He 2018).

    groups: into how many equal groups the channels, or the features of a row, fall; their paper takes 32
    epsilon: added to the variance
    x: (R, B, *features). Mean and variance are over all pixels and channels of a group; gamma and beta are for each channel.
    With one group and images it is layer_norm. No example sees another: a gradient penalty can go with it.
    """

    gamma: Array
    dgamma: Array
    beta: Array
    dbeta: Array

    def __init__(self, groups: Count, epsilon: Positive = 1e-5):
        self.groups, self.epsilon = groups, epsilon

    def declare(self, shape: Shape) -> Declaration:
        if shape[-1] % self.groups:
            raise SpecError(f"{shape[-1]} channels do not fall into {self.groups} equal groups", ("groups",))
        one, fan = (*(1,) * len(shape), shape[-1]), (shape[-1], shape[-1])
        return Declaration(shape, {"gamma": (one, Gaussian(0.0, 1.0), fan), "beta": (one, Zeros(), fan)})

    def _grouped(self, a: Array) -> Array:
        """(..., C) -> (..., groups, C / groups)."""
        return a.reshape(*a.shape[:-1], self.groups, -1)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        axes = (*range(2, x.ndim - 1), x.ndim)
        u, inverse = unit(self._grouped(x), axes, self.epsilon)
        y = u.reshape(x.shape) * self.gamma
        y += self.beta

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dx = centred(self._grouped(dy * self.gamma), u, axes) * inverse if inputs else None
            if params:
                self._add(dy * u.reshape(x.shape), dy)
            return None if dx is None else dx.reshape(x.shape)

        return y, backward

    def _add(self, dgamma: Array, dbeta: Array) -> None:
        """Both still for each element, by channel or by group and channel."""
        for total, d in ((self.dgamma, dgamma), (self.dbeta, dbeta)):
            d = d.reshape(len(d), -1, total.shape[-1])
            total += d.sum(1).reshape(total.shape)

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """By `normalising.along`, over pixels and the channels of each group."""
        axes = (*range(2, x.ndim - 1), x.ndim)
        x_parts, t_parts, gamma, beta = (self._grouped(a) for a in (x, t, self.gamma, self.beta))
        y, s, back = along(x_parts, t_parts, gamma, beta, axes, self.epsilon, self._add)

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            dx, dt = back(self._grouped(dy), self._grouped(ds))
            return dx.reshape(x.shape), dt.reshape(x.shape)

        return y.reshape(x.shape), s.reshape(x.shape), backward
