"""A look: one player's loss on a batch, before it moves. Who learns from which look, and when, is a rule of play."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from dessine.games.player import Player
from dessine.nn.layer import Backward

Array = np.ndarray


@dataclass
class Look:
    """A player's loss where the players stand now, and the way back from it to the player's parameters.

    name: of the player
    loss: (R,); a penalty is part of it once the gradient has been taken
    errors: of each pass through the network, its backward and dE/dy; they go when the gradient is taken
    penalise: where the constraint has a penalty, in place of errors: adds the gradients of the loss and of the penalty, whose
        value it returns, (R,)
    said: what the discriminator said of "real" and "generated" examples, (R, B), where it was asked as the one to move
    made: what the generator has made, (R, B, *shape), where it is the one to move
    asked: what the auxiliary task costs, by side, (R,), where there is one: its gradient is in the errors, not it in the loss
    then: what follows each move, such as the moving average of the generator
    """

    name: str
    player: Player
    loss: Array
    errors: Sequence[tuple[Backward, Array]]
    penalise: Callable[..., Array | None] | None = None
    said: dict[str, Array] = field(default_factory=dict)
    made: Array | None = None
    then: Callable[[], None] | None = None
    penalty: Array | None = None
    asked: dict[str, Array] = field(default_factory=dict)

    def gradient(self, first: bool = False) -> Self:
        """Add the loss's gradient to the player's, `network.grad`, which is that of the moment when the look was made.

        first: that is 0 until then.
        """
        for i, (backward, dy) in enumerate(self.errors):
            backward(dy, params="first" if first and i == 0 else True, inputs=False)
        self.errors = ()
        if self.penalise is not None:
            self.penalty = self.penalise(first=first)
            assert self.penalty is not None
            self.loss, self.penalise = self.loss + self.penalty, None
        return self

    def pull_back(self) -> Self:
        """Make of the gradient that the player has the one by what its optimizer moves."""
        self.player.pull_back()
        return self

    def step(self, amend: Callable[[Array], None] | None = None) -> Self:
        """Step along the gradient that the player has, pulled back. amend: as in `Player.step`."""
        self.player.step(amend)
        return self._end()

    def move(self) -> Self:
        """Step along the gradient that the player has, whatever has been made of it since it was taken."""
        self.player.move()
        return self._end()

    def learn(self) -> Self:
        """Take the gradient and move along it."""
        if self.penalise is not None or len(self.errors) > 1:
            return self.gradient(first=True).move()
        ((backward, dy),), self.errors = self.errors, ()
        self.player.learn(backward, dy)  # which may need no gradient to move
        return self._end()

    def _end(self) -> Self:
        if self.then is not None:
            self.then()
        return self
