"""What `dessine draw --walk` makes: what a generator draws between latents, as a grid, a GIF, or numbers."""

from __future__ import annotations

from math import ceil, sqrt
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from dessine.cli.asking import class_of
from dessine.cli.latents import of_seed, playing, read_latents
from dessine.experiment import Experiment
from dessine.games.game import FIXED_SEED
from dessine.games.walk import Path as Way
from dessine.games.walk import walk
from dessine.runs.files import beside
from dessine.streams import Held

Array = np.ndarray
ENDINGS = (".gif", ".png", ".npz")
FRAMES = 60


class Trip(NamedTuple):
    """What is asked of a walk. way: the default of the latent's kind if None; label: the class that it keeps to."""

    stops: list[int | Path]
    frames: int
    way: Way | None
    closed: bool
    truncate: float | None
    seed: int
    label: str | None = None


def save_trip(experiment: Experiment, trip: Trip, average: bool | None, out: Path, title: str) -> None:
    """Draw it into `out`. Raises UsageError for latents that this run does not have."""
    game = playing(experiment)
    stops, names = _stops(experiment, trip)
    way = trip.way or ("spherical" if game.latent.distribution == "gaussian" else "linear")
    try:
        z, at = walk(stops, trip.frames, way, trip.closed)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    repeats = game.streams.replicates
    every = np.broadcast_to(z.astype(game.dtype), (repeats, *z.shape))
    with game.drawing(average):
        asked = None if trip.label is None else np.full(len(z), class_of(game, trip.label))
        x = game.drawn_from(every, Held(trip.seed + FIXED_SEED, repeats), asked)[0]
    caption = f"{title}: a {way} walk between latents{f' of {trip.label}' if trip.label is not None else ''}"
    if x.ndim > 2:
        images = experiment.split.train.images(x)
        _save_images(out, images, z, at, names, caption)
    elif out.suffix.lower() == ".npz":
        _save_numbers(out, x.astype(np.float32), z)
    else:
        from dessine.plots.paths import save_path

        save_path(out, experiment.split.behind(), x.astype(np.float64), at, names, caption)


def _stops(experiment: Experiment, trip: Trip) -> tuple[Array, list[str]]:
    """(n, size), and what each is called."""
    game, found, names = playing(experiment), [], list[str]()
    if trip.truncate is not None and not any(isinstance(stop, int) for stop in trip.stops):
        raise click.UsageError("--truncate is of latents that are drawn: those of a file are taken as they are")
    for stop in trip.stops:
        if isinstance(stop, int):
            found.append(of_seed(game, stop, trip.truncate)[None])
            names.append(f"seed {stop}")
        else:
            rows = read_latents(stop, game)
            found.append(rows)
            names += [f"{stop.stem} {i}" if len(rows) > 1 else stop.stem for i in range(len(rows))]
    return np.concatenate(found).astype(np.float64), names


def _save_images(out: Path, images: Array, z: Array, at: list[int], names: list[str], caption: str) -> None:
    from dessine.plots import grid

    stop_at = dict(zip(at, names, strict=True))
    if out.suffix.lower() == ".npz":
        _save_numbers(out, images[..., 0] if images.shape[-1] == 1 else images, z)
    elif out.suffix.lower() == ".png":
        labels = [stop_at.get(i, "") for i in range(len(images))]
        grid.save_labelled(out, images, labels, ceil(sqrt(1.6 * len(images))), f"{caption}, row by row")
    else:
        words = []
        for i in range(len(images)):
            before = max(k for k in range(len(at)) if at[k] <= i)
            words.append(stop_at.get(i) or f"{names[before]} → {names[(before + 1) % len(names)]}")
        grid.save_walk(out, images, words, [i in stop_at for i in range(len(images))], caption)


def _save_numbers(out: Path, images: Array, z: Array) -> None:
    with beside(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, images=images, latents=z.astype(np.float32))
