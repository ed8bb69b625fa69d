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
    slopes = straight(f)
    if slopes not in (None, (1.0, 1.0)) and a[0].size >= COMPILED and enabled():
        return a, _bend_compiled(a, b, *map(a.dtype.type, slopes))
    if b is not None:
        a += b
    y, back = f.forward(a)

    def through(dy: Array, db: Array | None = None) -> Array:
        da = back(dy)
        if db is not None:
            db += da.sum(-2, keepdims=True) if da.shape[-2] > 1 else da
        return da

    return y, through


def _bend_compiled(a: Array, b: Array | None, *slopes: float) -> Callable[..., Array]:
    from dessine.compiled import rows

    none, tables = np.empty(0, a.dtype), (-1, a.shape[-1])
    for r, one in enumerate(a):
        rows.bend(one.reshape(tables), none if b is None else b[r].reshape(-1), *slopes)

    def through(dy: Array, db: Array | None = None) -> Array:
        dy, da = own(dy), np.empty_like(a)
        for r, y in enumerate(a):
            each = (x.reshape(tables) for x in (y, dy[r], da[r]))
            rows.unbend(*each, none if db is None else db[r].reshape(-1), *slopes)
        return da

    return through
