"""The passes of batch normalisation over a batch; their plain forms are the one-line ones in `nn/batch_norm.py`.

x, y, dy, dx: (R, n, C); mean, steep, shift and so on: (R, C), of one dtype. Sums are made in doubles, in parts of a size of
their own, so that they agree with the plain ones to rounding.
"""

from __future__ import annotations

import numpy as np

from dessine.compiled.arrays import empty, zeros
from dessine.compiled.loops import loop, within
from dessine.compiled.pool import lead, pack

PART = 65_536
"""Numbers of one block of work, about: some 20 us."""
NEAR = 64
"""Rows that are added up, and looked at again for their distances from their mean, while they are in the nearest cache."""


@within
def _parts(x):  # type: ignore[no-untyped-def]
    """Blocks that one replicate is cut into."""
    return max(1, min(x.shape[1], x.shape[1] * x.shape[2] // PART))


@within
def _part(x, i):  # type: ignore[no-untyped-def]
    """Block i: its replicate, and which part of it, from which row, before which row."""
    k, n = _parts(x), x.shape[1]
    return i // k, i % k, n * (i % k) // k, n * (i % k + 1) // k


@loop
def moments(mail, x, mean, var):  # type: ignore[no-untyped-def]
    """Mean and variance over the rows."""
    r, n, c = x.shape
    k = _parts(x)
    total, squares = empty((r, k, c), np.float64), empty((r, k, c), np.float64)
    function, arguments = pack(_moments, (x, total, squares))
    lead(mail, function, arguments, r * k)
    for of in range(r):
        for i in range(1, k):
            _add_moments(n * i // k, total[of, 0], squares[of, 0], n * (i + 1) // k - n * i // k, total[of, i], squares[of, i])
        for j in range(c):
            mean[of, j], var[of, j] = total[of, 0, j] / n, squares[of, 0, j] / n


@within
def _moments(x, totals, squares, i):  # type: ignore[no-untyped-def]
    """Sums of the rows of block i, and of their squared distances from their mean."""
    r, p, first, last = _part(x, i)
    c, total, square = x.shape[2], totals[r, p], squares[r, p]
    sums, apart, near, mean = empty(c, np.float64), empty(c, np.float64), empty(c, x.dtype), empty(c, x.dtype)
    total[:], square[:] = 0, 0
    for start in range(first, last, NEAR):
        end = min(start + NEAR, last)
        sums[:], near[:] = 0, 0
        for n in range(start, end):
            row = x[r, n]
            for j in range(c):
                sums[j] += row[j]
        for j in range(c):
            mean[j] = sums[j] / (end - start)
        for n in range(start, end):
            row = x[r, n]
            for j in range(c):
                d = row[j] - mean[j]
                near[j] += d * d
        for j in range(c):
            apart[j] = near[j]
        _add_moments(start - first, total, square, end - start, sums, apart)


@within
def _add_moments(n, total, squares, m, sums, more):  # type: ignore[no-untyped-def]
    """To those of n rows, (C,), those of m others: around the mean of both, squares are larger (Chan et al. 1979)."""
    for j in range(total.size):
        apart = sums[j] / m - total[j] / n if n else 0.0
        squares[j] += more[j] + apart * apart * (n * m / (n + m))
        total[j] += sums[j]


@loop
def scale(mail, x, mean, steep, shift, y):  # type: ignore[no-untyped-def]
    """y = (x - mean) steep + shift."""
    function, arguments = pack(_scale, (x, mean, steep, shift, y))
    lead(mail, function, arguments, len(x) * _parts(x))


@within
def _scale(x, mean, steep, shift, y, i):  # type: ignore[no-untyped-def]
    r, _, first, last = _part(x, i)
    m, s, b = mean[r], steep[r], shift[r]
    for n in range(first, last):
        row, out = x[r, n], y[r, n]
        for j in range(row.size):
            out[j] = (row[j] - m[j]) * s[j] + b[j]


@loop
def slopes(mail, x, mean, dy, total, offset):  # type: ignore[no-untyped-def]
    """The sums of dy (x - mean), and of dy."""
    k = _parts(x)
    sums = zeros((len(x), k, 2, x.shape[2]), np.float64)
    function, arguments = pack(_slopes, (x, mean, dy, sums))
    lead(mail, function, arguments, len(x) * k)
    for r in range(len(x)):
        for i in range(1, k):
            for j in range(x.shape[2]):
                sums[r, 0, 0, j] += sums[r, i, 0, j]
                sums[r, 0, 1, j] += sums[r, i, 1, j]
        for j in range(x.shape[2]):
            total[r, j], offset[r, j] = sums[r, 0, 0, j], sums[r, 0, 1, j]


@within
def _slopes(x, mean, dy, sums, i):  # type: ignore[no-untyped-def]
    r, p, first, last = _part(x, i)
    m, total, offset = mean[r], sums[r, p, 0], sums[r, p, 1]
    for n in range(first, last):
        row, error = x[r, n], dy[r, n]
        for j in range(row.size):
            total[j] += error[j] * (row[j] - m[j])
            offset[j] += error[j]


@loop
def back(mail, x, mean, dy, steep, through_var, through_mean, dx):  # type: ignore[no-untyped-def]
    """dx = dy steep - (x - mean) through_var - through_mean."""
    function, arguments = pack(_back, (x, mean, dy, steep, through_var, through_mean, dx))
    lead(mail, function, arguments, len(x) * _parts(x))


@within
def _back(x, mean, dy, steep, through_var, through_mean, dx, i):  # type: ignore[no-untyped-def]
    r, _, first, last = _part(x, i)
    m, s, v, b = mean[r], steep[r], through_var[r], through_mean[r]
    for n in range(first, last):
        row, error, out = x[r, n], dy[r, n], dx[r, n]
        for j in range(row.size):
            out[j] = error[j] * s[j] - (row[j] - m[j]) * v[j] - b[j]
