"""Convolution, and its adjoint the transposed convolution: images times one matrix, window by window.

Both keep the kernel as the matrix that one window's numbers are multiplied by. Where windows stand belongs to `windows.py`,
how they become a matrix to `correlation.py`. A batch is worked through in pieces, shared between threads: what one step of
the work has put into the cache, the next finds there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import groupby

import numpy as np

from dessine.nn.activations import Activation
from dessine.nn.correlation import Correlation, Piece
from dessine.nn.initialisers import Initialiser, Zeros
from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.nn.windows import Border, Extra, Pair, Size, Windows, image, pair
from dessine.registry import Count, Like, SpecError
from dessine.threads import share

PARTS = 4
"""Sums of gradients that are made side by side, and then added in a fixed order: the result does not depend on threads."""


class _Convolution(Layer):
    """What both have: a kernel, a bias, an activation."""

    affine = True
    w: Array
    dw: Array
    b: Array
    db: Array
    products: Correlation  # its larger image is the input of a convolution, the output of a transposed one

    def __init__(
        self,
        channels: int,
        kernel: Size,
        stride: Size,
        padding: Border,
        activation: Like[Activation],
        init: Like[Initialiser],
        bias: bool,
    ):
        self.channels, self.kernel, self.stride, self.padding, self.bias = channels, pair(kernel), pair(stride), padding, bias
        self.activation = Activation.of(activation)
        self.init = Initialiser.of(init)

    def _declared(self, shape: Shape, w: Shape, fan: tuple[int, int]) -> Declaration:
        self.shape = shape
        made = Declaration(shape, {"w": (w, self.init, fan)})
        if self.bias:
            made.params["b"] = ((1, 1, 1, self.channels), Zeros(), fan)
        return made

    def _ahead(self, x: Array, w: Array, a: Array) -> None:
        """Write into `a`, a piece of the output, what comes before bias and activation. w: as `products.spaced` makes it."""
        raise NotImplementedError

    def _back(self, x: Array, w: Array, da: Array, dx: Array | None, params: bool) -> Array | None:
        """Write dE/dx into a piece, `dx`, unless it is None; if `params`, return the gradient of w."""
        raise NotImplementedError

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        y, w = np.empty((*x.shape[:2], *self.shape), x.dtype), self.products.spaced(self.w)
        pieces = self.products.pieces(*x.shape[:2])
        if self.bias:  # for a whole row of pixels: few channels alone are too short for NumPy's loops
            biases = np.tile(self.b.reshape(-1, 1, self.channels), y.shape[3])
        throughs: dict[int, Callable[[Array], Array]] = {}

        def ahead(i: int, r: slice, b: slice) -> None:
            a = y[r, b]
            self._ahead(x[r, b], w[r], a)
            if self.bias:
                lines = a.reshape(len(a), a.shape[1] * a.shape[2], a.shape[3] * self.channels)
                lines += biases[r]
            throughs[i] = self.activation.forward_(a)

        share([partial(ahead, i, *piece) for i, piece in enumerate(pieces)])

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            w, dx = self.products.spaced(self.w), np.empty(x.shape, x.dtype) if inputs else None
            sums: dict[int, tuple[slice, Array, Array]] = {}

            def back(k: int, part: list[int]) -> None:
                for i in part:
                    r, b = pieces[i]
                    da = throughs[i](dy[r, b])
                    dw = self._back(x[r, b], w[r], da, None if dx is None else dx[r, b], bool(params))
                    if dw is None:
                        continue
                    flat = da.reshape(len(da), math.prod(da.shape[1:4]), self.channels)
                    db = np.ones((1, flat.shape[1]), flat.dtype) @ flat  # the sum, by the BLAS
                    if k not in sums:
                        sums[k] = r, dw, db
                    else:
                        for total, more in zip(sums[k][1:], (dw, db), strict=True):
                            total += more

            share([partial(back, k, part) for k, part in enumerate(_parts(pieces))])
            for k in sorted(sums):  # now that nobody needs the old weights, and always in this order
                r, dw, db = sums[k]
                self.dw[r] += self.products.together(dw)
                if self.bias:
                    self.db[r] += db.reshape(self.db[r].shape)
            return dx

        return y, backward

    def _fan(self, large: int, small: int) -> tuple[int, int]:
        """Numbers in a window, and sums over windows that one number of the larger image enters, on average.

        large, small: channels of the larger and the smaller image.
        """
        kernel, area = self.kernel[0] * self.kernel[1], self.stride[0] * self.stride[1]
        return kernel * large, max(1, kernel * small // area)


@layers.register("conv2d")
class Conv2d(_Convolution):
    """Convolution: the same weighted sums of every window of an image, then an activation.

    channels: of the output
    kernel: size of the window, one number or [height, width]
    stride: from one window to the next, one number or [down, right]
    padding: zeros around the image, one number, [above and below, left and right], or "same", with which the output is as large
        as the input, divided by the stride and rounded up
    activation: applied to the sums
    init: how the kernel starts; biases start at 0
    bias: whether there is one, for each output channel
    x: (R, B, H, W, C) -> (R, B, rows, columns, channels). w: (kh * kw * C, channels), a window's numbers in the order of its
    rows, columns, channels. The kernel is not mirrored, as everywhere in this field.
    """

    def __init__(
        self,
        channels: Count,
        kernel: Size = 3,
        stride: Size = 1,
        padding: Border = 0,
        activation: Like[Activation] = "linear",
        init: Like[Initialiser] = "xavier",
        bias: bool = True,
    ):
        super().__init__(channels, kernel, stride, padding, activation, init, bias)

    def declare(self, shape: Shape) -> Declaration:
        h, w, c = image(shape, "a convolution")
        m, k = self.channels, self.kernel[0] * self.kernel[1] * c
        windows = Windows.over((h, w), self.kernel, self.stride, self.padding)
        self.products = Correlation(windows, c, m)
        return self._declared((*windows.places, m), (k, m), self._fan(c, m))

    def _ahead(self, x: Array, w: Array, a: Array) -> None:
        np.matmul(self.products.gather(x), w, out=self.products.as_rows(a))

    def _back(self, x: Array, w: Array, da: Array, dx: Array | None, params: bool) -> Array | None:
        rows = self.products.as_rows(da)
        if dx is not None:
            self.products.scatter(rows @ w.mT, dx)
        return self.products.gather(x).mT @ rows if params else None


@layers.register("conv2d_transpose")
class Conv2dTranspose(_Convolution):
    """Transposed convolution: every pixel paints a window of a larger image, and where windows overlap they add up.

    channels: of the output
    kernel: size of the window, one number or [height, width]
    stride: from one window to the next, one number or [down, right]
    padding: what is cut off the painted image on either side, one number or [above and below, left and right]; with "same" the
        output is `stride` times as large as the input
    output_padding: rows and columns more, below and to the right: less than the stride, it chooses among the sizes from which
        a convolution would come to this input
    activation: applied at the end
    init: how the kernel starts; biases start at 0
    bias: whether there is one, for each output channel
    x: (R, B, H, W, C) -> (R, B, (H - 1) stride - 2 padding + kernel + output_padding, ..., channels).
    w: (kh * kw * channels, C), the matrix of the convolution from the output's shape back to the input's: this is its adjoint.
    """

    def __init__(
        self,
        channels: Count,
        kernel: Size = 4,
        stride: Size = 2,
        padding: Border = 1,
        output_padding: Extra = 0,
        activation: Like[Activation] = "linear",
        init: Like[Initialiser] = "xavier",
        bias: bool = True,
    ):
        super().__init__(channels, kernel, stride, padding, activation, init, bias)
        self.output_padding = output_padding
        extra = pair(output_padding)
        if extra[0] >= self.stride[0] or extra[1] >= self.stride[1]:
            raise SpecError(f"must be less than the stride, {stride}, got {output_padding}", ("output_padding",))
        if padding == "same" and any(extra):
            raise SpecError("the output's size is given by padding: same; leave it out", ("output_padding",))

    def declare(self, shape: Shape) -> Declaration:
        h, w, c = image(shape, "a transposed convolution")
        m, k = self.channels, self.kernel[0] * self.kernel[1] * self.channels
        windows = Windows.over(self._painted((h, w)), self.kernel, self.stride, self.padding)
        assert windows.places == (h, w)
        self.products = Correlation(windows, m, c)
        inputs, outputs = reversed(self._fan(m, c))
        return self._declared((*windows.image, m), (k, c), (inputs, outputs))

    def _painted(self, small: Pair) -> Pair:
        """The output's height and width. Raises SpecError if nothing is left of it."""
        if isinstance(self.padding, str):
            return small[0] * self.stride[0], small[1] * self.stride[1]
        sizes = zip(small, self.kernel, self.stride, pair(self.padding), pair(self.output_padding), strict=True)
        h, w = ((n - 1) * s + k - 2 * p + extra for n, k, s, p, extra in sizes)
        if min(h, w) < 1:
            raise SpecError(f"nothing is left of the output: padding {self.padding} cuts off all of it", ("padding",))
        return h, w

    def _ahead(self, x: Array, w: Array, a: Array) -> None:
        self.products.scatter(self.products.as_rows(x) @ w.mT, a)

    def _back(self, x: Array, w: Array, da: Array, dx: Array | None, params: bool) -> Array | None:
        rows = self.products.gather(da)
        if dx is not None:
            np.matmul(rows, w, out=self.products.as_rows(dx))
        return rows.mT @ self.products.as_rows(x) if params else None


def _parts(pieces: list[Piece]) -> list[list[int]]:
    """The indices of pieces whose gradients are added up one after another: up to PARTS lists for each replicate."""
    parts: list[list[int]] = []
    for _, same in groupby(range(len(pieces)), key=lambda i: pieces[i][0].start):
        own = list(same)
        parts += [own[k::PARTS] for k in range(min(PARTS, len(own)))]
    return parts
