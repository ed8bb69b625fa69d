"""The rules for a game of a few parameters whose point of rest is known: all depends on how far from it the players are.

Written as those of `gan_rules.py` are. Samples, losses and small gradients say nothing here: at rest nobody has any.
"""

from __future__ import annotations

import numpy as np

from dessine.scores.finding import Case, Evidence, Finding, Rule, none
from dessine.scores.gan_rules import not_finite
from dessine.scores.lines import Lines, above

SHORTEST = 50
"""Turns that a verdict needs."""
NEAR = 0.05  # of the distance at the first line: nearer, noise and penalties may keep the players where they are
NEARER = 0.95  # from the middle third of the lines to the last one: what comes nearer more slowly circles
AWAY = 1.5  # times the distance at the first line


def is_small(lines: Lines) -> bool:
    """Whether they tell a distance from rest."""
    return bool(np.isfinite(lines("distance")).any())


def _ends(case: Case) -> tuple[float, float]:
    """The distance at the first line, and over the last ones."""
    far = case.lines("distance")
    return float(far[np.isfinite(far)][0]), case.lines.end(far)


def away(case: Case) -> Finding | None:
    """The players go away from rest."""
    first, end = _ends(case)
    before, now = case.lines.trend(case.lines("distance"))
    limit, why = AWAY * first, f"{AWAY:g} times {first:.3g}, the distance at the first line"
    evidence = Evidence("distance", end, f"at most {limit:.3g}", why, end > limit)
    flags = above(case.lines("distance"), limit) if now > before else none(case)
    return Finding("diverged", f"the players go away from rest: distance {end:.3g}, from {first:.3g}", flags, (evidence,))


def circles(case: Case) -> Finding | None:
    """They come no nearer."""
    first, end = _ends(case)
    before, now = case.lines.trend(case.lines("distance"))
    slow = bool(now > NEARER * before)
    why = "median of the last third of the lines over that of the middle third: more is no way to rest"
    evidence = Evidence("distance changes by", now / before if before else 0.0, f"at most {NEARER:g}", why, slow)
    flags = above(case.lines("distance"), NEAR * first) if slow else none(case)
    words = f"the players circle about rest and come no nearer: distance {end:.3g}, from {first:.3g}"
    return Finding("stuck", words, flags, (evidence,))


def healthy(case: Case) -> tuple[str, tuple[Evidence, ...]]:
    """What is said where neither holds."""
    first, end = _ends(case)
    return f"the players come to rest: distance {end:.3g}, from {first:.3g}", ()


RULES: tuple[Rule, ...] = (not_finite, away, circles)
