"""What there is to know of places on a line or in the plane: what the discriminator says there, what is true, and where the
generator puts its latents. Of replicate 0, outside training: nothing that learns moves, and no stream of the run is drawn from.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtri

from dessine.data.density import Density
from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.nn import Mode
from dessine.streams import Held

AT_ONCE = 50_000
"""Examples of all replicates that pass a network together."""
WIDE = 3
"""Standard deviations of a bell that are looked at."""


class Grid(NamedTuple):
    """Even places, `side` along each axis of the box from low to high, (d,) each: the middles of its cells."""

    low: Array
    high: Array
    side: int

    @property
    def steps(self) -> Array:
        """(d,) from one place to the next."""
        return np.asarray((self.high - self.low) / self.side)

    @property
    def places(self) -> Array:
        """(side ** d, d), the last axis' lowest row first, the first axis fastest."""
        axes = [low + step * (np.arange(self.side) + 0.5) for low, step in zip(self.low, self.steps, strict=True)]
        return np.stack([one.ravel() for one in np.meshgrid(*axes, indexing="xy")], -1)


def says(pair: Pair, x: Array) -> Array | None:
    """(n,) the discriminator's first output at (n, *shape); None where it does not judge one example by itself, or is told its
    class."""
    net = pair.discriminator.network
    if pair.pack > 1 or net.mixes_examples or pair.discriminator.labelled():
        return None
    mode, r = Mode(pair.fixed(), train=False, record=False), pair.streams.replicates
    each = max(1, AT_ONCE // r)
    parts = [x[i : i + each].astype(pair.dtype) for i in range(0, len(x), each)]
    said = [net.forward(np.broadcast_to(part, (r, *part.shape)), mode)[0][0].reshape(len(part), -1)[:, 0] for part in parts]
    return np.concatenate(said).astype(np.float64)


def pushes(pair: Pair, real: Array, x: Array) -> Array | None:
    """(n, d) where the generator's loss sends each of (n, d) samples: minus its gradient, up to a factor. None where `says` has
    nothing to say, or the generator is told something else than what the discriminator says of its samples.

    real: (n, d), which some losses compare with
    """
    net, r = pair.discriminator.network, pair.streams.replicates
    if pair.pack > 1 or net.mixes_examples or pair.discriminator.labelled() or pair.feature_matching is not None:
        return None
    mode = Mode(pair.fixed(), train=False, record=False)
    both = np.concatenate([real, x]).astype(pair.dtype)
    y, backward = net.forward(np.broadcast_to(both, (r, *both.shape)), mode)
    dy = np.zeros_like(y)
    logits = y.reshape(r, len(both), -1)[..., :1]
    dy.reshape(r, len(both), -1)[..., :1] = pair.loss.generator_of_both(logits)[1]
    dx = backward(dy, params=False)
    assert dx is not None
    return -dx[0, len(real) :].astype(np.float64)


def latent_lines(pair: Pair, lines: int = 15, points: int = 60) -> tuple[list[Array], Array]:
    """Lines through the plane of the first two latents, or the line of a single one, as ways of latents (points, size) each,
    and the levels, (lines,), at which they stand: between two neighbours equally many latents are drawn. Other latents are 0.
    """
    share = (np.arange(lines) + 0.5) / lines
    fine = np.linspace(share[0], share[-1], points if pair.latent.size > 1 else 8 * points)
    if pair.latent.distribution == "gaussian":
        level, way = ndtri(share), ndtri(fine)
    else:
        level, way = pair.latent.limit * (2 * share - 1), pair.latent.limit * (2 * fine - 1)
    if pair.latent.size == 1:
        return [way[:, None]], level
    made = []
    for axis in (0, 1):
        for at in level:
            z = np.zeros((len(way), pair.latent.size))
            z[:, axis], z[:, 1 - axis] = at, way
            made.append(z)
    return made, level


def drawn_along(pair: Pair, ways: list[Array]) -> list[Array] | None:
    """What the generator makes of each way of latents, its own noise held still. None where it makes nothing of one latent by
    itself, or is told a class."""
    if pair.kinds is not None or pair.auxiliary is not None or pair.generator.network.mixes_examples:
        return None
    r = pair.streams.replicates
    z, made, each = np.concatenate(ways).astype(pair.dtype), [], max(1, AT_ONCE // r)
    for i in range(0, len(z), each):
        part = z[i : i + each]
        mode = pair.drawing_mode(Held(0, r), len(part))
        made.append(pair.generator.network.forward(np.broadcast_to(part, (r, *part.shape)), mode)[0][0])
    x = np.concatenate(made).reshape(len(z), *pair.examples.shape).astype(np.float64)
    return np.split(x, np.cumsum([len(way) for way in ways])[:-1])


def log_ratio(grid: Grid, known: Density | None, real: Array, drawn: Array, blur: float) -> tuple[Array, Array, Array]:
    """log p/q, p and q, (side ** d,) each, at the places of a grid; NaN where neither side has been seen.

    q is a kernel density of the samples drawn, (N, d), with bells of standard deviation `blur`. p is blurred alike, so that the
    ratio is 1 where the two are the same: exactly where it is known, else a kernel density of the real points. Half a
    sample's bell is added to each side, where one has none.
    """
    q = _kernel_density(grid, drawn, blur)
    if known is None:
        p = _kernel_density(grid, real, blur)
    else:
        one: Any = known  # as a key: those that can be blurred are frozen
        p = blurred(one, tuple(grid.low), tuple(grid.high), grid.side, blur)
    top = (2 * np.pi * blur**2) ** (-len(grid.low) / 2) / max(len(drawn), 1)  # of the bell of one sample
    ratio = np.log((p + top / 2) / (q + top / 2))
    return np.where(np.maximum(p, q) > top / 4, ratio, np.nan), p, q


@lru_cache(maxsize=4)
def blurred(known: Any, low: tuple[float, ...], high: tuple[float, ...], side: int, blur: float) -> Array:
    """A density whose points are bells of standard deviation `blur`, at the places of a grid; kept, for the next frame."""
    wider = replace(known, sigma=float(np.hypot(known.sigma, blur)))
    return np.exp(wider.log_density(Grid(np.array(low), np.array(high), side).places))


def _kernel_density(grid: Grid, x: Array, blur: float) -> Array:
    """Counts in the cells, blurred: the bells' own width is less by a cell's."""
    x, d = x[np.isfinite(x).all(1)], len(grid.low)
    room = np.ceil(WIDE * blur / grid.steps).astype(int) + 1  # samples beyond the edge reach over it
    edges = [
        low + step * np.arange(-more, grid.side + more + 1) for low, step, more in zip(grid.low, grid.steps, room, strict=True)
    ]
    counts: Array = np.histogramdd(x[:, :d], edges)[0] / max(len(x), 1) / grid.steps.prod()
    for axis, (step, more) in enumerate(zip(grid.steps, room, strict=True)):
        width = np.sqrt(max((blur / step) ** 2 - 1 / 12, 0.01))
        counts = gaussian_filter1d(counts, width, axis, mode="constant", truncate=WIDE)
        counts = counts.take(np.arange(more, more + grid.side), axis)
    return counts.T.ravel()
