"""Convolutions of many images in one call, which holds no lock of Python's: threads do not wait for each other in between.

The plain forms are in `nn/conv.py` and `nn/correlation.py`. Sums are made in another order, so that numbers agree to rounding.

Everywhere: x (R, N, H, W, C) the larger images, y (R, N, rows, columns, M) the smaller ones, w (R, kh * kw * C, M), b (R, M) or
(R, 0); places: rows and columns; kernel: kh and kw; stride; above, left: zeros before the first row and column of x; block:
images whose windows are held at a time. f, after the bias, has the slope `below` under 0 and `over` above it. A batch is cut
into so many parts, which the cores share; the parts' gradients are dw (R, parts, kh * kw * C, M) and db (R, parts, M). Where an
array has no numbers, it is not wanted.
"""

from __future__ import annotations

from dessine.compiled.arrays import empty, zeros
from dessine.compiled.blas import multiply
from dessine.compiled.loops import loop, within
from dessine.compiled.pool import lead, pack


@within
def _part(x, parts, i):  # type: ignore[no-untyped-def]
    """Of block i, the replicate, the part, its first image and the one after its last."""
    n, p = x.shape[1], i % parts
    return i // parts, p, n * p // parts, n * (p + 1) // parts


@within
def gather(x, rows, places, kernel, stride, above, left):  # type: ignore[no-untyped-def]
    """Of x (N, H, W, C), rows (N * rows * columns, kh * kw * C) becomes the numbers under each window, 0 beyond the border."""
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


@within
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


@within
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


@within
def _unbend(y, dy, da, total, below, over):  # type: ignore[no-untyped-def]
    """da (lines, m) becomes dE/da, from y = f(a) and dE/dy; its lines are added to total (m,)."""
    n, m = y.shape
    for i in range(n):
        kept, error, out = y[i], dy[i], da[i]
        for j in range(m):
            out[j] = error[j] * (over if kept[j] > 0 else below)
        for j in range(m):
            total[j] += out[j]


@within
def repeated(b, times):  # type: ignore[no-untyped-def]
    """b (M,) for each pixel of a line, which is passed over as one: short rows would be taken number by number."""
    out = empty((times, b.size), b.dtype)
    for i in range(times):
        for j in range(b.size):
            out[i, j] = b[j]
    return out.reshape(times * b.size)


@within
def add_up(total, db):  # type: ignore[no-untyped-def]
    """db (m,) becomes the sum of total (times, m)."""
    db[:] = 0
    for i in range(len(total)):
        for j in range(db.size):
            db[j] += total[i, j]


@loop
def correlate(mail, x, w, b, y, places, kernel, stride, above, left, block, below, over, parts):  # type: ignore[no-untyped-def]
    """y = f(windows of x times w, plus b): what `Conv2d` does."""
    given = (x, w, b, y, places, kernel, stride, above, left, block, below, over, parts)
    function, arguments = pack(_correlate, given)
    lead(mail, function, arguments, len(x) * parts)


@within
def _correlate(x, w, b, y, places, kernel, stride, above, left, block, below, over, parts, part):  # type: ignore[no-untyped-def]
    r, _, begin, end = _part(x, parts, part)
    w, area, m = w[r], places[0] * places[1], w.shape[2]
    rows, bias = empty((min(block, end - begin) * area, len(w)), x.dtype), repeated(b[r], places[1])
    for i in range(begin, end, block):
        j = min(i + block, end)
        held = rows[: (j - i) * area]
        gather(x[r, i:j], held, places, kernel, stride, above, left)
        multiply(held, w, y[r, i:j].reshape((j - i) * area, m), False)
        _bend(y[r, i:j].reshape((j - i) * places[0], places[1] * m), bias, below, over)


@loop
def correlate_back(mail, x, w, y, dy, dx, dw, db, places, kernel, stride, above, left, block, below, over, parts):  # type: ignore[no-untyped-def]
    """From dE/dy, write dE/dx into dx, and the parts' gradients into dw and db."""
    given = (x, w, y, dy, dx, dw, db, places, kernel, stride, above, left, block, below, over, parts)
    function, arguments = pack(_correlate_back, given)
    lead(mail, function, arguments, len(x) * parts)


@within
def _correlate_back(x, w, y, dy, dx, dw, db, places, kernel, stride, above, left, block, below, over, parts, part):  # type: ignore[no-untyped-def]
    r, p, begin, end = _part(x, parts, part)
    w, dw, db, area, m = w[r], dw[r, p], db[r, p], places[0] * places[1], w.shape[2]
    rows = empty((min(block, end - begin) * area, len(w)), x.dtype)
    da, total = empty((min(block, end - begin) * area, m), x.dtype), zeros((places[1], m), x.dtype)
    for i in range(begin, end, block):
        j = min(i + block, end)
        size, lines = (j - i) * area, ((j - i) * places[0], places[1] * m)
        held, error = rows[:size], da[:size]
        _unbend(y[r, i:j].reshape(lines), dy[r, i:j].reshape(lines), error.reshape(lines), total.reshape(-1), below, over)
        if dw.size:
            gather(x[r, i:j], held, places, kernel, stride, above, left)
            multiply(held.T, error, dw, i > begin)
        if dx.size:
            multiply(error, w.T, held, False)
            scatter(held, dx[r, i:j], places, kernel, stride, above, left)
    add_up(total, db)


@loop
def paint(mail, y, w, b, x, places, kernel, stride, above, left, block, below, over, parts):  # type: ignore[no-untyped-def]
    """x = f(windows of y times w transposed, added up where they overlap, plus b): what `Conv2dTranspose` does."""
    given = (y, w, b, x, places, kernel, stride, above, left, block, below, over, parts)
    function, arguments = pack(_paint, given)
    lead(mail, function, arguments, len(x) * parts)


@within
def _paint(y, w, b, x, places, kernel, stride, above, left, block, below, over, parts, part):  # type: ignore[no-untyped-def]
    r, _, begin, end = _part(x, parts, part)
    w, area, m, h, line = w[r], places[0] * places[1], w.shape[2], x.shape[2], x.shape[3] * x.shape[4]
    rows, bias = empty((min(block, end - begin) * area, len(w)), y.dtype), repeated(b[r], x.shape[3])
    for i in range(begin, end, block):
        j = min(i + block, end)
        held = rows[: (j - i) * area]
        multiply(y[r, i:j].reshape((j - i) * area, m), w.T, held, False)
        scatter(held, x[r, i:j], places, kernel, stride, above, left)
        _bend(x[r, i:j].reshape((j - i) * h, line), bias, below, over)


@loop
def paint_back(mail, y, w, x, dx, dy, dw, db, places, kernel, stride, above, left, block, below, over, parts):  # type: ignore[no-untyped-def]
    """From dE/dx, write dE/dy into dy, and the parts' gradients into dw and db."""
    given = (y, w, x, dx, dy, dw, db, places, kernel, stride, above, left, block, below, over, parts)
    function, arguments = pack(_paint_back, given)
    lead(mail, function, arguments, len(x) * parts)


@within
def _paint_back(y, w, x, dx, dy, dw, db, places, kernel, stride, above, left, block, below, over, parts, part):  # type: ignore[no-untyped-def]
    r, p, begin, end = _part(x, parts, part)
    w, dw, db, area, m = w[r], dw[r, p], db[r, p], places[0] * places[1], w.shape[2]
    h, line = x.shape[2], x.shape[3] * x.shape[4]
    rows = empty((min(block, end - begin) * area, len(w)), y.dtype)
    da, total = empty((min(block, end - begin), *x.shape[2:]), y.dtype), zeros((x.shape[3], x.shape[4]), y.dtype)
    for i in range(begin, end, block):
        j = min(i + block, end)
        size, lines = (j - i) * area, ((j - i) * h, line)
        held, error = rows[:size], da[: j - i]
        _unbend(x[r, i:j].reshape(lines), dx[r, i:j].reshape(lines), error.reshape(lines), total.reshape(-1), below, over)
        gather(error, held, places, kernel, stride, above, left)
        if dy.size:
            multiply(held, w, dy[r, i:j].reshape(size, m), False)
        if dw.size:
            multiply(held.T, y[r, i:j].reshape(size, m), dw, i > begin)
    add_up(total, db)
