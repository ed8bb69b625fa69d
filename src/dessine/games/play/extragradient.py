"""Extragradient: both players look where the field would lead them, and move, from where they stand, by what they see there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dessine.games.look import Look
from dessine.games.pair import Batch, Pair
from dessine.games.play.order import BOTH, Name, Order, Ordered
from dessine.games.play.rule import rules


@rules.register("extragradient")
class Extragradient(Ordered):
    """w' = w - eta v(w); w <- w - eta v(w') (Korpelevich 1976; for GANs Gidel et al. 2019, equation 11 and algorithm 4).

    by: how the players get to w': by the optimizer's own step, whose running means then know both looks, as in their
        Extra-Adam; or by plain descent with its eta, of which the optimizer knows nothing
    second: what v(w') is taken at: a fresh batch, as in their algorithm, or the same examples and latents
    order: simultaneous, one move of each player; or alternating, as often as n_critic and its like say: then both look ahead
        for each move, and only the one whose turn it is moves
    first: who begins a turn, if they alternate
    Constraints hold at w', too, and v(w') has the weight decay of w'; with a limit, by what it differs from that of w
    counts as gradient. Two gradients a move.
    """

    def __init__(
        self,
        by: Literal["optimizer", "descent"] = "optimizer",
        second: Literal["fresh", "same"] = "fresh",
        order: Order = "simultaneous",
        first: Name = "discriminator",
    ):
        super().__init__(order, first)
        self.by, self.second = by, second
        self.looks_per_move = 2 if second == "fresh" else 1

    def moves(self, pair: Pair, names: Sequence[Name], batch: Batch | None = None) -> list[Look]:
        batch = batch or pair.batch()
        back = [pair.player(name).way_back(optimizer=name not in names) for name in BOTH]
        for look in [look.gradient(first=True).pull_back() for look in pair.looks(BOTH, batch)]:
            look.player.look_ahead(plain=self.by == "descent")
        looks = pair.looks(names, batch.again() if self.second == "same" else None)
        looks = [look.gradient(first=True).pull_back() for look in looks]
        ahead = [look.player.moved.copy() for look in looks]
        for way in back:
            way()
        for look, there in zip(looks, ahead, strict=True):
            look.player.decay_from(there)
        return [look.step() for look in looks]
