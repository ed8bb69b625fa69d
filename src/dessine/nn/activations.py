"""Activations: one number in, one number out (softmax: one row). Forward returns its own backward."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.special import erfc, logit

from dessine.compiled import COMPILED, SHARED, enabled, own
from dessine.node import Node
from dessine.registry import NonNegative, Positive, Registry, SpecError
from dessine.threads import mailbox

Array = np.ndarray
Backward = Callable[[Array], Array]
FAR = 1e30
"""Stands for infinity, which times 0 is no number."""
NEAR = 1e-7
"""How near to an end of its values an inverse goes."""
FLAT = 40.0
"""Beyond it swish and gelu are 0 or x to the last digit, and their second derivative is 0."""
activations: Registry[Activation] = Registry("activation")


class Activation(Node):
    """A function applied to every element."""

    registry = activations
    differentiable = True
    least = -math.inf  # no output is smaller
    lowest: float | None = None  # where the output is smallest, if that is not at an end

    def forward(self, x: Array) -> tuple[Array, Backward]:
        """y of x's shape, and the map from dE/dy to dE/dx."""
        raise NotImplementedError

    def bend(self, x: Array) -> Array | float | None:
        """The second derivative at x, 0 where it is made of straight pieces; None if it is not of one number."""
        return None

    def along(self, x: Array, t: Array) -> tuple[Array, Array, Callable[[Array, Array], tuple[Array, Array]]]:
        """f(x), its derivative f'(x) t, and the backward of both, (dy, ds) -> (dx, dt); here of a function of one number.

        Its Jacobian is its own transpose: the backward of `forward` serves up and down.
        """
        y, through = self.forward(x)
        bend = self.bend(x)
        assert bend is not None, f"{self.type} has no second derivative"
        curved = None if isinstance(bend, float) else bend * t

        def backward(dy: Array, ds: Array) -> tuple[Array, Array]:
            dx = through(dy)
            return dx if curved is None else dx + curved * ds, through(ds)

        return y, through(t), backward

    @property
    def bends(self) -> bool:
        """Whether its second derivative is known."""
        return type(self).bend is not Activation.bend or type(self).along is not Activation.along

    def forward_(self, x: Array) -> Backward:
        """The same with y written over x, for callers to whom x belongs: here, `forward`'s backward must not look at x."""
        y, backward = self.forward(x)
        if y is not x:
            x[...] = y
        return backward

    def span(self, low: float, high: float) -> tuple[float, float]:
        """The interval that outputs of inputs from `low` to `high` fill; beyond 1e20 stands for without end.

        Every activation here is monotone, or has one `lowest` point, or, as softmax, is extreme where the others of its row are
        at the other end.
        """
        dip = min(max(self.lowest, low), high) if self.lowest is not None else low
        ends = np.clip(np.array([[low, high], [high, low], [dip, dip]]), -FAR, FAR)
        with np.errstate(over="ignore"):
            y = self.forward(ends)[0]
        return _endless(float(y.min())), _endless(float(y.max()))

    def inverse(self, y: Array) -> Array | None:
        """x where f(x) = y, of double precision; None where it has no inverse. A y at an end, or beyond, is taken a
        ten-millionth within."""
        return None

    def on_logits(self) -> Activation | None:
        """What to put in its place so that a loss on logits sees the same probability; None if it is none."""
        return None


def _endless(x: float) -> float:
    return math.copysign(math.inf, x) if abs(x) > 1e20 else x


@activations.register("linear")
class Linear(Activation):
    """A straight line: slope * x.

    slope: its steepness
    """

    def __init__(self, slope: float = 1.0):
        self.slope = slope

    def forward(self, x: Array) -> tuple[Array, Backward]:
        if self.slope == 1.0:
            return x, lambda dy: dy
        return self.slope * x, lambda dy: self.slope * dy

    def inverse(self, y: Array) -> Array | None:
        return y / self.slope if self.slope else None

    def bend(self, x: Array) -> float:
        return 0.0


@activations.register("sigmoid")
class Sigmoid(Activation):
    """1 / (1 + exp(-mu x)), between 0 and 1.

    mu: slope at the origin, times 4
    """

    least = 0.0

    def __init__(self, mu: Positive = 1.0):
        self.mu = mu

    def forward(self, x: Array) -> tuple[Array, Backward]:
        y = x * (0.5 * self.mu)  # as tanh: it cannot overflow, and is faster than exp
        np.tanh(y, out=y)
        y += 1.0
        y *= 0.5

        def backward(dy: Array) -> Array:
            da = y * y
            np.subtract(y, da, out=da)  # y (1 - y)
            da *= dy
            return da if self.mu == 1.0 else np.multiply(da, self.mu, out=da)

        return y, backward

    def bend(self, x: Array) -> Array:
        t = np.tanh(x * (0.5 * self.mu))
        return (-0.25 * self.mu**2) * t * (1 - t * t)

    def inverse(self, y: Array) -> Array:
        return logit(np.clip(y, NEAR, 1 - NEAR)) / self.mu

    def on_logits(self) -> Activation:
        return Linear(self.mu)


@activations.register("centred_sigmoid")
class CentredSigmoid(Activation):
    """2 / (1 + exp(-mu x)) - 1, between -1 and 1.

    mu: slope at the origin, times 2
    """

    def __init__(self, mu: Positive = 1.0):
        self.mu = mu

    def forward(self, x: Array) -> tuple[Array, Backward]:
        y = x * (0.5 * self.mu)
        np.tanh(y, out=y)
        return y, lambda dy: _through_tanh(y, dy, 0.5 * self.mu)

    def bend(self, x: Array) -> Array:
        t = np.tanh(x * (0.5 * self.mu))
        return (-0.5 * self.mu**2) * t * (1 - t * t)

    def inverse(self, y: Array) -> Array:
        return logit(np.clip((y + 1) / 2, NEAR, 1 - NEAR)) / self.mu


def _through_tanh(y: Array, dy: Array, slope: float) -> Array:
    """slope * (1 - y^2) * dy, in one new array."""
    da = y * y
    np.subtract(1.0, da, out=da)
    da *= dy
    return da if slope == 1.0 else np.multiply(da, slope, out=da)


@activations.register("tanh")
class Tanh(Activation):
    """k * tanh(alpha x).

    k: height
    alpha: steepness
    """

    def __init__(self, k: Positive = 1.0, alpha: Positive = 1.0):
        self.k, self.alpha = k, alpha

    def forward(self, x: Array) -> tuple[Array, Backward]:
        y = np.tanh(x * self.alpha) if self.alpha != 1.0 else np.tanh(x)
        return (y * self.k if self.k != 1.0 else y), lambda dy: _through_tanh(y, dy, self.k * self.alpha)

    def bend(self, x: Array) -> Array:
        t = np.tanh(x * self.alpha)
        return (-2 * self.k * self.alpha**2) * t * (1 - t * t)

    def inverse(self, y: Array) -> Array:
        return np.arctanh(np.clip(y / self.k, NEAR - 1, 1 - NEAR)) / self.alpha


def _pieces(x: Array, below: float) -> Array:
    """x above 0, below x under it: compiled."""
    from dessine.compiled.elements import pieces

    y = np.empty_like(own(x))
    pieces(mailbox(x.size >= SHARED), own(x).reshape(-1), y.reshape(-1), x.dtype.type(below))
    return y


def _through_pieces(y: Array, dy: Array, below: float) -> Array:
    """dy times the slope: 1 where y, or x, is above 0, and `below` elsewhere."""
    if y.size >= COMPILED and enabled() and y.dtype == dy.dtype:
        from dessine.compiled.elements import through_pieces

        da = np.empty_like(own(dy))
        through_pieces(mailbox(y.size >= SHARED), own(y).reshape(-1), own(dy).reshape(-1), da.reshape(-1), dy.dtype.type(below))
        return da
    return np.where(y > 0, dy, dy * below)


@activations.register("relu")
class Relu(Activation):
    """max(x, 0)."""

    least = 0.0

    def forward(self, x: Array) -> tuple[Array, Backward]:
        y = _pieces(x, 0.0) if x.size >= COMPILED and enabled() else np.maximum(x, 0)
        return y, lambda dy: _through_pieces(y, dy, 0.0)

    def forward_(self, x: Array) -> Backward:
        np.maximum(x, 0, out=x)
        return lambda dy: _through_pieces(x, dy, 0.0)

    def bend(self, x: Array) -> float:
        return 0.0


@activations.register("leaky_relu")
class LeakyRelu(Activation):
    """x above 0, alpha * x below.

    alpha: slope below 0
    """

    def __init__(self, alpha: NonNegative = 0.2):
        if alpha > 1:
            raise SpecError(f"must be at most 1, got {alpha}", ("alpha",))
        self.alpha = alpha

    def forward(self, x: Array) -> tuple[Array, Backward]:
        if x.size >= COMPILED and enabled():
            y = _pieces(x, self.alpha)
        else:
            y = x * self.alpha
            np.maximum(x, y, out=y)
        return y, lambda dy: _through_pieces(y, dy, self.alpha)

    def forward_(self, x: Array) -> Backward:
        np.maximum(x, x * self.alpha, out=x)
        return lambda dy: _through_pieces(x, dy, self.alpha)

    def bend(self, x: Array) -> float:
        return 0.0


@activations.register("softplus")
class Softplus(Activation):
    """log(1 + exp(x)), a smooth relu."""

    least = 0.0

    def forward(self, x: Array) -> tuple[Array, Backward]:
        y = np.logaddexp(x, np.zeros((), x.dtype))
        return y, lambda dy: dy * -np.expm1(-y)  # the sigmoid of x, told by y: y may be written over x

    def bend(self, x: Array) -> Array:
        t = np.tanh(0.5 * x)
        return 0.25 * (1 - t * t)


@activations.register("swish")
class Swish(Activation):
    """x times the sigmoid of beta x (Ramachandran et al. 2017); with beta 1 it is SiLU (Elfwing et al. 2018).

    beta: how fast it turns from 0 to x; large, it is a relu
    Its least value, -0.278 / beta, is at x = -1.278 / beta.
    """

    def __init__(self, beta: Positive = 1.0):
        self.beta = beta
        self.lowest, self.least = -1.2784645427610738 / beta, -0.2784645427610738 / beta

    def forward(self, x: Array) -> tuple[Array, Backward]:
        s = self._sigmoid(x)
        y = x * s
        slope = s + self.beta * y * (1 - s)
        return y, lambda dy: dy * slope

    def bend(self, x: Array) -> Array:
        x = np.clip(x, -FLAT / self.beta, FLAT / self.beta)
        s = self._sigmoid(x)
        return self.beta * s * (1 - s) * (2 + self.beta * x * (1 - 2 * s))

    def _sigmoid(self, x: Array) -> Array:
        """Of beta x, to the last digits also where it is tiny."""
        e = np.exp(-np.abs(x) * self.beta)
        return np.where(x < 0, e, 1) / (1 + e)


@activations.register("gelu")
class Gelu(Activation):
    """x times the share of a normal distribution that is below x (Hendrycks and Gimpel 2016).

    form: erf: x (1 + erf(x / sqrt 2)) / 2, exact; tanh: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, their faster
        approximation, off by 0.0005 at most
    Its least value, -0.170, is at x = -0.752.
    """

    def __init__(self, form: Literal["erf", "tanh"] = "erf"):
        self.form = form
        self.lowest, self.least = {
            "erf": (-0.7517915246935645, -0.16997120747990369),
            "tanh": (-0.7524614220710163, -0.170040750571254),
        }[form]

    def forward(self, x: Array) -> tuple[Array, Backward]:
        share, steep, _ = self._share(x)
        slope = share + np.clip(x, -FLAT, FLAT) * steep
        return x * share, lambda dy: dy * slope

    def bend(self, x: Array) -> Array:
        _, steep, curved = self._share(x)
        return 2 * steep + np.clip(x, -FLAT, FLAT) * curved

    def _share(self, x: Array) -> tuple[Array, Array, Array]:
        """What x is multiplied by, its slope, and that one's; beyond `FLAT` they are 0 or 1 to the last digit."""
        x = np.clip(x, -FLAT, FLAT)
        if self.form == "tanh":
            a, c = math.sqrt(2 / math.pi), 0.044715
            t = np.tanh(a * (x + c * x * x * x))
            inner, rest = a * (1 + 3 * c * x * x), 0.5 * (1 - t * t)
            return 0.5 * (1 + t), rest * inner, rest * (6 * a * c * x - 2 * t * inner * inner)
        density = np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
        return 0.5 * erfc(x * -math.sqrt(0.5)), density, -x * density


@activations.register("softmax")
class Softmax(Activation):
    """exp(x) / sum(exp(x)) over the last axis: a probability for each class."""

    least = 0.0

    def forward(self, x: Array) -> tuple[Array, Backward]:
        y = np.exp(x - x.max(-1, keepdims=True))
        y /= y.sum(-1, keepdims=True)
        return y, lambda dy: y * (dy - (dy * y).sum(-1, keepdims=True))

    def along(self, x: Array, t: Array) -> tuple[Array, Array, Callable[[Array, Array], tuple[Array, Array]]]:
        """s = y (t - <y, t>): its Jacobian is its own transpose, too."""
        y, through = self.forward(x)
        gap = t - (y * t).sum(-1, keepdims=True)
        return y, y * gap, lambda dy, ds: (through(dy + ds * gap - t * (ds * y).sum(-1, keepdims=True)), through(ds))

    def on_logits(self) -> Activation:
        return Linear()


@activations.register("heaviside")
class Heaviside(Activation):
    """1 above 0, else 0. Forward only: its slope is 0 wherever it has one, so that nothing can be learnt through it."""

    least = 0.0

    differentiable = False

    def forward(self, x: Array) -> tuple[Array, Backward]:
        def backward(dy: Array) -> Array:
            raise SpecError("heaviside has no useful gradient: one cannot train through it; use a steep sigmoid")

        return (x > 0).astype(x.dtype), backward

    def bend(self, x: Array) -> float:
        return 0.0


def straight(f: Activation) -> tuple[float, float] | None:
    """The slopes below and above 0 of an f of straight pieces through the origin, for those who have a faster form; or None."""
    if isinstance(f, Linear):
        return f.slope, f.slope
    if isinstance(f, LeakyRelu):
        return f.alpha, 1.0
    return (0.0, 1.0) if isinstance(f, Relu) else None
