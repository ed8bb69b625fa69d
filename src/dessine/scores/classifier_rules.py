"""The rules for a classifier. Success speaks first: a network that names its test examples right is well, whatever else.

Written as those of `gan_rules.py` are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dessine.scores.finding import Case, Evidence, Finding, Rule, all_, none
from dessine.scores.gan_rules import NAN, STILL, WILD, not_finite
from dessine.scores.lines import above, below

FALLING = 0.02  # of the test loss, from the middle third of the lines to the last one
SAME = 1e-6  # of the test loss: rounding of float32


def _named(case: Case) -> str:
    """What success is called: that on the test, or on the validation part."""
    return case.lines.success.replace("_", " ")


def success(case: Case) -> float:
    """Test success over the last lines."""
    return case.lines.end(case.lines(case.lines.success))


def wanted(case: Case) -> float:
    """From what success on it has learnt: what the config says, and more than guessing."""
    return max(float(case.game.get("learned", 0.9)), _guessing(case))


def reached(case: Case) -> float:
    """Test success over the last lines; of one that gets better, which has left their median behind, in the last one."""
    rate = case.lines(case.lines.success)
    last = rate[np.isfinite(rate)][-1:]
    return max(success(case), float(last[0])) if len(last) and _improves(case) else success(case)


def has_learnt(case: Case) -> bool:
    """Whether it succeeds."""
    return reached(case) >= wanted(case)


def _guessing(case: Case) -> float:
    """What guessing may get: the most frequent class, and three standard errors more."""
    p = case.known.chance
    return p + 3 * float(np.sqrt(p * (1 - p) / max(case.known.tests, 1)))


def _ignorance(case: Case) -> float:
    """Loss of a network that knows nothing but how frequent classes are; NaN where the loss has no such scale."""
    return case.known.ignorance if case.loss.endswith("cross_entropy") else NAN


def _worse_than_nothing(case: Case) -> bool:
    """Its loss is twice that of knowing nothing or more: that it falls, or that success goes up and down, is no learning."""
    return case.lines.end(case.lines(case.lines.loss)) > 2 * _ignorance(case)


def _improves(case: Case) -> bool:
    """Whether it got better from the middle third of the lines to the last one, in success or in loss."""
    if _worse_than_nothing(case):
        return False
    before, now = case.lines.trend(case.lines(case.lines.loss))
    if now < (1 - FALLING) * before:
        return True
    rate = case.lines(case.lines.success)
    if np.isfinite(rate).sum() < 6:  # of fewer, one lucky test would be the last third
        return False
    before, now = case.lines.trend(rate)
    return now - before > float(np.sqrt(now * (1 - now) / max(case.known.tests, 1)))


def _too_early(case: Case) -> str:
    """Why nobody can tell yet whether it will learn; empty if somebody can."""
    loss, epochs = case.lines(case.lines.loss), case.lines("epoch")
    if _improves(case) or (case.lines.falls(loss) and not _worse_than_nothing(case)):
        return "its loss still falls"
    if len(epochs) and epochs[-1] < 1:
        return f"it has met only {epochs[-1]:.0%} of its training examples"
    return ""


def untested(case: Case) -> Finding | None:
    """Without tests nothing is known."""
    if np.isfinite(case.lines(case.lines.success)).any():
        return None
    return Finding("unknown", "no line of metrics holds a test", all_(case), (), True)


def risen(case: Case) -> Finding | None:
    """The loss has run away, and success with it."""
    loss = case.lines(case.lines.loss)
    there = loss[np.isfinite(loss)]
    if len(there) < 3 or has_learnt(case):
        return None
    known, end = _ignorance(case), case.lines.end(loss)
    least = min(float(there[0]), known) if known == known else float(there[0])
    limit = WILD * least
    why = f"ten times {least:.3g}, the loss {'at the first line' if least == there[0] else 'of a network that knows nothing'}"
    evidence = Evidence(case.lines.loss, end, f"at most {limit:.3g}", why, end > limit)
    flags = above(loss, limit) & (not success(case) > _guessing(case))
    return Finding("diverged", "the loss is far beyond that of a network that has learnt nothing", flags, (evidence,))


def still(case: Case) -> Finding | None:
    """Over the last lines nothing moves: neither the weights nor what they say of the tests."""
    lines = case.lines
    if has_learnt(case) or len(lines.steps) < 3:
        return None
    ratios = lines.layers("network", "update_ratio")
    most = np.where(np.isfinite(ratios).all(1), ratios.max(1), np.nan)[lines.late] if ratios.size else np.zeros(0)
    moved = float(np.nanmax(most)) if np.isfinite(most).any() else NAN
    loss = lines(lines.loss)[lines.late]
    loss = loss[np.isfinite(loss)]
    apart = float((loss.max() - loss.min()) / max(abs(loss).max(), 1e-300)) if len(loss) > 1 else NAN
    why = "a step is this share of the weights, at its largest in the last lines: less is lost in the last digit of float32"
    of_weights = Evidence("network's largest update_ratio", moved, f"at least {STILL:g}", why, moved < STILL)
    why = "largest difference of the test loss between the last lines, over the loss: less is rounding"
    of_loss = Evidence(f"{lines.loss} moves by", apart, f"at least {SAME:g}", why, apart < SAME)
    every = lines(lines.loss)
    as_now = below(np.abs(every - loss[-1]), SAME * abs(loss[-1])) | (every == loss[-1]) if len(loss) else none(case)
    small = below(np.where(np.isfinite(ratios).all(1), ratios.max(1), np.nan), STILL) if ratios.size else as_now
    flags = (small if moved < STILL else as_now) if moved < STILL or apart < SAME else none(case)
    return Finding("dead", "the network no longer moves", flags, (of_weights, of_loss))


def at_chance(case: Case) -> Finding | None:
    """It guesses."""
    rate, known = case.lines(case.lines.success), case.known
    if not known.tests:
        return None
    limit, end = _guessing(case), reached(case)
    if end >= limit:
        return None
    why = f"always naming the most frequent class gets {known.chance:.3g}; three standard errors of {known.tests:,} tests more"
    evidence = Evidence(case.lines.success, end, f"at least {limit:.3g}", why, end < limit, count=known.tests)
    if early := _too_early(case):
        words = f"too early: its success is that of guessing, but {early}"
        return Finding("unknown", words, below(rate, limit), (evidence,))
    return Finding("dead", "it has learnt nothing: its success is that of guessing", below(rate, limit), (evidence,))


def stopped(case: Case) -> Finding | None:
    """It is better than guessing, not good, and no longer gets better."""
    end, limit = success(case), wanted(case)
    heart = by_heart(case)
    if not _guessing(case) <= end < limit or _improves(case) or (heart is not None and heart.holds(case.lines)):
        return None
    why = "game.learned: test success from which a repeat counts as one that has learnt"
    evidence = Evidence(case.lines.success, end, f"at least {limit:.3g}", why, True, count=case.known.tests or None)
    smooth = case.lines.smooth(case.lines(case.lines.success))
    words = f"{_named(case)} stays at {end:.3g}"
    if case.lines("epoch")[-1] < 1:
        return Finding("unknown", f"too early: {words}, but {_too_early(case)}", all_(case), (evidence,), True)
    if np.isfinite(smooth).any() and np.nanmax(smooth) - end > 2 * np.sqrt(end * (1 - end) / max(case.known.tests, 1)):
        best = int(np.nanargmax(smooth))
        words += f"; it was {smooth[best]:.3g} around step {case.lines.steps[best + 1]:,}"
    return Finding("stuck", words, below(case.lines(case.lines.success), limit), (evidence,), True)


def by_heart(case: Case) -> Finding | None:
    """The test loss rises while that of training falls, and tests are got wrong that were once right."""
    lines = case.lines
    test, train, rate = lines(lines.loss), lines("loss.network"), lines(lines.success)
    smooth, right = lines.smooth(test), lines.smooth(rate)
    if not np.isfinite(smooth).any() or not np.isfinite(right).any():
        return None
    best = int(np.nanargmin(smooth))
    limit, low = 1.25 * float(smooth[best]), float(np.nanmax(right))
    low -= 2 * float(np.sqrt(low * (1 - low) / max(case.known.tests, 1)))
    flags = above(test, limit) & below(train, 0.5 * test) & below(rate, low)
    flags[: best + 1] = False
    step, end = lines.steps[best + 1], lines.end(test)
    evidence = (
        Evidence(case.lines.loss, end, f"at most {limit:.3g}", f"a quarter more than its best, at step {step:,}", end > limit),
        Evidence(case.lines.success, lines.end(rate), f"at least {low:.4g}", "two standard errors under its best", True),
        Evidence(
            "loss.network", lines.end(train), f"at least half of {lines.loss}", "training examples are known better", True
        ),
    )
    words = f"it learns its training examples by heart: tests went better at step {step:,}"
    return Finding("memorising", words, flags, evidence)


RULES: list[Rule] = [not_finite, risen, still, at_chance, by_heart, stopped, untested]
"""Of two that come to the same verdict, the first speaks."""


def healthy(case: Case) -> tuple[str, tuple[Evidence, ...]]:
    """What is said where no rule holds, and the number for it."""
    end, limit = reached(case), wanted(case)
    why = "game.learned: test success from which a repeat counts as one that has learnt"
    evidence = Evidence(case.lines.success, end, f"at least {limit:.3g}", why, False, count=case.known.tests or None)
    if end >= limit:
        return f"it has learnt: {_named(case)} {end:.3g}", (evidence,)
    return f"it learns: {_named(case)} {end:.3g} so far", (evidence,)


def weak(case: Case) -> list[str]:
    """What is not good yet."""
    if has_learnt(case):
        return []
    text = f"{_named(case)} is {reached(case):.3g}, below {wanted(case):.3g}, from which a repeat counts as one that has learnt"
    return [text]


def share(cases: Sequence[Case]) -> tuple[str, Evidence] | None:
    """How many repeats have learnt, by their last test: the `learned` of summary.json."""
    limit = float(cases[0].game.get("learned", 0.9))
    last = [rate[np.isfinite(rate)][-1:] for rate in (case.lines(case.lines.success) for case in cases)]
    hits = sum(bool(len(one)) and bool(one[0] >= limit) for one in last)
    words = f"{hits} of {len(cases)} repeats have learnt ({_named(cases[0])} from {limit:g} on)"
    why = "share of repeats whose last test reaches game.learned"
    return words, Evidence("learned", hits / len(cases), "at least 0.75", why, hits < 0.75 * len(cases))
