"""Weights as images: what each neuron of a first layer looks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dessine.plots.grid import save_grid, save_labelled

Array = np.ndarray


def save_weights(path: Path, weights: Array, columns: int, caption: str, labels: Sequence[str] = ()) -> Path:
    """weights: (units, H, W, channels), one image each: orange below 0, white at 0, blue above, each to its own largest."""
    w = weights.mean(-1)
    top = np.abs(w).max((1, 2), keepdims=True)
    unit = np.nan_to_num(w / np.where(top > 0, top, 1))[..., None]
    ink = np.where(unit < 0, [0.835, 0.369, 0.0], [0.0, 0.447, 0.698])
    colours = 1 - np.abs(unit) * (1 - ink)
    if labels:
        return save_labelled(path, colours, labels, columns, caption)
    return save_grid(path, colours, columns, caption)
