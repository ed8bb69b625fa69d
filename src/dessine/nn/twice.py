"""A pass whose gradient by its input is differentiated once more, by the parameters: what a gradient penalty asks for.

The gradient v of f by x is made on the way down. The derivative of v t by the weights of a layer y = A x + b is s times the
error that came down to it, s being t on its way up to the layer: one product up, and one for the weights; nothing has to come
down again but where an activation bends. A derivative along any direction, of any error, is in `tangent.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from dessine.nn.activations import Activation, Linear
from dessine.nn.bias import bend
from dessine.nn.layer import Activate, Array, BackwardAlong, Layer, Mode
from dessine.nn.network import Network
from dessine.nn.residual import Residual
from dessine.nn.tangent import linear_part


def twice(network: Network, x: Array, mode: Mode) -> tuple[Array, Callable[[Array], Array], Callable[[Array], None]]:
    """y, `down(dy)`, and after it `up(t)`.

    x, t: (R, B, *input_shape), of the network's dtype. down returns v = dE/dx for the E with dE/dy = dy. up adds to the
    gradients the derivative of the sum of v t by the parameters; dy and t count as given. Exact but for rounding;
    `refuse_along` tells which layers have no rule. Layers that draw do so once.
    """
    row = _Row(network.layers, network.first, x, replace(mode, record=False))

    def up(t: Array) -> None:
        row.up(t)
        row.down_again(None, inputs=False)

    return row.y, row.down, up


class _Pass:
    """One layer's part in it, or that of a row of them; y is its output."""

    y: Array
    dy: Array  # what came down to it

    def down(self, dy: Array) -> Array:
        """dE/dy -> dE/dx."""
        raise NotImplementedError

    def up(self, t: Array) -> Array:
        """t -> s, the derivative of y along it."""
        raise NotImplementedError

    def down_again(self, dy: Array | None, inputs: bool = True) -> Array | None:
        """What v t has for an error in y, None for 0 -> that in x, if `inputs`; adds to the gradients."""
        raise NotImplementedError


def _pass(layer: Layer, x: Array, mode: Mode) -> _Pass:
    if isinstance(layer, Activate):
        return _Bent(layer.function, x)
    if isinstance(layer, Residual):
        return _Sum(_Row(layer.layers, layer.first[0], x, mode), _Row(layer.around, layer.first[1], x, mode))
    if layer.draws:
        return _Drawn(layer, x, mode)
    return _Affine(layer, x, mode) if layer.affine else _Own(layer, x, mode)


class _Row(_Pass):
    """Layers one after another. first: the index of the first one that learns."""

    def __init__(self, layers: Sequence[Layer], first: int, x: Array, mode: Mode):
        self.first, self.passes = first, []
        for layer in layers:
            self.passes.append(_pass(layer.itself, x, mode))
            x = self.passes[-1].y
        self.y = x

    def down(self, dy: Array) -> Array:
        for one in reversed(self.passes):
            dy = one.down(dy)
        return dy

    def up(self, t: Array) -> Array:
        for one in self.passes:
            t = one.up(t)
        return t

    def down_again(self, dy: Array | None, inputs: bool = True) -> Array | None:
        for i in reversed(range(0 if inputs else self.first, len(self.passes))):
            dy = self.passes[i].down_again(dy, inputs=inputs or i > self.first)
        return dy if inputs else None


class _Sum(_Pass):
    """Two rows beside each other."""

    def __init__(self, one: _Pass, other: _Pass):
        self.one, self.other, self.y = one, other, one.y + other.y

    def down(self, dy: Array) -> Array:
        return self.one.down(dy) + self.other.down(dy)

    def up(self, t: Array) -> Array:
        return self.one.up(t) + self.other.up(t)

    def down_again(self, dy: Array | None, inputs: bool = True) -> Array | None:
        dx, dx_other = self.one.down_again(dy, inputs), self.other.down_again(dy, inputs)
        return dx_other if dx is None else dx if dx_other is None else dx + dx_other


class _Bent(_Pass):
    """An activation."""

    through: Callable[[Array], Array]
    last: BackwardAlong

    def __init__(self, f: Activation, a: Array, mine: bool = False):
        """mine: y may be written over a."""
        self.f, self.a, self.straight = f, a, isinstance(f.bend(a[:, :0]), float)
        self.y, self.through = bend(a, None, f) if mine and self.straight else f.forward(a)

    def down(self, dy: Array) -> Array:
        self.dy = dy
        return self.through(dy)

    def up(self, t: Array) -> Array:
        if self.straight:
            return self.through(t)
        _, s, self.last = self.f.along(self.a, t)
        return s

    def down_again(self, dy: Array | None, inputs: bool = True) -> Array | None:
        if self.straight:
            return None if dy is None else self.through(dy)
        return self.last(np.zeros_like(self.y) if dy is None else dy, self.dy)[0]


class _Affine(_Pass):
    """A x + b, and an activation."""

    def __init__(self, layer: Layer, x: Array, mode: Mode):
        self.layer, self.mode = layer, mode
        with linear_part(layer):
            a, self.back = layer.forward(x, mode)
        self.bent = _Bent(getattr(layer, "activation", Linear()), a, mine=True)
        self.y = self.bent.y

    def down(self, dy: Array) -> Array:
        self.da = self.bent.down(dy)
        return _there(self.back(self.da, params=False))

    def up(self, t: Array) -> Array:
        with linear_part(self.layer, bias=False):
            s, back = self.layer.forward(t, self.mode)
            back(self.da, inputs=False)
        return self.bent.up(s)

    def down_again(self, dy: Array | None, inputs: bool = True) -> Array | None:
        da = self.bent.down_again(dy)
        return None if da is None else self.back(da, inputs=inputs)


class _Drawn(_Pass):
    """A x + b with an A and a b that are drawn, and nothing else: of another pass with the same draw, b is what a 0 becomes."""

    def __init__(self, layer: Layer, x: Array, mode: Mode):
        self.layer, self.mode, self.before = layer, mode, mode.streams.state()
        self.y, self.back = layer.forward(x, mode)

    def down(self, dy: Array) -> Array:
        return _there(self.back(dy))

    def up(self, t: Array) -> Array:
        now, passed = self.mode.streams.state(), []
        for x in (t, np.zeros_like(t)):
            self.mode.streams.restore(self.before)
            passed.append(self.layer.forward(x, self.mode)[0])
        self.mode.streams.restore(now)
        return passed[0] - passed[1]

    def down_again(self, dy: Array | None, inputs: bool = True) -> Array | None:
        return None if dy is None else self.back(dy, inputs=inputs)


class _Own(_Pass):
    """A layer with an `along` of its own."""

    last: BackwardAlong

    def __init__(self, layer: Layer, x: Array, mode: Mode):
        self.layer, self.x, self.mode = layer, x, mode
        self.y, self.back = layer.forward(x, mode)

    def down(self, dy: Array) -> Array:
        self.dy = dy
        return _there(self.back(dy, params=False))

    def up(self, t: Array) -> Array:
        _, s, self.last = self.layer.along(self.x, t, self.mode)
        return s

    def down_again(self, dy: Array | None, inputs: bool = True) -> Array | None:
        dx, _ = self.last(np.zeros_like(self.y) if dy is None else dy, self.dy)
        return dx if dx.any() else None


def _there(dx: Array | None) -> Array:
    assert dx is not None
    return dx
