"""The fully connected layer."""

from __future__ import annotations

from dessine.nn.activations import Activation
from dessine.nn.algebra import add_product, product
from dessine.nn.bias import bend
from dessine.nn.initialisers import Initialiser, Zeros
from dessine.nn.layer import Array, Backward, Declaration, Layer, Mode, Shape, Wanted, flat, layers, size
from dessine.registry import Count, Like


@layers.register("dense")
class Dense(Layer):
    """Weighted sums plus a bias, then an activation: y = f(x w + b).

    units: number of outputs
    activation: f
    init: how the weights w start; the biases start at 0
    bias: whether there is a b
    x: (R, B, *features), seen as one flat row -> (R, B, units).
    """

    affine = True
    w: Array
    dw: Array
    b: Array
    db: Array

    def __init__(
        self,
        units: Count,
        activation: Like[Activation] = "linear",
        init: Like[Initialiser] = "xavier",
        bias: bool = True,
    ):
        self.units, self.bias = units, bias
        self.activation = Activation.of(activation)
        self.init = Initialiser.of(init)

    def declare(self, shape: Shape) -> Declaration:
        n, m = size(shape), self.units
        made = Declaration((m,), {"w": ((n, m), self.init, (n, m))})
        if self.bias:
            made.params["b"] = ((1, m), Zeros(), (n, m))
        return made

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        shape, x = x.shape, flat(x)
        y, through = bend(product(x, self.w), self.b if self.bias else None, self.activation)

        def backward(dy: Array, params: Wanted = True, inputs: bool = True) -> Array | None:
            da = through(dy, self.db if params and self.bias else None)
            dx = product(da, self.w.mT).reshape(shape) if inputs else None
            if params:
                add_product(self.dw, x, da, overwrite=params == "first")
            return dx

        return y, backward
