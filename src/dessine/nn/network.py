"""A network: layers in a row over one flat vector of parameters. What it learns from belongs to losses and games."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dessine.machine import amount, memory
from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, Wanted, size
from dessine.registry import Like, Path, Problems, SpecError
from dessine.streams import Streams

MOST_NUMBERS = 10_000_000
"""That an example may be, between two layers: a hundred times what networks on small images make of one."""
TAKEN = "this layer is in a network already, and its weights can be in one place only: make a new one"


class Place(NamedTuple):
    """Where a layer stands: its key, such as "3.residual.0.conv2d", its path in a spec, and what it needs."""

    key: str
    path: Path
    layer: Layer
    needs: Declaration

    def below(self, option: str) -> str:
        """What the keys of the layers in this option begin with."""
        return f"{self.key}." if option == "layers" else f"{self.key}.{option}."


def places(
    layers: Sequence[Layer], declared: Sequence[Declaration], start: str = "", path: Path = ("layers",)
) -> Iterator[Place]:
    """Every layer, in the order of its parameters; those that one holds come after it. start: what their keys begin with."""
    for i, (layer, needs) in enumerate(zip((layer.itself for layer in layers), declared, strict=True)):
        place = Place(f"{start}{i}.{layer.type}", (*path, i), layer, needs)
        yield place
        for option, (row, their_needs) in needs.rows.items():
            yield from places(row, their_needs, place.below(option), (*place.path, option))


def outline(layers: Sequence[Layer], input_shape: Shape, option: str = "layers") -> list[Declaration]:
    """What each layer needs, for inputs of `input_shape`: nothing is allocated yet.

    Raises SpecError, with `option` and the layer's index, for the first one that cannot take the shape before it.
    """
    declared, shape = [], input_shape
    for i, layer in enumerate(layers):
        try:
            declared.append(layer.declare(shape))
            shape = declared[-1].shape
            if size(shape) > MOST_NUMBERS:
                raise SpecError(f"makes {size(shape):,} numbers of each example; at most {MOST_NUMBERS:,} are accepted")
        except SpecError as error:
            raise error.below(option, i) from None
    return declared


def parameters(declared: Sequence[Declaration]) -> int:
    """How many one replicate has."""
    inner = sum(parameters(row) for one in declared for _, row in one.rows.values())
    return inner + sum(size(shape) for one in declared for shape, _, _ in one.params.values())


def pass_through(layers: Sequence[Layer], first: int, x: Array, mode: Mode) -> tuple[Array, Backward]:
    """x through layers in a row, and back. first: the index of the first one that learns, their number if none does."""
    backwards = []
    for layer in layers:
        x, backward = layer.forward(x, mode)
        backwards.append(backward)

    def back(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
        dx: Array | None = dy
        for i in reversed(range(len(backwards))):
            if not inputs and i < first:
                return None  # nothing below learns
            dx = backwards[i](dx, params=params, inputs=inputs or i > first)
        return dx

    return x, back


def first_to_learn(declared: Sequence[Declaration]) -> int:
    """Its index, or the number of layers if none has parameters."""
    return next((i for i, needs in enumerate(declared) if parameters([needs])), len(declared))


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
        self.declared = declared = outline(self.layers, self.input_shape)
        self.rows: dict[str, list[Layer]] = {"": self.layers}  # and of layers that hold others, by what their keys begin with
        for place in self.places():
            if place.layer.path:
                raise SpecError(TAKEN, place.path)
            place.layer.path = f"{name}/{place.key}"
            self.rows |= {place.below(option): row for option, (row, _) in place.needs.rows.items()}
        self.shapes: list[Shape] = [d.shape for d in declared]  # what each layer gives, of one example
        self.output_shape = self.shapes[-1] if self.shapes else self.input_shape
        r, p = self.streams.replicates, parameters(declared)
        needed, there = 2 * r * p * self.dtype.itemsize, memory()
        if needed > there:
            text = f"{r * p:,} parameters and their gradients take {amount(needed)}, this machine has {amount(there)}"
            raise SpecError(text, ("layers",))
        self.theta = np.zeros((r, p), self.dtype)
        self.grad = np.zeros_like(self.theta)
        self.buffers = np.zeros(
            (r, sum(size(s) for place in self.places() for s, _ in place.needs.buffers.values())), self.dtype
        )
        self.slices: dict[str, slice] = {}  # "0.dense" -> the layer's part of theta
        self._parts: dict[str, tuple[slice, Shape]] = {}
        self._views: dict[str, tuple[Array, Array]] = {}
        self._aims: list[tuple[Layer, str, Array, Array]] = []
        self._place()
        self.first = first_to_learn(declared)  # layer that learns

    def _place(self) -> None:
        r, p, q = len(self.theta), 0, 0
        for key, _, layer, needs in self.places():
            start = p
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

    def places(self) -> Iterator[Place]:
        """Every layer, those that others hold, too."""
        return places(self.layers, self.declared)

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
        y, backward = pass_through(self.layers[:upto], self.first, x, mode)

        def back(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            return backward(np.asarray(dy, self.dtype), params, inputs)

        return y, back

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
                raise SpecError(TAKEN)
            made.append(layer)
    problems.tell()
    return made
