"""The maxout layer."""

from __future__ import annotations

import numpy as np

from dessine.nn.algebra import add_product, product
from dessine.nn.initialisers import Initialiser, Zeros
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, Wanted, flat, layers, size
from dessine.registry import Count, Like


@layers.register("maxout")
class Maxout(Layer):
    """The largest of several weighted sums: a convex activation that is learnt (Goodfellow et al. 2013).

    units: number of outputs
    pieces: sums among which each output is the largest; of equals the first gets the gradient
    init: how the weights start; the biases start at 0
    x: (R, B, *features), seen as one flat row -> (R, B, units). w: (n, pieces * units), the pieces one after another.
    """

    w: Array
    dw: Array
    b: Array
    db: Array

    def __init__(self, units: Count, pieces: Count = 2, init: Like[Initialiser] = "xavier"):
        self.units, self.pieces = units, pieces
        self.init = Initialiser.of(init)

    def declare(self, shape: Shape) -> Declaration:
        n, m = size(shape), self.pieces * self.units
        fan = (n, self.units)
        return Declaration((self.units,), {"w": ((n, m), self.init, fan), "b": ((1, m), Zeros(), fan)}, between=m)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        shape, x = x.shape, flat(x)
        y, which = self._largest(product(x, self.w) + self.b)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            da = self._to(which, dy)
            dx = product(da, self.w.mT).reshape(shape) if inputs else None
            if params:
                add_product(self.dw, x, da, overwrite=params == "first")
                self.db += da.sum(-2, keepdims=True)
            return dx

        return y, backward

    def _largest(self, a: Array) -> tuple[Array, Array]:
        """(R, B, pieces * units) -> the largest of each unit's and which it is, (R, B, units)."""
        a = a.reshape(*a.shape[:2], self.pieces, self.units)
        return a.max(-2), a.argmax(-2)

    def _to(self, which: Array, dy: Array) -> Array:
        """The error of each unit, at the piece that it came from: (R, B, units) -> (R, B, pieces * units)."""
        da = np.stack([np.where(which == piece, dy, 0) for piece in range(self.pieces)], -2)
        return da.reshape(*dy.shape[:2], -1)

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """s is that of the piece that is largest at x."""
        shape, x, t = x.shape, flat(x), flat(t)
        y, which = self._largest(product(x, self.w) + self.b)
        slopes = product(t, self.w).reshape(*t.shape[:2], self.pieces, self.units)
        s = np.take_along_axis(slopes, which[:, :, None], 2)[:, :, 0]

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            da, dslopes = self._to(which, dy), self._to(which, ds)
            add_product(self.dw, x, da)
            add_product(self.dw, t, dslopes)
            self.db += da.sum(-2, keepdims=True)
            return product(da, self.w.mT).reshape(shape), product(dslopes, self.w.mT).reshape(shape)

        return y, s, backward
