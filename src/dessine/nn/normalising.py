"""What batch and layer normalisation have in common: centring, scaling, and the derivative of both along a direction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dessine.nn.layer import Array, BackwardAlong

Axes = tuple[int, ...]


def unit(x: Array, axes: Axes, epsilon: float) -> tuple[Array, Array]:
    """(x - mean) / deviation over `axes`, and 1 / deviation."""
    u = x - x.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(np.square(u).mean(axes, keepdims=True) + x.dtype.type(epsilon))
    u *= inverse
    return u, inverse


def centred(a: Array, u: Array, axes: Axes) -> Array:
    """P a: what of `a` is left when mean and spread over `axes` do not answer to it. u: `unit`."""
    return a - a.mean(axes, keepdims=True) - u * (a * u).mean(axes, keepdims=True)


def along(
    x: Array, t: Array, gamma: Array, beta: Array, axes: Axes, epsilon: float, add: Callable[[Array, Array], None]
) -> tuple[Array, Array, BackwardAlong]:
    """y = gamma u + beta, s = gamma P t / deviation, and their backward; P depends on x as the deviation does.

    add: what to do with the gradients of gamma and beta, still for each element.
    """
    u, inverse = unit(x, axes, epsilon)
    pt = centred(t, u, axes)
    q = pt * inverse

    def mean(a: Array) -> Array:
        return a.mean(axes, keepdims=True)

    def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
        add(dy * u + ds * q, dy)
        du, dq = dy * gamma, ds * gamma
        pdq = centred(dq, u, axes)
        dx = centred(du, u, axes) - mean(dq * q) * u - inverse * (mean(u * t) * pdq + mean(dq * u) * pt)
        return dx * inverse, pdq * inverse

    return u * gamma + beta, q * gamma, backward
