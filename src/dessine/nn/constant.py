"""A layer that has learnt its output, whatever its input."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import MaxLen, MinLen

from dessine.nn.initialisers import Initialiser
from dessine.nn.layer import Array, Backward, BackwardAlong, Declaration, Layer, Mode, Shape, layers
from dessine.registry import Count, Like


@layers.register("constant")
class Constant(Layer):
    """The same numbers for every input, each a parameter: y = b.

    shape: of what it gives for one example, channels last
    init: how the numbers start
    Of shape [1] it is the whole generator of the Dirac-GAN (Mescheder et al. 2018), whose data are one point. With one of shape
    [4, 4, 512] StyleGAN's generator begins (Karras et al. 2019). x: (R, B, *any) -> (R, B, *shape).
    """

    b: Array
    db: Array

    def __init__(self, shape: Annotated[list[Count], MinLen(1), MaxLen(8)] = [1], init: Like[Initialiser] = "gaussian"):  # noqa: B006
        self.shape: Shape = tuple(shape)
        self.init = Initialiser.of(init)

    def declare(self, shape: Shape) -> Declaration:
        return Declaration(self.shape, {"b": (self.shape, self.init, (1, 1))})

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        y = np.repeat(self.b[:, None], x.shape[1], 1)

        def backward(dy: Array, params: bool = True, inputs: bool = True) -> Array | None:
            if params:
                self.db += dy.sum(1)
            return np.zeros_like(x) if inputs else None

        return y, backward

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        y, back = self.forward(x, mode)

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            back(dy, inputs=False)
            return np.zeros_like(x), np.zeros_like(t)

        return y, np.zeros_like(y), backward
