"""What a network must satisfy: a set its parameters are kept in, or a penalty that draws it there.

A constraint knows the network, and what the optimizer moves in its stead. Whose network, and when it moves, belong to the game.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from dessine.nn import Mode, Network
from dessine.registry import Node, Positive, Registry
from dessine.streams import Stream

Array = np.ndarray

constraints: Registry[Constraint] = Registry("constraint")


class Constraint(Node):
    """A hold on one network; as it stands here it holds nothing.

    The order of one move: gradients are added up, `penalty` adds its own, `pull_back_`, the optimizer steps along
    `network.grad` in `moved`, `apply_`.
    """

    registry = constraints

    def attach(self, network: Network) -> None:
        """Take hold, once, when the parameters have their first values. Raises SpecError where it does not fit."""

    def penalty(self, network: Network, real: Array, generated: Array, mode: Mode, stream: Stream) -> Array | None:
        """What is added to the loss, (R,), its gradient being added to `network.grad`; None if there is nothing to add.

        real, generated: (R, B, *shape), what the network has just judged. mode: how its layers are passed. stream: for what
        the penalty itself draws.
        """
        return None

    def pull_back_(self, network: Network) -> None:
        """Make of `network.grad` the gradient with respect to what the optimizer moves, in place."""

    def moved(self, network: Network) -> Array:
        """What the optimizer moves, (R, P): the parameters, or what stands behind them."""
        return network.theta

    def apply_(self, network: Network) -> None:
        """After the step: bring the parameters to where they must be, in place."""

    def state(self) -> dict[str, Array]:
        """Copies of all that the next step depends on, beyond parameters and options."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from what `state` returned."""

    def measure(self, network: Network) -> dict[str, Array]:
        """Numbers (R,) worth watching, by name."""
        return {}


@constraints.register("clip")
class Clip(Constraint):
    """Clip every weight and every bias to [-c, c] (Arjovsky et al. 2017, algorithm 1).

    c: the largest absolute value that a parameter may have
    After each step, in whatever layer; and before the first, so that no generator ever meets a critic from outside the set.
    `clipped` is the share of parameters on the bounds: at 1, c alone decides what the critic is.
    """

    def __init__(self, c: Positive = 0.01):
        self.c = c

    def attach(self, network: Network) -> None:
        """The first critic is clipped, too."""
        self.apply_(network)

    def apply_(self, network: Network) -> None:
        """Entries beyond the bounds move onto them; NaN stays NaN."""
        np.clip(network.theta, -self.c, self.c, out=network.theta)

    def measure(self, network: Network) -> dict[str, Array]:
        """The share of parameters at -c or c."""
        return {"clipped": (np.abs(network.theta) >= network.dtype.type(self.c)).mean(-1)}


@constraints.register("rescale")
class Rescale(Constraint):
    """Scale a layer's weights by c / max|w| where that maximum is over c: the students' code, for the record.

    c: the largest absolute value that a weight may have
    It is not clipping. All weights of a layer shrink with its largest one, so that each goes on pointing the same way, while
    clipping leaves the small ones alone; and biases are left free, so that the set is not compact, which the theorem asks for.
    """

    def __init__(self, c: Positive = 0.01):
        self.c = c

    def attach(self, network: Network) -> None:
        """The first critic is scaled, too."""
        self.apply_(network)

    def apply_(self, network: Network) -> None:
        """Each layer's `w`, in each replicate by its own maximum."""
        for _, w in weights(network):
            largest = np.abs(w).max(tuple(range(1, w.ndim)), keepdims=True)
            w *= self.c / np.maximum(largest, w.dtype.type(self.c))


def weights(network: Network) -> Iterator[tuple[str, Array]]:
    """The name and the weights (R, ...) of every layer that multiplies its input by weights: biases and scales are others."""
    for name, w in network.parameters().items():
        if name.endswith(".w"):
            yield name, w
