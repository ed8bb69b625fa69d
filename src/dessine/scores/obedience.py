"""Obedience: the share of samples that a judge reads as the class they were asked for. Who asks belongs to the games.

A judge errs on real examples, too: what these get, with their own labels, is the ceiling. Who ignores the label gets the
share of each class, about 1 / K.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def answers(asked: Sequence[str], judged: Sequence[str]) -> Array | None:
    """(K,) which of the classes that a judge names, `judged`, each that can be asked for is; None where it lacks one."""
    known = {name: i for i, name in enumerate(judged)}
    return np.array([known[name] for name in asked]) if asked and all(name in known for name in asked) else None


def by_class(read: Array, asked: Array, answers: Array) -> Array:
    """(K,) shares of the samples of each class that are read as it; NaN for a class that was not asked for.

    read: (N,) what the judge says; asked: (N,) in 0 to K - 1
    """
    k, right = len(answers), read == answers[asked]
    counts = np.bincount(asked, minlength=k)
    with np.errstate(invalid="ignore"):
        return np.bincount(asked[right], minlength=k) / np.where(counts > 0, counts, np.nan)


def obedience(read: Array, asked: Array, answers: Array) -> tuple[float, float]:
    """The share of all, and its standard error."""
    share = float((read == answers[asked]).mean())
    return share, float(np.sqrt(share * (1 - share) / len(read)))
