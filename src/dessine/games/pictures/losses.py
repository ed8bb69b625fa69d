"""What both players lose while the discriminator knows nothing: the lines beside their losses."""

from __future__ import annotations

import numpy as np

from dessine.games.pair import Pair
from dessine.losses import Straight


def ignorant(pair: Pair) -> dict[str, float]:
    """Losses of a discriminator that says the same of all examples, and of the generator that it meets, where they mean
    anything: penalties have no place in them, and the scale of a generator's straight loss is the critic's own."""
    if pair.discriminator.is_penalised:
        return {}
    if pair.loss.paired:
        ((even,), _) = pair.loss.generator_of_both(np.zeros((1, 2, 1)))
        return {"discriminator": float(even), "generator": float(even)}
    swap = pair.labels.swap
    real, swapped = (share * (pair.labels.low + pair.labels.high) / 2 for share in (1 - swap, swap))
    y = np.linspace(-5, 5, 1001).reshape(-1, 1, 1)
    y = y[np.argsort(np.abs(y[:, 0, 0]), kind="stable")]  # of equals the one nearest to 0
    told = pair.loss.critic(y, np.full((1, 1), real))[0] + pair.loss.critic(y, np.full((1, 1), swapped))[0]
    best = int(np.argmin(np.round(told, 9)))
    known = {"discriminator": float(told[best])}
    if not isinstance(pair.loss, Straight) and not pair.feature_matching and not pair.unrolled:
        known["generator"] = float(pair.loss.generator(y[best : best + 1])[0][0])
    return known
