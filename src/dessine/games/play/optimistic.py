"""Optimism: each player moves as if its last update would come once more, and takes back what it had hoped for before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dessine.games.game import Array
from dessine.games.look import Look
from dessine.games.pair import Batch, Pair
from dessine.games.play.order import BOTH, Name, Order, Ordered
from dessine.games.play.rule import rules


@rules.register("optimistic")
class Optimistic(Ordered):
    """w <- w - 2 eta v_t + eta v_(t-1), v_t being the gradient at move t (Daskalakis et al. 2018, equation 2 and algorithm 1).

    order: simultaneous, one move of each player from one point; or alternating, as often as n_critic and its like say
    first: who begins a turn, if they alternate
    With an optimizer whose update were u_t, w <- w + 2 u_t - u_(t-1): with adam that is their optimistic Adam. u_0 is 0, as
    theirs is, so that the first update counts double. Constraints hold after the whole move.
    """

    def __init__(self, order: Order = "simultaneous", first: Name = "discriminator"):
        super().__init__(order, first)

    def attach(self, pair: Pair) -> None:
        self.last: dict[str, Array] = {name: np.zeros_like(pair.player(name).network.theta) for name in BOTH}

    def moves(self, pair: Pair, names: Sequence[Name], batch: Batch | None = None) -> list[Look]:
        return [self._move(look) for look in pair.looks(names, batch)]

    def _move(self, look: Look) -> Look:
        start = look.player.moved.copy()

        def hope(w: Array) -> None:
            update = w - start
            w += update - self.last[look.name]
            self.last[look.name] = update

        return look.gradient(first=True).pull_back().step(hope)

    def state(self) -> dict[str, Array]:
        return {name: update.copy() for name, update in self.last.items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.last = {name: np.array(state[name]) for name in BOTH}
