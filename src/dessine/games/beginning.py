"""Where a generator begins: at the mean of what it is to draw, pixel by pixel, which its last biases hold."""

from __future__ import annotations

import numpy as np

from dessine.data import Examples
from dessine.games.player import Player
from dessine.nn import Activate, Activation, Layer
from dessine.nn.shaping import Reshape
from dessine.registry import SpecError

Array = np.ndarray


def last_bias(player: Player) -> tuple[Layer, list[Activation]]:
    """The layer whose biases are added last, and what its sums go through then, the last first; the player is outlined.

    Raises SpecError where there is none, or where an activation has no inverse.
    """
    through: list[Activation] = []
    for layer, needs in zip(reversed(player.layers), reversed(player.declared), strict=True):
        through += [f for f in (getattr(layer, "activation", None), getattr(layer, "function", None)) if f is not None]
        if layer.affine and "b" in needs.params:
            for f in through:
                if f.inverse(np.zeros(1)) is None:
                    raise SpecError(f"no bias makes {f.type} give a mean: end the generator in sigmoid, tanh or linear")
            return layer, through
        if not isinstance(layer, Reshape | Activate):
            raise SpecError(f"the generator's last sums are those of {layer.type}, without biases: end it in dense or conv2d")
    raise SpecError("the generator has no biases")


def begin_at_mean(player: Player, examples: Examples) -> None:
    """Let its last biases be such that sums of 0 give the mean of the examples; a convolution's, the mean of each channel."""
    layer, through = last_bias(player)
    bias = vars(layer)["b"]
    wanted = mean(examples).reshape(-1, bias.shape[-1]).mean(0)
    for f in through:
        inverse = f.inverse(wanted)
        assert inverse is not None
        wanted = inverse
    bias[...] = wanted


def mean(examples: Examples) -> Array:
    """(*shape), in double precision, of as many at a time as there is room for."""
    n, total = len(examples), np.zeros(examples.shape)
    step = examples.at_once(n, np.float64)
    for i in range(0, n, step):
        total += examples.floats(np.arange(i, min(i + step, n)), np.float64).sum(0)
    return total / n
