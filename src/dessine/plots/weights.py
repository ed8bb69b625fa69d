"""Weights as images: what each neuron of a first layer looks for."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from dessine.plots.grid import save_grid

Array = np.ndarray


def save_weights(path: Path, weights: Array, columns: int, caption: str) -> None:
    """weights: (units, H, W, channels), one image each: red below 0, white at 0, blue above, each to its own largest."""
    w = weights.mean(-1) if weights.shape[-1] not in (1, 3) else weights[..., 0]
    top = np.abs(w).max((1, 2), keepdims=True)
    unit = w / np.where(top > 0, top, 1)
    colours = matplotlib.colormaps["RdBu"](np.nan_to_num(unit) * 0.5 + 0.5)[..., :3]
    save_grid(path, colours, columns, f"{caption}: weights of the first {len(w)} neurons (red < 0 < blue)")
