"""Descent: a player moves along its own gradient, and knows nothing of the other's."""

from __future__ import annotations

from collections.abc import Sequence

from dessine.games.look import Look
from dessine.games.pair import Batch, Pair
from dessine.games.play.order import Name, Order, Ordered
from dessine.games.play.rule import rules


@rules.register("descent")
class Descent(Ordered):
    """w <- w - eta v(w), each player along its own part of the field v; alternating and simultaneous are its two orders.

    order: alternating, one after the other, the discriminator as often as n_critic and its like say; or simultaneous
    first: who begins a turn, if they alternate
    """

    def __init__(self, order: Order = "alternating", first: Name = "discriminator"):
        super().__init__(order, first)

    def moves(self, pair: Pair, names: Sequence[Name], batch: Batch | None = None) -> list[Look]:
        return [look.learn() for look in pair.looks(names, batch)]
