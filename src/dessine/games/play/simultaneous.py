"""Both at once: each player answers to where the other has been."""

from __future__ import annotations

from dessine.games.look import Look
from dessine.games.pair import Pair
from dessine.games.play.rule import Rule, rules
from dessine.registry import SpecError


@rules.register("simultaneous")
class Simultaneous(Rule):
    """Both players move along the field at one point, theta <- theta - eta v(theta) (Mescheder et al. 2017, algorithm 1)."""

    def refuse(self, pair: Pair) -> None:
        for name in pair.critic_moves.given():
            raise SpecError("simultaneous moves are one of each player in a turn: take update alternating", (name,))

    def real_batches(self, pair: Pair) -> float:
        return 1

    def turn(self, pair: Pair) -> list[Look]:
        return [look.learn() for look in pair.field()]
