"""What a rule of play is: one turn of two players, made of looks and moves.

A rule is given a `Pair`. From it come looks, each a loss at the parameters of this moment, with the way back to its gradient:

    pair.critic_look()      the discriminator's, at a fresh batch of real and generated examples
    pair.generator_look()   the generator's, at a fresh batch
    pair.looks(names)       one of each player named, at one batch
    pair.field()            one of each, at one batch: the field of the game
    pair.critic_look_at(side, batch)    the discriminator's at one side alone

and with a look a player moves:

    look.learn()        takes the gradient and moves along it
    look.gradient()     only adds the gradient to `look.player.network.grad`, (R, P), where a rule may change it
    look.move()         steps along what stands there, holds the constraint and clears it
    look.pull_back(), look.step()   the two halves of that: gradient of what the optimizer moves, step

So simultaneous descent is `[look.learn() for look in pair.field()]`, and alternating descent
`[pair.critic_look().learn(), pair.generator_look().learn()]`. How the gradients change along a direction, `jacobian.py` tells.
A rule that only changes how a move is made is an `Ordered` one (`order.py`), and writes `moves`.

To add a rule: write its file in this folder, a class with `@rules.register("name")` whose options are its constructor's and
whose docstring gives the formula and the source; import it in `__init__.py`; add a case to SETTINGS of
`tests/games/test_settings.py`, which resumes, repeats and measures each of them, and the formula to
`tests/games/test_rules_of_play.py`.
What is measured, drawn, scored and saved follows by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dessine.games.game import Array
from dessine.games.look import Look
from dessine.games.pair import Pair
from dessine.node import Node
from dessine.registry import Registry

rules: Registry[Rule] = Registry("rule of play")


class Rule(Node):
    """Who moves when in one turn, and along what."""

    registry = rules
    twice: ClassVar[bool] = False
    """Whether it differentiates both networks twice."""

    def refuse(self, pair: Pair) -> None:
        """Raises SpecError, from the game's options on, for a game that cannot be played so. Known are options, not data."""

    def real_batches(self, pair: Pair) -> float:
        """How many batches of real examples one turn takes, for what an epoch is."""
        raise NotImplementedError

    def turn(self, pair: Pair) -> list[Look]:
        """One turn, `pair.done` being its number from 1 on. Returns the looks that were learnt from, in their order."""
        raise NotImplementedError

    def attach(self, pair: Pair) -> None:
        """Take what it keeps between turns, once the networks are there."""

    def state(self) -> dict[str, Array]:
        """Copies of what it keeps between turns."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from what `state` returned."""
