"""A network that is taught and tested: what it answers, and which answers are right. How it learns belongs to the game."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.data import Examples
from dessine.games.game import FIXED_SEED, Array
from dessine.games.player import Player
from dessine.losses import Loss, sigmoid
from dessine.nn import Mode
from dessine.streams import Streams

PORTION = 2000
"""Test examples that pass the network together, or fewer if they are large: enough for the BLAS, few enough for memory."""

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
"""Of the weights of each layer, kept over time."""


class Task:
    """A player, the examples it learns and those it is tested on.

    watched: those that are looked at on the way, which are its validation part or the test; way: "validation" or "test"
    classes: those that can be told apart, and their names
    train_classes, test_classes, watched_classes: (N,) which of the classes each example is of
    outputs: of the network; span: the two values that one output aims at; threshold: see `Classification`
    start: parameters and buffers before anything was learnt
    """

    player: Player
    loss: Loss
    train: Examples
    test: Examples
    watched: Examples
    way: str
    classes: Array
    names: list[str]
    train_classes: Array
    test_classes: Array
    watched_classes: Array
    outputs: int
    span: tuple[float, float]
    threshold: float
    start: tuple[Array, Array]
    streams: Streams
    dtype: np.dtype[Any]

    def fixed(self) -> Streams:
        return Streams(self.streams.seed + FIXED_SEED, self.streams.replicates)

    def answers(self, examples: Examples, streams: Streams) -> tuple[Array, Array]:
        """What the network says of examples, (R, N, outputs), and its loss, (R,): outside training."""
        n = len(examples)
        mode, said, total = Mode(streams, train=False, record=False), [], np.zeros(streams.replicates)
        portion = examples.at_once(PORTION, self.dtype)
        for start in range(0, n, portion):
            part = np.arange(start, min(start + portion, n))
            x = examples.floats(part, self.dtype)
            y, _ = self.player.network.forward(np.broadcast_to(x, (streams.replicates, *x.shape)), mode)
            target = np.broadcast_to(examples.y[part], (streams.replicates, *examples.y[part].shape))  # type: ignore[index]
            value, _ = self.loss(y, target)
            total += value * (len(part) / n)
            said.append(y)
        return np.concatenate(said, 1), total

    def right(self, answers: Array, examples: Examples) -> Array:
        """(R, N) whether each answer is right."""
        target: Array = examples.y  # type: ignore[assignment]
        if self.outputs == 1:
            low, high = self.span
            value = sigmoid(answers) if self.loss.squash else answers
            right: Array = np.abs(value - target)[..., 0] < self.threshold * (high - low)
            return right
        # The largest of NaNs would be the first of them, and a network that is gone right in all of the first class.
        return np.isfinite(answers).all(-1) & (answers.argmax(-1) == (target if target.ndim == 1 else target.argmax(-1)))

    def named(self, answers: Array) -> Array:
        """(R, N) the index of the class nearest to each answer."""
        if self.outputs > 1:
            return answers.argmax(-1)
        value = sigmoid(answers) if self.loss.squash else answers
        return (value[..., 0] > sum(self.span) / 2).astype(int)

    def spread(self, theta: Array) -> dict[str, Array]:
        """Layer -> (R, quantiles) of its parameters, which are part of theta, (R, P)."""
        parts = self.player.network.slices.items()
        return {key: np.quantile(theta[:, part], QUANTILES, axis=-1).T.astype(np.float64) for key, part in parts}
