"""Numbers that move while a game is played: a learning rate that falls, noise that goes, a penalty that comes.

A schedule says what a number is in which turn. Who has numbers that may move, `Scheduled`, is told of each turn by the game.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Le

from dessine.node import Node
from dessine.registry import Count, Decay, Momentum, NonNegative, Positive, Share, SpecError, Times

Shape = Literal["linear", "exponential", "cosine", "steps"]
Stairs = Annotated[int, Ge(1), Le(1_000)]


class Schedule(Node):
    """A number that goes from one value to another, turn by turn. Options that take one say "or a schedule".

    from: its value in the first turn; left out: what the number is without a schedule, where it has a default
    to: its value after `over` turns, where it stays
    over: turns in which it gets there
    shape: linear, by the same difference in each turn; exponential, by the same factor; cosine, half a wave, slow at both ends;
        steps, in a few jumps, by the same factor each time, or, where an end is not above 0, by the same difference
    stairs: how many jumps, of steps; left out: 10
    A turn is one of the game, a step of `training.steps`, whatever the number of moves in it. In turn t a share
    s = (t - 1) / over of the way is gone: linear from (1 - s) + to s, exponential from (to / from)^s, cosine
    to + (from - to) (1 + cos(pi s)) / 2 (Loshchilov and Hutter 2017, without restarts).
    """

    noun = "a schedule"

    def __init__(self, from_: float, to: float, over: Count, shape: Shape = "linear", stairs: Stairs | None = None):
        self.start, self.end, self.over, self.shape, self.stairs = from_, to, over, shape, stairs or 10
        for name, value in (("from", from_), ("to", to)) if shape == "exponential" else ():
            if value <= 0:
                raise SpecError("an exponential schedule goes between numbers above 0: take linear or cosine", (name,))
        if stairs is not None and shape != "steps":
            raise SpecError(f"only the shape steps has stairs, this is {shape}", ("stairs",))

    def __str__(self) -> str:
        return f"{self.start:g} to {self.end:g}"

    def at(self, turn: int) -> float:
        """Its value in turn `turn`, from 1 on."""
        gone = max(turn - 1, 0)
        if gone >= self.over:
            return self.end
        # In whole numbers: 29 / 100 of 100 stairs is less than 29 of them in floating point.
        share = gone * self.stairs // self.over / self.stairs if self.shape == "steps" else gone / self.over
        if self.shape == "cosine":
            return self.end + (self.start - self.end) * (1 + math.cos(math.pi * share)) / 2
        if self.shape == "linear" or min(self.start, self.end) <= 0:
            return self.start * (1 - share) + self.end * share
        return self.start * (self.end / self.start) ** share


# One for each kind of number, so that both ends are checked like the number itself. `from` is a word of Python's.
class NonNegativeSchedule(Schedule):
    """A schedule of a number from 0: a learning rate, the weight of a penalty, the standard deviation of noise."""

    def __init__(self, from_: NonNegative, to: NonNegative, over: Count, shape: Shape = "linear", stairs: Stairs | None = None):
        super().__init__(from_, to, over, shape, stairs)


class ShareSchedule(Schedule):
    """A schedule of a share or a probability, from 0 to 1: of labels that are swapped, of images that are augmented."""

    def __init__(self, from_: Share, to: Share, over: Count, shape: Shape = "linear", stairs: Stairs | None = None):
        super().__init__(from_, to, over, shape, stairs)


class MomentumSchedule(Schedule):
    """A schedule of a momentum, above -1 and below 1; below 0 it damps the turning of a game (Gidel et al. 2019)."""

    def __init__(self, from_: Momentum, to: Momentum, over: Count, shape: Shape = "linear", stairs: Stairs | None = None):
        super().__init__(from_, to, over, shape, stairs)


class DecaySchedule(Schedule):
    """A schedule of the decay of a running mean, from 0 to below 1: m <- decay m + (1 - decay) x."""

    def __init__(self, from_: Decay, to: Decay, over: Count, shape: Shape = "linear", stairs: Stairs | None = None):
        super().__init__(from_, to, over, shape, stairs)


class TimesSchedule(Schedule):
    """A schedule of how often something is done, from 1 on: in each turn the nearest whole number."""

    def __init__(self, from_: Times, to: Times, over: Count, shape: Shape = "linear", stairs: Stairs | None = None):
        super().__init__(from_, to, over, shape, stairs)

    def at(self, turn: int) -> int:
        return round(super().at(turn))


MovingPositive: TypeAlias = Positive | NonNegativeSchedule
MovingNonNegative: TypeAlias = NonNegative | NonNegativeSchedule
MovingShare: TypeAlias = Share | ShareSchedule
MovingMomentum: TypeAlias = Momentum | MomentumSchedule
MovingDecay: TypeAlias = Decay | DecaySchedule
MovingTimes: TypeAlias = Times | TimesSchedule


def moving(number: Any) -> Any:
    """A number as it is, or the schedule that a mapping describes."""
    return Schedule.of(number) if isinstance(number, Mapping) else number


class Scheduled:
    """Something with numbers that may move: each is an attribute, and has the value of the turn that is being played."""

    schedules: Mapping[str, Schedule] = MappingProxyType({})

    def hold(self, **numbers: Any) -> None:
        """Make attributes of the numbers, or schedules, given, beside those held before: with the values of the first turn."""
        schedules = {name: one for name, one in self.schedules.items() if name not in numbers}
        for name, number in numbers.items():
            if isinstance(number := moving(number), Schedule):
                schedules[name] = number
            else:
                setattr(self, name, number)
        self.schedules = schedules
        self.to_turn(1)

    def to_turn(self, turn: int) -> None:
        """Give them the values of turn `turn`, from 1 on."""
        for name, schedule in self.schedules.items():
            setattr(self, name, schedule.at(turn))

    def over_turns(self, name: str, turns: range) -> list[float]:
        """The value of one of them in each of these turns."""
        moving = self.schedules.get(name)
        return [getattr(self, name)] * len(turns) if moving is None else [moving.at(turn) for turn in turns]

    def most(self, name: str) -> Any:
        """The largest value that one of them ever has."""
        moving = self.schedules.get(name)
        return getattr(self, name) if moving is None else max(moving.start, moving.end)

    def ever(self, name: str) -> bool:
        """Whether this number is other than 0 in some turn."""
        return name in self.schedules or bool(getattr(self, name))


def is_interval(low: Any, high: Any) -> bool:
    """Whether low <= high, in each turn; of more than a thousand that move, in a thousand."""
    both = [moving(one) for one in (low, high)]
    last = max((one.over for one in both if isinstance(one, Schedule)), default=0) + 1
    turns = sorted({round(1 + (last - 1) * i / 999) for i in range(1_000)})
    ways = ([one.at(turn) for turn in turns] if isinstance(one, Schedule) else [one] * len(turns) for one in both)
    return all(a <= b for a, b in zip(*ways, strict=True))
