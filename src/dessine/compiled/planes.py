"""`correlate` and `correlate_back` of `images.py` for images of one channel, such as MNIST's, where windows are short runs.

There the matrix of windows is held transposed, (kh * kw, windows). The image, zeros around it, is dealt to stride * stride
planes, so that neighbouring windows find their numbers beside each other; then what stands at one place of all windows is one
run of numbers, and is copied as one. Windows that would reach from the end of a line into the next are in that run, too: a
line has `wide` windows, and those beyond the last of `columns` are passed over in results, and get no error.
"""

from __future__ import annotations

from dessine.compiled.arrays import empty, zeros
from dessine.compiled.blas import multiply
from dessine.compiled.images import add_up, repeated
from dessine.compiled.loops import loop, within
from dessine.compiled.pool import lead, pack


@within
def _size(places, kernel, stride):  # type: ignore[no-untyped-def]
    """Height and width of a plane."""
    return places[0] + (kernel[0] - 1) // stride[0], places[1] + (kernel[1] - 1) // stride[1]


@within
def _planes(places, kernel, stride):  # type: ignore[no-untyped-def]
    """Room for all planes, 0; what the last run reads beyond them, too."""
    high, wide = _size(places, kernel, stride)
    return stride[0] * stride[1] * high * wide + (kernel[1] - 1) // stride[1]


@within
def _line(i, b, w, places, kernel, stride, above, left):  # type: ignore[no-untyped-def]
    """Where line i of an image has the numbers of planes of column b: the place of number 0 in the planes, the first and last.

    Number j there is number j * stride + b - left of the line. last is one beyond; where no window looks, it is 0.
    """
    high, wide = _size(places, kernel, stride)
    row, plane = (i + above) // stride[0], (i + above) % stride[0] * stride[1] + b
    first = max(0, (stride[1] - 1 - b + left) // stride[1])
    last = min(wide, (w - 1 - b + left) // stride[1] + 1) if row < high else 0
    return (plane * high + row) * wide, first, last


@within
def _deal(x, planes, places, kernel, stride, above, left):  # type: ignore[no-untyped-def]
    """Write x (H, W) into the planes."""
    h, w = x.shape
    for i in range(h):
        for b in range(stride[1]):
            at, first, last = _line(i, b, w, places, kernel, stride, above, left)
            for j in range(first, last):
                planes[at + j] = x[i, j * stride[1] + b - left]


@within
def _collect(planes, x, places, kernel, stride, above, left):  # type: ignore[no-untyped-def]
    """Write what is there into x (H, W), and 0 where no window looks."""
    h, w = x.shape
    x[:] = 0
    for i in range(h):
        for b in range(stride[1]):
            at, first, last = _line(i, b, w, places, kernel, stride, above, left)
            for j in range(first, last):
                x[i, j * stride[1] + b - left] = planes[at + j]


@within
def _start(k, m, places, kernel, stride):  # type: ignore[no-untyped-def]
    """Where in the planes the run begins of what stands at row k, column m of windows."""
    high, wide = _size(places, kernel, stride)
    plane = k % stride[0] * stride[1] + m % stride[1]
    return (plane * high + k // stride[0]) * wide + m // stride[1]


@within
def _hold(planes, held, places, kernel, stride):  # type: ignore[no-untyped-def]
    """held (kh * kw, rows * wide) becomes what stands under the windows."""
    for k in range(kernel[0]):
        for m in range(kernel[1]):
            start, out = _start(k, m, places, kernel, stride), held[k * kernel[1] + m]
            run = planes[start : start + out.size]
            for j in range(out.size):
                out[j] = run[j]


@within
def _add_up(held, planes, places, kernel, stride):  # type: ignore[no-untyped-def]
    """The adjoint: the planes become the sums of what all windows hold for them."""
    planes[:] = 0
    for k in range(kernel[0]):
        for m in range(kernel[1]):
            start, more = _start(k, m, places, kernel, stride), held[k * kernel[1] + m]
            run = planes[start : start + more.size]
            for j in range(more.size):
                run[j] += more[j]


@within
def _bend(a, b, y, below, over):  # type: ignore[no-untyped-def]
    """y (rows, columns, m) becomes f(a + b) of the first columns of a, (rows, wide, m). b: (columns * m,) or (0,)."""
    rows, line = len(y), y.shape[1] * y.shape[2]
    for i in range(rows):
        row, out = a[i].reshape(-1)[:line], y[i].reshape(line)
        for j in range(line):
            out[j] = row[j]
        for j in range(b.size):
            out[j] += b[j]
        if below == 0 and over == 1:  # a product would make no number of an infinite one
            for j in range(line):
                out[j] = 0 if out[j] < 0 else out[j]
        elif below != 1 or over != 1:
            for j in range(line):
                out[j] = out[j] * (over if out[j] > 0 else below)


@within
def _unbend(y, dy, da, total, below, over):  # type: ignore[no-untyped-def]
    """The first columns of da (rows, wide, m) become dE/da, from y = f(a) and dE/dy; they are added to total (columns * m,)."""
    rows, line = len(y), y.shape[1] * y.shape[2]
    for i in range(rows):
        kept, error, out = y[i].reshape(line), dy[i].reshape(line), da[i].reshape(-1)[:line]
        for j in range(line):
            out[j] = error[j] * (over if kept[j] > 0 else below)
        for j in range(line):
            total[j] += out[j]


@loop
def correlate(mail, x, w, b, y, places, kernel, stride, above, left, block, below, over, parts):  # type: ignore[no-untyped-def]
    """y = f(windows of x times w, plus b)."""
    given = (x, w, b, y, places, kernel, stride, above, left, below, over, parts)
    function, arguments = pack(_correlate, given)
    lead(mail, function, arguments, len(x) * parts)


@within
def _correlate(x, w, b, y, places, kernel, stride, above, left, below, over, parts, part):  # type: ignore[no-untyped-def]
    r, p, n, h, width = part // parts, part % parts, x.shape[1], x.shape[2], x.shape[3]
    w, b, m, wide = w[r], b[r], w.shape[2], _size(places, kernel, stride)[1]
    planes, held = zeros(_planes(places, kernel, stride), x.dtype), empty((len(w), places[0] * wide), x.dtype)
    a, bias = empty((places[0], wide, m), x.dtype), repeated(b, places[1])
    for i in range(n * p // parts, n * (p + 1) // parts):
        _deal(x[r, i].reshape(h, width), planes, places, kernel, stride, above, left)
        _hold(planes, held, places, kernel, stride)
        multiply(held.T, w, a.reshape(places[0] * wide, m), False)
        _bend(a, bias, y[r, i], below, over)


@loop
def correlate_back(mail, x, w, y, dy, dx, dw, db, places, kernel, stride, above, left, block, below, over, parts):  # type: ignore[no-untyped-def]
    """From dE/dy, write dE/dx into dx, and the parts' gradients into dw and db."""
    given = (x, w, y, dy, dx, dw, db, places, kernel, stride, above, left, below, over, parts)
    function, arguments = pack(_correlate_back, given)
    lead(mail, function, arguments, len(x) * parts)


@within
def _correlate_back(x, w, y, dy, dx, dw, db, places, kernel, stride, above, left, below, over, parts, part):  # type: ignore[no-untyped-def]
    r, p, n, h, width = part // parts, part % parts, x.shape[1], x.shape[2], x.shape[3]
    w, dw, db, m, wide = w[r], dw[r, p], db[r, p], w.shape[2], _size(places, kernel, stride)[1]
    planes, held = zeros((2, _planes(places, kernel, stride)), x.dtype), empty((len(w), places[0] * wide), x.dtype)
    da, total = zeros((places[0], wide, m), x.dtype), zeros((places[1], m), x.dtype)
    error = da.reshape(places[0] * wide, m)
    first, last = n * p // parts, n * (p + 1) // parts
    for i in range(first, last):
        _unbend(y[r, i], dy[r, i], da, total.reshape(places[1] * m), below, over)
        if dw.size:
            _deal(x[r, i].reshape(h, width), planes[0], places, kernel, stride, above, left)
            _hold(planes[0], held, places, kernel, stride)
            multiply(held, error, dw, i > first)
        if dx.size:
            multiply(w, error.T, held, False)
            _add_up(held, planes[1], places, kernel, stride)
            _collect(planes[1], dx[r, i].reshape(h, width), places, kernel, stride, above, left)
    add_up(total, db)
