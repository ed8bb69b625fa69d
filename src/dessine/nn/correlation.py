"""Images as the rows of a matrix, so that a convolution is a matrix product, and back.

Between a larger image x (R, B, H, W, C), a smaller one y (R, B, rows, columns, M) and a kernel w (R, kh * kw * C, M),
a convolution is `as_rows(y) = gather(x) @ spaced(w)`; everything else is an adjoint of one of these.

The numbers under a few neighbouring windows of a row, a tile, are gathered into one row of the matrix. With one window to a
tile this is the usual way (im2col), and the matrix to multiply by is w. With several, it holds w once for each of them, a step
further down each time, and zeros: more products, but fewer and longer runs of numbers to move, which is what few channels
wait for. Tests hold all of it against loops.

How long tiles are, and into which pieces a batch is cut, depends on one replicate's sizes alone, so that a replicate is
bit-equal to its single run.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dessine.nn.layer import Array
from dessine.nn.windows import Windows

PIECE = 262_144
"""At most so many numbers are worked on at a time: what one step of the work writes, the next should find in cache."""
Piece = tuple[slice, slice]


class Correlation:
    """c, m: channels of the larger and the smaller image. tile: windows side by side that are taken together; it divides the
    windows of a row, and is chosen if left out.
    """

    def __init__(self, windows: Windows, c: int, m: int, tile: int | None = None):
        self.windows, self.c, self.m = windows, c, m
        (kh, kw), (s, t), (rows, columns) = windows.kernel, windows.stride, windows.places
        self.tile = tile or min((n for n in range(1, columns + 1) if columns % n == 0), key=self._cost)
        shape, width = windows.padded, self._width(self.tile)
        borders = (0, 0), (0, 0)
        self.tiles = Windows(shape, (kh, width), (s, t * self.tile), borders, (rows, columns // self.tile))
        self.rows, self.row = rows * (columns // self.tile), kh * width * c  # of the matrix, for one example
        window, column = np.meshgrid(np.arange(self.tile), np.arange(kw), indexing="ij")
        self._at = t * window + column, window  # where w's columns stand in a tile's, for which window

    def _width(self, tile: int) -> int:
        return (tile - 1) * self.windows.stride[1] + self.windows.kernel[1]

    def _cost(self, tile: int) -> float:
        """Nanoseconds for a window, roughly: multiplications, numbers moved, and runs of them begun."""
        run = self._width(tile) * self.c
        return self.windows.kernel[0] * (run * self.m / 30 + 0.3 * run / tile + 8 / tile)

    def pieces(self, r: int, b: int) -> list[Piece]:
        """Replicates and examples that are worked on together: all replicates at once where batches are small."""
        count = min(b, -(-b * self.rows * (self.row + self.tile * self.m) // PIECE))
        if count < 2:
            return [(slice(0, r), slice(0, b))]
        bounds = [b * k // count for k in range(count + 1)]
        return [(slice(i, i + 1), slice(*part)) for i in range(r) for part in pairwise(bounds)]

    def gather(self, x: Array) -> Array:
        """(R, B, H, W, C) -> (R, B * rows, row)."""
        r, b = x.shape[:2]
        padded = self.windows.pad(x.reshape(r * b, *x.shape[2:]))
        return self.tiles.view(padded).reshape(r, b * self.rows, self.row)

    def scatter(self, rows: Array, x: Array) -> None:
        """The adjoint of `gather`, written into x. Tiles that do not overlap are added together."""
        n, (kh, width), (s, t), (down, across) = (
            x.shape[0] * x.shape[1],
            self.tiles.kernel,
            self.tiles.stride,
            self.tiles.places,
        )
        tiles = rows.reshape(n, down, across, kh, width * self.c).transpose(0, 1, 3, 2, 4)
        padded = np.zeros((n, *self.windows.padded, self.c), rows.dtype)
        image, row, pixel, one = padded.strides
        apart = -(-width // t)
        for i in range(0, kh, s):
            for j in range(min(apart, across)):
                part = tiles[:, :, i : i + s, j::apart]
                strides = (image, s * row, row, apart * t * pixel, one)
                into: Array = np.ndarray(part.shape, rows.dtype, padded, i * row + j * t * pixel, strides)
                into += part
        x[...] = self.windows.crop(padded).reshape(x.shape)

    def as_rows(self, y: Array) -> Array:
        """(R, B, rows, columns, M) -> (R, B * rows, tile * M), a view."""
        return y.reshape(y.shape[0], y.shape[1] * self.rows, self.tile * self.m)

    def spaced(self, w: Array) -> Array:
        """The matrix (R, row, tile * M) in which w stands once for each window of a tile."""
        if self.tile == 1:
            return w
        (kh, kw), r = self.windows.kernel, len(w)
        spaced = np.zeros((r, kh, self.tiles.kernel[1], self.tile, self.c, self.m), w.dtype)
        spaced[:, :, *self._at] = w.reshape(r, kh, 1, kw, self.c, self.m)
        return spaced.swapaxes(3, 4).reshape(r, self.row, self.tile * self.m)

    def together(self, spaced: Array) -> Array:
        """The adjoint of `spaced`: a gradient of that matrix as one of w, (R, kh * kw * C, M)."""
        if self.tile == 1:
            return spaced
        kh, width = self.tiles.kernel
        tiles = spaced.reshape(len(spaced), kh, width, self.c, self.tile, self.m)
        return tiles.swapaxes(3, 4)[:, :, *self._at].sum(2).reshape(len(spaced), -1, self.m)
