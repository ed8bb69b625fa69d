"""How sure a score is that compares two sets, each example with others: what it says on disjoint parts of both.

Two halves are two independent draws, so that their difference tells how much a score of half as many examples varies, whatever
the score: also where examples share neighbours, and where both sets are new ones. From half to whole, variances are taken to
halve; tests/scores/test_standard_errors.py holds what is stated against the spread over new draws.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
SPLITS = 16
"""Ways of parting. More would not make an error much surer: 16 leave it about a sixth of itself."""


def parted(n: int, parts: int = 2, splits: int = SPLITS) -> Array:
    """(splits, n): the part of each of n examples, 0 to parts - 1, at random, of sizes that differ by 1 at most.

    Always the same for the same numbers. Examples must stand in random order.
    """
    rng = np.random.default_rng([n, parts])
    return np.array([rng.permutation(np.arange(n) * parts // n) for _ in range(splits)])


def variance(found: Array) -> Array:
    """Of a score of one part. found: (splits, parts, ...), what it was on each part of each split."""
    spread: Array = found.var(1, ddof=1).mean(0)
    return spread


def error_by_halves(found: Array) -> Array:
    """The standard error of a score on the whole; found: (splits, 2, ...), what it was on the halves."""
    error: Array = np.sqrt(variance(found) / 2)
    return error


def error_of_share(p: float, n: int, found: Array) -> float:
    """The same of a share p of n that rises or falls with the number of examples: its variance follows p (1 - p), too.

    found: (splits, 2). 0 where it is the same on all halves. A fifth of an example is added on either side, for of n alike it
    is not sure that all are: so few is what redraws of shares near 1 show.
    """
    whole, half = (p * n + 0.2) / (n + 0.4), float((found * (1 - found)).mean())
    return float(error_by_halves(found)) * float(np.sqrt(whole * (1 - whole) / half)) if half > 0 else 0.0
