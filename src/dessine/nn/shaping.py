"""Layers that change a shape and no number."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MinLen

from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, layers, size
from dessine.registry import Count, SpecError


@layers.register("reshape")
class Reshape(Layer):
    """The same numbers in another shape.

    shape: of one example, channels last, such as [7, 7, 128]
    """

    def __init__(self, shape: Annotated[list[Count], MinLen(1)]):
        self.shape: Shape | None = tuple(shape)

    def declare(self, shape: Shape) -> Declaration:
        out = self.shape or (size(shape),)
        if size(out) != size(shape):
            raise SpecError(f"{list(out)} holds {size(out)} numbers, its input {list(shape)} holds {size(shape)}", ("shape",))
        self.out = out
        return Declaration(out)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        shape = x.shape
        return x.reshape(*shape[:2], *self.out), lambda dy, params=True, inputs=True: dy.reshape(shape) if inputs else None


@layers.register("flatten")
class Flatten(Reshape):
    """All numbers of an example in one row."""

    def __init__(self) -> None:
        self.shape = None
