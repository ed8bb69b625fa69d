"""How sure a score is that is no plain mean: what it becomes when a part of the examples is left out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

Array = np.ndarray
GROUPS = 20


def standard_error(score: Callable[[Array], float], parts: Array) -> float:
    """Of a score that depends on examples through sums alone: `score` of the sums over all groups but one, for each group.

    parts: (groups, ...), what each group adds; `score` takes (...). Groups should be of about one size.
    The delete-one-group jackknife (Quenouille 1949, Tukey 1958): sqrt((g - 1) / g * sum of squares about the mean). Wrong for
    what is not smooth in its examples, such as medians. NaN with fewer than two groups.
    """
    g = len(parts)
    if g < 2:
        return float("nan")
    total = parts.sum(0)
    found = np.array([score(total - part) for part in parts])
    return float(np.sqrt((g - 1) / g * np.square(found - found.mean()).sum()))


def groups(n: int) -> list[slice]:
    """Up to 20 runs of n examples, of sizes that differ by 1 at most. Examples must stand in random order."""
    ends = np.linspace(0, n, min(GROUPS, n) + 1).astype(int)
    return [slice(i, j) for i, j in pairwise(ends)]
