"""Rules that move a vector of parameters against its gradient.

An optimizer sees flat numbers: what they are weights of belongs to the network, and when to step to the game.

The rules are element by element, so a long vector is worked through in chunks that stay in cache, shared between
threads; the result does not depend, to the last bit, on the size of a chunk or the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import numpy as np

from dessine.compiled import enabled
from dessine.node import Node
from dessine.registry import Positive, Registry
from dessine.schedules import MovingDecay, MovingMomentum, MovingNonNegative, MovingPositive, Scheduled
from dessine.threads import mailbox, share

CHUNK = 524_288
"""Elements from which a vector is cut into jobs: fewer are done in the time that it takes to wake a thread."""

COMPILED = 16_384
"""Parameters from which a compiled loop takes the place of NumPy's passes: fewer do not repay the half second to load it."""

PAST = ("beta1", "beta2", "product1", "product2")
"""What Adam keeps of decays that move."""

optimizers: Registry[Optimizer] = Registry("optimizer")

Views = dict[str, np.ndarray]


class Optimizer(Scheduled, Node):
    """A rule of descent: theta <- theta - eta * direction.

    With weight decay, g + weight_decay * theta stands for the gradient g in every rule. With momentum, every rule's
    direction d is replaced by a velocity: v <- momentum * v + d; theta <- theta - eta * v. That is Polyak's heavy ball,
    theta_(t+1) = theta_t - eta d_t + momentum (theta_t - theta_(t-1)). In a game, whose field turns, a momentum under 0 damps
    (Gidel et al. 2019, "Negative momentum for improved game dynamics"): alternating plain descent on the bilinear game
    circles for ever, and converges with -0.5.
    With a limit, g * min(1, limit / |g|) stands for the gradient g before all this, |g| its norm over all parameters of one
    replicate (Pascanu et al. 2013, algorithm 1). `over` tells, (R,), in which replicates it has just been longer.
    """

    registry = optimizers
    eta: float
    momentum: float
    weight_decay: float
    limit: float | None
    over: np.ndarray

    def __init__(
        self,
        eta: MovingPositive,
        momentum: MovingMomentum = 0.0,
        weight_decay: MovingNonNegative = 0.0,
        limit: MovingPositive | None = None,
    ):
        self.hold(eta=eta, momentum=momentum, weight_decay=weight_decay, limit=limit)
        self.t = 0
        self.slots: dict[str, np.ndarray] = {}
        self._scratch: list[np.ndarray] = []

    @property
    def plain(self) -> bool:
        """Whether a step is theta - eta * gradient, and nothing more."""
        return False

    def step(self, theta: np.ndarray, grad: np.ndarray, clear: bool = False, within: float = math.inf) -> None:
        """Move theta (R, P), C-contiguous, in place; grad, of the same shape, is left as it is, or set to 0 if `clear`.

        within: theta is clipped to [-within, within] after the move, while it is in cache.
        """
        if not theta.flags.c_contiguous or grad.shape != theta.shape:
            raise ValueError("theta must be C-contiguous and grad of its shape")
        for name in self.names():
            if name not in self.slots:
                self.slots[name] = np.zeros_like(theta)
            elif self.slots[name].shape != theta.shape or self.slots[name].dtype != theta.dtype:
                raise ValueError(f"theta is not the array this optimizer has followed: slot '{name}' differs from it")
        self.t += 1
        if self.limit is not None:
            grad = self._within_limit(self.limit, grad, in_place=clear)
        flat = {name: self.slots[name].reshape(-1) for name in self.names()}
        x, g = theta.reshape(-1), grad.reshape(-1)
        if x.size >= COMPILED and enabled():
            self._descend(x, g, flat, clear, within)
            return
        count = -(-theta.size // CHUNK)
        bounds = [theta.size * i // max(count, 1) for i in range(count + 1)]
        share([partial(self._run, x, g, flat, slice(*part), clear, within) for part in pairwise(bounds)])

    def _within_limit(self, limit: float, grad: np.ndarray, in_place: bool) -> np.ndarray:
        norm = np.sqrt(np.square(grad, dtype=np.float64).sum(-1))
        self.over = norm > limit
        if not self.over.any():
            return grad
        factor = np.divide(limit, norm, out=np.ones_like(norm), where=self.over)[:, None].astype(grad.dtype)
        return np.multiply(grad, factor, out=grad if in_place else None)

    def _run(self, x: np.ndarray, g: np.ndarray, slots: Views, part: slice, clear: bool, within: float) -> None:
        size = part.stop - part.start
        try:
            scratch = self._scratch.pop()  # one for each thread that works at once
        except IndexError:
            scratch = np.empty((3, 0), x.dtype)
        if scratch.shape[1] < size or scratch.dtype != x.dtype:
            scratch = np.empty((3, size), x.dtype)
        self._move(x[part], g[part], {name: slot[part] for name, slot in slots.items()}, scratch[:, :size])
        if within < math.inf:
            np.clip(x[part], -within, within, out=x[part])
        if clear:
            g[part].fill(0)  # while it is in cache: later it would have to be fetched anew
        self._scratch.append(scratch)

    def _descend(self, x: np.ndarray, g: np.ndarray, slots: Views, clear: bool, within: float) -> None:
        """The compiled form of `_move`: the same bits."""
        from dessine.compiled.descent import PART, ROLES, descend

        c1, c2, epsilon, scale = self.constants()
        given = (slots.get(name) if name else None for name in (*ROLES[self.type], "velocity"))
        step = self.eta if self.ever("momentum") else self.eta * scale
        numbers = (x.dtype.type(c) for c in (c1, c2, epsilon, self.momentum, self.weight_decay, scale, step, within))
        mail = mailbox(wake=x.size > PART)
        descend(mail, x, g, *given, *numbers, clear)

    def _move(self, x: np.ndarray, g: np.ndarray, s: Views, scratch: np.ndarray) -> None:
        a, b, decayed = scratch
        if self.weight_decay:
            np.multiply(x, self.weight_decay, out=decayed)
            decayed += g
            g = decayed
        d, scale = self.direction(g, s, a, b)
        if "velocity" in s:
            v = s["velocity"]
            v *= self.momentum
            if scale != 1:
                np.multiply(d, scale, out=a)
                d = a
            v += d
            d, scale = v, 1.0
        np.multiply(d, self.eta * scale, out=a)
        x -= a

    def names(self) -> list[str]:
        """The slots this rule keeps."""
        return ["velocity"] if self.ever("momentum") else []

    def constants(self) -> tuple[float, float, float, float]:
        """Two decays, what is added to the root, and the scale of the direction at this step: what the compiled form needs."""
        return 0.0, 0.0, 0.0, 1.0

    def direction(self, g: np.ndarray, s: Views, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
        """Update the slots `s` by the gradient g; the direction is the array returned times the number returned.

        a and b are scratch of g's shape, and the array returned may be one of them. g must not change.
        """
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all that the next step depends on, beyond the options: the slots and the number of steps `t`."""
        return {"t": np.array(self.t, dtype=np.int64), **{name: slot.copy() for name, slot in self.slots.items()}}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned. Raises ValueError if it is the state of another rule."""
        found = sorted(set(state) - {"t"})
        if "t" not in state or found not in ([], sorted(self.names())):
            raise ValueError(f"optimizer '{self.type}' keeps t and {sorted(self.names())}; the state has {sorted(state)}")
        self.t = int(state["t"])
        self.slots = {name: np.array(state[name], order="C") for name in found}


@optimizers.register("gradient_descent")
class GradientDescent(Optimizer):
    """Plain gradient descent: the direction is the gradient.

    eta: learning rate
    momentum: share of the last update that is kept; 0 for none; negative ones damp the turning of a game
    weight_decay: this times the parameters is added to the gradient
    limit: the longest gradient, over all parameters of a replicate; longer ones are shortened to it
    """

    def __init__(
        self,
        eta: MovingPositive = 0.01,
        momentum: MovingMomentum = 0.0,
        weight_decay: MovingNonNegative = 0.0,
        limit: MovingPositive | None = None,
    ):
        super().__init__(eta, momentum, weight_decay, limit)

    @property
    def plain(self) -> bool:
        """Without momentum, decay and limit."""
        return not (self.ever("momentum") or self.ever("weight_decay") or self.ever("limit"))

    def direction(self, g: np.ndarray, s: Views, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
        """The direction is g."""
        return g, 1.0


@optimizers.register("adagrad")
class AdaGrad(Optimizer):
    """Each parameter's steps shrink with the gradients it has seen (Duchi et al. 2011).

    n <- n + g^2; direction g / (sqrt(n) + epsilon).

    eta: learning rate
    epsilon: added to the root, against division by zero
    momentum: share of the last update that is kept; 0 for none; negative ones damp the turning of a game
    weight_decay: this times the parameters is added to the gradient
    limit: the longest gradient, over all parameters of a replicate; longer ones are shortened to it
    """

    def __init__(
        self,
        eta: MovingPositive = 0.01,
        epsilon: Positive = 1e-10,
        momentum: MovingMomentum = 0.0,
        weight_decay: MovingNonNegative = 0.0,
        limit: MovingPositive | None = None,
    ):
        super().__init__(eta, momentum, weight_decay, limit)
        self.epsilon = epsilon

    def names(self) -> list[str]:
        """The sum of squares."""
        return ["squares", *super().names()]

    def constants(self) -> tuple[float, float, float, float]:
        """No decay."""
        return 0.0, 0.0, self.epsilon, 1.0

    def direction(self, g: np.ndarray, s: Views, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
        """g / (sqrt(n) + epsilon)."""
        n = s["squares"]
        np.multiply(g, g, out=a)
        n += a
        np.sqrt(n, out=a)
        a += self.epsilon
        np.divide(g, a, out=a)
        return a, 1.0


def _average(mean: np.ndarray, new: np.ndarray, decay: float, a: np.ndarray) -> None:
    """mean <- decay * mean + (1 - decay) * new, in place; `a` is scratch and may be `new` itself."""
    np.multiply(new, 1 - decay, out=a)
    mean *= decay
    mean += a


def _second_moment(g: np.ndarray, s: Views, decay: float, centered: bool, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The running mean of g^2 or, centred, max(mean of g^2 - (mean of g)^2, 0), which is in `b`.

    The difference of the two means is never negative, but its rounding can be.
    """
    np.multiply(g, g, out=a)
    _average(s["squares"], a, decay, a)
    if not centered:
        return s["squares"]
    _average(s["mean"], g, decay, a)
    np.multiply(s["mean"], s["mean"], out=b)
    np.subtract(s["squares"], b, out=b)
    np.maximum(b, 0, out=b)
    return b


@optimizers.register("rmsprop")
class RmsProp(Optimizer):
    """AdaGrad that forgets: the sum becomes a running mean (Tieleman and Hinton 2012; centred: Graves 2013).

    n <- gamma n + (1 - gamma) g^2; direction g / (sqrt(n) + epsilon). Centred: m <- gamma m + (1 - gamma) g, and
    max(n - m^2, 0) stands under the root. Beware of the centred rule where the gradient is constant: what stands under the root
    falls as gamma^t, so that steps grow up to eta g / epsilon. With the defaults and g = 1 they are 0.02 at step 100, 1.5 at
    1,000 and 200 at 2,000.

    eta: learning rate
    gamma: decay of the running means
    epsilon: added to the root, against division by zero
    centered: divide by the standard deviation of the gradient in place of its root mean square
    momentum: share of the last update that is kept; 0 for none; negative ones damp the turning of a game
    weight_decay: this times the parameters is added to the gradient
    limit: the longest gradient, over all parameters of a replicate; longer ones are shortened to it
    """

    gamma: float

    def __init__(
        self,
        eta: MovingPositive = 0.01,
        gamma: MovingDecay = 0.99,
        epsilon: Positive = 1e-8,
        centered: bool = False,
        momentum: MovingMomentum = 0.0,
        weight_decay: MovingNonNegative = 0.0,
        limit: MovingPositive | None = None,
    ):
        super().__init__(eta, momentum, weight_decay, limit)
        self.hold(gamma=gamma)
        self.epsilon = epsilon
        self.centered = centered

    def names(self) -> list[str]:
        """The mean square and, centred, the mean."""
        return ["squares", *(["mean"] if self.centered else []), *super().names()]

    def constants(self) -> tuple[float, float, float, float]:
        """The decay and its rest."""
        return self.gamma, 1 - self.gamma, self.epsilon, 1.0

    def direction(self, g: np.ndarray, s: Views, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
        """g / (sqrt(n) + epsilon)."""
        n = _second_moment(g, s, self.gamma, self.centered, a, b)
        np.sqrt(n, out=a)
        a += self.epsilon
        np.divide(g, a, out=a)
        return a, 1.0


@optimizers.register("adadelta")
class AdaDelta(Optimizer):
    """Steps in the units of the parameters, from the updates already made (Zeiler 2012, algorithm 1).

    n <- rho n + (1 - rho) g^2; direction d = sqrt(u + epsilon) / sqrt(n + epsilon) * g; u <- rho u + (1 - rho) d^2.
    Centred: m <- rho m + (1 - rho) g, and max(n - m^2, 0) stands for n under the root. u follows d, before eta and
    momentum. Beware of the centred rule where the gradient is constant and above sqrt(epsilon): without variance to
    divide by, each update makes the next one larger, without bound.

    eta: learning rate; 1 in the paper
    rho: decay of the running means
    epsilon: added under both roots; it sets the size of the first steps
    centered: divide by the standard deviation of the gradient in place of its root mean square
    momentum: share of the last update that is kept; 0 for none; negative ones damp the turning of a game
    weight_decay: this times the parameters is added to the gradient
    limit: the longest gradient, over all parameters of a replicate; longer ones are shortened to it
    """

    rho: float

    def __init__(
        self,
        eta: MovingPositive = 1.0,
        rho: MovingDecay = 0.9,
        epsilon: Positive = 1e-6,
        centered: bool = False,
        momentum: MovingMomentum = 0.0,
        weight_decay: MovingNonNegative = 0.0,
        limit: MovingPositive | None = None,
    ):
        super().__init__(eta, momentum, weight_decay, limit)
        self.hold(rho=rho)
        self.epsilon = epsilon
        self.centered = centered

    def names(self) -> list[str]:
        """The mean square, the mean square of the updates and, centred, the mean."""
        return ["squares", "updates", *(["mean"] if self.centered else []), *super().names()]

    def constants(self) -> tuple[float, float, float, float]:
        """The decay and its rest."""
        return self.rho, 1 - self.rho, self.epsilon, 1.0

    def direction(self, g: np.ndarray, s: Views, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
        """sqrt((u + epsilon) / (n + epsilon)) g: one root for the two."""
        n = _second_moment(g, s, self.rho, self.centered, a, b)
        u = s["updates"]
        np.add(n, self.epsilon, out=b)
        np.add(u, self.epsilon, out=a)
        a /= b
        np.sqrt(a, out=a)
        a *= g
        np.multiply(a, a, out=b)
        _average(u, b, self.rho, b)
        return a, 1.0


@optimizers.register("adam")
class Adam(Optimizer):
    """Running means of the gradient and of its square, corrected for their start at 0 (Kingma and Ba 2015).

    m <- beta1 m + (1 - beta1) g; n <- beta2 n + (1 - beta2) g^2;
    direction (m / (1 - beta1^t)) / (sqrt(n / (1 - beta2^t)) + epsilon).
    Where a beta moves, the product of all that it has been stands for beta^t.

    eta: learning rate
    beta1: decay of the mean gradient; may be negative, as momentum may
    beta2: decay of the mean square
    epsilon: added to the root, against division by zero
    momentum: share of the last update that is kept, beyond what beta1 does; 0 for none, may be negative
    weight_decay: this times the parameters is added to the gradient
    limit: the longest gradient, over all parameters of a replicate; longer ones are shortened to it
    """

    beta1: float
    beta2: float

    def __init__(
        self,
        eta: MovingPositive = 0.001,
        beta1: MovingMomentum = 0.9,
        beta2: MovingDecay = 0.999,
        epsilon: Positive = 1e-8,
        momentum: MovingMomentum = 0.0,
        weight_decay: MovingNonNegative = 0.0,
        limit: MovingPositive | None = None,
    ):
        super().__init__(eta, momentum, weight_decay, limit)
        self.hold(beta1=beta1, beta2=beta2)
        self.epsilon = epsilon
        self.past: tuple[float, ...] = (self.beta1, self.beta2, 1.0, 1.0)
        self.decays = self.beta1, self.beta2

    def names(self) -> list[str]:
        """The mean and the mean square."""
        return ["mean", "squares", *super().names()]

    @property
    def steady(self) -> bool:
        """Whether both decays stay what they are."""
        return not {"beta1", "beta2"} & self.schedules.keys()

    def step(self, theta: np.ndarray, grad: np.ndarray, clear: bool = False, within: float = math.inf) -> None:
        if not self.steady:
            b1, b2, all1, all2 = self.past
            self.past = self.beta1, self.beta2, all1 * self.beta1, all2 * self.beta2
            # The slots are m / (1 - beta1) and n / (1 - beta2), by the betas of the step before.
            self.decays = self.beta1 * (1 - b1) / (1 - self.beta1), self.beta2 * (1 - b2) / (1 - self.beta2)
        super().step(theta, grad, clear, within)

    def constants(self, t: int | None = None) -> tuple[float, float, float, float]:
        """The bias corrections are numbers: they are moved out of the vectors, into epsilon and scale.

        t: of a step ahead, where the decays are steady.
        """
        t = self.t if t is None else t
        decays, gone = (
            (self.decays, self.past[2:]) if not self.steady else ((self.beta1, self.beta2), (self.beta1**t, self.beta2**t))
        )
        r = math.sqrt((1 - gone[1]) / (1 - self.beta2))
        return *decays, r * self.epsilon, r * (1 - self.beta1) / (1 - gone[0])

    def direction(self, g: np.ndarray, s: Views, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
        """The slots hold m / (1 - beta1) and n / (1 - beta2): two passes over the vector less."""
        m, n = s["mean"], s["squares"]
        beta1, beta2, epsilon, scale = self.constants()
        m *= beta1
        m += g
        n *= beta2
        np.multiply(g, g, out=a)
        n += a
        np.sqrt(n, out=a)
        a += epsilon
        np.divide(m, a, out=a)
        return a, scale

    def state(self) -> dict[str, np.ndarray]:
        """With decays that move, also the last ones, and the products of all: each a number, the same for all repeats."""
        return super().state() | ({} if self.steady else dict(zip(PAST, map(np.array, self.past), strict=True)))

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        if not self.steady and set(PAST) <= state.keys():
            self.past = tuple(float(state[name]) for name in PAST)
            state = {name: value for name, value in state.items() if name not in PAST}
        super().restore(state)
