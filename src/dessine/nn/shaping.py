"""Layers that change a shape and learn nothing: they put numbers elsewhere, add zeros, repeat or take means."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import MaxLen, MinLen

from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, layers, size
from dessine.nn.windows import Extra, Size, image, pair
from dessine.registry import Count, SpecError


@layers.register("reshape")
class Reshape(Layer):
    """The same numbers in another shape.

    shape: of one example, channels last, such as [7, 7, 128]
    """

    affine = True

    def __init__(self, shape: Annotated[list[Count], MinLen(1), MaxLen(8)]):
        self.shape: Shape | None = tuple(shape)

    def declare(self, shape: Shape) -> Declaration:
        out = self.shape or (size(shape),)
        if size(out) != size(shape):
            raise SpecError(f"{list(out)} holds {size(out)} numbers, its input {list(shape)} holds {size(shape)}", ("shape",))
        self.out = out
        return Declaration(out)

    def span(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        shape = x.shape
        return x.reshape(*shape[:2], *self.out), lambda dy, params=True, inputs=True: dy.reshape(shape) if inputs else None


@layers.register("flatten")
class Flatten(Reshape):
    """All numbers of an example in one row."""

    def __init__(self) -> None:
        self.shape = None


@layers.register("zero_pad")
class ZeroPad(Layer):
    """Zeros around an image.

    padding: how many on either side, one number or [above and below, left and right]
    x: (R, B, H, W, C)
    """

    affine = True

    def __init__(self, padding: Extra = 1):
        self.padding = pair(padding)

    def declare(self, shape: Shape) -> Declaration:
        (h, w, c), (p, q) = image(shape, "zero_pad"), self.padding
        return Declaration((h + 2 * p, w + 2 * q, c))

    def span(self, low: float, high: float) -> tuple[float, float]:
        return min(low, 0.0), max(high, 0.0)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        (h, w), (p, q) = x.shape[2:4], self.padding
        y = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q), (0, 0)))
        return y, lambda dy, params=True, inputs=True: dy[:, :, p : p + h, q : q + w] if inputs else None


class _Resampled(Layer):
    """What both have: a matrix for the rows and one for the columns, from each number of the input to each of the output."""

    affine = True
    down: Array  # (rows, H)
    across: Array  # (columns, W)

    def span(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        down, across = (matrix.astype(x.dtype) for matrix in (self.down, self.across))
        y = _resampled(x, down, across)
        return y, lambda dy, params=True, inputs=True: _resampled(dy, down.T, across.T) if inputs else None


def _resampled(x: Array, down: Array, across: Array) -> Array:
    """y[i, j] = sum of down[i, h] across[j, w] x[h, w], image by image and channel by channel."""
    r, b, h, w, c = x.shape
    y = np.matmul(down, x.reshape(r * b, h, w * c))
    return np.matmul(across, y.reshape(-1, w, c)).reshape(r, b, len(down), len(across), c)


def _between(n: int, factor: int) -> Array:
    """(factor n, n): the weights of n numbers in each of factor n, which lie on straight lines between their centres.

    Beyond the first and the last centre the number there goes on (PyTorch's bilinear with align_corners=False).
    """
    at = np.clip((np.arange(factor * n) + 0.5) / factor - 0.5, 0, n - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(n)), 0)


@layers.register("upsample")
class Upsample(_Resampled):
    """An image made larger, with no number to learn.

    factor: how many times as high and as wide, one number or [height, width]
    mode: nearest: every pixel becomes a block of equal pixels; bilinear: straight lines between the centres of pixels
    x: (R, B, H, W, C) -> (R, B, factor H, factor W, C). With a convolution after it, it does what a transposed one does,
    without the chequered patterns of uneven overlaps (Odena et al. 2016).
    """

    def __init__(self, factor: Size = 2, mode: Literal["nearest", "bilinear"] = "nearest"):
        self.factor, self.mode = pair(factor), mode

    def declare(self, shape: Shape) -> Declaration:
        (h, w, c), (p, q) = image(shape, "upsample"), self.factor
        self.down, self.across = _between(h, p), _between(w, q)
        return Declaration((h * p, w * q, c))

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        if self.mode == "bilinear":
            return super().forward(x, mode)
        (r, b, h, w, c), (p, q) = x.shape, self.factor
        y = np.broadcast_to(x[:, :, :, None, :, None], (r, b, h, p, w, q, c)).reshape(r, b, h * p, w * q, c)
        return y, lambda dy, params=True, inputs=True: dy.reshape(r, b, h, p, w, q, c).sum((3, 5)) if inputs else None


@layers.register("downsample")
class Downsample(_Resampled):
    """An image made smaller, with no number to learn.

    factor: how many times as low and as narrow, one number or [height, width]; it must divide the input's
    mode: average: the mean of every block of pixels; bilinear: a mean over twice as wide a window, with weights that fall
        towards its ends: the transpose of upsample's bilinear mode, so that fewer patterns finer than a pixel go through
    x: (R, B, H, W, C) -> (R, B, H / factor, W / factor, C)
    """

    def __init__(self, factor: Size = 2, mode: Literal["average", "bilinear"] = "average"):
        self.factor, self.mode = pair(factor), mode

    def declare(self, shape: Shape) -> Declaration:
        (h, w, c), (p, q) = image(shape, "downsample"), self.factor
        if h % p or w % q:
            text = f"{p} does not divide" if p == q else f"{p} x {q} does not divide"
            raise SpecError(f"{text} an image of {h} x {w}", ("factor",))
        self.down, self.across = (self._matrix(n // k, k) for n, k in ((h, p), (w, q)))
        return Declaration((h // p, w // q, c))

    def _matrix(self, n: int, factor: int) -> Array:
        """(n, factor n), each row's weights adding up to 1."""
        between = _between(n, factor) if self.mode == "bilinear" else np.repeat(np.eye(n), factor, 0)
        return between.T / factor
