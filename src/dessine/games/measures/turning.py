"""How much the gradient field of both players turns, on one fixed batch."""

from __future__ import annotations

from dessine.games.field import rotation
from dessine.games.game import Array
from dessine.games.jacobian import Jacobian
from dessine.games.pair import Pair


def turning(pair: Pair, pairs: int) -> dict[str, Array]:
    """Its rotation, in so many pairs of random directions; penalties and remedies apart."""
    networks = [player.network for player in (pair.discriminator, pair.generator)]
    kept = [(network, network.grad.copy()) for network in networks]
    directions = pair.fixed()[f"rotation/{pair.done}"]  # new ones at each line: what one misses another sees
    told = rotation(Jacobian(pair).along, sum(network.theta.shape[1] for network in networks), pairs, directions)
    for network, grad in kept:
        network.grad[...] = grad
    return told
