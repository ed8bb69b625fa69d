"""What the generator can do now: a grid of images or a scatter of points, from the same latents every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dessine.games.game import FIXED_SEED, Context
from dessine.games.pair import Pair
from dessine.games.pictures import of_one
from dessine.games.pictures.line import show_line
from dessine.streams import Streams


def show(pair: Pair, path: Path, context: Context) -> None:
    """Draw it into `path`, a .png."""
    from dessine.plots.curves import save_scatter
    from dessine.plots.grid import save_grid

    points = len(pair.examples.shape) == 1
    rows, columns = context.grid
    with pair.drawing():
        streams = Streams(context.seed + FIXED_SEED, pair.streams.replicates)
        drawn = pair.drawn(1000 if points else rows * columns, streams)[0]
    title = caption(pair, f"{context.title}, step {context.step:,}")
    if pair.examples.shape == (1,):
        show_line(pair, path, drawn, title)
        return
    real = pair.examples.floats(np.arange(min(1000 if points else 100, len(pair.examples))), np.float32)
    if points:
        save_scatter(path, real, drawn, title, pair.panel.modes_of(drawn[: pair.scored or None]))
    else:
        save_grid(path, pair.examples.images(drawn), columns, title, pair.examples.images(real))


def caption(pair: Pair, title: str, average: bool | None = None, repeat: int = 0) -> str:
    """The title of a picture of samples: of one repeat only, drawn by whom."""
    return ", ".join(part for part in (of_one(title, pair.streams.replicates, repeat), pair.drawn_by(average)) if part)
