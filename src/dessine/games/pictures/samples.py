"""What the generator can do now: a grid of images or a scatter of points, from the same latents every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.games.field import same_draws
from dessine.games.game import FIXED_SEED, Array, Context
from dessine.games.pair import Pair
from dessine.games.pictures import of_one
from dessine.games.pictures.field import show_plane
from dessine.games.pictures.line import show_line
from dessine.streams import Streams

POINTS = 3000
"""Samples that a density is estimated from, and a thousand of them drawn."""


def show(pair: Pair, path: Path, context: Context) -> None:
    """Draw it into `path`, a .png."""
    from dessine.plots.grid import save_grid

    rows, columns = context.grid
    title = caption(pair, f"{context.title}, step {context.step:,}")
    with pair.drawing():
        streams = Streams(context.seed + FIXED_SEED, pair.streams.replicates)
        if len(pair.examples.shape) == 1:
            show_points(pair, path, streams, title)
            return
        drawn, columns = sampled(pair, rows, columns, streams)
    if len(pair.askable) > MOST_ROWS:
        title += f", the first {MOST_ROWS} of {len(pair.askable)} classes"
    real = pair.examples.floats(pair.examples.scattered(100), np.float32)
    save_grid(path, pair.examples.images(drawn), columns, title, pair.examples.images(real), rows=rows_of(pair))


def show_points(pair: Pair, path: Path, streams: Streams, title: str) -> Path:
    """The game on a line, or in the plane, as repeat 0 draws it now."""
    one = show_line if pair.examples.shape == (1,) else show_plane
    one(pair, path, pair.drawn(POINTS, streams)[0], title)
    return path


def caption(pair: Pair, title: str, average: bool | None = None, repeat: int = 0) -> str:
    """The title of a picture of samples: of one repeat only, drawn by whom."""
    return ", ".join(part for part in (of_one(title, pair.streams.replicates, repeat), pair.drawn_by(average)) if part)


MOST_ROWS = 30
"""Classes that a grid shows, a row each."""


def sampled(pair: Pair, rows: int, columns: int, streams: Streams, repeat: int = 0) -> tuple[Array, int]:
    """(N, *shape) of one repeat for a grid, and its columns: where something can be asked for, a row for each of that, with
    the same latents in each column."""
    if names := rows_of(pair):
        return each(pair, len(names), columns, streams, repeat), columns
    return pair.drawn(rows * columns, streams)[repeat], columns


def each(pair: Pair, count: int, columns: int, streams: Streams, repeat: int = 0) -> Array:
    """(count * columns, *shape) of one repeat: a row for each of what can be asked for, from the same latents and noise."""
    begin, made = same_draws(streams), []
    for k in range(count):
        begin()
        made.append(pair.drawn(columns, streams, np.full(columns, k))[repeat])
    return np.concatenate(made)


def rows_of(pair: Pair) -> tuple[str, ...]:
    """What each row of such a grid is called; nothing where nothing can be asked for."""
    return pair.askable[:MOST_ROWS]
