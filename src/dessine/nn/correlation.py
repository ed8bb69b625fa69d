"""Images as the rows of a matrix, so that a convolution is a matrix product, and back.

Between a larger image x (R, B, H, W, C), a smaller one y (R, B, rows, columns, M) and a kernel w (R, kh * kw * C, M),
a convolution is `as_rows(y) = gather(x) @ w` (im2col); everything else is an adjoint of one of these. Tests hold all of it
against loops.
"""

from __future__ import annotations

import numpy as np

from dessine.nn.layer import Array, Shape
from dessine.nn.windows import Windows

BLOCK = 262_144
"""At most so many numbers are held under windows at a time: what one step of the work writes, the next finds in cache."""


class Correlation:
    """c, m: channels of the larger and the smaller image."""

    def __init__(self, windows: Windows, c: int, m: int):
        self.windows, self.c, self.m = windows, c, m
        self.rows, self.row = windows.places[0] * windows.places[1], windows.kernel[0] * windows.kernel[1] * c
        self.block = max(1, BLOCK // (self.rows * (self.row + m)))  # examples

    def gather(self, x: Array) -> Array:
        """(R, B, H, W, C) -> (R, B * rows, row)."""
        r, b = x.shape[:2]
        padded = self.windows.pad(x.reshape(r * b, *x.shape[2:]))
        return self.windows.view(padded).reshape(r, b * self.rows, self.row)

    def scatter(self, rows: Array, shape: Shape) -> Array:
        """The adjoint of `gather`, (R, B, H, W, C): where windows overlap, they add up."""
        n, (down, across), (kh, kw) = shape[0] * shape[1], self.windows.places, self.windows.kernel
        under = rows.reshape(n, down, across, kh, kw, shape[-1])
        padded = np.zeros((n, *self.windows.padded, shape[-1]), rows.dtype)
        for i, j, numbers in self.windows.taps(padded):
            numbers += under[:, :, :, i, j]
        return self.windows.crop(padded).reshape(shape)

    def as_rows(self, y: Array) -> Array:
        """(R, B, rows, columns, M) -> (R, B * rows, M)."""
        return y.reshape(y.shape[0], y.shape[1] * self.rows, self.m)

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int, int, int]:
        """What the compiled forms know of windows: places, kernel, stride, zeros above and to the left; and the block."""
        (above, _), (left, _) = self.windows.padding
        return self.windows.places, self.windows.kernel, self.windows.stride, above, left, self.block
