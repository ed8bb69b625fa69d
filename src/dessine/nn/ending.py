"""What a row of layers ends in, and its logits: losses are written on them, and a judge reads them."""

from __future__ import annotations

from collections.abc import Sequence

from dessine.nn.activations import Activation
from dessine.nn.layer import Activate, Layer
from dessine.nn.shaping import Reshape


def last(layers: Sequence[Layer]) -> Layer | None:
    """The layer that the outputs come from: what only puts them into another shape is passed over."""
    return next((layer for layer in reversed(layers) if not isinstance(layer, Reshape)), None)


def last_activation(layers: Sequence[Layer]) -> Activation | None:
    """What the outputs go through at the end, if it is a layer's own or a layer by itself."""
    final = last(layers)
    return getattr(final, "activation", final.function if isinstance(final, Activate) else None)


def read_as_logits(layers: Sequence[Layer], squash: str = "sigmoid") -> None:
    """Replace a final `squash`, sigmoid or softmax, by its logits.

    Losses are written on logits so that they cannot overflow, and a sigmoid before them would be applied twice.
    """
    final = last(layers)
    own = "function" if isinstance(final, Activate) else "activation"
    found = getattr(final, own, None)
    if found is not None and found.type == squash:
        setattr(final, own, found.on_logits() or found)
