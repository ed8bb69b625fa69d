"""Matrix products that add in place: weight gradients without a temporary.

The plain form is `out += a.mT @ b`; tests hold the fast one against it.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import blas

Array = np.ndarray

LARGE = 4096
"""Below this many weights one stacked product for all replicates beats a BLAS call for each."""

_GEMM = {np.dtype(np.float32): blas.sgemm, np.dtype(np.float64): blas.dgemm}
_GER = {np.dtype(np.float32): blas.sger, np.dtype(np.float64): blas.dger}


def add_product(out: Array, a: Array, b: Array) -> None:
    """out += a.mT @ b, replicate by replicate. out: (R, n, m), a: (R, B, n), b: (R, B, m).

    Which path is taken depends on one replicate's sizes alone, so that a replicate is bit-equal to its single run.
    """
    if out[0].size < LARGE:
        out += a.mT @ b
        return
    for o, x, y in zip(out, a, b, strict=True):
        # BLAS is column-major: it sees our rows as columns, so it adds y.T x to o.T, which is o's own memory.
        if len(x) == 1:
            _GER[o.dtype](1.0, y[0], x[0], a=o.T, overwrite_a=1)
        else:
            _GEMM[o.dtype](1.0, y.T, x.T, beta=1.0, c=o.T, overwrite_c=1, trans_b=1)
