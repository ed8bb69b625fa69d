"""Packs: the discriminator is shown several examples at once, so that it sees whether they are alike (Lin et al. 2018)."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def packed(x: Array, m: int) -> Array:
    """m examples side by side in their last axis. x: (R, B, *shape, C) -> (R, B / m, *shape, m C). Lin et al. 2018 (PacGAN)."""
    if m == 1:
        return x
    r, b = x.shape[:2]
    apart = x.reshape(r, b // m, m, *x.shape[2:])
    return np.moveaxis(apart, 2, -2).reshape(r, b // m, *x.shape[2:-1], m * x.shape[-1])


def unpacked(x: Array, m: int) -> Array:
    """The inverse of `packed`."""
    if m == 1:
        return x
    r, b = x.shape[:2]
    apart = x.reshape(*x.shape[:-1], m, x.shape[-1] // m)
    return np.moveaxis(apart, -2, 2).reshape(r, b * m, *x.shape[2:-1], x.shape[-1] // m)
