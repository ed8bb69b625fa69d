"""Study how neural networks and GANs learn, with networks written by hand in NumPy.

The command line starts in `dessine.cli`; a notebook with `dessine.train`, `dessine.load` and `dessine.runs` (docs/api.md), or
below them with `dessine.nn`, `dessine.losses` and `dessine.optimizers`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Failed", "Interrupted", "RunError", "SavedRun", "SpecError", "load", "runs", "train"]


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: `import dessine` takes no time."""
    if name not in __all__:
        raise AttributeError(f"module 'dessine' has no attribute '{name}'")
    return import_module("dessine.runs") if name == "runs" else getattr(import_module("dessine.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
