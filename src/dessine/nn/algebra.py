"""Matrix products where NumPy's own takes a slow path, and products that add in place.

The plain forms are `a @ b` and `out += a.mT @ b`; tests hold the fast ones against them. Large products are shared between
threads by hand: in blocks of columns, as many as the size of one replicate's product asks for.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from scipy.linalg import blas

from dessine.compiled import enabled
from dessine.threads import mailbox, share

Array = np.ndarray

LONG = 40_000_000
"""Multiplications from which one product is cut: half a millisecond, several times of what it takes to wake a thread."""
BLOCK = 8_000_000
"""Multiplications of one job."""
MOST = 16
"""Jobs that one product is cut into, at most."""
LARGE = 1024
"""Below this many weights one stacked product for all replicates beats a BLAS call for each."""

ENOUGH = 1_500_000
"""Multiplications of one replicate's product from which it is made in compiled blocks."""
FEW = 4
"""Rows or terms: with fewer there is nothing to save."""

_GER = {np.dtype(np.float32): blas.sger, np.dtype(np.float64): blas.dger}


def product(a: Array, b: Array) -> Array:
    """a @ b. a: (R, n, k), b: (R, k, m) -> (R, n, m)."""
    # With one term to sum it is a table of products, which NumPy hands to the BLAS all the same, at ten times the time.
    if a.shape[-1] == 1:
        return a * b
    if _compiled(a, b):
        out = np.empty((*a.shape[:2], b.shape[2]), a.dtype)
        _multiply(a, b, out, add=False)
        return out
    blocks = _blocks(len(a), a.shape[1] * a.shape[2], b.shape[2])
    if len(blocks) == 1:
        return a @ b
    out = np.empty((*a.shape[:2], b.shape[2]), np.result_type(a, b))
    share([partial(np.matmul, a[r], b[r, :, m], out=out[r, :, m]) for r, m in blocks])
    return out


def add_product(out: Array, a: Array, b: Array, overwrite: bool = False) -> None:
    """out += a.mT @ b, replicate by replicate. out: (R, n, m), a: (R, B, n), b: (R, B, m).

    overwrite: `out` is zero, so that the product may be written there: that spares a temporary, and three of the four
    passes through memory, which is what large gradients wait for.
    Which path is taken depends on one replicate's sizes alone, so that a replicate is bit-equal to its single run.
    """
    if _compiled(a.mT, b):
        _multiply(a.mT, b, out, add=not overwrite)
    elif a.shape[1] > 1:

        def add(r: slice, n: slice) -> None:
            if overwrite:
                np.matmul(a[r, :, n].mT, b[r], out=out[r, n])
            else:
                out[r, n] += a[r, :, n].mT @ b[r]

        share([partial(add, *block) for block in _blocks(len(out), b.shape[1] * b.shape[2], out.shape[1])])
    elif out[0].size < LARGE:
        out += a.mT * b
    else:
        for o, x, y in zip(out, a, b, strict=True):
            # BLAS is column-major: it sees our rows as columns, so it adds y.T x to o.T, which is o's own memory.
            _GER[o.dtype](1.0, y[0], x[0], a=o.T, overwrite_a=1)


def _compiled(a: Array, b: Array) -> bool:
    """Whether a @ b is made by `compiled/products.py`."""
    large = min(a.shape[1:]) >= FEW and a.shape[1] * b.shape[1] * b.shape[2] >= ENOUGH
    return large and a.dtype == b.dtype and a.dtype in _GER and enabled() and _fused()


@cache
def _fused() -> bool:
    from dessine.compiled.products import FUSED

    return FUSED


def _multiply(a: Array, b: Array, out: Array, add: bool) -> None:
    from dessine.compiled.products import multiply

    (a, flip_a), (b, flip_b) = _readable(a), _readable(b)
    multiply(mailbox(), a, b, out, flip_a, flip_b, add)


def _readable(a: Array) -> tuple[Array, bool]:
    """a, or the matrices that it is the transposes of, and whether it is: the loop would be compiled anew for each way that an
    array may lie in memory, and for one that must not be written to.
    """
    flip = not a.flags.c_contiguous
    a = a.mT if flip else a
    return (a if a.flags.writeable else a.copy()), flip


def _blocks(r: int, each: int, count: int) -> list[tuple[slice, slice]]:
    """Replicates, and columns or rows of the result, that are one job. each: multiplications that one of `count` of them takes.

    How one replicate's product is cut depends on its own size alone; small ones are put together, which changes no bit.
    """
    k = min(each * count // BLOCK, MOST) if each * count >= LONG else 1
    if k == 1:
        jobs = max(1, min(r * each * count // BLOCK, MOST, r))
        return [(slice(r * i // jobs, r * (i + 1) // jobs), slice(None)) for i in range(jobs)]
    width = -(-count // (16 * k)) * 16  # whole rows of the BLAS's kernels
    return [(slice(i, i + 1), slice(j, min(j + width, count))) for i in range(r) for j in range(0, count, width)]
