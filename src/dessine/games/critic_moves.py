"""Who moves how often in one turn. What a move is belongs to the rules of play (`play/`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dessine.node import Node
from dessine.registry import NonNegative, Registry, SomeTimes, SpecError, Times, Whole
from dessine.schedules import MovingTimes, Schedule, Scheduled, TimesSchedule

Array = np.ndarray

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


class CriticMoves(Scheduled):
    """How often the discriminator moves in a turn: n_critic times, but for warm-up, extra turns, and until its loss rests."""

    n_critic: int

    def __init__(
        self, n_critic: MovingTimes = 1, warmup: int = 0, extra: CriticExtra | None = None, until: Until | None = None
    ):
        self.hold(n_critic=TimesSchedule.of(n_critic) if isinstance(n_critic, Mapping) else n_critic)
        self.warmup, self.extra, self.until = warmup, extra, until

    @property
    def usual(self) -> int:
        """What n_critic is in the end: by it passes over the data are counted."""
        moving: Schedule | None = self.schedules.get("n_critic")
        return self.n_critic if moving is None else int(moving.end)

    @property
    def varies(self) -> bool:
        """Whether turns differ, so that their number is a metric."""
        return self.extra is not None or self.until is not None

    def least(self, turn: int) -> int:
        """How often it moves in turn `turn`, whatever it loses."""
        return self.extra.moves if self.extra is not None and self.extra.at(turn) else self.n_critic

    def again(self, turn: int, losses: Sequence[Array]) -> bool:
        """Whether it moves once more in turn `turn`. losses: (R,), one for each move that it has made in it."""
        if len(losses) < self.least(turn):
            return True
        return self.until is not None and not self.until.reached([float(loss.flat[0]) for loss in losses])

    def refuse(self) -> None:
        """Raises SpecError for numbers that contradict each other."""
        extra, until, most = self.extra, self.until, self.most("n_critic")
        if extra is not None and extra.moves < most:
            raise SpecError(f"must be at least n_critic, {most}", ("critic_extra", "moves"))
        for path, n in ((("n_critic",), most), (("critic_extra", "moves"), extra.moves if extra else 0)):
            if until is not None and n > until.most:
                raise SpecError(f"{n} moves are more than until.most allows in one turn, {until.most}", path)

    def given(self) -> list[str]:
        """The options that say something else than one move in each turn."""
        options = {"n_critic": self.most("n_critic") - 1, "critic_warmup": self.warmup}
        options |= {"critic_extra": self.extra, "until": self.until}
        return [name for name, value in options.items() if value]
