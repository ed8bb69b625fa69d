"""Who moves how often in one turn. What a move does belongs to the game."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dessine.registry import Node, NonNegative, Registry, SomeTimes, SpecError, Times, Whole

untils: Registry[Until] = Registry("end of the critic's moves")


class Moves(Node):
    """The student report's ratios: how many moves of each kind one turn has, in this order, each a step of its own.

    real: the discriminator on a batch of real examples
    shared: the generator, then the discriminator on the very images it has shown
    generated: the discriminator on freshly generated images
    alone: the generator
    """

    def __init__(self, real: SomeTimes = 1, shared: SomeTimes = 1, generated: SomeTimes = 0, alone: SomeTimes = 0):
        self.real, self.shared, self.generated, self.alone = real, shared, generated, alone
        if real + shared + generated == 0 or shared + alone == 0:
            raise SpecError("both players must move: real, shared or generated, and shared or alone, must be over 0")


class CriticExtra(Node):
    """Turns in which the critic moves more often than n_critic, as in the WGAN authors' own program.

    moves: how often it moves in such a turn
    first: the first so many turns are such turns
    every: and so is every so many-th; 0: none
    """

    def __init__(self, moves: Times = 100, first: Whole = 25, every: Whole = 500):
        self.moves, self.first, self.every = moves, first, every
        if not first and not every:
            raise SpecError("has no turn to act in: give first or every", ("first",))

    def at(self, turn: int) -> bool:
        """Whether turn `turn`, from 1 on, is such a turn."""
        return turn <= self.first or (self.every > 0 and turn % self.every == 0)


class Until(Node):
    """When the critic has moved enough, beyond n_critic moves."""

    registry = untils
    most: int

    def reached(self, losses: Sequence[float]) -> bool:
        """losses: the critic's, one for each move it has made in this turn."""
        raise NotImplementedError


@untils.register("plateau")
class Plateau(Until):
    """The critic has converged when its loss no longer falls (the student report's "until convergence", section 5.3).

    most: moves of one turn at most
    window: moves over which the loss is averaged
    tolerance: the mean of the newest window must be lower than that of the window before by more than this share of it
    """

    def __init__(self, most: Times = 200, window: Times = 10, tolerance: NonNegative = 0.01):
        if most < 2 * window:
            raise SpecError(f"must hold two windows, 2 * {window}, to tell whether the loss falls", ("most",))
        self.most, self.window, self.tolerance = most, window, tolerance

    def reached(self, losses: Sequence[float]) -> bool:
        n = self.window
        if len(losses) < 2 * n:
            return len(losses) >= self.most
        before, now = float(np.mean(losses[-2 * n : -n])), float(np.mean(losses[-n:]))
        return len(losses) >= self.most or not now < before - self.tolerance * abs(before)
