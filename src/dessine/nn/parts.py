"""A batch cut into parts, for threads to share: by its size alone, so that results do not depend on who is there to help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dessine.threads import share

ENOUGH = 400_000
"""Numbers of one replicate from which passes over them are shared: fewer are done in the time that waking a thread takes."""
PARTS = 4


def parts(n: int, numbers: int) -> list[slice]:
    """n examples, which hold so many numbers in one replicate, in parts."""
    k = min(n, PARTS) if numbers > ENOUGH else 1
    return [slice(n * i // k, n * (i + 1) // k) for i in range(k)]


def each_part(r: int, n: int, numbers: int, do: Callable[[int, slice], object]) -> None:
    """do(replicate, part) for each part of each replicate, in any order."""
    share([partial(do, i, part) for i in range(r) for part in parts(n, numbers)])
