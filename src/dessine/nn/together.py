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
from dessine.nn.layer import Array, Layer, flat
from dessine.nn.network import Network


def is_straight(layer: Layer) -> bool:
    """Whether it is one of those layers."""
    return isinstance(layer, Dense) and straight(layer.activation) is not None


def together(
    network: Network, points: Array, examples: Sequence[Array]
) -> tuple[Array, Callable[[Array], Array], Callable[[Array, bool], None]]:
    """y of the examples, `down(dy)`, and after it, once, `up(t, first)`.

    points: (R, p, *shape), examples: one after another (R, n, *shape) in all. down returns v, (R, p, *shape): dE/dx at the
    points, for an E that is the first of the outputs. down and up add to the gradients those of the sums of dy y and of v t;
    t counts as given.
    first: until then the gradients of all weights were 0.
    """
    layers, errors = [layer for layer in network.layers if isinstance(layer, Dense)], list[Array]()
    n = sum(x.shape[1] for x in examples)
    shown, at = slice(0, n), slice(n, None)
    xs = [np.concatenate([flat(x) for x in (*examples, points)], 1, dtype=network.dtype)]
    for layer in layers:
        xs.append(product(xs[-1], layer.w))
        bend_(xs[-1], layer.b if layer.bias else None, layer.activation)

    def down(dy: Array) -> Array:
        d = np.zeros_like(xs[-1])
        d[:, shown], d[:, at, 0] = dy, 1
        for i, layer in reversed(list(enumerate(layers))):
            y = xs[i + 1]
            unbend(y[:, shown], d[:, shown], layer.activation, d[:, shown], layer.db if layer.bias else None)
            unbend(y[:, at], d[:, at], layer.activation, d[:, at])
            errors.insert(0, d)
            d = product(d if i else d[:, at], layer.w.mT)
        return d.reshape(points.shape)

    def up(t: Array, first: bool = False) -> None:
        t = flat(t)
        for layer, x, y, d in zip(layers, xs[:-1], xs[1:], errors, strict=True):
            x[:, at] = t  # in place of the points, which nobody needs any more: one product for the gradients of both
            add_product(layer.dw, x, d, overwrite=first)
            if layer is not layers[-1]:
                t = product(t, layer.w)
                unbend(y[:, at], t, layer.activation, t)

    return xs[-1][:, shown], down, up
