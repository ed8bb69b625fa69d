"""A network: layers in a row over one flat vector of parameters. What it learns from belongs to losses and games."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dessine.machine import amount, memory
from dessine.nn.layer import Array, Declaration, Layer, Mode, Shape, Wanted, size
from dessine.registry import Like, Problems, SpecError
from dessine.streams import Streams

MOST_NUMBERS = 10_000_000
"""That an example may be, between two layers: a hundred times what networks on small images make of one."""


def outline(layers: Sequence[Layer], input_shape: Shape) -> list[Declaration]:
    """What each layer needs, for inputs of `input_shape`: nothing is allocated yet.

    Raises SpecError, with the layer's index, for the first one that cannot take the shape before it.
    """
    declared, shape = [], input_shape
    for i, layer in enumerate(layers):
        try:
            declared.append(layer.declare(shape))
            shape = declared[-1].shape
            if size(shape) > MOST_NUMBERS:
                raise SpecError(f"makes {size(shape):,} numbers of each example; at most {MOST_NUMBERS:,} are accepted")
        except SpecError as error:
            raise error.below("layers", i) from None
    return declared


def parameters(declared: Sequence[Declaration]) -> int:
    """How many one replicate has."""
    return sum(size(shape) for one in declared for shape, _, _ in one.params.values())


class Network:
    """Layers chained, their parameters in `theta` (R, P), gradients in `grad`, running statistics in `buffers` (R, Q).

    nodes: layers, or what a spec writes for them; a layer serves one network only.
    input_shape: of one example, channels last; an int for a flat row.
    Raises SpecError, with the layer's index, for every node that is no layer or, if all are, for the first layer that
    cannot take the shape before it.
    """

    def __init__(
        self,
        nodes: Sequence[Like[Layer]],
        input_shape: int | Sequence[int],
        streams: Streams | None = None,
        dtype: Any = np.float32,
        name: str = "network",
    ):
        self.streams = streams or Streams(0)
        self.name, self.dtype = name, np.dtype(dtype)
        self.layers = _layers(nodes)
        self.input_shape: Shape = (int(input_shape),) if isinstance(input_shape, int | np.integer) else tuple(input_shape)
        declared = outline(self.layers, self.input_shape)
        for i, layer in enumerate(self.layers):
            layer.path = f"{name}/{i}.{layer.type}"
        self.shapes: list[Shape] = [d.shape for d in declared]  # what each layer gives, of one example
        self.output_shape = self.shapes[-1] if self.shapes else self.input_shape
        r, p = self.streams.replicates, parameters(declared)
        needed, there = 2 * r * p * self.dtype.itemsize, memory()
        if needed > there:
            text = f"{r * p:,} parameters and their gradients take {amount(needed)}, this machine has {amount(there)}"
            raise SpecError(text, ("layers",))
        self.theta = np.zeros((r, p), self.dtype)
        self.grad = np.zeros_like(self.theta)
        self.buffers = np.zeros((r, sum(size(s) for d in declared for s, _ in d.buffers.values())), self.dtype)
        self.slices: dict[str, slice] = {}  # "0.dense" -> the layer's part of theta
        self._parts: dict[str, tuple[slice, Shape]] = {}
        self._views: dict[str, tuple[Array, Array]] = {}
        self._aims: list[tuple[Layer, str, Array, Array]] = []
        self._place(declared)
        trained = [i for i, d in enumerate(declared) if d.params]
        self.first = trained[0] if trained else len(self.layers)  # layer that learns

    def _place(self, declared: list[Any]) -> None:
        r, p, q = len(self.theta), 0, 0
        for i, (layer, needs) in enumerate(zip(self.layers, declared, strict=True)):
            key, start = f"{i}.{layer.type}", p
            for name, (shape, init, fan) in needs.params.items():
                part = slice(p, p := p + size(shape))
                w, dw = self.theta[:, part].reshape(r, *shape), self.grad[:, part].reshape(r, *shape)
                w[...] = init.draw(self.streams[f"{self.name}/{key}/{name}"], shape, fan, self.dtype)
                setattr(layer, name, w)
                setattr(layer, f"d{name}", dw)
                self._parts[f"{key}.{name}"], self._views[f"{key}.{name}"] = (part, shape), (w, dw)
                self._aims.append((layer, f"d{name}", w, dw))
            if p > start:
                self.slices[key] = slice(start, p)
            for name, (shape, value) in needs.buffers.items():
                view = self.buffers[:, q : (q := q + size(shape))].reshape(r, *shape)
                view[...] = value
                setattr(layer, name, view)

    @property
    def mixes_examples(self) -> bool:
        """Whether the output of one example depends on the rest of its batch."""
        return any(layer.mixes_examples for layer in self.layers)

    def parameters(self) -> dict[str, Array]:
        """Views by name, such as "0.dense.w"."""
        return {name: w for name, (w, _) in self._views.items()}

    def gradients(self) -> dict[str, Array]:
        """Views by the same names."""
        return {name: dw for name, (_, dw) in self._views.items()}

    def views(self, of: Array) -> dict[str, Array]:
        """Views, by the same names, of another array (R, P)."""
        return {name: of[:, part].reshape(len(of), *shape) for name, (part, shape) in self._parts.items()}

    def forward(self, x: Array, mode: Mode | None = None, upto: int | None = None) -> tuple[Array, Callable[..., Array | None]]:
        """x: (R, B, *input_shape) -> y: (R, B, *output_shape), and `backward(dy, params=True, inputs=True)`.

        upto: how many layers x passes through, if not all.
        x and dy are converted to the network's dtype. Raises ValueError for an x of another shape.
        """
        x, mode = self._taken(x), mode or Mode(self.streams)
        backwards = []
        for layer in self.layers[:upto]:
            x, backward = layer.forward(x, mode)
            backwards.append(backward)

        def back(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dx: Array | None = np.asarray(dy, self.dtype)
            for i in reversed(range(len(backwards))):
                if not inputs and i < self.first:
                    return None  # nothing below learns
                dx = backwards[i](dx, params=params, inputs=inputs or i > self.first)
            return dx

        return x, back

    def aim(self, at_weights: bool) -> None:
        """Let backward passes add to the weights themselves, or, as ever, to `grad`."""
        for layer, name, w, dw in self._aims:
            setattr(layer, name, w if at_weights else dw)

    def __call__(self, x: Array) -> Array:
        """y outside training: running statistics, no dropout."""
        return self.forward(x, Mode(self.streams, train=False, record=False))[0]

    def _taken(self, x: Array) -> Array:
        x = np.asarray(x, self.dtype)
        r = len(self.theta)
        if x.ndim < 2 or len(x) != r or x.shape[2:] != self.input_shape:
            expected = ", ".join(map(str, (r, "B", *self.input_shape)))
            raise ValueError(f"x has shape {x.shape}, expected ({expected}): replicates, batch, then one example's shape")
        return x

    def __reduce__(self) -> Any:
        """Refuse to be copied or pickled: the layers of a copy would no longer be views of its `theta`."""
        raise TypeError("a network cannot be copied or pickled: build it anew from its nodes and fill theta[:] and buffers[:]")

    def walk(self, x: Array, mode: Mode) -> Iterator[tuple[str, Array]]:
        """Each layer's key and output, from first to last."""
        x = self._taken(x)
        for i, layer in enumerate(self.layers):
            x, _ = layer.forward(x, mode)
            yield f"{i}.{layer.type}", x


def _layers(nodes: Sequence[Like[Layer]]) -> list[Layer]:
    """The nodes as layers, none of which is in a network yet. Raises SpecError naming every mistake."""
    made: list[Layer] = []
    problems = Problems()
    for i, node in enumerate(nodes):
        with problems.below("layers", i):
            layer = Layer.of(node)
            if layer.path or any(layer is other for other in made):
                raise SpecError("this layer is in a network already, and its weights can be in one place only: make a new one")
            made.append(layer)
    problems.tell()
    return made
