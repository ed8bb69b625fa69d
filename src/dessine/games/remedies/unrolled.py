"""Unrolled GANs: the generator moves against the discriminator of some steps later, and knows how it moves that one."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dessine.games.field import same_draws
from dessine.losses import GameLoss
from dessine.nn import Mode, Network
from dessine.nn.tangent import along
from dessine.node import Node
from dessine.optimizers import Adam, Optimizer
from dessine.registry import SpecError, Times
from dessine.schedules import MovingPositive, Scheduled

Array = np.ndarray


class Unrolled(Scheduled, Node):
    """The generator's loss is taken after the discriminator has made so many steps more, and differentiated through them.

    steps: that the discriminator looks ahead, on the batch of this turn; it takes them back after
    eta: learning rate of these steps, if they are plain descent
    by: descent, or own: the discriminator's Adam with its eta and its means as they stand, as in the authors' program
    Metz et al. 2017, equations 9 to 11; the gradient goes through Adam's two means, too. In a zero-sum game, minimax or
    wasserstein, what the discriminator will say of real examples is part of the loss, as it is of their f. Each step takes
    about as long as 6 plain turns (gan_ring).
    """

    eta: float

    # Second derivatives times a vector are exact here (nn/tangent.py). Differences of gradients would be wrong wherever a
    # leaky_relu's kink lay between: for a critic of 128 units a layer by many times the gradient itself.

    def __init__(self, steps: Times = 5, eta: MovingPositive = 0.1, by: Literal["descent", "own"] = "descent"):
        self.hold(eta=eta)
        self.steps, self.by = steps, by

    def refuse(self, optimizer: Optimizer) -> None:
        """Raises SpecError where the discriminator's own steps are none that the gradient can go through."""
        plain = isinstance(optimizer, Adam) and optimizer.steady
        if self.by == "own" and not (plain and not any(map(optimizer.ever, ("momentum", "weight_decay", "limit")))):
            text = "own steps are those of adam, without momentum, weight_decay, limit, and betas that move"
            raise SpecError(f"{text}; else give descent", ("by",))

    def error(
        self,
        critic: Network,
        loss: GameLoss,
        real: Array,
        generated: Array,
        labels: tuple[Array, Array],
        modes: tuple[Mode, Mode],
        optimizer: Optimizer | None = None,
    ) -> tuple[Array, Array]:
        """The value (R,), and its gradient by `generated`, (R, B, ...). labels: of real and generated, (R, B, 1).

        modes: of a pass of real, and of generated examples; optimizer: the critic's, whose state stays as it is
        """
        again, start, steps = same_draws(modes[0].streams), critic.theta.copy(), []
        rule = (
            AdamAhead(optimizer, critic.theta) if self.by == "own" and isinstance(optimizer, Adam) else DescentAhead(self.eta)
        )
        sides, told, n = ((real, modes[0]), (generated, modes[1])), np.concatenate(labels, 1), real.shape[1]
        for _ in range(self.steps):
            steps.append(critic.theta.copy())
            again()
            passes = [critic.forward(x, mode) for x, mode in sides]
            _, dy = loss.critic_of_both(_joined([y for y, _ in passes]), told)
            for (y, backward), part in zip(passes, (dy[:, :n], dy[:, n:]), strict=True):
                backward(part.reshape(y.shape), inputs=False)
            critic.theta[...] -= rule.step(_taken(critic))
        again()
        passes = [critic.forward(x, mode) for x, mode in sides]
        value, dy = loss.generator_ahead(_joined([y for y, _ in passes]))
        (y, back_real), (y_made, back_made) = passes
        back_real(dy[:, :n].reshape(y.shape), inputs=False)
        dx = back_made(dy[:, n:].reshape(y_made.shape))
        assert dx is not None
        dtheta = _taken(critic)
        for theta in reversed(steps):
            critic.theta[...] = theta
            again()
            # Of v, the scalar product with the gradient of the critic's loss.
            v, factor = rule.back(dtheta)
            ways = [along(critic, x, np.zeros_like(x), mode, v) for x, mode in sides]
            logits, slope = _joined([y for y, _, _ in ways]), _joined([s for _, s, _ in ways])
            dv_dy, (_, dv_ds) = loss.critic_along(logits, slope), loss.critic_of_both(logits, told)
            for (y, _, back), side in zip(ways, (slice(n), slice(n, None)), strict=True):
                by_x, _ = back(dv_dy[:, side].reshape(y.shape), dv_ds[:, side].reshape(y.shape))
            dx = dx + factor * by_x  # the last side's, the generated one's
            dtheta = dtheta + factor * _taken(critic)
        critic.theta[...] = start
        return value, dx


class DescentAhead:
    """theta' = theta - eta g, ahead and back."""

    def __init__(self, eta: float):
        self.eta = eta

    def step(self, g: Array) -> Array:
        """What is taken off theta."""
        return self.eta * g

    def back(self, dtheta: Array) -> tuple[Array, float]:
        """From the derivative by theta' to a vector and a factor, whose product is the derivative by g."""
        return dtheta, -self.eta


class AdamAhead:
    """Adam's steps from where its means are, on copies of them; and back through them, the last step first.

    M' = beta1 M + g, N' = beta2 N + g^2, theta' = theta - eta s M' / (sqrt N' + e), with the s and e of the step: as the
    optimizer keeps them, M is the mean over 1 - beta1, N the mean square over 1 - beta2.
    """

    def __init__(self, adam: Adam, theta: Array):
        slots = adam.slots
        self.adam, self.t = adam, adam.t
        self.m = slots["mean"].copy() if "mean" in slots else np.zeros_like(theta)
        self.n = slots["squares"].copy() if "squares" in slots else np.zeros_like(theta)
        self.made: list[tuple[Array, Array, Array, float, float]] = []
        self.dm, self.dn = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g: Array) -> Array:
        """What is taken off theta."""
        self.t += 1
        beta1, beta2, e, s = self.adam.constants(self.t)
        self.m, self.n = beta1 * self.m + g, beta2 * self.n + np.square(g)
        self.made.append((g, self.m, np.sqrt(self.n), e, self.adam.eta * s))
        return self.adam.eta * s * self.m / (self.made[-1][2] + e)

    def back(self, dtheta: Array) -> tuple[Array, float]:
        """As in DescentAhead. Where N' is 0, and g with it, its root has no derivative, and M' is 0, too."""
        g, m, root, e, rate = self.made.pop()
        d = root + e
        dm = self.dm - rate * dtheta / d
        dn = self.dn + rate * dtheta * m / (2 * d * d * np.where(root > 0, root, np.inf))
        self.dm, self.dn = self.adam.beta1 * dm, self.adam.beta2 * dn
        return dm + 2 * g * dn, 1.0


def _joined(said: list[Array]) -> Array:
    """(R, sum of B, 1)."""
    return np.concatenate([y.reshape(*y.shape[:2], 1) for y in said], 1)


def _taken(network: Network) -> Array:
    """The gradients gathered so far, which are cleared."""
    grad = network.grad.copy()
    network.grad.fill(0)
    return grad
