"""Convolutions of many images in one call, which holds no lock of Python's: threads do not wait for each other in between.

The plain forms are in `nn/conv.py` and `nn/correlation.py`. Sums are made in another order, so that numbers agree to rounding.

Everywhere: x (N, H, W, C) the larger images, y (N, rows, columns, M) the smaller ones, w (kh * kw * C, M); places: rows and
columns; kernel: kh and kw; stride; above, left: zeros before the first row and column of x; block: images whose windows are
held at a time. f, after the bias, has the slope `below` under 0 and `over` above it. Where an array has no numbers, it is not
wanted.
"""

from __future__ import annotations

import numpy as np

from dessine.compiled.loops import loop


@loop
def gather(x, rows, places, kernel, stride, above, left):  # type: ignore[no-untyped-def]
    """rows (N * rows * columns, kh * kw * C) becomes the numbers under each window, 0 beyond the border."""
    n, h, w, c = x.shape
    run, row = kernel[1] * c, 0
    lines = x.reshape(n * h, w * c)
    for image in range(n):
        for i in range(places[0]):
            for j in range(places[1]):
                first = (j * stride[1] - left) * c
                begin, end = max(0, -first), min(run, w * c - first)
                for k in range(kernel[0]):
                    at = i * stride[0] - above + k
                    out = rows[row, k * run : (k + 1) * run]
                    if at < 0 or at >= h or end <= begin:
                        out[:] = 0
                        continue
                    source, target = lines[image * h + at, first + begin : first + end], out[begin:end]
                    out[:begin] = 0
                    for m in range(end - begin):
                        target[m] = source[m]
                    out[end:] = 0
                row += 1


@loop
def scatter(rows, x, places, kernel, stride, above, left):  # type: ignore[no-untyped-def]
    """The adjoint: x becomes, for each of its numbers, the sum of what all windows hold for it."""
    n, h, w, c = x.shape
    run, row = kernel[1] * c, 0
    lines = x.reshape(n * h, w * c)
    lines[:] = 0
    for image in range(n):
        for i in range(places[0]):
            for j in range(places[1]):
                first = (j * stride[1] - left) * c
                begin, end = max(0, -first), min(run, w * c - first)
                for k in range(kernel[0]):
                    at = i * stride[0] - above + k
                    if at < 0 or at >= h or end <= begin:
                        continue
                    target = lines[image * h + at, first + begin : first + end]
                    source = rows[row, k * run + begin : k * run + end]
                    for m in range(end - begin):
                        target[m] += source[m]
                row += 1


@loop
def _bend(a, b, below, over):  # type: ignore[no-untyped-def]
    """a (lines, m) becomes f(a + b), b (m,)."""
    n, m = a.shape
    for i in range(n):
        row = a[i]
        if b.size:
            for j in range(m):
                row[j] += b[j]
        if below == 0 and over == 1:  # a product would make no number of an infinite one
            for j in range(m):
                row[j] = 0 if row[j] < 0 else row[j]
        elif below != 1 or over != 1:
            for j in range(m):
                row[j] = row[j] * (over if row[j] > 0 else below)


@loop
def _unbend(y, dy, da, total, below, over):  # type: ignore[no-untyped-def]
    """da (lines, m) becomes dE/da, from y = f(a) and dE/dy; its lines are added to total (m,)."""
    n, m = y.shape
    for i in range(n):
        kept, error, out = y[i], dy[i], da[i]
        for j in range(m):
            out[j] = error[j] * (over if kept[j] > 0 else below)
        for j in range(m):
            total[j] += out[j]


@loop
def _repeated(b, times):  # type: ignore[no-untyped-def]
    """b (M,) for each pixel of a line, which is passed over as one: short rows would be taken number by number."""
    out = np.empty((times, b.size), b.dtype)
    for i in range(times):
        out[i] = b
    return out.reshape(times * b.size)


@loop
def correlate(x, w, b, y, places, kernel, stride, above, left, block, below, over):  # type: ignore[no-untyped-def]
    """y = f(windows of x times w, plus b): what `Conv2d` does."""
    n, area = len(x), places[0] * places[1]
    rows, bias = np.empty((min(block, n) * area, w.shape[0]), x.dtype), _repeated(b, places[1])
    for i in range(0, n, block):
        j = min(i + block, n)
        part = rows[: (j - i) * area]
        gather(x[i:j], part, places, kernel, stride, above, left)
        np.dot(part, w, y[i:j].reshape((j - i) * area, w.shape[1]))
        _bend(y[i:j].reshape((j - i) * places[0], places[1] * w.shape[1]), bias, below, over)


@loop
def correlate_back(x, w, y, dy, dx, dw, db, places, kernel, stride, above, left, block, below, over):  # type: ignore[no-untyped-def]
    """From dE/dy, write dE/dx into dx, and add to dw and db."""
    n, area, m = len(x), places[0] * places[1], w.shape[1]
    rows = np.empty((min(block, n) * area, w.shape[0]), x.dtype)
    da, total = np.empty((min(block, n) * area, m), x.dtype), np.zeros((places[1], m), x.dtype)
    for i in range(0, n, block):
        j = min(i + block, n)
        size, lines = (j - i) * area, ((j - i) * places[0], places[1] * m)
        part, error = rows[:size], da[:size]
        _unbend(y[i:j].reshape(lines), dy[i:j].reshape(lines), error.reshape(lines), total.reshape(-1), below, over)
        if dw.size:
            gather(x[i:j], part, places, kernel, stride, above, left)
            dw += np.dot(part.T, error)
        if dx.size:
            np.dot(error, w.T, part)
            scatter(part, dx[i:j], places, kernel, stride, above, left)
    for j in range(places[1]):
        db += total[j]


@loop
def paint(y, w, b, x, places, kernel, stride, above, left, block, below, over):  # type: ignore[no-untyped-def]
    """x = f(windows of y times w transposed, added up where they overlap, plus b): what `Conv2dTranspose` does."""
    n, area, line = len(y), places[0] * places[1], x.shape[2] * x.shape[3]
    rows, bias = np.empty((min(block, n) * area, w.shape[0]), y.dtype), _repeated(b, x.shape[2])
    for i in range(0, n, block):
        j = min(i + block, n)
        part = rows[: (j - i) * area]
        np.dot(y[i:j].reshape((j - i) * area, w.shape[1]), w.T, part)
        scatter(part, x[i:j], places, kernel, stride, above, left)
        _bend(x[i:j].reshape((j - i) * x.shape[1], line), bias, below, over)


@loop
def paint_back(y, w, x, dx, dy, dw, db, places, kernel, stride, above, left, block, below, over):  # type: ignore[no-untyped-def]
    """From dE/dx, write dE/dy into dy, and add to dw and db."""
    n, area, c, line = len(y), places[0] * places[1], x.shape[3], x.shape[2] * x.shape[3]
    rows = np.empty((min(block, n) * area, w.shape[0]), y.dtype)
    da, total = np.empty((min(block, n), *x.shape[1:]), y.dtype), np.zeros((x.shape[2], c), y.dtype)
    for i in range(0, n, block):
        j = min(i + block, n)
        part, lines = rows[: (j - i) * area], ((j - i) * x.shape[1], line)
        error = da[: j - i]
        _unbend(x[i:j].reshape(lines), dx[i:j].reshape(lines), error.reshape(lines), total.reshape(-1), below, over)
        gather(error, part, places, kernel, stride, above, left)
        if dy.size:
            np.dot(part, w, dy[i:j].reshape((j - i) * area, w.shape[1]))
        if dw.size:
            dw += np.dot(part.T, y[i:j].reshape((j - i) * area, w.shape[1]))
    for j in range(x.shape[2]):
        db += total[j]
