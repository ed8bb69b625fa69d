"""One after the other: each player answers to the move that the other has just made."""

from __future__ import annotations

from dessine.games.play.descent import Descent
from dessine.games.play.order import Name
from dessine.games.play.rule import rules


@rules.register("alternating")
class Alternating(Descent):
    """The discriminator moves, as often as n_critic and its like say, then the generator (Goodfellow et al. 2014, algorithm 1).

    first: who begins a turn; the generator in the Dirac-GAN of Mescheder et al. 2018
    Each move is along the player's own gradient, psi <- psi - eta dL_D/dpsi (theta, psi), then, with the new psi,
    theta <- theta - eta dL_G/dtheta (theta, psi), at a batch of its own.
    """

    def __init__(self, first: Name = "discriminator"):
        super().__init__("alternating", first)
