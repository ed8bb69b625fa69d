"""Feature matching: the generator has an aim of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dessine.nn import Layer, Mode, Network
from dessine.node import Node
from dessine.registry import SpecError

Array = np.ndarray


class FeatureMatching(Node):
    """The generator aims at the mean features that a layer of the discriminator sees in real examples (Salimans et al. 2016).

    layer: index, in the discriminator's layers, of the one whose output is matched; negative: from the end
    Its loss is |mean over the real batch - mean over the generated batch|^2, instead of the game's; the critic's stays.
    """

    def __init__(self, layer: int = -2):
        self.layer = layer

    def locate(self, layers: Sequence[Layer]) -> int:
        """How many layers lie up to the matched one. Raises SpecError."""
        n = len(layers)
        if not -n <= self.layer < n:
            raise SpecError(f"the discriminator has {n} layers, 0 to {n - 1}", ("layer",))
        upto = self.layer % n + 1
        if upto == n:
            raise SpecError("is the last layer, whose output is no feature but the answer: take one before it", ("layer",))
        if layers[upto - 1].type == "batch_norm":
            raise SpecError(
                "is a batch_norm, whose means are the same for any batch: take the layer before or after it", ("layer",)
            )
        return upto

    def error(self, critic: Network, real: Array, generated: Array, modes: tuple[Mode, Mode]) -> tuple[Array, Array]:
        """The value (R,), and its gradient by `generated`, (R, B, ...). modes: of a pass of real, and of generated examples."""
        upto = self.locate(critic.layers)
        wanted, _ = critic.forward(real, modes[0], upto)
        shown, backward = critic.forward(generated, modes[1], upto)
        gap = shown.mean(1, keepdims=True) - wanted.mean(1, keepdims=True)
        dy = np.broadcast_to(gap * (2 / shown.shape[1]), shown.shape)
        dx = backward(dy, params=False)
        assert dx is not None
        return np.square(gap, dtype=np.float64).reshape(len(gap), -1).sum(-1), dx
