"""`dessine find`: the latent that draws a picture best."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np

from dessine.cli.errors import say
from dessine.cli.latents import playing, save_latents, written_beside
from dessine.cli.loading import at_step, by_whom, drawn_by, open_one, which_repeat
from dessine.cli.paths import FILE, RUN, json_option, runs_option
from dessine.cli.progress import Line
from dessine.cli.terminal import is_terminal, room, table
from dessine.cli.trust import trust_plugins
from dessine.data.images import Images
from dessine.data.picture import Broken, Fit, Wanted, decode
from dessine.experiment import Experiment
from dessine.games.game import FIXED_SEED
from dessine.games.recovery import Recovered, recover
from dessine.letters import harmless
from dessine.runs.files import finite
from dessine.scores.bench import Bench
from dessine.scores.reconstruction import errors, reconstruction
from dessine.streams import Streams

Array = np.ndarray
MOST = 100
"""Pictures at a time."""
LARGEST = 200_000_000
"""Bytes of a file."""
UNIT = "mean squared difference per pixel, pixels from 0 to 1"
EPILOG = """\b
Examples:
  dessine find last my_seven.png --invert
  dessine find last test:12 test:13 --restarts 8 --out twelve.png
  dessine draw last --walk twelve.npy
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=RUN)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...", shell_complete=FILE.shell_complete)
@click.option("--restarts", type=click.IntRange(1, 100), default=4, show_default=True, help="Descents for each picture.")
@click.option("--steps", type=click.IntRange(1, 100_000), default=300, show_default=True, help="Of each descent.")
@click.option(
    "--test", type=click.IntRange(0, 10_000), default=50, show_default=True, help="Test images found for comparison; 0: none."
)
@click.option(
    "--fit",
    type=click.Choice(["crop", "pad", "stretch"]),
    help="How a picture of another shape comes to that of the run.  [default: as data.fit has it, else pad]",
)
@click.option(
    "--invert",
    is_flag=True,
    help="Dark becomes bright: for ink on paper, where the data are bright on black; data.invert does so by itself.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of where descents start.")
@by_whom
@which_repeat
@at_step
@trust_plugins
@click.option("--out", type=FILE, default=Path("found.png"), show_default=True, help="FILE.png; the latents go to FILE.npy.")
@json_option
@runs_option
def command(
    run: str,
    pictures: tuple[str, ...],
    restarts: int,
    steps: int,
    test: int,
    fit: Fit | None,
    invert: bool,
    seed: int,
    average: bool | None,
    repeat: int,
    at: int | str,
    out: Path,
    as_json: bool,
    runs_dir: Path,
) -> None:
    """Find the latents from which RUN draws each PICTURE best: a file, or an example of the data, such as test:12 or train:0.

    By descent through the generator, from the nearest of 1,000 images that it has drawn. The error is the mean squared
    difference per pixel, pixels from 0 to 1, beside what the nearest training image and the mean of all would have, and beside
    the median of test images found in the same way. Targets, what was found and the difference go to a picture, the latents to
    a file that draw --latents and --walk take.
    """
    if len(pictures) > MOST:
        raise click.UsageError(f"{len(pictures)} pictures: at most {MOST} at a time")
    saved = written_beside(out, *map(Path, pictures))
    opened = open_one(run, runs_dir, at, repeat)
    found, experiment, step = opened[:3]
    whose, game = drawn_by(experiment, average), playing(experiment)
    if len(game.examples.shape) < 3:
        raise click.UsageError(f"{found.path}: it draws points, no pictures")
    targets = np.stack([_target(experiment, name, fit, invert) for name in pictures])
    bench = None if experiment.split.missing else Bench(experiment.split, game.dtype, 1_000, seed, None)
    others = bench.ceiling.x[:test] if bench else targets[:0]
    every = np.concatenate([targets, others]).astype(game.dtype)
    with game.drawing(average), _progress(len(every) * restarts) as line:
        try:
            one = recover(game, every, seed + FIXED_SEED, restarts, steps, line.update)
        except ValueError as why:
            raise click.UsageError(f"{found.path}: {why}") from None
    n = len(pictures)
    about: dict[str, Any] = {"run": str(found.path), "step": step} | opened.about | ({"drawn_by": whose} if whose else {})
    about |= {"seed": seed, "restarts": restarts, "steps": steps, "unit": UNIT}
    about["pictures"] = _rows(experiment, pictures, targets, one, bench)
    if len(others):
        value, error = reconstruction(one.error[n:])
        about["test"] = {"count": len(others), "median": value, "standard_error": error}
    title = f"{opened.title}, step {step:,}, seed {seed}{f', {whose}' if whose else ''}: the nearest that it draws"
    _save(experiment, out, about, targets, one.x[:n], title)
    save_latents(saved, one.latents[:n])
    about |= {"picture": str(out), "latents": str(saved)}
    if not invert:
        _doubt(experiment, pictures, targets, bench)
    if as_json:
        click.echo(json.dumps(finite(about), indent=2))
    else:
        _tell(about, experiment.split.missing)


def _progress(descents: int) -> Line:
    return Line(total=descents, unit="descents", disable=not is_terminal(sys.stderr), leave=False)


def _target(experiment: Experiment, name: str, fit: Fit | None, invert: bool) -> Array:
    """(H, W, C) in the data's own scale. Raises UsageError for what is no picture, or no example of the data."""
    train, test = experiment.split.train, experiment.split.test
    if index := re.fullmatch(r"(train|test):(\d{1,12})", name, re.ASCII):
        examples, i = train if index[1] == "train" else test, int(index[2])
        if experiment.split.missing:
            raise click.UsageError(f"{name}: the data of this run are not here ({experiment.split.missing})")
        if i >= len(examples):
            raise click.UsageError(f"{name}: there are {index[1]}:0 to {index[1]}:{len(examples) - 1}")
        return examples.floats(np.array(i), np.float64)
    height, width, channels = train.shape
    if channels not in (1, 3):
        raise click.UsageError(f"{name}: images of this run have {channels} channels: only test:N and train:N are found")
    data = experiment.data
    own = data.wanted if isinstance(data, Images) else Wanted(None, channels, "pad", False)
    pixels = _read(name, Wanted((height, width), channels, fit or own.fit, own.transpose)) / 255
    turned = invert != getattr(data, "invert", False)  # as the data themselves were read
    return train.low + (1 - pixels if turned else pixels) * (train.high - train.low)


def _read(name: str, wanted: Wanted) -> Array:
    path = FILE.convert(name, None, None)
    if not path.exists():
        raise click.UsageError(f"{name}: there is no such file (examples of the data are named test:12 or train:0)")
    if not path.is_file():
        raise click.UsageError(f"{name}: is no file")
    if path.stat().st_size > LARGEST:
        raise click.UsageError(f"{name}: has more than {LARGEST:,} bytes: make it smaller")
    try:
        return decode(path.read_bytes(), wanted)[0]
    except Broken as error:
        raise click.UsageError(f"{name}: {error}") from None


def _rows(
    experiment: Experiment, names: tuple[str, ...], targets: Array, one: Recovered, bench: Bench | None
) -> list[dict[str, Any]]:
    """What was found of each."""
    game = playing(experiment)
    usual = float(np.median(np.linalg.norm(game.latent.draw(Streams(0), 1_000, np.float64)[0], axis=1)))
    rows: list[dict[str, Any]] = [
        {
            "picture": name,
            "error": float(one.error[i]),
            "tried": [float(error) for error in one.tried[i]],
            "length": float(np.linalg.norm(one.latents[i])),
            "usual_length": usual,
        }
        for i, name in enumerate(names)
    ]
    if one.classes is not None:
        for row, k in zip(rows, one.classes, strict=False):
            row["label"] = game.askable[k]
    if bench:
        reach = game.examples.high - game.examples.low
        x = targets.astype(game.dtype)
        nearest = np.square(bench.nearest(x)[0] / reach) / targets[0].size
        mean = errors(np.broadcast_to(bench.real.x.mean(0), x.shape), x, reach)
        for row, near, middle in zip(rows, nearest, mean, strict=True):
            row |= {"nearest_training_image": float(near) if near > 1e-12 else 0.0, "mean_image": float(middle)}
    return rows


def _doubt(experiment: Experiment, names: tuple[str, ...], targets: Array, bench: Bench | None) -> None:
    """Of files whose inverse is far more like the data."""
    if bench is None:
        return
    mean, total = bench.real.x.mean(0), experiment.split.train.low + experiment.split.train.high
    for name, target in zip(names, targets, strict=True):
        if ":" not in name and np.square(target - mean).mean() > 2 * np.square(total - target - mean).mean():
            say(f"{name} is bright where the data are dark: --invert turns it round")


def _save(experiment: Experiment, out: Path, about: dict[str, Any], targets: Array, x: Array, title: str) -> None:
    from dessine.plots.grid import save_table

    wanted, drawn = (experiment.split.train.images(part) for part in (targets, x))
    rows = [[a, b, np.abs(a - b)] for a, b in zip(wanted, drawn, strict=True)]
    names = [f"{Path(row['picture']).name}\nerror {row['error']:.2g}" for row in about["pictures"]]
    save_table(out, rows, names, ["target", "found", "difference"], title)


def _tell(about: dict[str, Any], missing: str) -> None:
    heads = (
        "picture",
        *(["label"] if "label" in about["pictures"][0] else []),
        "error",
        "worst try",
        "nearest training image",
        "mean image",
        "latent's length",
    )
    keys = ("nearest_training_image", "mean_image")
    rows = [
        (
            row["picture"],
            *([row["label"]] if "label" in row else []),
            f"{row['error']:.4g}",
            f"{max(row['tried']):.4g}",
            *(f"{row[key]:.4g}" if key in row else "-" for key in keys),
            f"{row['length']:.2f}",
        )
        for row in about["pictures"]
    ]
    click.echo(harmless(f"{about['run']}  step {about['step']:,}  {UNIT}"))
    n = len(heads)
    click.echo(
        harmless("\n".join(table(heads, rows, room(), right=range(1, n), text=(0,), optional=(n - 4, n - 2), bold=False)))
    )
    usual = about["pictures"][0]["usual_length"]
    if test := about.get("test"):
        error = f" ± {test['standard_error']:.2g}" if test["standard_error"] == test["standard_error"] else ""
        click.echo(f"test images, found in the same way: {test['median']:.4g}{error}, the median of {test['count']}")
    elif missing:
        say(f"its data are not here ({missing}): no test images stand beside it")
    click.echo(f"latents of this run are about {usual:.2f} long")
    if "drawn_by" in about:
        say(f"drawn by the {about['drawn_by']} of the generator")
    click.echo(f"{about['picture']}\n{about['latents']}")
