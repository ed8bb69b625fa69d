"""What is minimised, each value next to its gradient.

A loss sees the network's last outputs and knows nothing of the network. Every value is the mean over the batch of the
sum over an example's outputs, one per replicate, and every gradient is that of this value.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dessine.registry import Node, Positive, Registry

losses: Registry[Loss] = Registry("loss")
game_losses: Registry[GameLoss] = Registry("game loss")


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), to the last digits also where it is tiny: with tanh, float32 would round it to 0 below x = -17."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), for x of any size."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _batch_mean(e: np.ndarray) -> np.ndarray:
    """(R, B, ...) -> (R,): sum over an example's outputs, mean over the batch."""
    return np.add.reduce(e.reshape(len(e), -1), axis=1) / e.shape[1]


def _same_shape(target: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The target, if it has the shape: (R, B) against (R, B, 1) would be paired each with each, without a word."""
    target = np.asarray(target)
    if target.shape != shape:
        raise ValueError(f"the target has shape {target.shape}, expected {shape}")
    return target


def _cross_entropy(logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-t log s(l) - (1 - t) log(1 - s(l)), s the sigmoid, and its gradient s(l) - t = (1 - t) s(l) - t s(-l)."""
    t = np.asarray(target, dtype=logits.dtype)
    # max(l, 0) - t l comes first: for t = 1 and a large l the two cancel exactly, and the small rest is kept.
    e = np.maximum(logits, 0) - t * logits + np.log1p(np.exp(-np.abs(logits)))
    return _batch_mean(e), ((1 - t) * sigmoid(logits) - t * sigmoid(-logits)) / logits.shape[1]


class Loss(Node):
    """The error of a network that is told the right answers."""

    registry = losses
    squash: ClassVar[str | None] = None
    """What turns the outputs into probabilities: "sigmoid", "softmax", or None where the outputs are the answer."""

    def __call__(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """y: (R, B, ...), the network's outputs -> the value (R,) and its gradient dy, of y's shape and dtype."""
        raise NotImplementedError


@losses.register("quadratic")
class Quadratic(Loss):
    """The quadratic error: factor * sum over i of (y_i - t_i)^2.

    factor: 0.5 gives the textbook gradient y - t, 1.0 the gradient 2 (y - t)
    """

    def __init__(self, factor: Positive = 0.5):
        self.factor = factor

    def __call__(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """target: of y's shape, else ValueError."""
        d = y - _same_shape(target, y.shape).astype(y.dtype, copy=False)
        return self.factor * _batch_mean(d * d), (2 * self.factor / y.shape[1]) * d


@losses.register("binary_cross_entropy")
class BinaryCrossEntropy(Loss):
    """Cross-entropy of independent yes/no answers, on logits."""

    squash = "sigmoid"

    def __call__(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """target: of y's shape, else ValueError; in [0, 1]."""
        return _cross_entropy(y, _same_shape(target, y.shape))


@losses.register("softmax_cross_entropy")
class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of one answer among m, on logits."""

    squash = "softmax"

    def __call__(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """y: (R, B, m); target: the labels (R, B) in 0..m-1, or a probability of each answer (R, B, m)."""
        target = np.asarray(target)
        if target.ndim < y.ndim:
            t = np.zeros_like(y)
            np.put_along_axis(t, _same_shape(target, y.shape[:-1])[..., None], 1, axis=-1)
        else:
            t = _same_shape(target, y.shape).astype(y.dtype, copy=False)
        z = y - y.max(axis=-1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=-1, keepdims=True)
        p /= total
        dy = (p * t.sum(axis=-1, keepdims=True) - t) / y.shape[1]
        return _batch_mean(t * (np.log(total) - z)), dy


class GameLoss(Node):
    """What the two players of a GAN minimise, on the critic's logits l, D = sigmoid(l) (Goodfellow et al. 2014)."""

    registry = game_losses

    def critic(self, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cross-entropy of real against generated.

        logits: (R, B, 1); target: broadcastable to it, in [0, 1], 1 = real, 0 = generated -> value (R,), dlogits.
        """
        return _cross_entropy(logits, target)

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """logits: (R, B, 1), of generated examples -> value (R,), dlogits."""
        raise NotImplementedError


@game_losses.register("minimax")
class Minimax(GameLoss):
    """The zero-sum game: the generator minimises log(1 - D(G(z)))."""

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log(1 - D) = -softplus(l), whose gradient vanishes where the critic wins."""
        return -_batch_mean(softplus(logits)), sigmoid(logits) / -logits.shape[1]


@game_losses.register("non_saturating")
class NonSaturating(GameLoss):
    """The heuristic: the generator minimises -log D(G(z)), whose gradient is large where the critic wins."""

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """-log D = softplus(-l)."""
        return _batch_mean(softplus(-logits)), sigmoid(-logits) / -logits.shape[1]
