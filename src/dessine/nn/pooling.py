"""Pooling: one number for every window of every channel."""

from __future__ import annotations

import numpy as np

from dessine.compiled import SHARED, enabled, own
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, layers
from dessine.nn.windows import Extra, Pair, Size, Windows, image, pair
from dessine.registry import SpecError
from dessine.threads import mailbox


class _Pool(Layer):
    """What both have: windows."""

    windows: Windows

    def __init__(self, size: Size, stride: Size | None, padding: Extra):
        self.size, self.padding = pair(size), padding
        self.stride = self.size if stride is None else pair(stride)
        if any(2 * p > k for p, k in zip(pair(padding), self.size, strict=True)):
            raise SpecError(f"must be at most half of size, got {padding}: some windows would see nothing else", ("padding",))

    def declare(self, shape: Shape) -> Declaration:
        h, w, c = image(shape, "pooling")
        try:
            self.windows = Windows.over((h, w), self.size, self.stride, self.padding)
        except SpecError:
            shown = f"{self.size[0]} x {self.size[1]}"
            raise SpecError(f"a window of {shown} does not fit an input of {h} x {w} with padding {self.padding}") from None
        return Declaration((*self.windows.places, c))

    def span(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def _geometry(self) -> tuple[Pair, Pair, int, int]:
        """What the compiled forms know of windows: size, stride, the border above and to the left."""
        (above, _), (left, _) = self.windows.padding
        return self.size, self.stride, above, left


def _is(tap: Array, largest: Array) -> Array:
    """Where a number is the largest of its window; what is no number is larger than all."""
    return (tap == largest) | np.isnan(tap)


@layers.register("max_pool")
class MaxPool(_Pool):
    """The largest number of every window; of equals the first gets the gradient.

    size: of the window, one number or [height, width]
    stride: from one window to the next; as large as the window if left out
    padding: border around the image, in which nothing is ever the largest
    x: (R, B, H, W, C) -> (R, B, rows, columns, C). What is left over below and to the right is not seen, as in PyTorch.
    """

    def __init__(self, size: Size = 2, stride: Size | None = None, padding: Extra = 0):
        super().__init__(size, stride, padding)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        if enabled():
            return self._forward_compiled(own(x))
        shape, windows = x.shape, self.windows
        padded = windows.pad(x.reshape(shape[0] * shape[1], *shape[2:]), -np.inf)
        # Copied, each to a block of its own: what follows passes over them several times, and NumPy is slow on short rows.
        taps = [np.ascontiguousarray(tap) for _, _, tap in windows.taps(padded)]
        y = taps[0].copy()
        for tap in taps[1:]:
            np.maximum(y, tap, out=y)

        def backward(dy: Array, params: object = True, inputs: bool = True) -> Array | None:
            if not inputs:
                return None
            dx = np.zeros((len(y), *windows.padded, shape[-1]), dy.dtype)
            left = dy.reshape(y.shape).copy()  # what no number of its window has been given yet
            for tap, (_, _, into) in zip(taps, windows.taps(dx), strict=True):
                given = left * _is(tap, y)
                into += given
                left -= given
            return windows.crop(dx).reshape(shape)

        return y.reshape(*shape[:2], *y.shape[1:]), backward

    def _forward_compiled(self, x: Array) -> tuple[Array, Backward]:
        from dessine.compiled.pools import largest, largest_back

        shape, x = x.shape, x.reshape(-1, *x.shape[2:])
        y = np.empty((len(x), *self.windows.places, shape[-1]), x.dtype)
        place = np.empty(y.shape, np.int32)
        largest(mailbox(x.size >= SHARED), x, y, place, *self._geometry())

        def backward(dy: Array, params: object = True, inputs: bool = True) -> Array | None:
            if not inputs:
                return None
            dx = np.empty(x.shape, dy.dtype)
            largest_back(mailbox(x.size >= SHARED), own(dy).reshape(y.shape), place, dx)
            return dx.reshape(shape)

        return y.reshape(*shape[:2], *y.shape[1:]), backward

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """s is t where x is largest."""
        y, back = self.forward(x, mode)
        taps, flat = self.windows.taps, (-1, *x.shape[2:])
        padded, moving = self.windows.pad(x.reshape(flat), -np.inf), self.windows.pad(t.reshape(flat))
        largest = y.reshape(-1, *y.shape[2:])
        s, open_ = np.zeros_like(largest), np.ones(largest.shape, bool)
        for (_, _, tap), (_, _, step) in zip(taps(padded), taps(moving), strict=True):
            found = open_ & _is(tap, largest)
            s[found] = step[found]
            open_ &= ~found

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            dx, dt = back(dy), back(ds)
            assert dx is not None
            assert dt is not None
            return dx, dt

        return y, s.reshape(y.shape), backward


@layers.register("average_pool")
class AveragePool(_Pool):
    """The mean of every window.

    size: of the window, one number or [height, width]
    stride: from one window to the next; as large as the window if left out
    padding: zeros around the image, which count in the mean (PyTorch's default, count_include_pad)
    x: (R, B, H, W, C) -> (R, B, rows, columns, C). What is left over below and to the right is not seen, as in PyTorch.
    """

    affine = True

    def __init__(self, size: Size = 2, stride: Size | None = None, padding: Extra = 0):
        super().__init__(size, stride, padding)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        share = x.dtype.type(1.0 / (self.size[0] * self.size[1]))
        if enabled():
            return self._forward_compiled(own(x), share)
        shape, taps = x.shape, self.windows.taps
        padded = self.windows.pad(x.reshape(shape[0] * shape[1], *shape[2:]))
        y = np.zeros((len(padded), *self.windows.places, shape[-1]), x.dtype)
        for _, _, tap in taps(padded):
            y += tap
        y *= share

        def backward(dy: Array, params: object = True, inputs: bool = True) -> Array | None:
            if not inputs:
                return None
            each = dy.reshape(y.shape) * share
            dx = np.zeros(padded.shape, dy.dtype)
            for _, _, into in taps(dx):
                into += each
            return self.windows.crop(dx).reshape(shape)

        return y.reshape(*shape[:2], *y.shape[1:]), backward

    def _forward_compiled(self, x: Array, share: np.floating) -> tuple[Array, Backward]:
        from dessine.compiled.pools import mean, mean_back

        shape, x = x.shape, x.reshape(-1, *x.shape[2:])
        y = np.empty((len(x), *self.windows.places, shape[-1]), x.dtype)
        mean(mailbox(x.size >= SHARED), x, y, *self._geometry(), share)

        def backward(dy: Array, params: object = True, inputs: bool = True) -> Array | None:
            if not inputs:
                return None
            dx = np.empty(x.shape, dy.dtype)
            mean_back(mailbox(x.size >= SHARED), own(dy).reshape(y.shape), dx, *self._geometry(), share)
            return dx.reshape(shape)

        return y.reshape(*shape[:2], *y.shape[1:]), backward
