"""The three products of a convolution, and the ways in which they become matrix products.

Between a larger image x (R, B, H, W, C), a smaller one y (R, B, rows, columns, M) and a kernel w (R, kh * kw * C, M):
`correlate` makes y from x, `spread` is its adjoint and makes x from y, and `add_gradient` adds the derivative of
<correlate(x, w), y> by w. A convolution runs them in one direction, a transposed convolution in the other.

All ways give the same up to rounding; tests hold them against loops. Which is taken, and into which pieces a batch is cut,
depends on one replicate's sizes alone, so that a replicate is bit-equal to its single run.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from dessine.nn.layer import Array
from dessine.nn.threads import share
from dessine.nn.windows import Windows

PIECE = 500_000
"""At most so many numbers are gathered at a time: what one step of the work writes, the next should find in cache."""
PARTS = 4
"""Sums of gradients that are made side by side, and then added in this order: the result does not depend on threads."""

Piece = tuple[slice, slice]


class Correlation:
    """One way. c, m: channels of the larger and the smaller image."""

    def __init__(self, windows: Windows, c: int, m: int):
        self.windows, self.c, self.m = windows, c, m
        self.area = windows.places[0] * windows.places[1]

    @property
    def row(self) -> int:
        """How many numbers are gathered for one example."""
        raise NotImplementedError

    def _pieces(self, r: int, b: int) -> list[Piece]:
        """Replicates and examples that are worked on together: all replicates at once where batches are small."""
        count = -(-b * self.row // PIECE)
        if count < 2:
            return [(slice(0, r), slice(0, b))]
        bounds = [b * k // count for k in range(count + 1)]
        return [(slice(i, i + 1), slice(*part)) for i in range(r) for part in pairwise(bounds)]

    def correlate(self, x: Array, w: Array) -> Array:
        """y, without a bias."""
        y, w = np.empty((*x.shape[:2], *self.windows.places, self.m), x.dtype), self._kernel(w)
        share([partial(self._correlate, x[r, b], w[r], y[r, b]) for r, b in self._pieces(*x.shape[:2])])
        return y

    def spread(self, y: Array, w: Array) -> Array:
        """x."""
        x, w = np.empty((*y.shape[:2], *self.windows.image, self.c), y.dtype), self._kernel(w)
        share([partial(self._spread, y[r, b], w[r], x[r, b]) for r, b in self._pieces(*y.shape[:2])])
        return x

    def add_gradient(self, dw: Array, x: Array, y: Array) -> None:
        """dw (R, kh * kw * C, M) += what y has against w."""
        pieces = self._pieces(*x.shape[:2])
        if len(pieces) == 1:
            self._add_gradient(dw, x, y)
            return
        for i in range(len(x)):
            own = [(r, b) for r, b in pieces if r.start == i]
            parts = [own[k::PARTS] for k in range(min(PARTS, len(own)))]
            sums = np.zeros((len(parts), 1, *dw.shape[1:]), dw.dtype)

            def work(total: Array, part: list[Piece]) -> None:
                for r, b in part:
                    self._add_gradient(total, x[r, b], y[r, b])

            share([partial(work, total, part) for total, part in zip(sums, parts, strict=True)])
            for total in sums:
                dw[i] += total[0]

    def _kernel(self, w: Array) -> Array:
        return w

    def _correlate(self, x: Array, w: Array, y: Array) -> None:
        raise NotImplementedError

    def _spread(self, y: Array, w: Array, x: Array) -> None:
        raise NotImplementedError

    def _add_gradient(self, dw: Array, x: Array, y: Array) -> None:
        raise NotImplementedError


class ByWindow(Correlation):
    """Every window of x becomes a row of kh * kw * C numbers, times w: the way for many channels."""

    @property
    def row(self) -> int:
        return self.area * self.windows.kernel[0] * self.windows.kernel[1] * self.c

    def _rows(self, x: Array) -> Array:
        r, b = x.shape[:2]
        return self.windows.gather(x.reshape(r * b, *x.shape[2:])).reshape(r, b * self.area, self.row // self.area)

    def _correlate(self, x: Array, w: Array, y: Array) -> None:
        np.matmul(self._rows(x), w, out=_flat(y))

    def _spread(self, y: Array, w: Array, x: Array) -> None:
        rows = _flat(y) @ w.mT
        x[...] = self.windows.scatter(rows.reshape(x.shape[0] * x.shape[1], self.area, rows.shape[-1])).reshape(x.shape)

    def _add_gradient(self, dw: Array, x: Array, y: Array) -> None:
        dw += self._rows(x).mT @ _flat(y)


class ByRow(Correlation):
    """Every row of windows is one row of kh * W * C numbers, times a matrix that holds the kernel once for every column.

    That matrix is mostly zeros, W / kw times as many products as needed; for few channels they are cheaper than gathering
    and scattering single pixels, here only whole rows of pixels are moved.
    """

    def __init__(self, windows: Windows, c: int, m: int):
        super().__init__(windows, c, m)
        (height, width), (_, t), (rows, columns) = windows.padded, windows.stride, windows.places
        self.strips = Windows((height, width), (windows.kernel[0], width), (windows.stride[0], 1), ((0, 0), (0, 0)), (rows, 1))
        j, k = np.meshgrid(np.arange(columns), np.arange(windows.kernel[1]), indexing="ij")
        self.at = t * j + k, j  # where the kernel's columns stand in the padded row, and for which column of y

    @property
    def row(self) -> int:
        return self.strips.places[0] * self.strips.kernel[0] * self.strips.kernel[1] * self.c

    def _kernel(self, w: Array) -> Array:
        (kh, kw), width, columns = self.windows.kernel, self.windows.padded[1], self.windows.places[1]
        band = np.zeros((len(w), kh, width, columns, self.c, self.m), w.dtype)
        band[:, :, *self.at] = w.reshape(-1, kh, 1, kw, self.c, self.m)
        return band.transpose(0, 1, 2, 4, 3, 5).reshape(len(w), kh * width * self.c, columns * self.m)

    def _rows(self, x: Array) -> Array:
        r, b = x.shape[:2]
        padded = self.windows.pad(x.reshape(r * b, *x.shape[2:]))
        return self.strips.gather(padded).reshape(r, b * self.windows.places[0], self.row // self.windows.places[0])

    def _correlate(self, x: Array, w: Array, y: Array) -> None:
        np.matmul(self._rows(x), w, out=_lines(y))

    def _spread(self, y: Array, w: Array, x: Array) -> None:
        rows = _lines(y) @ w.mT
        padded = self.strips.scatter(rows.reshape(x.shape[0] * x.shape[1], self.windows.places[0], rows.shape[-1]))
        x[...] = self.windows.crop(padded).reshape(x.shape)

    def _add_gradient(self, dw: Array, x: Array, y: Array) -> None:
        kh, width, columns = self.windows.kernel[0], self.windows.padded[1], self.windows.places[1]
        band = (self._rows(x).mT @ _lines(y)).reshape(len(dw), kh, width, self.c, columns, self.m)
        dw += band.transpose(0, 1, 2, 4, 3, 5)[:, :, *self.at].sum(2).reshape(dw.shape)


def _flat(y: Array) -> Array:
    """(R, B, rows, columns, M) -> (R, B * rows * columns, M), a view."""
    return y.reshape(len(y), y.shape[1] * y.shape[2] * y.shape[3], y.shape[-1])


def _lines(y: Array) -> Array:
    """(R, B, rows, columns, M) -> (R, B * rows, columns * M), a view."""
    return y.reshape(len(y), y.shape[1] * y.shape[2], y.shape[3] * y.shape[4])


def correlation(windows: Windows, c: int, m: int) -> Correlation:
    """The way that is likely the fastest."""
    wasted = windows.kernel[0] * c * m * (windows.padded[1] - windows.kernel[1])  # multiplications for each place
    return (ByRow if c <= 8 and wasted <= 5000 else ByWindow)(windows, c, m)
