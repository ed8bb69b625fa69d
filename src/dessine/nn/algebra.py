"""Matrix products where NumPy's own takes a slow path, and products that add in place.

The plain forms are `a @ b` and `out += a.mT @ b`; tests hold the fast ones against them. Large products go through one
BLAS, NumPy's: SciPy brings a second one with threads of its own, and each one's idle workers would hold up the other's.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import blas

Array = np.ndarray

LARGE = 1024
"""Below this many weights one stacked product for all replicates beats a BLAS call for each."""

_GER = {np.dtype(np.float32): blas.sger, np.dtype(np.float64): blas.dger}


def product(a: Array, b: Array) -> Array:
    """a @ b. a: (R, n, k), b: (R, k, m) -> (R, n, m)."""
    # With one term to sum it is a table of products, which NumPy hands to the BLAS all the same, at ten times the time.
    return a * b if a.shape[-1] == 1 else a @ b


def add_product(out: Array, a: Array, b: Array, overwrite: bool = False) -> None:
    """out += a.mT @ b, replicate by replicate. out: (R, n, m), a: (R, B, n), b: (R, B, m).

    overwrite: `out` is zero, so that the product may be written there: that spares a temporary, and three of the four
    passes through memory, which is what large gradients wait for.
    Which path is taken depends on one replicate's sizes alone, so that a replicate is bit-equal to its single run.
    """
    if a.shape[1] > 1 and overwrite:
        np.matmul(a.mT, b, out=out)
    elif a.shape[1] > 1:
        out += a.mT @ b
    elif out[0].size < LARGE:
        out += a.mT * b
    else:
        for o, x, y in zip(out, a, b, strict=True):
            # BLAS is column-major: it sees our rows as columns, so it adds y.T x to o.T, which is o's own memory.
            _GER[o.dtype](1.0, y[0], x[0], a=o.T, overwrite_a=1)
