"""The run folder: spec, status, metrics, checkpoints. As a function, `dessine.runs(...)` lists runs: see `api.py`."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Runs(ModuleType):
    """This package has the name that is also the best one for the function."""

    def __call__(self, *filters: str, **options: Any) -> Any:
        return import_module("dessine.api").runs(*filters, **options)


sys.modules[__name__].__class__ = _Runs
