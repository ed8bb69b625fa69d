"""Convolution, and its adjoint the transposed convolution: images times one matrix, window by window.

Both keep the kernel as the matrix that one window's numbers are multiplied by. Where windows stand belongs to `windows.py`,
how they become a matrix to `correlation.py`. The plain form is what to read; the compiled one does the same in one call for
each part of a batch, so that threads can share it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dessine.compiled import enabled, own
from dessine.nn.activations import Activation, straight
from dessine.nn.correlation import Correlation
from dessine.nn.initialisers import Initialiser, Zeros
from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, Wanted, layers
from dessine.nn.windows import Border, Extra, Pair, Size, Windows, image, pair
from dessine.registry import Count, Like, SpecError
from dessine.threads import mailbox, one_blas_thread

PARTS = 4
"""Of a batch, each a job; their gradients are added in a fixed order: the result does not depend on threads."""
ENOUGH = 2_000_000
"""Multiplications of one replicate from which a batch is cut into parts."""


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

    def _ahead(self, x: Array, a: Array) -> None:
        """Write into `a` what comes before bias and activation."""
        raise NotImplementedError

    def _back(self, x: Array, da: Array, dx: Array | None, params: bool) -> Array | None:
        """Write dE/dx into `dx`, unless it is None; if `params`, return the gradient of w."""
        raise NotImplementedError

    def _loops(self) -> tuple[Callable[..., None], Callable[..., None]]:
        """The compiled forms, forward and back."""
        raise NotImplementedError

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        y = np.empty((*x.shape[:2], *self.shape), x.dtype)
        if enabled():
            return y, self._forward_compiled(own(x), y)
        for part in self._blocks(x.shape[1]):
            self._ahead(x[:, part], y[:, part])
        if self.bias:
            y += self.b
        through = self.activation.forward_(y)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            da, dx = through(dy), np.empty(x.shape, x.dtype) if inputs else None
            sums = [
                self._back(x[:, part], da[:, part], None if dx is None else dx[:, part], bool(params))
                for part in self._blocks(x.shape[1])
            ]
            for dw in sums if params else []:  # now that nobody needs the old weights
                self.dw += dw
            if params and self.bias:
                self.db += da.sum((1, 2, 3), keepdims=True)
            return dx

        return y, backward

    def _blocks(self, b: int) -> list[slice]:
        """Examples that are worked on together."""
        return [slice(i, i + self.products.block) for i in range(0, b, self.products.block)]

    def _forward_compiled(self, x: Array, y: Array) -> Backward:
        """The same, part by part; returns the backward. x: contiguous."""
        ahead, back = self._loops()
        slopes, parts = straight(self.activation), self._parts(x.shape[1])
        numbers = (*self.products.geometry(), *(x.dtype.type(slope) for slope in slopes or (1.0, 1.0)), parts)
        b = own(self.b.reshape(len(x), -1)) if self.bias else np.empty((len(x), 0), x.dtype)
        with one_blas_thread():
            ahead(mailbox(len(x) * parts > 1), x, own(self.w), b, y, *numbers)
        through = None if slopes else self.activation.forward_(y)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dy = own(dy if through is None else through(dy))
            dx = np.empty(x.shape if inputs else (len(x), 0, *x.shape[2:]), x.dtype)
            dw = np.empty((len(x), parts, *(self.w.shape[1:] if params else (0, 0))), x.dtype)
            db = np.empty((len(x), parts, self.channels), x.dtype)
            with one_blas_thread():
                back(mailbox(len(x) * parts > 1), x, own(self.w), y, dy, dx, dw, db, *numbers)
            for i in range(parts if params else 0):  # now that nobody needs the old weights, in this order
                self.dw += dw[:, i]
                if self.bias:
                    self.db += db[:, i].reshape(self.db.shape)
            return dx if inputs else None

        return backward

    def _parts(self, b: int) -> int:
        """Of a batch: by the size of one replicate's alone."""
        return max(1, min(PARTS, b)) if b * self.products.rows * self.w[0].size > ENOUGH else 1

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

    def _ahead(self, x: Array, a: Array) -> None:
        a[...] = (self.products.gather(x) @ self.w).reshape(a.shape)

    def _back(self, x: Array, da: Array, dx: Array | None, params: bool) -> Array | None:
        rows = self.products.as_rows(da)
        if dx is not None:
            dx[...] = self.products.scatter(rows @ self.w.mT, x.shape)
        return self.products.gather(x).mT @ rows if params else None

    def _loops(self) -> tuple[Callable[..., None], Callable[..., None]]:
        from dessine.compiled import images, planes

        loops = planes if self.products.c == 1 else images
        return loops.correlate, loops.correlate_back


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

    def _ahead(self, x: Array, a: Array) -> None:
        a[...] = self.products.scatter(self.products.as_rows(x) @ self.w.mT, a.shape)

    def _back(self, x: Array, da: Array, dx: Array | None, params: bool) -> Array | None:
        rows = self.products.gather(da)
        if dx is not None:
            dx[...] = (rows @ self.w).reshape(dx.shape)
        return rows.mT @ self.products.as_rows(x) if params else None

    def _loops(self) -> tuple[Callable[..., None], Callable[..., None]]:
        from dessine.compiled.images import paint, paint_back

        return paint, paint_back
