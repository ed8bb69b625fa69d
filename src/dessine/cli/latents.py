"""Latents as users name them: by the seed that draws them, or by the file that holds them."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.shell_completion import CompletionItem

from dessine.cli.paths import FILE
from dessine.data.packed import NOT_NPY
from dessine.experiment import Experiment
from dessine.games import Adversarial
from dessine.games.game import FIXED_SEED, NO_GENERATOR
from dessine.runs.files import write_atomically
from dessine.streams import Streams

Array = np.ndarray
MOST = 1_000_000
"""Latents of a file."""


class Stops(click.ParamType):
    """Stops of a walk: seeds and files of latents, with commas."""

    name = "SEED|FILE.npy,..."

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return FILE.shell_complete(ctx, param, incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int | Path]:
        if isinstance(value, list):
            return value
        if value.lower().endswith(".npy") and Path(value).is_file():  # whose name may have commas
            return [FILE.convert(value, param, ctx)]
        stops: list[int | Path] = []
        for word in (part.strip() for part in value.split(",")):
            if word.isascii() and word.isdigit() and len(word) <= 18:
                stops.append(int(word))
            elif word.lower().endswith(".npy"):
                stops.append(FILE.convert(word, param, ctx))
            else:
                self.fail(f"{word!r} is no stop: expects seeds, such as 3,7,12, or files of latents ending in .npy", param, ctx)
        return stops


class Bound(click.FloatRange):
    """Above 0, and a number."""

    def __init__(self) -> None:
        super().__init__(0, 1e6, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        bound = super().convert(value, param, ctx)
        return bound if bound == bound else self.fail(f"{value} is no number", param, ctx)


def playing(experiment: Experiment) -> Adversarial:
    """The game, whose generator draws from latents. Raises UsageError where there is none."""
    if not isinstance(experiment.game, Adversarial):
        raise click.UsageError(NO_GENERATOR)
    return experiment.game


def of_seed(game: Adversarial, seed: int, truncate: float | None = None) -> Array:
    """(size,): the latent of the first image of `dessine draw --seed`."""
    return drawn(game, 1, Streams(seed + FIXED_SEED, game.streams.replicates), truncate)[0, 0]


def drawn(game: Adversarial, count: int, streams: Streams, truncate: float | None = None) -> Array:
    """(R, count, size). truncate: the bound of each number. Raises UsageError for latents that have a bound of their own."""
    z = game.latent.draw(streams, count, game.dtype)
    if truncate is None:
        return z
    try:
        return game.latent.truncated(z, truncate, streams)
    except ValueError as error:
        raise click.UsageError(f"--truncate {truncate:g}: {error}") from None


def read_latents(path: Path, game: Adversarial) -> Array:
    """(N, size) of a .npy file, of one latent or of a row for each. Raises UsageError for anything else."""
    size = game.latent.size
    try:
        if not path.is_file():
            raise click.UsageError(f"{path}: {'is no file' if path.exists() else 'there is no such file'}")
        found = np.load(path, mmap_mode="r", allow_pickle=False)  # the shape, before memory is taken
    except (OSError, *NOT_NPY) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is no .npy file of numbers"
        raise click.UsageError(f"{path}: {reason}") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise click.UsageError(f"{path}: holds no array of real numbers")
    if found.shape != (size,) and (found.ndim != 2 or found.shape[1] != size or not 1 <= len(found) <= MOST):
        told = " x ".join(map(str, found.shape)) or "a single number"
        raise click.UsageError(f"{path}: holds {told}; latents of this run have {size} numbers: expects N x {size}")
    with np.errstate(over="ignore"):
        z = np.array(found, game.dtype).reshape(-1, size)
    if not np.isfinite(z).all():
        raise click.UsageError(f"{path}: row {int((~np.isfinite(z)).any(1).argmax())} has numbers that are not finite")
    return z


def written_beside(out: Path, *read: Path) -> Path:
    """FILE.npy, where latents go, of FILE.png. Raises UsageError for another name, a folder that is not there, or where one of
    the two would take the place of a file that is `read`."""
    if out.suffix.lower() != ".png":
        raise click.UsageError(f"--out {out}: expects a name ending in .png")
    if not out.parent.is_dir():
        raise click.UsageError(f"--out {out}: there is no folder {out.parent}")
    latents = out.with_suffix(".npy")
    for path in (out, latents):
        if any(os.path.realpath(path) == os.path.realpath(one) for one in read):
            raise click.UsageError(f"--out {out}: would write over {path}, which is read; give another name")
    return latents


def save_latents(path: Path, z: Array) -> None:
    """For `read_latents`."""
    file = BytesIO()  # given the file itself, NumPy's error on a full disk tells neither the disk nor the name
    np.save(file, z.astype(np.float32), allow_pickle=False)
    write_atomically(path, file.getvalue())
