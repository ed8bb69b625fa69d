"""Layers that change a shape and no number: they put numbers elsewhere, add zeros or repeat."""

from __future__ import annotations

from typing import Annotated

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


@layers.register("upsample")
class Upsample(Layer):
    """Every pixel as a block of equal pixels (nearest neighbour).

    factor: size of the block, one number or [height, width]
    x: (R, B, H, W, C) -> (R, B, factor H, factor W, C)
    """

    affine = True

    def __init__(self, factor: Size = 2):
        self.factor = pair(factor)

    def declare(self, shape: Shape) -> Declaration:
        (h, w, c), (p, q) = image(shape, "upsample"), self.factor
        return Declaration((h * p, w * q, c))

    def span(self, low: float, high: float) -> tuple[float, float]:
        return low, high

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        (r, b, h, w, c), (p, q) = x.shape, self.factor
        y = np.broadcast_to(x[:, :, :, None, :, None], (r, b, h, p, w, q, c)).reshape(r, b, h * p, w * q, c)
        return y, lambda dy, params=True, inputs=True: dy.reshape(r, b, h, p, w, q, c).sum((3, 5)) if inputs else None
