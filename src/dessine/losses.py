"""What is minimised, each value next to its gradient.

A loss sees the network's last outputs and knows nothing of the network. Every value is the mean over the batch of the
sum over an example's outputs, one per replicate, and every gradient is that of this value.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dessine.node import Node
from dessine.registry import Positive, Registry, SpecError

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
    """What the two players of a GAN minimise, told by the critic's outputs l, one for each example.

    Both values are means over a batch; the critic's is the sum of one over real and one over generated examples. The methods
    `..._of_both` are what a game plays for. They see all outputs at once, (R, 2 B, 1): of B real examples, then of as many
    generated ones. As they stand here, each side is judged by itself, and a loss need only say how.
    """

    registry = game_losses
    probability: ClassVar[bool] = True
    """Whether l is a logit, D(x) = sigmoid(l) being the probability of "real"; else D(x) = l, any number."""
    labelled: ClassVar[bool] = True
    """Whether the critic can be given labels between 0 and 1."""
    paired: ClassVar[bool] = False
    """Whether examples are judged against one another, so that nothing can be said of one side alone, or of its labels."""
    zero_sum: ClassVar[bool] = False
    """Whether the generator minimises what the critic maximises: what that says of real examples is part of it, too."""

    def critic_of_both(self, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the critic minimises, (R,), and its gradient by `logits`. target: as in `critic`."""
        value, dlogits = self.critic(logits, target)
        return 2 * value, 2 * dlogits  # the mean over both sides is half the sum of their means

    def critic_along(self, logits: np.ndarray, s: np.ndarray) -> np.ndarray:
        """How that gradient changes along s, of the logits' shape, whatever the targets."""
        return 2 * self.curvature(logits) * s

    def generator_of_both(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the generator minimises, (R,), and its gradient by `logits`."""
        n, dlogits = logits.shape[1] // 2, np.zeros_like(logits)
        value, dlogits[:, n:] = self.generator(logits[:, n:])
        return value, dlogits

    def generator_ahead(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same where the critic will have answered to the generator (unrolled): then that moves what is said of real
        examples, too, and a zero-sum game counts it. Elsewhere that is a number the generator cannot change."""
        if not self.zero_sum:
            return self.generator_of_both(logits)
        n = logits.shape[1] // 2
        value, dlogits = self.critic_of_both(logits, np.repeat(np.array([1, 0], logits.dtype), n)[:, None])
        return -value, -dlogits

    def generator_along(self, logits: np.ndarray, s: np.ndarray) -> np.ndarray:
        """How that gradient changes along s."""
        n, along = logits.shape[1] // 2, np.zeros_like(logits)
        along[:, n:] = self.generator_curvature(logits[:, n:]) * s[:, n:]
        return along

    def critic(self, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the critic minimises.

        logits: (R, B, 1); target: broadcastable to it, in [0, 1], 1 = real, 0 = generated -> value (R,), dlogits. A target
        between the two weighs what the loss says of either.
        """
        return _cross_entropy(logits, target)

    def curvature(self, logits: np.ndarray) -> np.ndarray:
        """The critic's second derivative by each of its outputs, whatever the target. logits: (R, B, 1)."""
        return sigmoid(logits) * sigmoid(-logits) / logits.shape[1]

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """logits: (R, B, 1), of generated examples -> value (R,), dlogits."""
        raise NotImplementedError

    def generator_curvature(self, logits: np.ndarray) -> np.ndarray:
        """The generator's second derivative by each of these."""
        raise NotImplementedError


@game_losses.register("minimax")
class Minimax(GameLoss):
    """The zero-sum game: D minimises -log D(x) - log(1 - D(G(z))), G minimises log(1 - D(G(z))) (Goodfellow et al. 2014).

    D's loss is 2 log 2 = 1.39 where it cannot tell the two apart, and falls to 0 as it learns to. G's is negative, -0.69 at
    that point; its gradient vanishes where D wins.
    """

    zero_sum = True

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log(1 - D) = -softplus(l), whose gradient vanishes where the critic wins."""
        return -_batch_mean(softplus(logits)), sigmoid(logits) / -logits.shape[1]

    def generator_curvature(self, logits: np.ndarray) -> np.ndarray:
        return -self.curvature(logits)


@game_losses.register("non_saturating")
class NonSaturating(GameLoss):
    """The heuristic: D as in minimax, G minimises -log D(G(z)), whose gradient is large where D wins (Goodfellow et al. 2014).

    D's loss is 2 log 2 = 1.39 where it cannot tell the two apart, G's 0.69; G's alone says nothing of how good its images are.
    """

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """-log D = softplus(-l)."""
        return _batch_mean(softplus(-logits)), sigmoid(-logits) / -logits.shape[1]

    def generator_curvature(self, logits: np.ndarray) -> np.ndarray:
        return self.curvature(logits)


@game_losses.register("least_squares")
class LeastSquares(GameLoss):
    """D's output aims at 1 for real and 0 for generated examples, G at making it 1: half the squared error (Mao et al. 2017).

    real: what the critic aims at for real examples (b)
    generated: what it aims at for generated ones (a)
    wanted: what the generator wants it to say of its own (c)
    The output is no probability. Where it is 0.5 for both sides D's loss is 0.25 and G's 0.125; 0 is a side's victory.
    """

    probability = False

    def __init__(self, real: float = 1.0, generated: float = 0.0, wanted: float = 1.0):
        if real == generated:
            raise SpecError("real and generated aim at the same: the critic would have nothing to tell apart", ("real",))
        self.real, self.generated, self.wanted = real, generated, wanted

    def critic(self, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(l - t)^2 / 2, where t goes from `generated` to `real` as the label goes from 0 to 1."""
        t = np.asarray(target, logits.dtype)
        d = logits - (self.generated + (self.real - self.generated) * t)
        return 0.5 * _batch_mean(d * d), d / d.shape[1]

    def curvature(self, logits: np.ndarray) -> np.ndarray:
        """1, for each of the batch."""
        return np.full_like(logits, 1 / logits.shape[1])

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(l - wanted)^2 / 2."""
        d = logits - logits.dtype.type(self.wanted)
        return 0.5 * _batch_mean(d * d), d / d.shape[1]

    def generator_curvature(self, logits: np.ndarray) -> np.ndarray:
        return self.curvature(logits)


class Straight(GameLoss):
    """What hinge and Wasserstein share: no probability, losses of straight pieces, a generator that minimises -l."""

    probability = False

    def curvature(self, logits: np.ndarray) -> np.ndarray:
        """0."""
        return np.zeros_like(logits)

    def generator(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """-l."""
        return -_batch_mean(logits), np.full_like(logits, -1 / logits.shape[1])

    def generator_curvature(self, logits: np.ndarray) -> np.ndarray:
        """0."""
        return np.zeros_like(logits)


@game_losses.register("hinge")
class Hinge(Straight):
    """D minimises max(0, 1 - D(x)) + max(0, 1 + D(G(z))), G minimises -D(G(z)) (Lim and Ye 2017).

    Examples beyond the margin of 1 teach the critic nothing. Its loss is 2 where it says 0 of everything, 0 where both sides
    are beyond the margin; the generator's has no scale.
    """

    def critic(self, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """t max(0, 1 - l) + (1 - t) max(0, 1 + l)."""
        t = np.asarray(target, logits.dtype)
        e = t * np.maximum(1 - logits, 0) + (1 - t) * np.maximum(1 + logits, 0)
        return _batch_mean(e), ((1 - t) * (logits > -1) - t * (logits < 1)) / logits.dtype.type(logits.shape[1])


@game_losses.register("wasserstein")
class Wasserstein(Straight):
    """The critic f maximises E f(x) - E f(G(z)), an estimate of W; G minimises -E f(G(z)) (Arjovsky et al. 2017).

    Its loss, a penalty apart, is minus the estimate. `w_estimate`, the estimate, is positive once f has learnt anything and
    falls as the generator gets better. It is W(real, generated) times the unknown Lipschitz constant that the constraint
    allows: comparable within one run, not between critics. It means nothing without a constraint on f: clip, gradient_penalty
    or spectral_norm. The generator's loss means nothing by itself: f may be shifted by any number.
    """

    labelled = False
    zero_sum = True

    def critic(self, logits: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(1 - 2 t) l: minus f for real, plus f for generated examples."""
        sign = np.broadcast_to(1 - 2 * np.asarray(target, logits.dtype), logits.shape)
        return _batch_mean(sign * logits), sign / logits.dtype.type(logits.shape[1])


@game_losses.register("relativistic")
class Relativistic(GameLoss):
    """D minimises log(1 + exp(D(G(z)) - D(x))), of a real and a generated example, and G log(1 + exp(D(x) - D(G(z)))).

    RpGAN, Jolicoeur-Martineau 2019; with r1_r2 as the constraint it is the game of R3GAN, Huang et al. 2024.
    The pairs are the first of either batch, the second, and so on. D tells which of two is real: what it says of one example
    means nothing by itself, for D may be shifted by any number; only differences count. D cannot win by saying "generated" of
    a mode and its copies, as with one boundary for all: each real example must beat samples that may be of its own mode. Both
    losses are log 2 = 0.69 where D cannot tell; a small one is a side's victory.
    """

    probability = False
    labelled = False
    paired = True

    def critic_of_both(self, logits: np.ndarray, target: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """softplus(-(real - generated)); there are no labels to look at."""
        return self._ahead(logits, 1)

    def generator_of_both(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """softplus(real - generated)."""
        return self._ahead(logits, -1)

    def _ahead(self, logits: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
        """softplus(-gap), the mean over pairs, and its gradient; gap: of real before generated ones, times sign."""
        n = logits.shape[1] // 2
        gap = sign * (logits[:, :n] - logits[:, n:])
        d = sign * sigmoid(-gap) / n
        return _batch_mean(softplus(-gap)), np.concatenate([-d, d], 1)

    def critic_along(self, logits: np.ndarray, s: np.ndarray) -> np.ndarray:
        n = logits.shape[1] // 2
        gap = logits[:, :n] - logits[:, n:]
        d = sigmoid(gap) * sigmoid(-gap) / n * (s[:, :n] - s[:, n:])
        return np.concatenate([d, -d], 1)

    def generator_along(self, logits: np.ndarray, s: np.ndarray) -> np.ndarray:
        """The same: softplus bends alike at a gap and at its opposite."""
        return self.critic_along(logits, s)
