"""Loops that Numba compiles, each the twin of a plain NumPy form that stands where its maths is told.

The plain form is what to read, and the oracle of the tests; it runs wherever Numba is not installed, or DESSINE_COMPILED=0 is
set. The modules of this package bring Numba, half a second: they are imported when a loop is first wanted, and `enabled`.
"""

from __future__ import annotations

import functools
import os
from importlib.util import find_spec


def enabled() -> bool:
    """Whether loops are compiled here."""
    return os.environ.get("DESSINE_COMPILED", "1") != "0" and _there()


@functools.cache
def _there() -> bool:
    return find_spec("numba") is not None
