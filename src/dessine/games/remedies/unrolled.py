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
        sides = (real, labels[0]), (generated, labels[1])
        for _ in range(self.steps):
            steps.append(critic.theta.copy())
            again()
            for x, label in sides:
                y, backward = critic.forward(x, mode)
                _, dy = loss.critic(y.reshape(*y.shape[:2], 1), label)
                backward(dy.reshape(y.shape), inputs=False)
            critic.theta[...] -= self.eta * _taken(critic)
        again()
        y, backward = critic.forward(generated, mode)
        value, dy = loss.generator(y.reshape(*y.shape[:2], 1))
        dx = backward(dy.reshape(y.shape))
        assert dx is not None
        dtheta = _taken(critic)
        for theta in reversed(steps):
            critic.theta[...] = theta
            again()
            for x, label in sides:  # of v, the scalar product of dtheta with the gradient of the critic's loss
                y, s, back = along(critic, x, np.zeros_like(x), mode, dtheta)
                logits = y.reshape(*y.shape[:2], 1)
                _, dv_ds = loss.critic(logits, label)
                dv_dy = loss.curvature(logits) * s.reshape(logits.shape)
                by_x, _ = back(dv_dy.reshape(y.shape), dv_ds.reshape(y.shape))
            dx = dx - self.eta * by_x  # the last side's, the generated one's
            dtheta = dtheta - self.eta * _taken(critic)
        critic.theta[...] = start
        return value, dx


def _taken(network: Network) -> Array:
    """The gradients gathered so far, which are cleared."""
    grad = network.grad.copy()
    network.grad.fill(0)
    return grad
