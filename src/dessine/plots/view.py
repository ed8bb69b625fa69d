"""Points of any number of numbers as a plane shows them: of more than two, along the axes on which real ones differ most."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Array = np.ndarray


class View(NamedTuple):
    """of: (..., n) -> (..., 2), and as it is where n is 1 or 2; told: what is seen, a line below a title, empty where it is all
    there is; labels: of both axes
    """

    of: Callable[[Array], Array]
    told: str
    labels: tuple[str, str]


def view_of(real: Array, n: int) -> View:
    """How to look at points of `n` numbers: along the first two principal axes of the real ones, (N, n).

    Without real ones that differ, by the first two of their numbers. Each axis points to where its largest part is positive, so
    that the same data are seen alike everywhere.
    """
    if n <= 2:
        return View(lambda x: x, "", ("x", "y"))
    middle = real.mean(0) if len(real) else np.zeros(n)
    values, vectors = np.linalg.eigh((real - middle).T @ (real - middle)) if len(real) > 2 else (np.zeros(n), np.eye(n))
    if not values[-1] > 0:
        return View(lambda x: x[..., :2], f"\n(the first two of {n} numbers)", ("first number", "second number"))
    axes = vectors[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), [0, 1]])
    shares = np.maximum(values[:-3:-1], 0) / values.sum()
    told = f"\n(two principal axes of {n} numbers: {100 * shares.sum():.0f} % of the variance)"
    first, second = (f"{name} axis ({100 * share:.0f} %)" for name, share in zip(("first", "second"), shares, strict=True))

    def of(x: Array) -> Array:
        with np.errstate(invalid="ignore", over="ignore"):  # what a game that diverges has drawn
            return np.asarray((x - middle) @ axes)

    return View(of, told, (first, second))
