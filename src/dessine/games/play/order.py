"""In which order the players move in a turn: one after the other, or both at once. How they move stands in each rule's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from dessine.games.look import Look
from dessine.games.pair import Batch, Pair
from dessine.games.play.rule import Rule
from dessine.registry import SpecError

Order = Literal["alternating", "simultaneous"]
Name = Literal["discriminator", "generator"]
BOTH: tuple[Name, Name] = ("discriminator", "generator")


class Ordered(Rule):
    """A rule that tells how players move, `moves`, and has the order from here.

    order: alternating, each answers to the move that the other has just made; the discriminator moves as often as n_critic and
        its like say, each time at a batch of its own. Or simultaneous: one move of each, at one batch, from one point
    first: who begins a turn, if they alternate
    """

    looks_per_move = 1  # at batches of their own

    def __init__(self, order: Order = "alternating", first: Name = "discriminator"):
        self.order, self.first = order, first
        if order == "simultaneous" and first != "discriminator":
            raise SpecError("simultaneous moves have no first one: take order alternating", ("first",))

    def refuse(self, pair: Pair) -> None:
        for name in pair.critic_moves.given() if self.order == "simultaneous" else ():
            order = "update alternating" if self.type == "simultaneous" else f"update {{type: {self.type}, order: alternating}}"
            raise SpecError(f"simultaneous moves are one of each player in a turn: take {order}", (name,))

    def real_batches(self, pair: Pair) -> float:
        if self.order == "simultaneous":
            return self.looks_per_move
        return self.looks_per_move * (pair.critic_moves.usual + pair.generator_sees_real)

    def moves(self, pair: Pair, names: Sequence[Name], batch: Batch | None = None) -> list[Look]:
        """One move of the players named, from where all stand now; the looks that were learnt from. batch: in place of a
        fresh one."""
        raise NotImplementedError

    def turn(self, pair: Pair) -> list[Look]:
        if self.order == "simultaneous":
            return self.moves(pair, BOTH)
        if pair.done == 1:
            self._critic(pair, pair.batches_ahead(pair.critic_moves.warmup))
        in_turn: list[Callable[[Pair], list[Look]]] = [self._critics, lambda pair: self.moves(pair, ["generator"])]
        if self.first == "generator":
            in_turn.reverse()
        return [look for moves in in_turn for look in moves(pair)]

    def _critics(self, pair: Pair) -> list[Look]:
        """All moves of the discriminator in this turn."""
        moves = pair.critic_moves
        looks = self._critic(pair, pair.batches_ahead(moves.least(pair.done)))
        while moves.again(pair.done, [look.loss for look in looks]):
            looks += self.moves(pair, ["discriminator"])
        return looks

    def _critic(self, pair: Pair, batches: Iterable[Batch]) -> list[Look]:
        return [look for batch in batches for look in self.moves(pair, ["discriminator"], batch)]
