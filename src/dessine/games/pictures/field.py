"""Data in the plane: the discriminator's field under real and generated points, beside what would be right, and the grid of
latents as the generator warps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.games.pictures.places import Grid, drawn_along, latent_lines, log_ratio, pushes, says

SIDE, ARROWS, SHOWN = 56, 70, 1000
"""Places along each side of a field; samples with an arrow; points of each side that are drawn."""
BLUR = 1 / 50
"""Of the window: the width of the bells that samples are seen through."""


def show_plane(pair: Pair, path: Path, drawn: Array, title: str) -> None:
    """drawn: (N, d) points of replicate 0, of two numbers or more, as the generator draws them now; of more, seen along the
    principal axes of the real ones, a plane that the discriminator cannot be asked about.
    """
    from dessine.plots import field
    from dessine.plots.view import view_of

    real = pair.examples.floats(pair.examples.scattered(4 * SHOWN), np.float64)
    found, d = pair.panel.modes_of(drawn[: pair.scored or None]), real.shape[1]
    view = view_of(real[:SHOWN], d)
    grid = Grid(*field.window(view.of(real)), SIDE)
    told = (f"{title}: {found}" if found else title) + view.told.replace("\n", " ")
    said, ratio, arrows, warped = None, None, None, None
    if d == 2:
        said = says(pair, grid.places)
        blur = float((grid.high - grid.low)[0] * BLUR)
        ratio = log_ratio(grid, pair.panel.data.density, real, drawn.astype(np.float64), blur)[0]
        if said is not None and (there := np.isfinite(drawn).all(1)).any():
            some = drawn[there][:ARROWS]
            at = pushes(pair, real[: len(some)], some)
            arrows = None if at is None else (some, at)
    if d == 2 or pair.latent.size > 1:
        warped = drawn_along(pair, latent_lines(pair)[0])
    field.save_field(
        path,
        grid.low,
        grid.high,
        view.of(real[:SHOWN]),
        view.of(drawn[:SHOWN]),
        None if said is None else centred(pair, said, real, drawn).reshape(SIDE, SIDE),
        pair.loss.probability,
        None if ratio is None else (ratio.reshape(SIDE, SIDE), pair.panel.data.density is not None, blur),
        arrows,
        None if warped is None else [view.of(way) for way in warped],
        _of_latents(pair),
        told,
        pair.decay is not None,
    )


def centred(pair: Pair, said: Array, real: Array, drawn: Array) -> Array:
    """What a critic says, 0 half way between its means at both sides, in units of half their distance; a logit as it is."""
    if pair.loss.probability:
        return said
    there = drawn[np.isfinite(drawn).all(1)][:SHOWN]
    at = [says(pair, x) for x in (real[:SHOWN], there) if len(x)]
    means = [float(np.mean(one)) for one in at if one is not None]
    half = abs(means[0] - means[-1]) / 2
    spread = max(half, 0.05 * float(np.nanstd(said)), 1e-12)
    return (said - np.mean(means)) / spread


def _of_latents(pair: Pair) -> str:
    n = pair.latent.size
    return "line of the latent" if n == 1 else "grid of the latents" if n == 2 else f"grid of the first 2 of {n} latents"
