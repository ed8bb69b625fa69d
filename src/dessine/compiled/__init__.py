"""Loops that Numba compiles, each the twin of a plain NumPy form that stands where its maths is told.

The plain form is what to read, and the oracle of the tests; it runs wherever Numba is not installed, or DESSINE_COMPILED=0 is
set. The modules of this package bring Numba, half a second: they are imported when a loop is first wanted, and `enabled`.
"""

from __future__ import annotations

import functools
import os
from importlib.util import find_spec

import numpy as np

COMPILED = 16_384
"""Numbers from which a compiled loop takes the place of NumPy's passes: fewer do not repay the half second to load it."""

SHARED = 131_072
"""Numbers from which it is worth to wake a thread for a pass over them."""


def enabled() -> bool:
    """Whether loops are compiled here."""
    return os.environ.get("DESSINE_COMPILED", "1") != "0" and _there()


@functools.cache
def _there() -> bool:
    return find_spec("numba") is not None


def own(x: np.ndarray) -> np.ndarray:
    """x, or a copy if it is not contiguous or must not be written to, for which a loop would be compiled once more."""
    return np.require(x, requirements=["C", "W"])
