"""Unrolled GANs: the generator moves against the discriminator of some steps later, and knows how it moves that one."""

from __future__ import annotations

import numpy as np

from dessine.games.field import same_draws
from dessine.losses import GameLoss
from dessine.nn import Mode, Network
from dessine.registry import Count, Node, Positive

Array = np.ndarray


class Unrolled(Node):
    """The generator's loss is taken after the discriminator has made so many steps more, and differentiated through them.

    steps: of plain gradient descent that the discriminator looks ahead, on the batch of this turn; it takes them back after
    eta: learning rate of these steps
    Metz et al. 2017, equations 9 to 11, with plain descent as the inner rule. The second derivatives times a vector that this
    needs are central differences of gradients along that vector, so that every layer can take part; in float64 the gradient
    agrees with PyTorch's to about 1e-8, in float32 to about 1e-3.
    """

    def __init__(self, steps: Count = 5, eta: Positive = 0.1):
        self.steps, self.eta = steps, eta

    def error(
        self, critic: Network, loss: GameLoss, real: Array, generated: Array, labels: tuple[Array, Array], mode: Mode
    ) -> tuple[Array, Array]:
        """The value (R,), and its gradient by `generated`, (R, B, ...). labels: of real and generated, (R, B, 1)."""
        again, start, steps = same_draws(mode.streams), critic.theta.copy(), []

        def at(theta: Array) -> tuple[Array, Array]:
            """Gradients of the critic's loss at `theta`: by its parameters, and by the generated examples."""
            critic.theta[...] = theta
            again()
            dx = None
            for x, label in ((real, labels[0]), (generated, labels[1])):
                y, backward = critic.forward(x, mode)
                _, dy = loss.critic(y.reshape(*y.shape[:2], 1), label)
                dx = backward(dy.reshape(y.shape), inputs=x is generated)
            assert dx is not None
            return _taken(critic), dx

        theta = start
        for _ in range(self.steps):
            steps.append(theta)
            theta = theta - self.eta * at(theta)[0]
        critic.theta[...] = theta
        again()
        y, backward = critic.forward(generated, mode)
        value, dy = loss.generator(y.reshape(*y.shape[:2], 1))
        dx = backward(dy.reshape(y.shape))
        assert dx is not None
        dtheta, lead = _taken(critic), (-1,) + (1,) * (dx.ndim - 1)
        for theta in reversed(steps):
            length = np.maximum(_length(dtheta), np.finfo(dtheta.dtype).tiny)
            h = np.cbrt(np.finfo(dtheta.dtype).eps) * np.maximum(_length(theta), 0.01)  # a critic may start at 0
            step = dtheta * (h / length)
            ahead, back = at(theta + step), at(theta - step)
            factor = (self.eta * length / (2 * h)).astype(dtheta.dtype)
            dtheta = dtheta - factor * (ahead[0] - back[0])
            dx = dx - factor.reshape(lead) * (ahead[1] - back[1])
        critic.theta[...] = start
        return value, dx


def _taken(network: Network) -> Array:
    """The gradients gathered so far, which are cleared."""
    grad = network.grad.copy()
    network.grad.fill(0)
    return grad


def _length(x: Array) -> Array:
    """(R, P) -> (R, 1)."""
    return np.sqrt(np.square(x, dtype=np.float64).sum(-1, keepdims=True))
