"""A bias and an activation, in as few passes over the batch as they need: what ends a layer of sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dessine.compiled import COMPILED, enabled, own
from dessine.nn.activations import Activation, straight

Array = np.ndarray


def bend(a: Array, b: Array | None, f: Activation) -> tuple[Array, Callable[..., Array]]:
    """y = f(a + b), and `through(dy, db=None)`, which returns dE/da and adds that of b to `db`.

    a: (R, B, m), over which y may be written; b, db: (R, 1, m). Without a bias, a may have more axes before the last.
    """
    if straight(f) not in (None, (1.0, 1.0)):
        bend_(a, b, f)
        return a, lambda dy, db=None: unbend(a, dy, f, np.empty_like(a), db)
    if b is not None:
        a += b
    y, back = f.forward(a)

    def through(dy: Array, db: Array | None = None) -> Array:
        da = back(dy)
        if db is not None:
            _add_sum(db, da)
        return da

    return y, through


def bend_(a: Array, b: Array | None, f: Activation) -> None:
    """a becomes f(a + b), f being made of straight pieces."""
    if _compiled(a):
        from dessine.compiled import rows

        none = np.empty(0, a.dtype)
        for r, one in enumerate(a):
            rows.bend(one.reshape(-1, a.shape[-1]), none if b is None else b[r].reshape(-1), *_slopes(f, a))
        return
    if b is not None:
        a += b
    f.forward_(a)


def unbend(y: Array, dy: Array, f: Activation, da: Array, db: Array | None = None) -> Array:
    """da, which becomes dE/da, from y = f(a + b); adds that of b to `db`. da may be dy."""
    below, over = _slopes(f, y)
    if _compiled(y):
        from dessine.compiled import rows

        none, tables = np.empty(0, y.dtype), (-1, y.shape[-1])
        for r in range(len(y)):
            each = (x.reshape(tables) for x in (y[r], own(dy[r]), da[r]))
            rows.unbend(*each, none if db is None else db[r].reshape(-1), below, over)
        return da
    slope = (y > 0).astype(y.dtype)
    slope *= over - below
    slope += below
    np.multiply(dy, slope, out=da)
    if db is not None:
        _add_sum(db, da)
    return da


def _slopes(f: Activation, a: Array) -> tuple[float, float]:
    """Under and above 0, in a's dtype."""
    found = straight(f)
    assert found is not None
    return a.dtype.type(found[0]), a.dtype.type(found[1])


def _compiled(a: Array) -> bool:
    return a[0].size >= COMPILED and enabled()


def _add_sum(db: Array, da: Array) -> None:
    """Over the examples."""
    db += da.sum(-2, keepdims=True) if da.shape[-2] > 1 else da
