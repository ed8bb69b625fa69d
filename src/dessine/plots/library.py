"""The one place where matplotlib is loaded. What it is set to belongs to `figure.py`."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any


@cache
def library() -> Any:
    """matplotlib, loaded as if nobody had set anything: neither its backend nor a matplotlibrc."""
    there = os.path.exists

    def shipped(path: Any) -> bool:  # the first it looks for is one in the working folder, before any that could be named
        return there(path) and (os.path.basename(path) != "matplotlibrc" or "mpl-data" in os.fspath(path))

    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)  # a cache that cannot be written, a font that is looked for
    backend = os.environ.pop("MPLBACKEND", None)
    os.path.exists = shipped
    try:
        import matplotlib
    finally:
        os.path.exists = there
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    return matplotlib
