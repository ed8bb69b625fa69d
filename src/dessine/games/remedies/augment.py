"""Augmentation: the discriminator sees no example twice as it is, so that it cannot learn few of them by heart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dessine.games.look import Look
from dessine.losses import GameLoss, LeastSquares
from dessine.node import Node
from dessine.registry import Count, Share, SpecError
from dessine.schedules import MovingShare, Scheduled
from dessine.streams import Stream

Array = np.ndarray
OUT = 1 << 40
"""More than any place in an image."""


class Augment(Scheduled, Node):
    """Random changes of all that the discriminator is shown, real and generated alike, each image its own.

    translate: largest shift, as a share of a side, in whole pixels
    flip: whether half of the images are mirrored, left to right: not for digits, which read otherwise then
    cutout: side of a square that is blanked, as a share of the image's; 0: none
    p: share of images that each of these is done to; left out: 1, or, with a target, 0, where it starts
    target: p adapts itself: it rises while the mean sign of what the discriminator says of the real examples of its batches is
        above it, and falls while it is below; 0.6 in Karras et al. 2020
    images: real ones that it sees while p goes from 0 to 1 at the fastest; 500,000 in theirs, whose runs see 25 million
    What is shifted in, and cut out, is black, the least value of the data. The generator's gradient goes back through the exact
    transpose (Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training", whose values are the defaults;
    Karras et al. 2020, "Training generative adversarial networks with limited data"). A gradient penalty is taken at the images
    as they are shown. Scores, pictures and critic_gap are of images as they are.
    """

    p: Any  # (R,) where it adapts, else a number
    low = 0.0  # of the data, black

    def __init__(
        self,
        translate: Share = 0.125,
        flip: bool = False,
        cutout: Share = 0.5,
        p: MovingShare | None = None,
        target: Share | None = None,
        images: Count = 100_000,
    ):
        if not (translate or flip or cutout):
            raise SpecError("changes nothing: give translate, flip or cutout")
        if target is not None and p is not None:
            raise SpecError("adapts itself to a target: leave it out", ("p",))
        self.translate, self.flip, self.cutout, self.target, self.images = translate, flip, cutout, target, images
        self.hold(p=(1.0 if target is None else 0.0) if p is None else p)
        self.sign = np.full(1, np.nan)

    def refuse(self, loss: GameLoss, shape: tuple[int, ...]) -> None:
        """Raises SpecError for data that are no images, and a target where what the discriminator says has no sign."""
        if len(shape) != 3:
            raise SpecError(f"is of images, and an example of this data is {list(shape)}")
        if self.target is not None and not loss.labelled:
            text = f"a critic of the {loss.type} loss may shift all that it says, so that its sign tells nothing: give p"
            raise SpecError(text, ("target",))

    def attach(self, replicates: int, low: float, loss: GameLoss) -> None:
        """low: of the data, black."""
        self.low = low
        # What a discriminator says that does not know: least squares aim at two numbers, all others at signs.
        self.middle = (loss.real + loss.generated) / 2 if isinstance(loss, LeastSquares) else 0.0
        if self.target is not None:
            self.p, self.sign = np.zeros(replicates), np.full(replicates, np.nan)

    def draw(self, x: Array, stream: Stream) -> Drawn:
        """What is done to each image of x, (R, B, H, W, C)."""
        r, b, high, wide = x.shape[:4]
        u = stream.uniform((b, 8), np.float64).reshape(r * b, 8).T
        moved, flipped, cut = u[:3] < np.repeat(np.broadcast_to(self.p, r), b)
        mirrored = flipped & (u[3] < 0.5) & self.flip
        rows, columns = (self._line(side, own, moved) for side, own in ((high, u[4]), (wide, u[5])))
        columns = np.where(mirrored[:, None] & (columns < OUT), wide - 1 - columns, columns)
        source = rows[:, :, None] * wide + columns[:, None, :]
        if self.cutout:
            down, across = (self._blank(side, own) & cut[:, None] for side, own in ((high, u[6]), (wide, u[7])))
            source[down[:, :, None] & across[:, None, :]] = OUT
        return Drawn(np.minimum(source, high * wide, out=source), self.low)

    def _line(self, side: int, u: Array, moved: Array) -> Array:
        """(N, side): where along a side each pixel of what is shown comes from, OUT where from none."""
        most = round(self.translate * side)
        at = np.arange(side) - np.where(moved, np.floor(u * (2 * most + 1)) - most, 0).astype(int)[:, None]
        return np.where((at >= 0) & (at < side), at, OUT)

    def _blank(self, side: int, u: Array) -> Array:
        """(N, side): which pixels along a side are blanked; the square's middle is anywhere, so that some lies outside.

        The middle of an even number of pixels lies between two, or at an end: that is one place more.
        """
        long = round(self.cutout * side)
        off = np.arange(side) - (np.floor(u * (side + 1 - long % 2)).astype(int) - long // 2)[:, None]
        return (off >= 0) & (off < long)

    def follow(self, looks: Sequence[Look], batch_size: int) -> None:
        """After a turn: p goes by what the discriminator has said of real examples, a batch of them in each look."""
        if self.target is None:
            return
        for look in looks:
            if "real" in look.said:
                said = look.said["real"]
                self.sign = np.sign(said.astype(np.float64) - self.middle).mean(-1)
                step = np.sign(self.sign - self.target) * batch_size / self.images
                self.p = np.clip(self.p + np.where(np.isfinite(step), step, 0), 0, 1)

    def told(self) -> dict[str, Array]:
        """Metrics: p, and the sign that it goes by."""
        return {} if self.target is None else {"p": self.p.copy(), "sign": self.sign.copy()}

    def state(self) -> dict[str, Array]:
        """For checkpoints."""
        return self.told()

    def restore(self, state: dict[str, Array]) -> None:
        """Go back to what `state()` returned."""
        if self.target is not None:
            self.p, self.sign = np.array(state["p"]), np.array(state["sign"])


class Drawn:
    """One draw for a batch: y = A x + b, each image by its own A, of zeros and ones, and b, black where a row of A has no one.

    source: (R B, H, W), which pixel of its image each shown one is, counted row by row; H W where it is none. No pixel is shown
    twice, so that A' puts each where it came from.
    """

    def __init__(self, source: Array, low: float):
        n, self.pixels = len(source), source[0].size
        self.flat = (source.reshape(n, -1) + np.arange(n)[:, None] * (self.pixels + 1)).ravel()
        self.low = low

    def show(self, x: Array) -> Array:
        """A x + b. x: (R, B, H, W, C)."""
        return self._taken(x, self.low)

    def along(self, t: Array) -> Array:
        """A t: how what is shown moves with x."""
        return self._taken(t, 0.0)

    def back(self, dy: Array) -> Array:
        """A' dy."""
        dx = np.zeros((len(self.flat) // self.pixels, self.pixels + 1, dy.shape[-1]), dy.dtype)
        dx.reshape(-1, dy.shape[-1])[self.flat] = dy.reshape(-1, dy.shape[-1])
        return dx[:, :-1].reshape(dy.shape)

    def _taken(self, x: Array, low: float) -> Array:
        beyond = np.full((len(self.flat) // self.pixels, self.pixels + 1, x.shape[-1]), low, x.dtype)
        beyond[:, :-1] = x.reshape(-1, self.pixels, x.shape[-1])
        return beyond.reshape(-1, x.shape[-1]).take(self.flat, axis=0).reshape(x.shape)
