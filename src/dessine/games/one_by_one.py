"""One example at a time: which classifications learn in compiled stretches of turns, and how they are handed over.

The maths is that of `Classification.turn`, which is also what runs where nothing is compiled.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from dessine.compiled import enabled
from dessine.data import Examples
from dessine.games.player import Player
from dessine.losses import Loss, Quadratic
from dessine.nn import Activate, Activation, Dense, Network
from dessine.nn.activations import CentredSigmoid as Centred
from dessine.nn.activations import LeakyRelu, Linear, Sigmoid, Tanh
from dessine.nn.layer import size
from dessine.nn.shaping import Flatten, Reshape
from dessine.optimizers import GradientDescent
from dessine.threads import share

Array = np.ndarray


class OneByOne:
    """Turns of a player that learns `train`, one example each. Make it with `of`."""

    def __init__(self, player: Player, chain: list[tuple[int, int, int, bool, Activation]], loss: Loss, train: Examples):
        from dessine.compiled.one_by_one import ACTIVATIONS, LOSSES, NARROW

        self.player, network = player, player.network
        number = network.dtype.type
        self.shapes = np.array([(n + bias, m, at, ACTIVATIONS.index(f.type)) for n, m, at, bias, f in chain])
        self.narrow = max(n for shape in chain for n in shape[:2]) <= NARROW and all(f.type != "softmax" for *_, f in chain)
        self.options = np.array([_options(f) for *_, f in chain], network.dtype)
        pixels = train.x.dtype == np.uint8
        self.x = (train.x if pixels else train.x.astype(network.dtype)).reshape(len(train), -1)
        self.scale, self.low = (number((train.high - train.low) / 255), number(train.low)) if pixels else (number(1), number(0))
        self.loss, self.factor = LOSSES.index(loss.type), number(loss.factor if isinstance(loss, Quadratic) else 1)
        y, outputs = np.asarray(train.y), chain[-1][1]
        self.answers = (np.eye(outputs)[y] if y.ndim == 1 else y).astype(network.dtype)

    @staticmethod
    def of(player: Player, loss: Loss, train: Examples) -> OneByOne | None:
        """None for what is not a chain of dense layers under plain descent or momentum, or where nothing is compiled."""
        rule = player.optimizer
        if not enabled() or not isinstance(rule, GradientDescent) or rule.ever("weight_decay") or rule.ever("limit"):
            return None
        if player.constraint is not None:
            return None
        chain = _chain(player.network)
        return None if chain is None else OneByOne(player, chain, loss, train)

    def learn(self, index: Array, first: int) -> Array:
        """A turn for each example: index (R, n), in each replicate's order -> the losses, (R, n).

        first: of these turns, counted from 1. Numbers that move have a value for each; they are left at those of the last.
        """
        theta, rule = self.player.network.theta, self.player.optimizer
        if rule.ever("momentum") and "velocity" not in rule.slots:
            rule.slots["velocity"] = np.zeros_like(theta)
        values = np.empty(index.shape, theta.dtype)
        turns = range(first, first + index.shape[1])
        moving = tuple(np.array(rule.over_turns(name, turns), theta.dtype) for name in ("eta", "momentum"))
        r, work = len(theta), index.shape[1] * theta.size
        least = 64 if self.narrow else 1  # replicates of a job: side by side, they share each instruction
        jobs = max(1, min(r // least, work // 1_000_000))  # which changes no bit: a replicate knows nothing of another
        share([partial(self._learn, range(r * i // jobs, r * (i + 1) // jobs), index, moving, values) for i in range(jobs)])
        rule.t += index.shape[1]
        rule.to_turn(turns[-1])
        return values

    def _learn(self, replicates: range, index: Array, moving: tuple[Array, ...], values: Array) -> None:
        from dessine.compiled.one_by_one import turns, turns_of_all

        theta, velocity = self.player.network.theta, self.player.optimizer.slots.get("velocity")
        widest, word = self.shapes[:, :2].max(), np.dtype(f"i{theta.itemsize}")
        task = (self.x, self.scale, self.low, self.answers, self.loss, self.factor, *moving)
        if self.narrow:
            part = slice(replicates.start, replicates.stop)
            w = theta[part].T.ravel()
            v = w[:0] if velocity is None else velocity[part].T.ravel()
            order, powers = np.ascontiguousarray(index[part]), np.empty(widest * len(replicates), word)
            turns_of_all(w, v, self.options, self.shapes, order, *task, powers, values[part])
            theta[part] = w.reshape(-1, len(replicates)).T
            if velocity is not None:
                velocity[part] = v.reshape(-1, len(replicates)).T
            return
        for r in replicates:
            v = theta[r, :0] if velocity is None else velocity[r]
            order, powers = np.ascontiguousarray(index[r]), np.empty(widest, word)
            turns(theta[r], v, self.options, self.shapes, order, *task, powers, values[r])


def _options(f: Activation) -> tuple[float, float]:
    """The two numbers that an activation is compiled with."""
    if isinstance(f, Tanh):
        return f.k, f.alpha
    if isinstance(f, Sigmoid | Centred):
        return f.mu, 0.0
    if isinstance(f, Linear):
        return f.slope, 0.0
    return (f.alpha, 0.0) if isinstance(f, LeakyRelu) else (0.0, 0.0)


def _chain(network: Network) -> list[tuple[int, int, int, bool, Activation]] | None:
    """Of each dense layer: inputs, outputs, where w begins in theta, whether b follows, activation. None if not all are."""
    from dessine.compiled.one_by_one import ACTIVATIONS

    chain: list[tuple[int, int, int, bool, Activation]] = []
    inputs = size(network.input_shape)
    for i, layer in enumerate(network.layers):
        if type(layer) is Dense:
            at = network.slices[f"{i}.{layer.type}"].start
            chain.append((inputs, layer.units, at, layer.bias, layer.activation))
            inputs = layer.units
        elif type(layer) is Activate and chain and _is_identity(chain[-1][-1]):
            if len(network.shapes[i]) > 1:
                return None  # where there are several rows, a softmax is of each
            chain[-1] = (*chain[-1][:-1], layer.function)
        elif type(layer) not in (Flatten, Reshape):
            return None
    return chain if chain and all(f.type in ACTIVATIONS for *_, f in chain) else None


def _is_identity(f: Activation) -> bool:
    return isinstance(f, Linear) and f.slope == 1.0
