"""What the two players' gradients look like as one field: how steep the critic is, and how much the field turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from dessine.nn import Mode, Network
from dessine.streams import Stream, Streams

Array = np.ndarray


def slopes(
    critic: Network, points: dict[str, Array], streams: Streams, classes: Mapping[str, Array | None] = MappingProxyType({})
) -> dict[str, dict[str, Array]]:
    """Norms of the gradient of the critic's first output by its input, outside training.

    points: name -> (R, B, *shape); classes: of which they are, (R, B), if the critic is told.
    For each the mean and the largest norm over its examples, (R,). The largest is a lower bound of the critic's Lipschitz
    constant. Where a layer looks across examples, the gradient is that of the batch's sum.
    streams: not those of training, since layers of noise draw here, too.
    """
    told = {}
    for name, x in points.items():
        y, backward = critic.forward(x, Mode(streams, train=False, record=False, labels=classes.get(name)))
        dy = np.zeros_like(y)
        dy.reshape(*y.shape[:2], -1)[..., 0] = 1
        dx = backward(dy, params=False)
        assert dx is not None
        norms = np.sqrt(np.square(dx, dtype=np.float64).reshape(*dx.shape[:2], -1).sum(-1))
        told[name] = {"mean": norms.mean(-1), "max": norms.max(-1)}
    return told


Along = Callable[[Array], Array]
"""J w, (R, P), of a direction w, (R, P), P over all players: how their gradients, each of its own loss, change along it."""


def rotation(along: Along, size: int, pairs: int, stream: Stream) -> dict[str, Array]:
    """How much of the joint gradient field turns: |A|^2 / (|S|^2 + |A|^2), S and A the halves of its Jacobian J = S + A.

    S is symmetric, A antisymmetric; 0 is a conservative field, the gradient of one common height, on which descent cannot
    circle; 1 a pure rotation. The Frobenius norms are estimated without J: for independent standard normal u, w the mean of
    (u A w)^2 is |A|^2, and u A w = (u J w - w J u) / 2.
    size: P; pairs: how many (u, w) are drawn. Returns `share` and its `standard_error` over them (jackknife, NaN for one).
    Both are (R,). Ten are coarse: of a share of 0.28 they vary by 0.14, and state 0.7 of that; 50 vary by 0.07, and say so.
    """
    turns, rests = [], []
    for _ in range(pairs):
        u, w = (stream.gaussian((size,), np.float64) for _ in range(2))
        there, back = (u * along(w)).sum(-1), (w * along(u)).sum(-1)
        turns.append(((there - back) / 2) ** 2)
        rests.append(((there + back) / 2) ** 2)
    a, s = np.stack(turns), np.stack(rests)
    tiny = np.finfo(np.float64).tiny
    share = a.sum(0) / np.maximum(a.sum(0) + s.sum(0), tiny)
    others = (a.sum(0) - a) / np.maximum(a.sum(0) - a + s.sum(0) - s, tiny)
    spread = np.square(others - others.mean(0)).sum(0) * (pairs - 1) / pairs
    return {"share": share, "standard_error": np.sqrt(spread) if pairs > 1 else np.full(len(share), np.nan)}


def same_draws(streams: Streams) -> Callable[[], None]:
    """A function that sets the streams back to where they are now."""
    now = streams.state()
    return lambda: streams.restore(now)
