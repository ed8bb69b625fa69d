"""`dessine draw`: images from a run's generator."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path

import click
import numpy as np
from click.core import ParameterSource

from dessine.cli import asking
from dessine.cli.errors import say
from dessine.cli.latents import Bound, Stops, drawn, playing, read_latents
from dessine.cli.loading import at_step, by_whom, cells_of, drawn_by, for_each, open_one, which_repeat
from dessine.cli.paths import FILE, RUN, runs_option
from dessine.cli.trust import trust_plugins
from dessine.cli.walks import ENDINGS, FRAMES, Trip, save_trip
from dessine.experiment import Experiment
from dessine.games.game import FIXED_SEED
from dessine.games.walk import PATHS
from dessine.games.walk import Path as Way
from dessine.plots.grid import save_grid, save_table
from dessine.runs.files import beside
from dessine.streams import Held, Streams

PORTION = 500
"""Images drawn together, so that memory stays small."""
HINT = " (--plain: by its own weights)"
EPILOG = """\b
Examples:
  dessine draw last --count 64 --seed 1 --out digits.png
  dessine draw last --label 7 --out sevens.png
  dessine draw last --each 8 --out all.png
  dessine draw last --walk 3,7,12 --closed
  dessine draw last --latents found.npy --out found.png
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--count", type=click.IntRange(1, 1_000_000), default=64, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the latents: the same, the same images.")
@asking.options
@click.option("--latents", type=FILE, help="FILE.npy of the latents to draw from, N x size, in place of a seed's.")
@click.option(
    "--truncate",
    type=Bound(),
    metavar="PSI",
    help="Draw each number of a gaussian latent anew until it lies in [-PSI, PSI]: more alike and often clearer; try 1.",
)
@click.option("--walk", type=Stops(), help="Walk from latent to latent: of seeds, or of files of latents.")
@click.option("--frames", type=click.IntRange(2, 1000), help=f"Images of a walk.  [default: {FRAMES}]")
@click.option("--path", "way", type=click.Choice(PATHS), help="Of a walk.  [default: spherical for gaussian latents]")
@click.option("--closed", is_flag=True, help="Walk back to the first latent, so that a GIF has no jump.")
@by_whom
@which_repeat
@at_step
@trust_plugins
@click.option("--out", type=FILE, help="FILE.png or FILE.npz; of a walk FILE.gif, too.  [default for a walk: walk.gif]")
@runs_option
def command(
    run: str,
    count: int,
    seed: int,
    label: str | None,
    labels: list[str] | None,
    each: int | None,
    latents: Path | None,
    truncate: float | None,
    walk: list[int | Path] | None,
    frames: int | None,
    way: Way | None,
    closed: bool,
    average: bool | None,
    repeat: int,
    at: int | str,
    out: Path | None,
    runs_dir: Path,
) -> None:
    """Draw COUNT images with the generator of RUN: a grid (.png), or `images`, float32 in [0, 1], (N, 28, 28) (.npz).
    Points in the plane are drawn over real ones.

    With --walk, what it draws on a way from latent to latent: a GIF, a grid, or numbers. Seed 3 stands for the first image of
    --seed 3. Of points in the plane, the line that they take.

    A run that was told classes draws those that are asked for, or each as often as the data have it. One that was told none
    draws until its judge has found enough, and says how many draws that took. Of InfoGAN the kinds of the first code are meant.

    A run with `game.average` draws by the moving average of its generator, and says so.

    Of a sweep, each run has a file of its own, named after it: digits.png becomes digits_<values of the run>.png.
    """
    trip = None
    if walk is not None:
        _refuse("a walk is from the latents that it names", "count", "latents", "labels", "each")
        trip = Trip(walk, frames or FRAMES, way, closed, truncate, seed, label)
    else:
        _refuse("this is of a walk: give --walk", "frames", "way", "closed")
    if latents is not None:
        _refuse("--latents says which are drawn", "count", "seed", "truncate")
    wish = asking.Wish.of(label, labels, each)
    if wish and not (wish.one and not wish.each):
        _refuse("the labels say how many are drawn", "count")
    out = _checked(out, ENDINGS if trip else (".png", ".npz"), Path("walk.gif") if trip else None)
    ask = _Question(count, seed, wish, latents, truncate, trip, average, repeat, at)
    cells = cells_of(run, runs_dir)
    if not cells:
        made = [(Path(run), _draw(run, runs_dir, ask, out))]
    else:
        named = out.with_name
        made = for_each(
            cells,
            lambda cell: _draw(cell, runs_dir, ask, named(f"{out.stem}_{Path(cell).name}{out.suffix}")),
        )
    for whose in dict.fromkeys(whose for _, (_, whose) in made if whose):
        say(f"drawn by the {whose} of the generator{HINT if average is None else ''}")
    for _, (path, _) in made:
        click.echo(str(path))


def _checked(out: Path | None, endings: tuple[str, ...], default: Path | None) -> Path:
    if (out := out or default) is None:
        raise click.UsageError("Missing option '--out': FILE.png or FILE.npz")
    if out.suffix.lower() not in endings:
        raise click.UsageError(f"--out {out}: expects a name ending in {', '.join(endings[:-1])} or {endings[-1]}")
    if not out.parent.is_dir():
        raise click.UsageError(f"--out {out}: there is no folder {out.parent}")
    return out


def _refuse(why: str, *names: str) -> None:
    """Options that were given."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(one.opts[0] for one in context.command.params if one.name == name)
            raise click.UsageError(f"{option}: {why}")


@dataclass(frozen=True)
class _Question:
    """What is asked of a run, or of each run of a sweep."""

    count: int
    seed: int
    wish: asking.Wish | None
    latents: Path | None
    truncate: float | None
    trip: Trip | None
    average: bool | None
    repeat: int
    at: int | str


def _draw(run: str, runs_dir: Path, ask: _Question, out: Path) -> tuple[Path, str]:
    """Of one run. Returns the file, and whose weights have drawn, where there is a choice."""
    one = open_one(run, runs_dir, ask.at, ask.repeat)
    experiment, step = one.experiment, one.step
    whose = drawn_by(experiment, ask.average)
    by = f", {whose}" if whose else ""
    if ask.trip:
        save_trip(experiment, ask.trip, ask.average, out, f"{one.title}, step {step:,}{by}")
        return out, whose
    z = read_latents(ask.latents, playing(experiment)) if ask.latents else None
    of = f"latents of {ask.latents.name}" if ask.latents else f"seed {ask.seed}"
    within = f", truncated at {ask.truncate:g}" if ask.truncate else ""
    title = f"{one.title}, step {step:,}, {of}{within}{by}"
    if ask.wish:
        _save_asked(experiment, ask, ask.wish, z, out, title)
        return out, whose
    images = draw_images(experiment, len(z) if z is not None else ask.count, ask.seed, ask.average, ask.truncate, z)
    if out.suffix.lower() == ".npz":
        with beside(out) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, images=images)
    elif images.ndim < 3:
        _scatter(experiment, out, {"": images}, title)
    else:
        save_grid(out, images, ceil(sqrt(len(images))), title)
    return out, whose


def _scatter(experiment: Experiment, out: Path, drawn: dict[str, np.ndarray], title: str) -> None:
    """Points, (N, n) each, over real ones; a panel for each name."""
    from dessine.plots.compare import save_points

    save_points(out, drawn, dict.fromkeys(drawn, experiment.split.behind()), title)


def _save_asked(
    experiment: Experiment, ask: _Question, wish: asking.Wish, latents: np.ndarray | None, out: Path, title: str
) -> None:
    """What was asked for: a grid, or `images` and `labels`."""
    found = ask_images(experiment, wish, ask.count, ask.seed, ask.average, ask.truncate, latents)
    images = found.x
    names = [found.names[k] for k in found.classes]
    if out.suffix.lower() == ".npz":
        labels = _as_numbers(names)
        with beside(out) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, images=images, labels=labels)
    elif images.ndim < 3:
        of = {name: images[found.classes == k] for k, name in enumerate(found.names) if k in found.classes}
        _scatter(experiment, out, of, title)
    elif found.table:
        rows = [images[i : i + found.columns] for i in range(0, len(images), found.columns)]
        save_table(out, rows, names[:: found.columns], [""] * found.columns, title)
    else:
        save_grid(out, images, found.columns, f"{title}: {', '.join(dict.fromkeys(names))}")


def _as_numbers(names: list[str]) -> np.ndarray:
    """Names of classes as they are, or as numbers where all are some, written as numbers are: 007 is a name."""
    numbers = all(len(name) <= 18 and name.isdecimal() and name == str(int(name)) for name in names)
    return np.array([int(name) for name in names] if numbers else names)


def ask_images(
    experiment: Experiment,
    wish: asking.Wish,
    count: int,
    seed: int,
    average: bool | None = None,
    truncate: float | None = None,
    latents: np.ndarray | None = None,
) -> asking.Asked:
    """What was wished for, its `x` as `draw_images` has it. The screen is told how it was made, where that matters."""
    game = playing(experiment)
    with game.drawing(average):
        found = asking.ask(game, wish, count, lambda: Streams(seed + FIXED_SEED, experiment.repeats), truncate, latents)
    if found.told:
        say(found.told)
    return found._replace(x=_as_images(experiment, found.x))


def draw_images(
    experiment: Experiment,
    count: int,
    seed: int,
    average: bool | None = None,
    truncate: float | None = None,
    latents: np.ndarray | None = None,
) -> np.ndarray:
    """(count, H, W) or (count, H, W, 3) float32 in [0, 1]; 2-D points as they are, (count, 2).

    latents: (count, size), in place of the seed's; truncate: the bound of their numbers
    """
    streams = Streams(seed + FIXED_SEED, experiment.repeats)  # not the very latents that a run of this seed has learnt from
    sizes = [min(PORTION, count - i) for i in range(0, count, PORTION)]
    if latents is not None:
        game, held = playing(experiment), Held(seed + FIXED_SEED, experiment.repeats)
        with game.drawing(average):
            every = np.broadcast_to(latents, (experiment.repeats, *latents.shape))
            x = np.concatenate([game.drawn_from(every[:, i : i + PORTION], held)[0] for i in range(0, count, PORTION)])
    elif truncate is not None:
        game = playing(experiment)
        with game.drawing(average):
            x = np.concatenate([game.drawn_from(drawn(game, n, streams, truncate), streams)[0] for n in sizes])
    else:
        try:
            x = np.concatenate([experiment.game.draw(n, streams, average=average) for n in sizes])
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    return _as_images(experiment, x)


def _as_images(experiment: Experiment, x: np.ndarray) -> np.ndarray:
    """As `draw_images` has it."""
    if x.ndim == 2:
        return x.astype(np.float32)
    images = experiment.split.train.images(x)
    return images[..., 0] if images.shape[-1] == 1 else images
