"""`dessine directions`: along what a generator's latent changes what it draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from dessine.cli.asking import class_of
from dessine.cli.errors import say
from dessine.cli.latents import of_seed, playing, read_latents, save_latents, written_beside
from dessine.cli.loading import at_step, by_whom, drawn_by, open_one, which_repeat
from dessine.cli.paths import FILE, RUN, json_option, runs_option
from dessine.cli.terminal import room, table
from dessine.cli.trust import trust_plugins
from dessine.experiment import Experiment
from dessine.games.axes import Axes, of_activations, of_weights
from dessine.games.game import FIXED_SEED
from dessine.letters import harmless
from dessine.runs.files import finite
from dessine.streams import Held

Array = np.ndarray
SIGMAS = np.arange(-3.0, 4.0)
FINE = np.linspace(-3, 3, 121)
"""For points, whose way is a line."""
EPILOG = """\b
Examples:
  dessine directions last
  dessine directions last --by activations --count 10 --seed 7 --out pca.png
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option(
    "--by",
    type=click.Choice(["weights", "activations"]),
    default="weights",
    show_default=True,
    help="Of the first layer that learns, or of what a layer answers.",
)
@click.option("--layer", type=click.IntRange(0), help="Whose answers, from 0.  [default: the first with an activation]")
@click.option("--count", type=click.IntRange(1, 100), default=6, show_default=True, help="How many are shown, at most.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the latent in the middle of each strip.")
@click.option("--latents", type=FILE, help="FILE.npy with the latent in the middle, in place of a seed's.")
@click.option("--label", help="The class that the strips keep to.  [default: always the same one]")
@by_whom
@which_repeat
@at_step
@trust_plugins
@click.option(
    "--out", type=FILE, default=Path("directions.png"), show_default=True, help="FILE.png; the directions go to FILE.npy."
)
@json_option
@runs_option
def command(
    run: str,
    by: str,
    layer: int | None,
    count: int,
    seed: int,
    latents: Path | None,
    label: str | None,
    average: bool | None,
    repeat: int,
    at: int | str,
    out: Path,
    as_json: bool,
    runs_dir: Path,
) -> None:
    """Show the directions of RUN's latent along which most changes, each as a strip from -3 to 3 standard deviations.

    By the weights: eigenvectors of the first layer's W'W (SeFa, Shen and Zhou 2021). By the activations: principal components
    of what a layer answers to 1,000 latents, traced back to the latent (GANSpace, Harkonen et al. 2020). The share of each is
    told: of the eigenvalues, or of the variance. All of them are saved, a row each, of length 1.
    """
    if layer is not None and by == "weights":
        raise click.UsageError("--layer is of --by activations: weights are those of the first layer that learns")
    saved = written_beside(out, *([latents] if latents else []))
    opened = open_one(run, runs_dir, at, repeat)
    found, experiment, step = opened[:3]
    whose, game = drawn_by(experiment, average), playing(experiment)
    middle = of_seed(game, seed) if latents is None else read_latents(latents, game)[0]
    try:
        with game.drawing(average):
            axes = of_weights(game) if by == "weights" else of_activations(game, seed + FIXED_SEED, layer)
            if not len(axes.vectors):
                raise ValueError(f"the {axes.of} are the same for all latents: there are no directions")
            shown = axes.vectors[:count]
            x = _strips(experiment, middle, shown, None if label is None else class_of(game, label))
    except (ValueError, np.linalg.LinAlgError) as error:
        raise click.UsageError(f"{found.path}: {error}") from None
    title = f"{opened.title}, step {step:,}{f', {whose}' if whose else ''}: directions of the {axes.of}"
    title += (f", of {label}" if label is not None else "") + "; %: the share of each"
    names = [f"{i + 1}\n{100 * share:.3g} %" for i, share in enumerate(axes.shares[: len(shown)])]
    _save(experiment, out, x, names, title)
    save_latents(saved, axes.vectors)
    _tell(
        axes,
        len(shown),
        {"run": str(found.path), "step": step} | opened.about | ({"drawn_by": whose} if whose else {}),
        out,
        saved,
        as_json,
    )


def _strips(experiment: Experiment, middle: Array, vectors: Array, label: int | None) -> Array:
    """(directions, steps, *shape): what is drawn along each, at SIGMAS for images, at FINE for points. label: of all."""
    game = playing(experiment)
    sigmas = SIGMAS if len(game.examples.shape) > 1 else FINE
    ways = middle + game.latent.std * sigmas[:, None] * vectors[:, None]  # (directions, steps, size)
    flat = ways.reshape(-1, middle.size).astype(game.dtype)
    repeats = game.streams.replicates
    asked = None if label is None else np.full(len(flat), label)
    x = game.drawn_from(np.broadcast_to(flat, (repeats, *flat.shape)), Held(FIXED_SEED, repeats), asked)[0]
    if not np.isfinite(x).all():
        raise ValueError("its generator draws numbers that are not finite")
    return x.reshape(*ways.shape[:2], *x.shape[1:])


def _save(experiment: Experiment, out: Path, x: Array, names: list[str], title: str) -> None:
    train = experiment.split.train
    if x.ndim > 3:
        from dessine.plots.grid import save_table

        heads = [f"{sigma:+.0f} σ" if sigma else "0" for sigma in SIGMAS]
        save_table(out, [list(train.images(row)) for row in x], names, heads, title)
        return
    from dessine.plots.paths import save_ways

    save_ways(out, experiment.split.behind(), x.astype(np.float64), FINE, [name.replace("\n", ": ") for name in names], title)


def _tell(axes: Axes, shown: int, about: dict[str, Any], out: Path, saved: Path, as_json: bool) -> None:
    if as_json:
        shares = [float(share) for share in axes.shares]
        told = about | {"of": axes.of, "shares": shares, "picture": str(out), "directions": str(saved)}
        click.echo(json.dumps(finite(told), indent=2))
        return
    total = np.cumsum(axes.shares)
    rows = [(str(i + 1), f"{100 * axes.shares[i]:.3g} %", f"{100 * total[i]:.3g} %") for i in range(shown)]
    click.echo(harmless(f"{about['run']}  step {about['step']:,}  {axes.of}, {len(axes.vectors)} directions"))
    click.echo("\n".join(table(("direction", "share", "together"), rows, room(), right=(0, 1, 2), bold=False)))
    if "drawn_by" in about:
        say(f"drawn by the {about['drawn_by']} of the generator")
    click.echo(f"{out}\n{saved}")
