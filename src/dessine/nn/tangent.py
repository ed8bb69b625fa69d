"""A network's derivative along a direction, of its input or its parameters, and the gradient of that.

With t a direction, s = d/dh f(x + h t) at h = 0 goes up the layers beside y = f(x), and an error in s goes down them, into
the parameters. By one rule for affine layers, by an activation's `bend`, and by a layer's own `along`: never by a difference,
which is wrong wherever a kink lies between its two points, and in float32 has few digits left.
Unrolled steps need it, for second derivatives times a vector; a gradient penalty has less to do, in `twice.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import numpy as np

from dessine.nn.activations import Activation, Linear
from dessine.nn.layer import Activate, Array, BackwardAlong, Declaration, Layer, Mode
from dessine.nn.network import Network, places
from dessine.nn.residual import Residual
from dessine.registry import SpecError

LINEAR = ("batch_norm", "layer_norm", "group_norm", "constant", "embedding", "projection", "conditional_batch_norm")
"""Layers whose output, like an affine one's, is linear in their own parameters."""

Along = tuple[Array, Array, BackwardAlong]


def along(network: Network, x: Array, t: Array, mode: Mode, v: Array | None = None) -> Along:
    """y, s and `backward(dy, ds)`, which adds to the gradients and returns (dx, dt).

    x, t: (R, B, *input_shape), of the network's dtype; a t that itself depends on the parameters counts as given. v: (R, P), if
    s is to be along this direction of the parameters, too. Exact but for rounding; see `refuse_along` for what has no rule.
    """
    return _chain(network.layers, x, t, replace(mode, record=False), {} if v is None else network.views(v))


def _chain(layers: Sequence[Layer], x: Array, t: Array, mode: Mode, views: dict[str, Array]) -> Along:
    backwards = []
    for i, layer in enumerate(layer.itself for layer in layers):
        x, t, backward = _through(layer, x, t, mode, _below(f"{i}.{layer.type}.", views))
        backwards.append(backward)

    def back(dy: Array, ds: Array) -> tuple[Array, Array]:
        for backward in reversed(backwards):
            dy, ds = backward(dy, ds)
        return dy, ds

    return x, t, back


def _below(start: str, views: dict[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(start): view for name, view in views.items() if name.startswith(start)}


def refuse_along(layers: Sequence[Layer], declared: Sequence[Declaration], parameters: bool = False) -> None:
    """Raises SpecError, with the layer, where `along` has no rule for it, or none for a direction of its parameters."""
    for _, path, layer, needs in places(layers, declared):
        function = layer.function if isinstance(layer, Activate) else getattr(layer, "activation", None)
        if isinstance(function, Activation) and not function.bends:
            raise SpecError(f"second derivatives need `bend` or `along` of {function.type}, which has neither", path)
        ruled = layer.affine or isinstance(layer, Activate | Residual) or type(layer).along is not Layer.along
        own = needs.params and not (layer.affine or layer.type in LINEAR)
        if not ruled or (parameters and own):
            what = "the parameters of " if ruled else ""
            raise SpecError(f"second derivatives cannot be taken through {what}{layer.type}", path)


def _through(layer: Layer, x: Array, t: Array, mode: Mode, v: dict[str, Array]) -> Along:
    if isinstance(layer, Activate):
        return layer.function.along(x, t)
    if isinstance(layer, Residual):
        return _sum(_chain(layer.layers, x, t, mode, v), _chain(layer.around, x, t, mode, _below("shortcut.", v)))
    if not layer.affine:
        return _toward(layer, x, v, mode, layer.along(x, t, mode))
    function = getattr(layer, "activation", Linear())
    a, s, first = _toward(layer, x, v, mode, (_drawn if layer.draws else _affine)(layer, x, t, mode))
    y, s, last = function.along(a, s)
    return y, s, lambda dy, ds: first(*last(dy, ds))


def _sum(one: Along, other: Along) -> Along:
    """Of what two paths make of the same x and t."""
    (y, s, back), (y_other, s_other, back_other) = one, other

    def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
        (dx, dt), (dx_other, dt_other) = back(dy, ds), back_other(dy, ds)
        return dx + dx_other, dt + dt_other

    return y + y_other, s + s_other, backward


def _toward(layer: Layer, x: Array, v: dict[str, Array], mode: Mode, found: Along) -> Along:
    """What is found of a layer, and its derivative along v, a direction of its parameters.

    It is linear in them: with v in their place its output is that derivative.
    """
    if not v:
        return found
    y, s, back = found
    with _holding(layer, v), linear_part(layer):
        more, back_more = layer.by_parameters(x, mode)

    def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
        dx, dt = back(dy, ds)
        with _holding(layer, v):
            dx_more = back_more(ds, params=False)
        assert dx_more is not None
        return dx + dx_more, dt

    return y, s + more, backward


@contextmanager
def _holding(layer: Layer, v: Mapping[str, object]) -> Iterator[None]:
    """Inside it the layer has v in place of its own parameters or options."""
    kept = {name: vars(layer)[name] for name in v}
    vars(layer).update(v)
    try:
        yield
    finally:
        vars(layer).update(kept)


def _affine(layer: Layer, x: Array, t: Array, mode: Mode) -> Along:
    """A x + b and A t, in one pass; a zero goes with them, for what it becomes is the b that A t must not have."""
    n = x.shape[1]
    with linear_part(layer):
        a, back = layer.forward(np.concatenate([x, t, np.zeros_like(x[:, :1])], 1), mode)

    def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
        d = back(np.concatenate([dy, ds, -ds.sum(1, keepdims=True)], 1))
        assert d is not None
        return d[:, :n], d[:, n : 2 * n]

    return a[:, :n], a[:, n : 2 * n] - a[:, 2 * n :], backward


def _drawn(layer: Layer, x: Array, t: Array, mode: Mode) -> Along:
    """The same for a layer without parameters that draws: three passes with one draw, the last of which is what remains."""
    state, passes = mode.streams.state(), []
    for at in (x, t, np.zeros_like(x)):
        mode.streams.restore(state)
        passes.append(layer.forward(at, mode))
    (y, back), (s, back_t), (zero, _) = passes

    def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
        dx, dt = back(dy), back_t(ds)
        assert dx is not None
        assert dt is not None
        return dx, dt

    return y, s - zero, backward


def linear_part(layer: Layer, bias: bool = True) -> AbstractContextManager[None]:
    """Inside it the layer has no activation of its own, or no bias, either."""
    plain = {"activation": Linear()} | ({} if bias else {"bias": False})
    return _holding(layer, {name: value for name, value in plain.items() if name in vars(layer)})
