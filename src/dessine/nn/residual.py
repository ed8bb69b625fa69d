"""A layer that holds layers, and adds what they make of its input to that input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import MaxLen, MinLen

from dessine.nn.conv import Conv2d
from dessine.nn.dense import Dense
from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, Wanted, layers, size
from dessine.nn.network import first_to_learn, outline, pass_through
from dessine.registry import SpecError


@layers.register("residual")
class Residual(Layer):
    """What layers make of an input, plus the input: y = F(x) + x, so that they learn a change (He et al. 2016).

    layers: F, from the first to the last
    shortcut: how x goes around F. identity: as it is; linear: multiplied by weights, without a bias; null: identity where F
        keeps its shape, else linear; or a list of layers of its own, such as [{type: upsample}] beside an F that makes images
        larger
    x: (R, B, *shape) -> what F makes of it, (R, B, *made). A linear shortcut is a dense layer for rows; for images a conv2d of
    kernel 1, with the stride that F has. An activation of the sum is a layer after this one. The key of a parameter says where
    it stands: 2.residual.0.conv2d.w, 2.residual.shortcut.0.dense.w.
    """

    def __init__(
        self,
        layers: Annotated[list[Layer], MinLen(1), MaxLen(1_000)],
        shortcut: Literal["identity", "linear"] | Annotated[list[Layer], MaxLen(1_000)] | None = None,
    ):
        self.layers = [Layer.of(layer) for layer in layers]
        self.shortcut = [Layer.of(layer) for layer in shortcut] if isinstance(shortcut, list) else shortcut
        held = [layer for row in self.held().values() for layer in row]
        self.mixes_examples = any(layer.mixes_examples for layer in held)
        self.draws = any(layer.draws for layer in held)
        self.around: list[Layer] = []  # the layers of the shortcut, known after `declare`

    def held(self) -> dict[str, Sequence[Layer]]:
        return {"layers": self.layers, "shortcut": self.shortcut if isinstance(self.shortcut, list) else []}

    def declare(self, shape: Shape) -> Declaration:
        inside = outline(self.layers, shape)
        made = inside[-1].shape
        self.around = self._around(shape, made)
        beside = outline(self.around, shape, "shortcut")
        brought = beside[-1].shape if beside else shape
        if brought != made:
            text = (
                f"the layers make {list(made)} of {list(shape)}, the shortcut {list(brought)}: only equal shapes can be added"
            )
            raise SpecError(text, ("shortcut",))
        self.first = first_to_learn(inside), first_to_learn(beside)
        between = sum(size(needs.shape) + needs.between for needs in [*inside, *beside])
        pairs = sum(needs.pairs for needs in [*inside, *beside])
        rows = {"layers": (self.layers, inside), "shortcut": (self.around, beside)}
        return Declaration(made, between=between, pairs=pairs, rows=rows)

    def _around(self, shape: Shape, made: Shape) -> list[Layer]:
        """The layers of the shortcut. Raises SpecError where weights alone do not lead from `shape` to `made`."""
        if isinstance(self.shortcut, list):
            return self.shortcut
        if self.shortcut == "identity" or (self.shortcut is None and made == shape):
            return []
        if len(made) == len(shape) == 1:
            return [Dense(made[0], bias=False)]
        if len(made) == len(shape) == 3 and made[0] <= shape[0] and made[1] <= shape[1]:
            stride = [-(-n // m) for n, m in zip(shape[:2], made[:2], strict=True)]
            return [Conv2d(made[2], kernel=1, stride=stride, bias=False)]
        text = (
            f"weights alone do not lead from {list(shape)} to {list(made)}: give a list of layers, such as [{{type: upsample}}]"
        )
        raise SpecError(text, ("shortcut",))

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        y, back = pass_through(self.layers, self.first[0], x, mode)
        short, back_short = pass_through(self.around, self.first[1], x, mode)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            dx, dx_short = back(dy, params, inputs), back_short(dy, params, inputs)
            return dx + dx_short if dx is not None and dx_short is not None and inputs else None

        return y + short, backward
