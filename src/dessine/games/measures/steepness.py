"""How steep the critic is, at real examples, at generated ones, and between them."""

from __future__ import annotations

import numpy as np

from dessine.games.field import slopes
from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.games.remedies import packed


def critic_gradient(pair: Pair, drawn: Array) -> dict[str, dict[str, Array]]:
    """Norms of its gradient by its input. drawn: (R, N, *shape), as many as a batch or more."""
    found = points(pair, drawn)
    return slopes(pair.discriminator.network, found, pair.fixed(), _classes(pair, found))


def points(pair: Pair, drawn: Array) -> dict[str, Array]:
    """Where the slope is measured: always the same examples that are watched on the way, and latents, as many as a batch."""
    n = min(pair.batch_size, len(pair.watched))
    n -= n % pair.pack
    one = pair.watched.floats(np.arange(n), pair.dtype)
    real = np.broadcast_to(one, (pair.streams.replicates, *one.shape))
    share = np.linspace(0, 1, n, dtype=pair.dtype).reshape(-1, *(1 for _ in one.shape[1:]))
    sides = {"real": real, "generated": drawn[:, :n], "interpolated": share * real + (1 - share) * drawn[:, :n]}
    return {name: packed(x, pair.pack) for name, x in sides.items()}


def _classes(pair: Pair, found: dict[str, Array]) -> dict[str, Array | None]:
    """Of the points, (R, n), in a conditional game: of what lies between two sides that of the real example."""
    if pair.kinds is None:
        return {}
    n = found["real"].shape[1]
    real = pair.classes_of(pair.fixed(), n, pair.kinds.indices(pair.watched, np.arange(n)))
    return dict.fromkeys(found, real) | {"generated": pair.classes_of(pair.fixed(), n)}
