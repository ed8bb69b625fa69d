"""The student report's turns, in which the discriminator sees one side at a time."""

from __future__ import annotations

from dessine.games.critic_moves import Moves
from dessine.games.look import Look
from dessine.games.pair import Pair
from dessine.games.play.rule import Rule
from dessine.registry import SpecError


class Ratios(Rule):
    """Played where `game.moves` is given, instead of what `game.update` says. moves: how many of each kind, in this order."""

    def __init__(self, moves: Moves):
        self.moves = moves

    def refuse(self, pair: Pair) -> None:
        for name in pair.critic_moves.given():
            raise SpecError(f"give {name} or moves, not both", ("moves",))
        if pair.loss.paired:
            text = f"the {pair.loss.type} loss compares real and generated examples, in one move: take n_critic"
            raise SpecError(text, ("moves",))
        if pair.discriminator.is_penalised:
            text = "a gradient penalty needs real and generated examples in one move: take n_critic"
            raise SpecError(text, ("moves",))

    def real_batches(self, pair: Pair) -> float:
        m = self.moves
        return m.real + (m.shared + m.alone) * pair.generator_sees_real

    def turn(self, pair: Pair) -> list[Look]:
        looks = [pair.critic_look_at("real", pair.batch()).learn() for _ in range(self.moves.real)]
        for _ in range(self.moves.shared):
            batch = pair.batch()
            look = pair.generator_look(batch).learn()
            assert look.made is not None
            batch.made = look.made
            looks += [look, pair.critic_look_at("generated", batch).learn()]
        looks += [pair.critic_look_at("generated", pair.batch()).learn() for _ in range(self.moves.generated)]
        return looks + [pair.generator_look().learn() for _ in range(self.moves.alone)]
