"""Unrolled GANs: the generator moves against the discriminator of some steps later, and knows how it moves that one."""

from __future__ import annotations

import numpy as np

from dessine.games.field import same_draws
from dessine.losses import GameLoss
from dessine.nn import Mode, Network
from dessine.nn.tangent import along
from dessine.registry import Node, Positive, Times

Array = np.ndarray


class Unrolled(Node):
    """The generator's loss is taken after the discriminator has made so many steps more, and differentiated through them.

    steps: of plain gradient descent that the discriminator looks ahead, on the batch of this turn; it takes them back after
    eta: learning rate of these steps
    Metz et al. 2017, equations 9 to 11, with plain descent as the inner rule. Each step takes about as long as 6 plain
    turns (gan_ring). maxout and minibatch_discrimination cannot take part.
    """

    # Second derivatives times a vector are exact here (nn/tangent.py). Differences of gradients would be wrong wherever a
    # leaky_relu's kink lay between: for a critic of 128 units a layer by many times the gradient itself.

    def __init__(self, steps: Times = 5, eta: Positive = 0.1):
        self.steps, self.eta = steps, eta

    def error(
        self, critic: Network, loss: GameLoss, real: Array, generated: Array, labels: tuple[Array, Array], mode: Mode
    ) -> tuple[Array, Array]:
        """The value (R,), and its gradient by `generated`, (R, B, ...). labels: of real and generated, (R, B, 1)."""
        again, start, steps = same_draws(mode.streams), critic.theta.copy(), []
        sides, told, n = (real, generated), np.concatenate(labels, 1), real.shape[1]
        for _ in range(self.steps):
            steps.append(critic.theta.copy())
            again()
            passes = [critic.forward(x, mode) for x in sides]
            _, dy = loss.critic_of_both(_joined([y for y, _ in passes]), told)
            for (y, backward), part in zip(passes, (dy[:, :n], dy[:, n:]), strict=True):
                backward(part.reshape(y.shape), inputs=False)
            critic.theta[...] -= self.eta * _taken(critic)
        again()
        y, backward = critic.forward(generated, mode)
        if loss.paired:
            y_real, backward_real = critic.forward(real, mode)
            value, dy = loss.generator_of_both(_joined([y_real, y]))
            backward_real(dy[:, :n].reshape(y_real.shape), inputs=False)
            dy = dy[:, n:]
        else:
            value, dy = loss.generator(_joined([y]))
        dx = backward(dy.reshape(y.shape))
        assert dx is not None
        dtheta = _taken(critic)
        for theta in reversed(steps):
            critic.theta[...] = theta
            again()
            # Of v, the scalar product of dtheta with the gradient of the critic's loss.
            ways = [along(critic, x, np.zeros_like(x), mode, dtheta) for x in sides]
            logits, slope = _joined([y for y, _, _ in ways]), _joined([s for _, s, _ in ways])
            dv_dy, (_, dv_ds) = loss.critic_along(logits, slope), loss.critic_of_both(logits, told)
            for (y, _, back), side in zip(ways, (slice(n), slice(n, None)), strict=True):
                by_x, _ = back(dv_dy[:, side].reshape(y.shape), dv_ds[:, side].reshape(y.shape))
            dx = dx - self.eta * by_x  # the last side's, the generated one's
            dtheta = dtheta - self.eta * _taken(critic)
        critic.theta[...] = start
        return value, dx


def _joined(said: list[Array]) -> Array:
    """(R, sum of B, 1)."""
    return np.concatenate([y.reshape(*y.shape[:2], 1) for y in said], 1)


def _taken(network: Network) -> Array:
    """The gradients gathered so far, which are cleared."""
    grad = network.grad.copy()
    network.grad.fill(0)
    return grad
