"""Data on a line: the densities of real and generated points, what the discriminator says of each place beside what would be
right, and where the generator puts each latent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.games.pictures.field import centred
from dessine.games.pictures.places import Grid, drawn_along, latent_lines, log_ratio, pushes, says
from dessine.losses import sigmoid

PLACES, ARROWS = 400, 25
BLUR = 1 / 80
"""Of the window: the width of the bells that samples are seen through."""


def show_line(pair: Pair, path: Path, drawn: Array, title: str) -> None:
    """drawn: (N, 1) points of replicate 0, as the generator draws them now."""
    from dessine.plots import line

    real = pair.examples.floats(pair.examples.scattered(10_000), np.float64)
    low, high = line.reach(real[:, 0], drawn[:, 0])
    grid = Grid(np.array([low]), np.array([high]), PLACES)
    at, blur = grid.places, (high - low) * BLUR
    said, known = says(pair, at), pair.panel.data.density
    ratio, p, q = log_ratio(grid, known, real, drawn.astype(np.float64), blur)
    arrows = None
    if said is not None and (there := np.isfinite(drawn).all(1)).any():
        some = np.sort(drawn[there], 0)[np.linspace(0, there.sum() - 1, min(ARROWS, there.sum())).round().astype(int)]
        way = pushes(pair, real[: len(some)], some)
        arrows = None if way is None else (some[:, 0], way[:, 0])
        said = sigmoid(said) if pair.loss.probability else centred(pair, said, real, drawn)
    way = None
    if pair.latent.size == 1 and (made := drawn_along(pair, latents := latent_lines(pair)[0])) is not None:
        way = np.stack([latents[0][:, 0], made[0][:, 0]], -1)
    found = pair.panel.modes_of(drawn[: pair.scored or None])
    line.save_line(
        path,
        at[:, 0],
        (p, q, known is not None, blur),
        said,
        sigmoid(ratio) if pair.loss.probability else None,
        pair.loss.probability,
        arrows,
        way,
        f"{title}: {found}" if found else title,
    )
