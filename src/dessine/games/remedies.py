"""What is done against collapse around the networks: noise before the critic, packs, another aim, a slower generator.

Remedies that are layers stand in `nn/`: noise in the generator, minibatch discrimination. Label smoothing and swaps are the
game's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from dessine.nn import Layer, Mode, Network
from dessine.registry import Count, Node, Positive, SpecError
from dessine.streams import Stream

Array = np.ndarray


class InstanceNoise(Node):
    """Gaussian noise on all that the discriminator is shown, real and generated (Sonderby et al. 2017).

    sigma: its standard deviation at the first turn, in the scale of the data
    until: turns in which it goes to 0, in a straight line; left out: it stays
    """

    def __init__(self, sigma: Positive = 0.1, until: Count | None = None):
        self.sigma, self.until = sigma, until

    def at(self, turn: int) -> float:
        """The standard deviation at turn `turn`, from 1 on."""
        return self.sigma if self.until is None else self.sigma * max(0.0, 1 - (turn - 1) / self.until)

    def add(self, x: Array, turn: int, stream: Stream) -> Array:
        """x: (R, B, ...), with fresh noise on it."""
        sigma = self.at(turn)
        if not sigma:
            return x
        noise = stream.gaussian(x.shape[1:], x.dtype)
        noise *= sigma
        noise += x
        return noise


class FeatureMatching(Node):
    """The generator aims at the mean features that a layer of the discriminator sees in real examples (Salimans et al. 2016).

    layer: index, in the discriminator's layers, of the one whose output is matched; negative: from the end
    Its loss is |mean over the real batch - mean over the generated batch|^2, instead of the game's; the critic's stays.
    """

    def __init__(self, layer: int = -2):
        self.layer = layer

    def locate(self, layers: Sequence[Layer]) -> int:
        """How many layers lie up to the matched one. Raises SpecError."""
        n = len(layers)
        if not -n <= self.layer < n:
            raise SpecError(f"the discriminator has {n} layers, 0 to {n - 1}", ("layer",))
        upto = self.layer % n + 1
        if upto == n:
            raise SpecError("is the last layer, whose output is no feature but the answer: take one before it", ("layer",))
        if layers[upto - 1].type == "batch_norm":
            raise SpecError(
                "is a batch_norm, whose means are the same for any batch: take the layer before or after it", ("layer",)
            )
        return upto

    def error(self, critic: Network, real: Array, generated: Array, mode: Mode) -> tuple[Array, Array]:
        """The value (R,), and its gradient by `generated`, (R, B, ...)."""
        upto = self.locate(critic.layers)
        wanted, _ = critic.forward(real, mode, upto)
        shown, backward = critic.forward(generated, mode, upto)
        gap = shown.mean(1, keepdims=True) - wanted.mean(1, keepdims=True)
        dy = np.broadcast_to(gap * (2 / shown.shape[1]), shown.shape)
        dx = backward(dy, params=False)
        assert dx is not None
        return np.square(gap, dtype=np.float64).reshape(len(gap), -1).sum(-1), dx


class Average:
    """A generator whose weights are the moving average of the plain one's; it draws and is scored, and never plays.

    decay: share of the average that stays at each move; in the first moves less, (1 + t) / (10 + t), so that the start is
    soon forgotten: decays of 0.99, 0.999 and 0.9999 begin to differ after 890 and 8,990 moves. Running statistics are averaged
    like weights.
    """

    def __init__(self, network: Network, decay: float):
        self.network, self.decay, self.t = network, decay, 0
        self.theta, self.buffers = network.theta.copy(), network.buffers.copy()

    def follow(self) -> None:
        """After a move of the plain generator."""
        self.t += 1
        new = 1 - min(self.decay, (1 + self.t) / (10 + self.t))
        for mine, its in ((self.theta, self.network.theta), (self.buffers, self.network.buffers)):
            mine += (its - mine) * mine.dtype.type(new)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Inside it the network has the averaged weights."""
        plain = self.network.theta.copy(), self.network.buffers.copy()
        self.network.theta[...], self.network.buffers[...] = self.theta, self.buffers
        try:
            yield
        finally:
            self.network.theta[...], self.network.buffers[...] = plain

    def state(self) -> dict[str, Array]:
        """For checkpoints."""
        return {"theta": self.theta, "buffers": self.buffers, "t": np.array(self.t)}

    def restore(self, state: dict[str, Array]) -> None:
        """Go back to what `state()` returned."""
        self.theta[...], self.buffers[...], self.t = state["theta"], state["buffers"], int(state["t"])


def packed(x: Array, m: int) -> Array:
    """m examples side by side in their last axis. x: (R, B, *shape, C) -> (R, B / m, *shape, m C). Lin et al. 2018 (PacGAN)."""
    if m == 1:
        return x
    r, b = x.shape[:2]
    apart = x.reshape(r, b // m, m, *x.shape[2:])
    return np.moveaxis(apart, 2, -2).reshape(r, b // m, *x.shape[2:-1], m * x.shape[-1])


def unpacked(x: Array, m: int) -> Array:
    """The inverse of `packed`."""
    if m == 1:
        return x
    r, b = x.shape[:2]
    apart = x.reshape(*x.shape[:-1], m, x.shape[-1] // m)
    return np.moveaxis(apart, -2, 2).reshape(r, b * m, *x.shape[2:-1], x.shape[-1] // m)
