"""`dessine draw`: images from a run's generator."""

from __future__ import annotations

from math import ceil, sqrt
from pathlib import Path

import click
import numpy as np

from dessine.cli.errors import say
from dessine.cli.loading import at_step, by_whom, cells_of, drawn_by, for_each, open_run
from dessine.cli.paths import FILE, PATH, RUN
from dessine.experiment import Experiment
from dessine.games.game import FIXED_SEED
from dessine.plots.grid import save_grid
from dessine.runs.files import beside
from dessine.streams import Streams

PORTION = 500
"""Images drawn together, so that memory stays small."""
HINT = " (--plain: by its own weights)"


@click.command(epilog="Example: dessine draw last --count 64 --seed 1 --out digits.png")
@click.argument("run", type=RUN)
@click.option("--count", type=click.IntRange(1, 1_000_000), default=64, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the latents: the same, the same images.")
@by_whom
@at_step
@click.option("--out", type=FILE, required=True, help="FILE.png or FILE.npz")
@click.option("--runs-dir", type=PATH, default=Path("runs"), help="Where run folders are.")
def command(run: str, count: int, seed: int, average: bool | None, at: int | str, out: Path, runs_dir: Path) -> None:
    """Draw COUNT images with the generator of RUN: a grid (.png), or `images`, float32 in [0, 1], (N, 28, 28) (.npz).

    A run with `game.average` draws by the moving average of its generator, and says so.

    Of a sweep, each run has a file of its own, named after it: digits.png becomes digits_<values of the run>.png.
    """
    if out.suffix.lower() not in (".png", ".npz"):
        raise click.UsageError(f"--out {out}: expects a name ending in .png or .npz")
    if not out.parent.is_dir():
        raise click.UsageError(f"--out {out}: there is no folder {out.parent}")
    cells = cells_of(run, runs_dir)
    if not cells:
        made = [(Path(run), _draw(run, runs_dir, count, seed, average, at, out))]
    else:
        each = out.with_name
        made = for_each(
            cells,
            lambda cell: _draw(cell, runs_dir, count, seed, average, at, each(f"{out.stem}_{Path(cell).name}{out.suffix}")),
        )
    for whose in dict.fromkeys(whose for _, (_, whose) in made if whose):
        say(f"drawn by the {whose} of the generator{HINT if average is None else ''}")
    for _, (path, _) in made:
        click.echo(str(path))


def _draw(run: str, runs_dir: Path, count: int, seed: int, average: bool | None, at: int | str, out: Path) -> tuple[Path, str]:
    """Of one run. Returns the file, and whose weights have drawn, where there is a choice."""
    _found, experiment, step = open_run(run, runs_dir, to_draw=True, at=at)
    whose = drawn_by(experiment, average)
    images = draw_images(experiment, count, seed, average)
    if out.suffix.lower() == ".npz":
        with beside(out) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, images=images)
    elif images.ndim < 3:
        raise click.UsageError(f"--out {out}: points make no grid of images; take an .npz")
    else:
        caption = f"{experiment.name}, step {step:,}, seed {seed}{f', {whose}' if whose else ''}"
        save_grid(out, images, ceil(sqrt(count)), caption)
    return out, whose


def draw_images(experiment: Experiment, count: int, seed: int, average: bool | None = None) -> np.ndarray:
    """(count, H, W) or (count, H, W, 3) float32 in [0, 1]; 2-D points as they are, (count, 2)."""
    streams = Streams(seed + FIXED_SEED, experiment.repeats)  # not the very latents that a run of this seed has learnt from
    sizes = [min(PORTION, count - i) for i in range(0, count, PORTION)]
    try:
        x = np.concatenate([experiment.game.draw(n, streams, average=average) for n in sizes])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if x.ndim == 2:
        return x.astype(np.float32)
    images = experiment.split.train.images(x)
    return images[..., 0] if images.shape[-1] == 1 else images
