"""Pooling in one pass, forward and back; the plain forms are in `nn/pooling.py`.

Sums are made in another order, so that means, and errors where windows overlap, agree to rounding.

x (N, H, W, C), y (N, rows, columns, C); size, stride: of windows; above, left: the border before the first row and column.
A line of y is worked through as one row of numbers: what they look at in a line of x is told by a table, for what stands
beside each other there is short.
"""

from __future__ import annotations

import numpy as np

from dessine.compiled.arrays import empty
from dessine.compiled.loops import loop, within
from dessine.compiled.pool import lead, pack

PART = 32_768
"""Numbers of x in one block of work, about."""


@within
def _blocks(x):  # type: ignore[no-untyped-def]
    """How many there are, and the images of each."""
    images = max(1, PART // (x.shape[1] * x.shape[2] * x.shape[3]))
    return (len(x) + images - 1) // images, images


@within
def _seen(x, y, size, stride, left):  # type: ignore[no-untyped-def]
    """(size, columns * C): at column m of its window, each number of a line of y looks at this place in a line of x.

    Beyond the border it is the last place inside.
    """
    w, columns, c = x.shape[2], y.shape[2], y.shape[3]
    seen = empty((size[1], columns, c), np.uint32)
    for m in range(size[1]):
        for j in range(columns):
            at = min(max(j * stride[1] - left + m, 0), w - 1)
            for q in range(c):
                seen[m, j, q] = at * c + q
    return seen.reshape(size[1], columns * c)


@loop
def largest(mail, x, y, place, size, stride, above, left):  # type: ignore[no-untyped-def]
    """y becomes the largest number of each window, and place, (N, rows, columns, C), the first where it stands in its image."""
    function, arguments = pack(_largest, (x, y, place, size, stride, above, left))
    lead(mail, function, arguments, _blocks(x)[0])


@within
def _largest(x, y, place, size, stride, above, left, block):  # type: ignore[no-untyped-def]
    images = _blocks(x)[1]
    n, h, w, c = x.shape
    line, value, seen = w * c, empty(y.shape[2] * c, x.dtype), _seen(x, y, size, stride, left)
    for image in range(block * images, min((block + 1) * images, n)):
        for i in range(y.shape[1]):
            out, found = y[image, i].reshape(value.size), place[image, i].reshape(value.size)
            top = i * stride[0] - above
            begin = max(0, -top)
            for k in range(begin, min(size[0], h - top)):
                row, start = x[image, top + k].reshape(line), np.int32((top + k) * line)
                for m in range(size[1]):
                    at = seen[m]
                    if k == begin and m == 0:
                        for e in range(value.size):
                            out[e] = row[at[e]]
                            found[e] = start + np.int32(at[e])
                        continue
                    for e in range(value.size):
                        value[e] = row[at[e]]
                    for e in range(value.size):
                        # The first NaN is what comes out, as of numpy.maximum.
                        more = (value[e] > out[e]) | ((value[e] != value[e]) & (out[e] == out[e]))
                        out[e] = value[e] if more else out[e]
                        found[e] = start + np.int32(at[e]) if more else found[e]


@loop
def largest_back(mail, dy, place, dx):  # type: ignore[no-untyped-def]
    """dx becomes the sums of what windows give to the place of their largest number."""
    function, arguments = pack(_largest_back, (dy, place, dx))
    lead(mail, function, arguments, _blocks(dx)[0])


@within
def _largest_back(dy, place, dx, block):  # type: ignore[no-untyped-def]
    images = _blocks(dx)[1]
    for image in range(block * images, min((block + 1) * images, len(dy))):
        error, to, out = dy[image].reshape(-1), place[image].reshape(-1), dx[image].reshape(-1)
        out[:] = 0
        for e in range(error.size):
            out[to[e]] += error[e]


@within
def _inside(m, stride, left, count, w):  # type: ignore[no-untyped-def]
    """Those of `count` windows whose column m is inside an image of width w: the first, and the one after the last."""
    at = m - left
    first = max(0, (stride - 1 - at) // stride)
    return first, max(first, min(count, (w - 1 - at) // stride + 1))


@loop
def mean(mail, x, y, size, stride, above, left, share):  # type: ignore[no-untyped-def]
    """y becomes the sum of each window times `share`; the border is 0."""
    function, arguments = pack(_mean, (x, y, size, stride, above, left, share))
    lead(mail, function, arguments, _blocks(x)[0])


@within
def _mean(x, y, size, stride, above, left, share, block):  # type: ignore[no-untyped-def]
    images = _blocks(x)[1]
    n, h, w, c = x.shape
    width, seen, down = y.shape[2] * c, _seen(x, y, size, stride, left), empty(w * c, x.dtype)
    for image in range(block * images, min((block + 1) * images, n)):
        for i in range(y.shape[1]):
            out, top = y[image, i].reshape(width), i * stride[0] - above
            down[:] = 0
            for k in range(max(0, -top), min(size[0], h - top)):
                row = x[image, top + k].reshape(down.size)
                for e in range(down.size):
                    down[e] += row[e]
            out[:] = 0
            for m in range(size[1]):
                first, last = _inside(m, stride[1], left, y.shape[2], w)
                at = seen[m]
                for e in range(first * c, last * c):
                    out[e] += down[at[e]]
            for e in range(width):
                out[e] *= share


@loop
def mean_back(mail, dy, dx, size, stride, above, left, share):  # type: ignore[no-untyped-def]
    """dx becomes, for each number, the sum of the errors of the windows that see it, times `share`."""
    function, arguments = pack(_mean_back, (dy, dx, size, stride, above, left, share))
    lead(mail, function, arguments, _blocks(dx)[0])


@within
def _mean_back(dy, dx, size, stride, above, left, share, block):  # type: ignore[no-untyped-def]
    images = _blocks(dx)[1]
    n, h, w, c = dx.shape
    width, seen, across = dy.shape[2] * c, _seen(dx, dy, size, stride, left), empty(w * c, dx.dtype)
    for image in range(block * images, min((block + 1) * images, n)):
        dx[image] = 0
        for i in range(dy.shape[1]):
            error, top = dy[image, i].reshape(width), i * stride[0] - above
            across[:] = 0
            for m in range(size[1]):
                first, last = _inside(m, stride[1], left, dy.shape[2], w)
                at = seen[m]
                for e in range(first * c, last * c):
                    across[at[e]] += error[e] * share
            for k in range(max(0, -top), min(size[0], h - top)):
                row = dx[image, top + k].reshape(across.size)
                for e in range(across.size):
                    row[e] += across[e]
