"""Windows over images: all that convolutions and pooling know of space. What they do with a window's numbers is theirs.

Images are (N, H, W, C); replicates and batch may be one axis here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, MaxLen, MinLen

from dessine.nn.layer import Array, Shape
from dessine.registry import SpecError

Pair = tuple[int, int]
Side = Annotated[int, Ge(1), Le(10_000)]
Margin = Annotated[int, Ge(0), Le(10_000)]
Size = Side | Annotated[list[Side], MinLen(2), MaxLen(2)]
"""[height, width], or one number for both."""
Extra = Margin | Annotated[list[Margin], MinLen(2), MaxLen(2)]
Border = Extra | Literal["same"]
"""Zeros on either side, [above and below, left and right]; or as many as keep the size, stride apart."""


def pair(size: int | list[int]) -> Pair:
    """One number for both directions, or the two."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def image(shape: Shape, what: str) -> tuple[int, int, int]:
    """The shape as height, width, channels. Raises SpecError if it is another."""
    if len(shape) != 3:
        raise SpecError(
            f"{what} needs an image, [height, width, channels], and gets {list(shape)}: "
            "put one into shape before it, such as {type: reshape, shape: [7, 7, 128]}"
        )
    return shape[0], shape[1], shape[2]


@dataclass(frozen=True)
class Windows:
    """Where a window of size `kernel` stands on an image of size `image`, moved by `stride`, over `rows` x `columns` places.

    padding: zeros above, below, left, right.
    """

    image: Pair
    kernel: Pair
    stride: Pair
    padding: tuple[Pair, Pair]
    places: Pair

    @staticmethod
    def over(image: Pair, kernel: Pair, stride: Pair, padding: int | list[int] | str) -> Windows:
        """All that fit. Raises SpecError if none does."""
        if isinstance(padding, str):  # an odd zero goes below and to the right
            missing = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(image, kernel, stride, strict=True)]
            above, left = (m // 2 for m in missing)
            borders = (above, missing[0] - above), (left, missing[1] - left)
        else:
            p, q = pair(padding)
            borders = (p, p), (q, q)
        room = [n + sum(b) - k for n, k, b in zip(image, kernel, borders, strict=True)]
        if min(room) < 0:
            shown = f"{kernel[0]}" if kernel[0] == kernel[1] else f"{kernel[0]} x {kernel[1]}"
            text = f"a kernel of {shown} does not fit an input of {image[0]} x {image[1]} with padding {padding}"
            raise SpecError(text, ("kernel",))
        return Windows(image, kernel, stride, borders, (room[0] // stride[0] + 1, room[1] // stride[1] + 1))

    @property
    def padded(self) -> Pair:
        """Size of the image with its border."""
        return self.image[0] + sum(self.padding[0]), self.image[1] + sum(self.padding[1])

    @property
    def inner(self) -> tuple[slice, slice, slice]:
        """Where the image stands in the padded one, (N, H, W, C)."""
        (top, _), (left, _) = self.padding
        return slice(None), slice(top, top + self.image[0]), slice(left, left + self.image[1])

    def pad(self, x: Array, value: float = 0.0) -> Array:
        """x with its border, contiguous: itself if there is no border."""
        if self.padded == self.image:
            return np.ascontiguousarray(x)
        shape = (len(x), *self.padded, x.shape[-1])
        out = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)  # zeros are had in half the time
        out[self.inner] = x
        return out

    def crop(self, x: Array) -> Array:
        """The inverse of `pad`."""
        return x[self.inner]

    def view(self, padded: Array) -> Array:
        """(N, rows, columns, kh, kw, C), no copy: all windows, overlapping in memory. Only to be read. padded: contiguous."""
        n, h, w, c = padded.strides
        shape = (len(padded), *self.places, *self.kernel, padded.shape[-1])
        return np.ndarray(shape, padded.dtype, padded, 0, (n, h * self.stride[0], w * self.stride[1], h, w, c))

    def taps(self, padded: Array) -> Iterator[tuple[int, int, Array]]:
        """Row, column in the window, and the numbers that stand there in all windows: a view (N, rows, columns, C)."""
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                (s, t), (rows, columns) = self.stride, self.places
                yield i, j, padded[:, i : i + s * (rows - 1) + 1 : s, j : j + t * (columns - 1) + 1 : t]
