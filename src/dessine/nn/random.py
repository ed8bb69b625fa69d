"""Layers that draw: dropout, and the student report's noise in the middle of a generator."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dessine.compiled import COMPILED, SHARED, enabled, own
from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, layers
from dessine.registry import Count, SpecError
from dessine.schedules import MovingDecay, MovingPositive, Scheduled
from dessine.threads import mailbox


@layers.register("dropout")
class Dropout(Scheduled, Layer):
    """In training, set each input to 0 with probability p and multiply the rest by 1 / (1 - p).

    p: share of inputs that are dropped; drawn as 16 bits, so that it is rounded to a multiple of 1 / 65,536, at most
        65,535 / 65,536; 8 bits are enough for multiples of 1 / 256
    The rounded p scales, too: the mean of what goes through is x. Srivastava et al. 2014.
    """

    draws = True
    affine = True
    p: float

    def __init__(self, p: MovingDecay = 0.5):
        self.hold(p=p)

    def declare(self, shape: Shape) -> Declaration:
        return Declaration(shape)

    def span(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        if not mode.train or self.p == 0:
            return x, lambda dy, params=True, inputs=True: dy if inputs else None
        size = 1 if (256 * self.p).is_integer() else 2  # bytes
        drawn, values = mode.streams[self.path].whole(x.shape[1:], size), 256**size
        threshold = min(round(values * self.p), values - 1)
        scale = x.dtype.type(values / (values - threshold))
        if x.size >= COMPILED and enabled():
            from dessine.compiled.elements import keep

            def kept(x: Array) -> Array:
                y = np.empty_like(own(x))
                keep(mailbox(x.size >= SHARED), own(x).reshape(-1), drawn.reshape(-1), threshold, scale, y.reshape(-1))
                return y

            return kept(x), lambda dy, params=True, inputs=True: kept(dy) if inputs else None
        factor = (drawn >= threshold) * scale
        return x * factor, lambda dy, params=True, inputs=True: dy * factor if inputs else None


@layers.register("noise")
class Noise(Scheduled, Layer):
    """Fresh noise at any layer, also outside training: it is part of what a generator is given.

    how: concatenated to the features (the student report's choice), added, or multiplied term by term
    size: how many noise inputs are concatenated (the input's own number if left out)
    distribution: gaussian N(0, 1) or uniform in [-1, 1)
    scale: factor of the noise; multiplied noise is 1 + scale * draw
    x: (R, B, n) -> (R, B, n + size) when concatenated. Report, section 2.6.2.
    """

    draws = True
    affine = True
    scale: float

    def __init__(
        self,
        how: Literal["concatenate", "add", "multiply"] = "concatenate",
        size: Count | None = None,
        distribution: Literal["gaussian", "uniform"] = "gaussian",
        scale: MovingPositive = 1.0,
    ):
        if how != "concatenate" and size is not None:
            raise SpecError("only concatenated noise has a size of its own", ("size",))
        self.hold(scale=scale)
        self.how, self.size, self.distribution = how, size, distribution

    def declare(self, shape: Shape) -> Declaration:
        if self.how != "concatenate":
            return Declaration(shape)
        if len(shape) != 1:
            raise SpecError(f"concatenated noise needs a flat input, got {list(shape)}: put flatten before it")
        return Declaration((shape[0] + (self.size or shape[0]),))

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        n = x.shape[-1]
        shape = x.shape[1:] if self.how != "concatenate" else (x.shape[1], self.size or n)
        stream = mode.streams[self.path]
        if self.distribution == "gaussian":
            noise = stream.gaussian(shape, x.dtype)
        else:
            noise = stream.uniform(shape, x.dtype, -1.0, 1.0)
        noise *= self.scale
        if self.how == "add":
            return x + noise, lambda dy, params=True, inputs=True: dy if inputs else None
        if self.how == "multiply":
            noise += 1.0
            return x * noise, lambda dy, params=True, inputs=True: dy * noise if inputs else None
        y = np.concatenate([x, noise], -1)
        return y, lambda dy, params=True, inputs=True: np.ascontiguousarray(dy[..., :n]) if inputs else None
