"""A layer: a differentiable map with its own parameters. How layers are chained and stored belongs to `network.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf, prod
from typing import Literal

import numpy as np

from dessine.nn.activations import Activation
from dessine.nn.initialisers import Initialiser
from dessine.node import Node
from dessine.registry import Like, Registry
from dessine.streams import Streams

Array = np.ndarray
Shape = tuple[int, ...]
Backward = Callable[..., Array | None]
Wanted = bool | Literal["first"]
BackwardAlong = Callable[[Array, Array], tuple[Array, Array]]
layers: Registry[Layer] = Registry("layer")


@dataclass(frozen=True)
class Mode:
    """What a forward pass is for.

    train: batch statistics and dropout (True), or running statistics and no dropout.
    record: let batch normalisation remember the statistics of this pass.
    labels: (R, B) of which class each example is, from 0, for the layers that are told (`conditional.py`); None: of none.
    """

    streams: Streams
    train: bool = True
    record: bool = True
    labels: Array | None = None

    def told(self, *labels: Array | None) -> Mode:
        """The same for examples of these classes, one batch after the other; without labels if one has none."""
        known = [one for one in labels if one is not None]
        return replace(self, labels=np.concatenate(known, 1) if len(known) == len(labels) else None)

    def part(self, of: slice) -> Mode:
        """The same for a part of the batch."""
        return self if self.labels is None else replace(self, labels=self.labels[:, of])


@dataclass
class Declaration:
    """What a layer needs: its output's shape, its parameters (shape, initialiser, fan), its buffers (shape, first value).

    between: how many numbers it makes of an example on the way, beside its output; pairs: and how many of two examples of a
    batch, each beside each. rows: of a layer that holds others, by option: those layers, and what they need.
    """

    shape: Shape
    params: dict[str, tuple[Shape, Initialiser, tuple[int, int]]] = field(default_factory=dict)
    buffers: dict[str, tuple[Shape, float]] = field(default_factory=dict)
    between: int = 0
    pairs: int = 0
    rows: dict[str, tuple[list[Layer], list[Declaration]]] = field(default_factory=dict)


class Layer(Node):
    """One step of a network.

    A declared parameter `w` is, once in a network, the attribute `w`, (R, *shape), with its gradient `dw`; both are views
    of the network's flat vectors and must be written in place.
    """

    registry = layers
    path: str = ""  # "generator/2.noise": set by the network, names the layer's stream and its metrics
    mixes_examples = False  # the output of one example depends on its batch
    least_batch = 1  # examples without which training through it means nothing; known after `declare`
    draws = False  # the output depends on a random stream, too
    labelled = False  # the output depends on the labels of the pass, too
    classes: int | None = None  # of a labelled one: how many there are
    weights: tuple[str, ...] = ("w",)  # which of its parameters, if it has them, multiply the input as a matrix
    affine = False  # but for an `activation` of its own and what it draws, y = A x + b with an A that no x changes

    def declare(self, shape: Shape) -> Declaration:
        """For inputs of `shape` (without replicates and batch). Raises SpecError for a shape it cannot take."""
        raise NotImplementedError

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        """y, and `backward(dy, params=True, inputs=True)`.

        backward returns dE/dx if `inputs` (else None), and adds to the gradients if `params`: in this order, for where
        an error goes straight into the weights, it must have passed back through the old ones. "first" tells that the
        gradients are zero, so that a layer may write them instead. It can be called again.
        """
        raise NotImplementedError

    def span(self, low: float, high: float) -> tuple[float, float]:
        """The interval that its outputs can fill outside training, for inputs from `low` to `high`, whatever it learns."""
        activation = getattr(self, "activation", None)
        return activation.span(-inf, inf) if isinstance(activation, Activation) else (-inf, inf)

    def held(self) -> dict[str, Sequence[Layer]]:
        """Layers that it holds, by option, known before shapes are."""
        return {}

    def by_parameters(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        """Of a layer that is linear in its own parameters what y has of them, and the backward of that."""
        return self.forward(x, mode)

    @property
    def itself(self) -> Layer:
        """The layer, without what may have been put around it to watch it."""
        return self

    def along(self, x: Array, t: Array, mode: Mode) -> tuple[Array, Array, BackwardAlong]:
        """y, its derivative s along t, and the backward of both: (dy, ds) -> (dx, dt), which adds to the gradients.

        x, t: (R, B, *shape). Affine layers and activations need none, `tangent.py` has a rule for them. A layer without any is
        refused where second derivatives are needed.
        """
        raise NotImplementedError


@layers.register("activation")
class Activate(Layer):
    """An activation by itself.

    function: which one
    """

    def __init__(self, function: Like[Activation]):
        self.function = Activation.of(function)

    def declare(self, shape: Shape) -> Declaration:
        return Declaration(shape)

    def span(self, low: float, high: float) -> tuple[float, float]:
        return self.function.span(low, high)

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        y, through = self.function.forward(x)
        return y, lambda dy, params=True, inputs=True: through(dy) if inputs else None


def size(shape: Shape) -> int:
    """How many numbers one example holds."""
    return prod(shape)


def flat(x: Array) -> Array:
    """(R, B, *features) -> (R, B, n)."""
    return x.reshape(*x.shape[:2], size(x.shape[2:]))


__all__ = [
    "Activate",
    "Array",
    "Backward",
    "BackwardAlong",
    "Declaration",
    "Layer",
    "Mode",
    "Shape",
    "Wanted",
    "flat",
    "layers",
    "size",
]
