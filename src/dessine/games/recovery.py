"""Which latent draws this? Found by descent through the generator, whose weights stand still.

How near a generator comes to test examples tells whether it can draw what it has not seen (Webster et al. 2019, "Detecting
overfitting of deep generative networks via latent recovery"); which examples are asked for belongs to the callers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import NamedTuple

import numpy as np

from dessine.games.pair import Pair
from dessine.optimizers import Adam
from dessine.scores.distances import blocks, rows
from dessine.scores.reconstruction import errors
from dessine.streams import Held, Streams

Array = np.ndarray
POOL = 1_000
"""Latents drawn, of which the nearest are where the descent starts."""
TOGETHER = 200
"""Latents that descend together."""
ETA = 0.1
"""Learning rate of Adam, in standard deviations of the latent; it falls to 0 along half a cosine."""


class Recovered(NamedTuple):
    """latents: (N, size), x: (N, *shape) what they draw; error: (N,) of each, (N, restarts) of all that were tried, by
    `errors`; classes: (N,) that were asked for, of a conditional game."""

    latents: Array
    x: Array
    error: Array
    tried: Array
    classes: Array | None


def recover(
    pair: Pair,
    targets: Array,
    seed: int,
    restarts: int = 4,
    steps: int = 300,
    tell: Callable[[int], object] = lambda n: None,
    repeat: int = 0,
) -> Recovered:
    """The latents whose examples are nearest to targets, (N, *shape) in the data's own scale, by their mean squared difference.

    From the `restarts` nearest of POOL drawn ones, `steps` steps of Adam each; the best of all that were met stands. A latent
    keeps to where it may have been drawn: of one far outside, the generator has never had to make anything. Noise that layers
    of the generator draw is held still. In a conditional game each keeps the class that it began with.
    tell: is told how many descents have ended; repeat: whose generator.
    Raises ValueError where the generator draws numbers that are not finite.
    """
    held, latent, r = Held(seed, pair.streams.replicates), pair.latent, pair.streams.replicates
    pool = latent.draw(Streams(seed, r), max(restarts, pair.examples.at_once(POOL, pair.dtype)), pair.dtype)
    asked = pair.classes_of(Streams(seed, r), pool.shape[1])
    drawn = pair.drawn_from(pool, held, asked)[repeat]
    if not np.isfinite(drawn).all():
        raise ValueError("its generator draws numbers that are not finite")
    starts = np.empty((len(targets), restarts), int)
    for at, squares in blocks(rows(targets.astype(pair.dtype)), rows(drawn)):
        starts[at] = np.argsort(squares, 1, kind="stable")[:, :restarts]
    each = max(1, TOGETHER // restarts)
    parts = []
    for i in range(0, len(targets), each):
        some = starts[i : i + each]
        z, classes = pool[repeat][some.ravel()], None if asked is None else asked[repeat][some.ravel()]
        parts.append(_descend(pair, np.repeat(targets[i : i + each], restarts, 0), z, classes, held, steps, repeat))
        tell(some.size)
    z, x, error = (np.concatenate(one) for one in zip(*parts, strict=True))
    tried = error.reshape(len(targets), restarts)
    best = np.arange(len(targets)) * restarts + tried.argmin(1)
    classes = None if asked is None else asked[repeat][starts.ravel()][best]
    return Recovered(z[best], x[best], error[best], tried, classes)


def _descend(
    pair: Pair, targets: Array, z: Array, classes: Array | None, held: Held, steps: int, repeat: int
) -> tuple[Array, Array, Array]:
    """From each of (B, size) latents, of these classes, (B,); the best of each, what it draws, and its error."""
    net, mode = pair.generator.network, pair.drawing_mode(held, len(z), classes)
    z, targets = z.copy(), targets.astype(pair.dtype)
    rule, scale, reach = Adam(eta=1.0), ETA * pair.latent.std, pair.examples.high - pair.examples.low
    best = z.copy(), np.zeros_like(targets), np.full(len(z), np.inf)
    for step in range(steps + 1):
        every = np.broadcast_to(z, (pair.streams.replicates, *z.shape))
        y, backward = net.forward(every, mode)
        x = y[repeat].reshape(targets.shape)
        error = errors(x, targets, reach)
        better = error < best[2]
        for kept, now in zip(best, (z, x, error), strict=True):
            kept[better] = now[better]
        if step == steps:
            return best
        dy = np.zeros_like(y)
        dy[repeat] = (x - targets).reshape(y.shape[1:])  # up to a factor, of which Adam's steps know nothing
        dz = backward(dy, params=False)
        assert dz is not None
        rule.eta = scale * (1 + cos(pi * step / steps)) / 2
        rule.step(z.reshape(1, -1), np.ascontiguousarray(dz[repeat]).reshape(1, -1))
        pair.latent.within_(z)
    raise AssertionError
