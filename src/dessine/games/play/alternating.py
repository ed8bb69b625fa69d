"""One after the other: each player answers to the move that the other has just made."""

from __future__ import annotations

from dessine.games.look import Look
from dessine.games.pair import Pair
from dessine.games.play.rule import Rule, rules


@rules.register("alternating")
class Alternating(Rule):
    """The discriminator moves, as often as n_critic and its like say, then the generator (Goodfellow et al. 2014, algorithm 1).

    Each move is on a batch of its own.
    """

    def real_batches(self, pair: Pair) -> float:
        return pair.critic_moves.n_critic + pair.generator_sees_real

    def turn(self, pair: Pair) -> list[Look]:
        moves, looks = pair.critic_moves, list[Look]()
        for batch in pair.batches_ahead(moves.warmup if pair.done == 1 else 0):
            pair.critic_look(batch).learn()
        for batch in pair.batches_ahead(moves.least(pair.done)):
            looks.append(pair.critic_look(batch).learn())
        while moves.again(pair.done, [look.loss for look in looks]):
            looks.append(pair.critic_look().learn())
        return [*looks, pair.generator_look().learn()]
