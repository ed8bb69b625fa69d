"""A figure becomes a file that is either whole or not there. What is drawn belongs to the other rooms of `plots/`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def save_figure(figure: Any, path: Path, dpi: int = 110) -> Path:
    """Write a matplotlib figure beside `path`, rename it into place, close the figure. Returns `path`."""
    import matplotlib.pyplot as plt

    beside = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        figure.savefig(beside, dpi=dpi)
        os.replace(beside, path)
    finally:
        plt.close(figure)
        beside.unlink(missing_ok=True)
    return path
