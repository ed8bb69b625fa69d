"""What a rule of the diagnosis looks at, and what it says. The rules stand in `gan_rules.py` and `classifier_rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dessine.scores.lines import Array, Lines, kind
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled

VERDICTS = (
    *("diverged", "dead", "stuck", "collapsed", "memorising", "ignores its label", "collapsing", "unknown"),
    "healthy",
)
"""From the worst: of two that fit, the first is said."""

LEAST = 50
"""Samples that a line of metrics must have scored: of fewer, ten kinds cannot be counted."""

SHORTEST = 100
"""Steps that a verdict on a generator needs: before, all of them draw noise or one blot."""


@dataclass(frozen=True)
class Evidence:
    """One number, where it would have to lie, and why the threshold stands there.

    bad: whether it speaks for the verdict
    source: "metrics": the median over the last lines; "checkpoint": of samples that were drawn from one; "config"
    count: of the samples behind the number, or behind each line of it; None where it is not of samples
    """

    name: str
    value: float | None
    threshold: str
    why: str
    bad: bool
    source: str = "metrics"
    count: int | None = None


@dataclass(frozen=True)
class Case:
    """All that a rule may look at: one repeat of a run."""

    lines: Lines
    game: Mapping[str, Any]
    known: Reference
    sampled: Sampled | None = None
    found: Mapping[str, Any] | None = None  # where this repeat stopped being finite
    hopeless: tuple[str, ...] = ()  # what of the config no training can get over

    @property
    def loss(self) -> str:
        """Its type; empty if the spec is not known."""
        return kind(self.game.get("loss"))

    def scores(self, name: str) -> Array:
        """(lines,) a score of the samples; NaN where it was taken from too few to tell anything."""
        told = self.lines(f"scores.{name}")
        return told if self.known.count >= LEAST else np.full_like(told, np.nan)

    @property
    def step(self) -> int:
        """The last that is known of; 0 if none is."""
        last = [int(self.lines.steps[-1])] if len(self.lines.steps) else []
        return max([*last, self.sampled.step if self.sampled else 0])


@dataclass(frozen=True)
class Finding:
    """What one rule says of a repeat.

    flags: (lines,) whether each line of metrics speaks for it
    sure: it holds whatever the lines say; always: it holds however short the run is
    rising: (values, limit) of what would have to come above a limit, for a run that has only begun
    """

    verdict: str
    words: str
    flags: Array
    evidence: tuple[Evidence, ...]
    sure: bool = False
    since: int | None = None
    always: bool = False
    rising: tuple[Array, float] | None = None

    def holds(self, lines: Lines) -> bool:
        """Whether most of the last lines are flagged, or it is sure without."""
        return self.sure or self.is_borne_out(lines)

    def is_borne_out(self, lines: Lines) -> bool:
        """Whether most of the last lines are flagged."""
        agreed, of = lines.agree(self.flags)
        return 2 * agreed > of

    def has_only_begun(self, lines: Lines) -> bool:
        """Whether the number was never good, and gets better so fast that a run of twice the length would be good."""
        if self.rising is None:
            return False
        values, limit = self.rising
        smooth = lines.smooth(values)
        before, now = lines.trend(values)
        return bool(not (smooth >= limit).any() and now > before and now + 2 * (now - before) >= limit)


Rule = Callable[[Case], Finding | None]


def measured(
    name: str, end: float, there: float, limit: float, why: str, case: Case, *, of_samples: bool = True
) -> tuple[Evidence, ...]:
    """A number that is bad when small, of the last lines and of the checkpoint's samples, as far as there are any."""
    made, threshold = [], f"at least {limit:.3g}"
    if end == end:
        count = case.known.count if of_samples else None
        made.append(Evidence(name, end, threshold, why, end < limit, count=count))
    if there == there and case.sampled is not None:
        made.append(Evidence(name, there, threshold, why, there < limit, "checkpoint", case.sampled.count))
    return tuple(made)


def none(case: Case) -> Array:
    """No line is flagged."""
    return np.zeros(len(case.lines.steps), bool)


def all_(case: Case) -> Array:
    """Every line is flagged."""
    return np.ones(len(case.lines.steps), bool)
