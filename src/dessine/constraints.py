"""What a network must satisfy: a set its parameters are kept in, or a penalty that draws it there.

A constraint knows the network, and what the optimizer moves in its stead. Whose network, and when it moves, belong to the game.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from dessine.nn import Mode, Network
from dessine.nn.algebra import add_product
from dessine.nn.layer import Declaration, Layer
from dessine.nn.network import places
from dessine.nn.tangent import refuse_along
from dessine.nn.together import is_straight, together
from dessine.nn.twice import twice
from dessine.node import Node
from dessine.optimizers import Optimizer
from dessine.registry import Registry, SpecError, Times
from dessine.schedules import MovingNonNegative, MovingPositive, Scheduled
from dessine.streams import Stream

Array = np.ndarray
Judged = Callable[..., Array]

constraints: Registry[Constraint] = Registry("constraint")


class Constraint(Scheduled, Node):
    """A hold on one network; as it stands here it holds nothing.

    The order of one move: gradients are added up, `penalty` adds its own, `pull_back_`, and `step`: the optimizer's along
    `network.grad` in `moved`, and `apply_`.
    """

    registry = constraints

    def refuse(self, layers: Sequence[Layer], declared: Sequence[Declaration]) -> None:
        """Raises SpecError where it does not fit a network of these layers, before that is made."""

    def attach(self, network: Network) -> None:
        """Take hold, once, when the parameters have their first values."""

    def penalty(self, network: Network, real: Array, generated: Array, mode: Mode, stream: Stream) -> Array | None:
        """What is added to the loss, (R,), its gradient being added to `network.grad`; None if there is nothing to add.

        real, generated: (R, B, *shape), what the network has just judged. mode: how its layers are passed, with labels, if any,
        of both sides, (R, 2 B). stream: for what the penalty itself draws.
        """
        return None

    def judge(self, network: Network, real: Array, generated: Array, mode: Mode, stream: Stream) -> tuple[Array, Judged]:
        """What the network says of both, (R, 2 B, ...), and `backward(dy, first=False)`: it adds the gradients of loss and
        penalty to `network.grad`, and returns the penalty. first: that was 0. For those who have a penalty."""
        y, back = network.forward(np.concatenate([real, generated], 1), mode)

        def backward(dy: Array, first: bool = False) -> Array:
            back(dy, params="first" if first else True, inputs=False)
            value = self.penalty(network, real, generated, mode, stream)
            assert value is not None
            return value

        return y, backward

    def pull_back_(self, network: Network) -> None:
        """Make of `network.grad` the gradient with respect to what the optimizer moves, in place."""

    def moved(self, network: Network) -> Array:
        """What the optimizer moves, (R, P): the parameters, or what stands behind them."""
        return network.theta

    def step(self, network: Network, optimizer: Optimizer) -> None:
        """The optimizer's step, which clears the gradient, and what must follow it."""
        optimizer.step(self.moved(network), network.grad, clear=True)
        self.apply_(network)

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

    c: float

    def __init__(self, c: MovingPositive = 0.01):
        self.hold(c=c)

    def attach(self, network: Network) -> None:
        """The first critic is clipped, too."""
        self.apply_(network)

    def step(self, network: Network, optimizer: Optimizer) -> None:
        """Both in one pass."""
        optimizer.step(network.theta, network.grad, clear=True, within=self.c)

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

    c: float

    def __init__(self, c: MovingPositive = 0.01):
        self.hold(c=c)

    def attach(self, network: Network) -> None:
        """The first critic is scaled, too."""
        self.apply_(network)

    def apply_(self, network: Network) -> None:
        """Each layer's `w`, in each replicate by its own maximum."""
        for _, w in weights(network):
            largest = np.abs(w).max(tuple(range(1, w.ndim)), keepdims=True)
            w *= self.c / np.maximum(largest, w.dtype.type(self.c))


@constraints.register("spectral_norm")
class SpectralNorm(Constraint):
    """Every layer works with w / sigma(w), sigma its largest singular value (Miyato et al. 2018).

    iterations: of the power method at each step; it goes on from the last step's vectors
    Of any layer with weights `w`, as the matrix that the layer keeps (a convolution's: window times channels); biases, and the
    gamma and beta of normalisations, are left alone. The optimizer moves w itself, which is kept here; its gradient goes
    through sigma = u' w v too, u and v being taken as given. With activations of slope at most 1 the critic's Lipschitz
    constant is then about 1 or below, for dense layers; overlapping windows of a convolution add to it. About: sigma is
    estimated from below, and lags behind a w that moves fast. `spectral` is a closer estimate of the largest sigma of any
    layer, after ten more iterations. PyTorch's spectral_norm iterates at each pass in training, this one at each step.
    """

    raw: Array

    def __init__(self, iterations: Times = 1):
        self.iterations = iterations
        self.u: dict[str, Array] = {}  # (R, n, 1), the left singular vectors, of the inputs
        self.v: dict[str, Array] = {}  # (R, m, 1)
        self.sigma: dict[str, Array] = {}  # (R, 1, 1)

    def refuse(self, layers: Sequence[Layer], declared: Sequence[Declaration]) -> None:
        """Refuse a network in which there is nothing to divide."""
        if not any(name in place.needs.params for place in places(layers, declared) for name in place.layer.weights):
            raise SpecError("no layer has weights that spectral_norm could divide", ("constraint",))

    def attach(self, network: Network) -> None:
        """Start the vectors at random, and the layers at w / sigma."""
        stream = network.streams[f"{network.name}/spectral_norm"]
        self.raw = network.theta.copy()
        for name, w in weights(network):
            self.u[name] = _unit(stream.gaussian((_matrix(w).shape[1], 1), w.dtype))
            self._iterate(name, _matrix(w), 15)
        self._divide(network)

    def pull_back_(self, network: Network) -> None:
        """d/dw of E(w / sigma) is (g - <g, w / sigma> u v') / sigma, where g is the gradient at w / sigma."""
        gradients = network.gradients()
        for name, w in weights(network):
            g, w = _matrix(gradients[name]), _matrix(w)
            inside = np.vecdot(g.reshape(len(g), -1), w.reshape(len(w), -1))[:, None, None]
            add_product(g, (-inside * self.u[name]).mT, self.v[name].mT)
            g /= self.sigma[name]

    def moved(self, network: Network) -> Array:
        """The weights before they are divided."""
        return self.raw

    def apply_(self, network: Network) -> None:
        """Follow the singular vectors of the new weights, and divide."""
        raw = network.views(self.raw)
        for name in self.u:
            self._iterate(name, _matrix(raw[name]), self.iterations)
        self._divide(network)

    def _iterate(self, name: str, w: Array, times: int) -> None:
        for _ in range(times):
            self.v[name] = _unit(w.mT @ self.u[name])
            self.u[name] = _unit(w @ self.v[name])

    def _divide(self, network: Network) -> None:
        raw = network.views(self.raw)
        network.theta[...] = self.raw
        for name, w in weights(network):
            self._estimate(name, _matrix(raw[name]))
            w /= self.sigma[name].reshape(len(w), *(1,) * (w.ndim - 1))

    def _estimate(self, name: str, w: Array) -> None:
        sigma = self.u[name].mT @ (w @ self.v[name])
        self.sigma[name] = np.where(sigma > 0, sigma, 1)  # weights that are all 0 stay 0

    def state(self) -> dict[str, Array]:
        """The weights before they are divided, what they were divided by, and the vectors."""
        return {"raw": self.raw.copy(), **{name: a.copy() for name, a in self._followed()}}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from what `state` returned."""
        self.raw[...] = state["raw"]
        for name, a in self._followed():
            a[...] = state[name]

    def _followed(self) -> Iterator[tuple[str, Array]]:
        for kind, of in (("u", self.u), ("v", self.v), ("sigma", self.sigma)):
            yield from ((f"{kind}.{name}", a) for name, a in of.items())

    def measure(self, network: Network) -> dict[str, Array]:
        """The largest singular value of any layer's weights."""
        found = []
        for name, w in weights(network):
            w, v = _matrix(w), self.v[name]
            for _ in range(10):
                v = _unit(w.mT @ _unit(w @ v))
            found.append(np.linalg.norm(w @ v, axis=(1, 2)))
        return {"spectral": np.max(found, 0)}


@constraints.register("gradient_penalty")
class GradientPenalty(Constraint):
    """Add weight * mean of (|grad f(x)| - target)^2 to the critic's loss (Gulrajani et al. 2017).

    weight: of the penalty beside the loss
    target: the norm that the critic's gradient by its input should have, in each example
    sides: two penalises norms on either side of the target, one only those above it
    at: interpolated, x = e real + (1 - e) generated with e uniform in [0, 1) for each example; or real, or generated; or both,
        the sum of the two
    f is the first number that the critic says; where classes are told, the two examples that x lies between are of one class.
    With target 0 it is r1, r2 or r1_r2, which go by their names and have half of their gamma as weight.
    Where grad f is 0 the penalty's gradient is taken to be 0. The critic is passed as in training, with one draw of dropout and
    noise for all passes.
    """

    weight: float
    target: float

    def __init__(
        self,
        weight: MovingPositive = 10.0,
        target: MovingNonNegative = 1.0,
        sides: Literal["two", "one"] = "two",
        at: Literal["interpolated", "real", "generated", "both"] = "interpolated",
    ):
        self.hold(weight=weight, target=target)
        self.sides, self.at = sides, at

    def refuse(self, layers: Sequence[Layer], declared: Sequence[Declaration]) -> None:
        """Refuse a critic whose gradient at one example is not its own."""
        for _, path, layer, needs in places(layers, declared):
            if layer.mixes_examples and not needs.rows:
                text = f"{self.type} is of each example alone, which {layer.type} mixes with its batch: take layer_norm"
                raise SpecError(text, path)
        refuse_along(layers, declared)

    def penalty(self, network: Network, real: Array, generated: Array, mode: Mode, stream: Stream) -> Array:
        """The penalty at the chosen points; adds its gradient, which is exact.

        The derivative by each norm, along grad f / |grad f|, goes up the layers once more (nn/twice.py). Against PyTorch's
        double backward, relative: 1e-15 in float64, 4e-7 in float32, for critics of leaky_relu, tanh and softplus. Two backward
        passes, at x + h v and x - h v, would not do: they are wrong by about 1 / h for every unit whose kink lies between them,
        and for a leaky_relu critic 784-512-256-1 by 0.6 to 9 times the gradient itself, for any h that float32 leaves.
        """
        x = self._points(real, generated, stream).astype(network.dtype, copy=False)
        n = real.shape[1]
        y, down, up = twice(network, x, mode.part({"both": slice(None), "generated": slice(n, None)}.get(self.at, slice(n))))
        dy = np.zeros_like(y)
        dy.reshape(*y.shape[:2], -1)[..., 0] = 1
        t, value = self._pull(down(dy))
        up(t)
        return value

    def judge(self, network: Network, real: Array, generated: Array, mode: Mode, stream: Stream) -> tuple[Array, Judged]:
        """In one pass with the penalty's points where the layers allow."""
        if not all(map(is_straight, network.layers)):
            return super().judge(network, real, generated, mode, stream)
        y, down, up = together(network, self._points(real, generated, stream), [real, generated])

        def backward(dy: Array, first: bool = False) -> Array:
            t, value = self._pull(down(dy))
            up(t, first)
            return value

        return y, backward

    def _pull(self, v: Array) -> tuple[Array, Array]:
        """From the gradients v by the points, (R, B, *shape), the derivative of the penalty by them, and its value, (R,)."""
        flat = v.reshape(*v.shape[:2], -1)
        norm = np.sqrt(np.vecdot(flat, flat))
        excess = norm - v.dtype.type(self.target)
        if self.sides == "one":
            excess = np.maximum(excess, 0)
        n = v.shape[1] // 2 if self.at == "both" else v.shape[1]
        t = excess * v.dtype.type(2 * self.weight / n)  # the derivative by each norm
        t /= np.where(norm > 0, norm, 1)
        return v * t.reshape(*t.shape, *(1,) * (v.ndim - 2)), self.weight * (np.square(excess).sum(-1) / n)

    def _points(self, real: Array, generated: Array, stream: Stream) -> Array:
        if self.at == "interpolated":
            e = stream.uniform((real.shape[1], *(1,) * (real.ndim - 2)), real.dtype)
            x = real - generated
            x *= e
            x += generated
            return x
        if self.at == "both":
            return np.concatenate([real, generated], 1)
        return real if self.at == "real" else generated


@constraints.register("r1")
class R1(GradientPenalty):
    """Add gamma / 2 * mean of |grad f(x)|^2 at real examples to the critic's loss (Mescheder et al. 2018).

    gamma: twice the penalty's weight; 10 in their experiments with images, 1 is critical in their Dirac-GAN
    Where the generator is right the critic need not be steep: with it the game converges there, for generators near enough.
    """

    where: ClassVar[Literal["real", "generated", "both"]] = "real"
    gamma: float = 0.0  # until it is given

    def __init__(self, gamma: MovingPositive = 1.0):
        super().__init__(target=0.0, at=self.where)
        self.hold(gamma=gamma)

    def to_turn(self, turn: int) -> None:
        super().to_turn(turn)
        self.weight = self.gamma / 2


@constraints.register("r2")
class R2(R1):
    """Add gamma / 2 * mean of |grad f(x)|^2 at generated examples to the critic's loss (Mescheder et al. 2018).

    gamma: twice the penalty's weight
    """

    where = "generated"


@constraints.register("r1_r2")
class R1R2(R1):
    """Add both r1 and r2, each with its gamma / 2, to the critic's loss: what R3GAN asks for (Huang et al. 2024).

    gamma: twice the weight of either
    """

    where = "both"


def _matrix(w: Array) -> Array:
    """(R, ..., m) -> (R, n, m), a view."""
    return w.reshape(len(w), -1, w.shape[-1])


def _unit(x: Array) -> Array:
    """x / |x|, (R, n, 1); a 0 stays 0."""
    norm = np.sqrt(np.square(x).sum(1, keepdims=True))
    return x / np.where(norm > 0, norm, 1)


def weights(network: Network) -> Iterator[tuple[str, Array]]:
    """The name and the weights (R, ...) of every layer that multiplies its input by weights: biases and scales are others."""
    found = network.parameters()
    for key, _, layer, needs in network.places():
        yield from ((f"{key}.{name}", found[f"{key}.{name}"]) for name in needs.params if name in layer.weights)
