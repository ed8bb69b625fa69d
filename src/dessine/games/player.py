"""A player is a network that can move. Whose turn it is belongs to the game."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np
from annotated_types import MaxLen, MinLen

from dessine.constraints import Constraint
from dessine.games.gauge import Gauge
from dessine.nn import Activation, Layer, Network, ending
from dessine.nn.layer import Declaration, size
from dessine.nn.network import Place, outline, parameters, places
from dessine.node import Node
from dessine.optimizers import Optimizer
from dessine.registry import Like, Path, SpecError
from dessine.schedules import Scheduled
from dessine.streams import Streams

Array = np.ndarray


class Player(Node):
    """A network, the optimizer that moves it, and what its parameters must keep to.

    layers: from the first to the last
    optimizer: how it learns
    constraint: what its parameters are held to at each step
    """

    network: Network
    gauge: Gauge | None = None
    limited: Array  # (R,), steps whose gradient was limited, of those counted
    counted: int

    def __init__(
        self,
        layers: Annotated[list[Layer], MinLen(1), MaxLen(1_000)],
        optimizer: Like[Optimizer] = "adam",
        constraint: Like[Constraint] | None = None,
    ):
        self.layers = [Layer.of(layer) for layer in layers]
        self.declared: list[Declaration] = []  # what they need, known once outlined
        self.optimizer = Optimizer.of(optimizer)
        self.constraint = None if constraint is None else Constraint.of(constraint)

    def outline(self, input_shape: tuple[int, ...], name: str) -> tuple[int, ...]:
        """The shape of what the last layer gives, before anything is allocated.

        Raises SpecError, with the player's name before the layer, where shapes, or constraint and layers, do not fit.
        """
        try:
            self.declared = outline(self.layers, input_shape)
            self._refuse_what_cannot_learn()
            if self.constraint is not None:
                self.constraint.refuse(self.layers, self.declared)
        except SpecError as error:
            raise error.below(name) from None
        return self.declared[-1].shape if self.declared else input_shape

    def places(self) -> Iterator[Place]:
        """Every layer, those that others hold, too; none before shapes are known to fit."""
        return places(self.layers, self.declared) if self.declared else iter(())

    def labelled(self) -> list[tuple[Path, Layer]]:
        """Every layer that is told classes, with its path, known before shapes are."""
        return list(_labelled(self.layers, ("layers",)))

    def tell_classes(self, count: int | None, name: str) -> None:
        """How many there are; None where the data have no labels. Raises SpecError, with the player's name before the layer."""
        for path, layer in self.labelled():
            if count is None:
                raise SpecError(f"{layer.type} is told the class of an example, but these data have no labels", (name, *path))
            if layer.classes not in (None, count):
                text = f"the data have {count} classes, not {layer.classes}: leave it out"
                raise SpecError(text, (name, *path, "classes"))
            layer.classes = count

    def scheduled(self) -> Iterator[tuple[str, Scheduled]]:
        """Whose numbers may move: the optimizer and the constraint, each by no name, and layers by theirs, "2.dropout"."""
        yield "", self.optimizer
        if self.constraint is not None:
            yield "", self.constraint
        yield from ((place.key, place.layer) for place in self.places() if isinstance(place.layer, Scheduled))

    def numbers(self, batch: int) -> tuple[int, int]:
        """How many one replicate keeps for its parameters, and for one example of a batch that passes; known once outlined.

        Of each parameter there is its gradient, and what the optimizer keeps; of what layers make of an example, its error.
        """
        made = sum(size(one.shape) + one.between for one in self.declared)
        return (2 + len(self.optimizer.names())) * parameters(self.declared), 2 * made + sum(
            one.pairs for one in self.declared
        ) * batch // 2

    def build(self, input_shape: tuple[int, ...], streams: Streams, dtype: Any, name: str) -> None:
        """Allocate the network. Raises SpecError, as `outline` does."""
        self.outline(input_shape, name)
        try:
            self.network = Network(self.layers, input_shape, streams, dtype, name)
            if self.constraint is not None:
                self.constraint.attach(self.network)
            self.count_anew()
        except SpecError as error:
            raise error.below(name) from None

    def architecture(self) -> list[dict[str, Any]]:
        """Each layer's type, the shape of what it gives, and how many parameters one replicate of it has."""
        return [
            {"layer": layer.type, "output": list(needs.shape), "parameters": parameters([needs])}
            for layer, needs in zip(self.layers, self.declared, strict=True)
        ]

    def _refuse_what_cannot_learn(self) -> None:
        for place in self.places():
            for option, value in vars(place.layer).items():
                if isinstance(value, Activation) and not value.differentiable:
                    text = f"one cannot train through {value.type}: it has no useful gradient; use a steep sigmoid"
                    raise SpecError(text, (*place.path, option))

    def last_activation(self) -> Activation | None:
        """What the outputs go through at the end, if it is a layer's own or a layer by itself."""
        return ending.last_activation(self.layers)

    def read_as_logits(self, squash: str = "sigmoid") -> None:
        """Replace a final `squash`, sigmoid or softmax, by its logits."""
        ending.read_as_logits(self.layers, squash)

    @property
    def is_penalised(self) -> bool:
        """Whether its constraint adds a penalty to its loss, for which it needs real and generated examples at once."""
        return self.constraint is not None and type(self.constraint).penalty is not Constraint.penalty

    def learn(self, backward: Callable[..., Array | None], dy: Array) -> None:
        """Move along what one backward pass tells. dy: dE/dy of the network's last outputs."""
        if self.optimizer.plain and self.constraint is None:
            self._descend(backward, dy)
        else:
            backward(dy, params="first", inputs=False)
            self.move()

    def _descend(self, backward: Callable[..., Array | None], dy: Array) -> None:
        """Gradient descent without a gradient.

        Gradients are linear in dy: a backward pass that starts with -eta dy and adds to the weights is the whole move.
        """
        net = self.network
        if self.gauge is not None:
            backward(dy, inputs=False)
            self.gauge.before(net, self.optimizer)
            net.grad.fill(0)
        net.aim(at_weights=True)
        try:
            backward(dy * -self.optimizer.eta, inputs=False)
        finally:
            net.aim(at_weights=False)
        self.optimizer.t += 1
        if self.gauge is not None:
            self.gauge.after(net, Constraint())

    def move(self) -> None:
        """Step along the gradient, constrain, clear."""
        self.pull_back()
        self.step()

    @property
    def held(self) -> Constraint:
        """What holds it, be it nothing."""
        return self.constraint or Constraint()

    @property
    def moved(self) -> Array:
        """What its optimizer moves, (R, P): the parameters, or what its constraint makes them from."""
        return self.held.moved(self.network)

    def pull_back(self) -> None:
        """Make of the gradient the one by what the optimizer moves."""
        self.held.pull_back_(self.network)

    def step(self, amend: Callable[[Array], None] | None = None) -> None:
        """The half of a move that follows: step along the gradient, constrain, clear. With a limit, limited ones are counted.

        amend: may change what the optimizer has moved, (R, P), in place, before it is constrained
        """
        net, held = self.network, self.held
        if self.gauge is not None:
            self.gauge.before(net, self.optimizer)
        if amend is None:
            held.step(net, self.optimizer)
        else:
            self.optimizer.step(self.moved, net.grad, clear=True)
            amend(self.moved)
            held.apply_(net)
        if self.optimizer.limit is not None:
            self.limited, self.counted = self.limited + self.optimizer.over, self.counted + 1
        if self.gauge is not None:
            self.gauge.after(net, held)

    def count_anew(self) -> None:
        """Of limited steps."""
        self.limited, self.counted = np.zeros(len(self.network.theta), np.int64), 0

    def decay_from(self, there: Array) -> None:
        """Let the gradient be such that the next step has the weight decay of `there`, (R, P), and not of where it starts."""
        if decay := self.optimizer.weight_decay:
            self.network.grad += (there - self.moved) * self.network.dtype.type(decay)

    def look_ahead(self, plain: bool = False) -> None:
        """A step, not measured, to where one looks and comes back. plain: theta - eta * gradient, whatever the optimizer, with
        its weight decay."""
        net, held = self.network, self.held
        if not plain:
            held.step(net, self.optimizer)
            return
        w = self.moved
        self.decay_from(w + w)
        w -= net.grad * net.dtype.type(self.optimizer.eta)
        net.grad.fill(0)
        held.apply_(net)

    def way_back(self, optimizer: bool = False) -> Callable[[], None]:
        """A function that brings the parameters back to where they are now; and what the optimizer keeps, if so."""
        theta, held = self.network.theta.copy(), self.held.state()
        kept = self.optimizer.state() if optimizer else None

        def back() -> None:
            self.network.theta[...] = theta
            self.held.restore(held)
            if kept is not None:
                self.optimizer.restore(kept)

        return back

    def state(self) -> dict[str, Array]:
        """Everything that training changes, random streams apart."""
        slots = {f"optimizer.{name}": value for name, value in self.optimizer.state().items()}
        held = {f"constraint.{name}": value for name, value in self.constraint.state().items()} if self.constraint else {}
        limited = {} if self.optimizer.limit is None else {"limited": self.limited, "counted": np.array(self.counted)}
        return {"theta": self.network.theta, "buffers": self.network.buffers, **slots, **held, **limited}

    def restore(self, state: dict[str, Array]) -> None:
        """Go back to what `state()` returned."""
        self.network.theta[...] = state["theta"]
        self.network.buffers[...] = state["buffers"]
        self.network.grad.fill(0)
        self.optimizer.restore({k.removeprefix("optimizer."): v for k, v in state.items() if k.startswith("optimizer.")})
        if self.constraint is not None:
            self.constraint.restore({k.removeprefix("constraint."): v for k, v in state.items() if k.startswith("constraint.")})
        if self.optimizer.limit is not None:
            self.limited, self.counted = np.array(state["limited"]), int(state["counted"])


def _labelled(layers: Sequence[Layer], path: Path) -> Iterator[tuple[Path, Layer]]:
    for i, layer in enumerate(layers):
        if layer.labelled:
            yield (*path, i), layer
        for option, row in layer.held().items():
            yield from _labelled(row, (*path, i, option))


@contextmanager
def measured(players: Mapping[str, Player]) -> Iterator[dict[str, dict[str, Any]]]:
    """Inside it players are measured. What it yields holds, at its end, what the last move of each has done: what -> player.

    Whether a move is measured must not change it.
    """
    told: dict[str, dict[str, Any]] = {}
    for player in players.values():
        player.gauge = Gauge()
    try:
        yield told
    finally:
        for name, player in players.items():
            for what, value in player.gauge.told.items() if player.gauge else ():
                told.setdefault(what, {})[name] = value
            player.gauge = None
