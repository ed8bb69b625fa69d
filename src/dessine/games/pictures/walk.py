"""Pictures of an evaluation: samples, and walks between latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.games.game import FIXED_SEED, Array
from dessine.games.pair import Pair
from dessine.games.pictures.samples import rows_of, sampled, show_points
from dessine.plots import Pictures
from dessine.streams import Streams


def save_samples(pair: Pair, seed: int, folder: Path, pictures: Pictures, title: str, repeat: int = 0) -> list[Path]:
    """samples.png and interpolation.png, of images, by the weights that the generator has; of points the first, of repeat 0."""
    from dessine.plots.grid import save_grid, save_table

    if len(pair.examples.shape) == 1:
        streams = Streams(seed + FIXED_SEED, pair.streams.replicates)
        return [] if repeat else pictures.draw(show_points, pair, folder / "samples.png", streams, title)
    drawn, columns = sampled(pair, 8, 8, Streams(seed + FIXED_SEED, pair.streams.replicates), repeat)
    steps = walk(pair, Streams(seed + FIXED_SEED, pair.streams.replicates), repeat)
    real = pair.examples.floats(pair.examples.scattered(100), np.float32)
    real, drawn, steps = (pair.examples.images(x) for x in (real, drawn, steps))
    made = pictures.draw(save_grid, folder / "samples.png", drawn, columns, title, real, rows=rows_of(pair))
    told = f"{title}: each row goes from one latent to another"
    way = np.split(steps, WALKS)
    names = [pair.askable[i % len(pair.kinds)] if pair.kinds is not None else "" for i in range(WALKS)]
    heads = [f"{i / (STOPS - 1):.0%}" for i in range(STOPS)]
    heads[0], heads[-1] = "one latent", "another"
    return made + pictures.draw(save_table, folder / "interpolation.png", way, names, heads, told)


WALKS, STOPS = 6, 10


def walk(pair: Pair, streams: Streams, repeat: int = 0, rows: int = WALKS, columns: int = STOPS) -> Array:
    """(rows * columns, *shape): each row goes in equal steps from one latent to another, within one class, if there are any."""
    ends = pair.latent.draw(streams, 2 * rows, pair.dtype).reshape(-1, rows, 2, pair.latent.size)
    t = np.linspace(0, 1, columns, dtype=pair.dtype)[:, None]
    z = (ends[:, :, :1] * (1 - t) + ends[:, :, 1:] * t).reshape(len(ends), -1, pair.latent.size)
    asked = None if pair.kinds is None else np.repeat(np.arange(rows) % len(pair.kinds), columns)
    x, _ = pair.generator.network.forward(z, pair.drawing_mode(streams, rows * columns, asked))
    return x[repeat].reshape(rows * columns, *pair.examples.shape)
