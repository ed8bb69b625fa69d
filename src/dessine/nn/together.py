"""What a critic says of examples, and how steep it is at points, in one pass: for chains of dense layers of straight pieces.

The plain form is a pass for each, `Network.forward` and `twice`. Here the weights meet all rows in one product, and so do the
gradients of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dessine.nn.activations import straight
from dessine.nn.algebra import add_product, product
from dessine.nn.bias import bend_, unbend
from dessine.nn.dense import Dense
from dessine.nn.layer import Array, Layer, flat, size
from dessine.nn.network import Network


def is_straight(layer: Layer) -> bool:
    """Whether it is one of those layers."""
    return isinstance(layer, Dense) and straight(layer.activation) is not None


def together(
    network: Network, points: Array, examples: Sequence[Array]
) -> tuple[Array, Callable[[Array], Array], Callable[[Array, bool], None]]:
    """y of the examples, `down(dy)`, and after it `up(t, first)`.

    points: (R, p, *shape), examples: one after another (R, n, *shape) in all. down returns v, (R, p, *shape): dE/dx at the
    points, for an E with dE/dy = 1. down and up add to the gradients those of the sums of dy y and of v t; t counts as given.
    first: until then the gradients of all weights were 0.
    """
    # Rows: points, examples, t on its way up beside the points' errors. Forward takes the first two, the weights the last two.
    p, layers = points.shape[1], [layer for layer in network.layers if isinstance(layer, Dense)]
    m = p + sum(x.shape[1] for x in examples)
    at, shown, last, all_shown = slice(0, p), slice(p, m), slice(m, m + p), slice(0, m)
    xs, errors = [np.empty((len(points), m + p, size(points.shape[2:])), network.dtype)], list[Array]()
    np.concatenate([flat(x) for x in (points, *examples)], 1, out=xs[0][:, all_shown])
    for layer in layers:
        x = np.empty((len(points), m + p, layer.units), network.dtype)
        x[:, all_shown] = product(xs[-1][:, all_shown], layer.w)
        bend_(x[:, all_shown], layer.b if layer.bias else None, layer.activation)
        xs.append(x)

    def down(dy: Array) -> Array:
        d = np.ones_like(xs[-1])
        d[:, shown] = dy
        for i, layer in reversed(list(enumerate(layers))):
            y = xs[i + 1]
            unbend(y[:, at], d[:, at], layer.activation, d[:, at])
            unbend(y[:, shown], d[:, shown], layer.activation, d[:, shown], layer.db if layer.bias else None)
            d[:, last] = d[:, at]
            errors.insert(0, d)
            wanted = all_shown if i else at
            d = np.empty_like(xs[i])
            d[:, wanted] = product(errors[0][:, wanted], layer.w.mT)
        return d[:, at].reshape(points.shape)

    def up(t: Array, first: bool = False) -> None:
        xs[0][:, last] = flat(t)
        for layer, x, y, d in zip(layers, xs[:-1], xs[1:], errors, strict=True):
            add_product(layer.dw, x[:, p:], d[:, p:], overwrite=first)
            if layer is layers[-1]:
                return
            unbend(y[:, at], product(x[:, last], layer.w), layer.activation, y[:, last])

    return xs[-1][:, shown].copy(), down, up
