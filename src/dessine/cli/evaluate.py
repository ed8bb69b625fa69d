"""`dessine eval`: what a saved run scores, a sample grid and a walk between latents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from dessine.cli.loading import open_run
from dessine.games import Adversarial
from dessine.losses import sigmoid
from dessine.nn import Mode
from dessine.plots.grid import save_grid
from dessine.streams import Streams


@click.command(epilog="Example: dessine eval last --json")
@click.argument("run")
@click.option("--count", type=click.IntRange(1), default=2000, show_default=True, help="Examples of each side.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--runs-dir", type=click.Path(path_type=Path), default=Path("runs"))
def command(run: str, count: int, seed: int, as_json: bool, runs_dir: Path) -> None:
    """Measure RUN: D(x) on training and test examples and D(G(z)), each with its spread; pictures go to RUN/eval/."""
    found, experiment, step = open_run(run, runs_dir)
    game = experiment.game
    if not isinstance(game, Adversarial):
        raise click.UsageError("this run has no generator")
    streams = Streams(seed, experiment.repeats)
    sides = {
        "d_train": experiment.split.train.floats(np.arange(min(count, len(experiment.split.train))), game.dtype),
        "d_test": experiment.split.test.floats(np.arange(min(count, len(experiment.split.test))), game.dtype),
        "d_generated": game.draw(count, streams),
    }
    scores: dict[str, Any] = {"run": str(found.path), "step": step, "seed": seed}
    for name, x in sides.items():
        every = np.broadcast_to(x, (experiment.repeats, *x.shape))
        logits, _ = game.discriminator.network.forward(every, Mode(streams, train=False, record=False))
        d = sigmoid(logits[0].astype(np.float64))
        scores[name] = {"mean": float(d.mean()), "std": float(d.std()), "count": len(x)}
    if len(experiment.split.train.shape) > 1:
        folder = found.path / "eval"
        folder.mkdir(exist_ok=True)
        grid = experiment.split.train.images(game.draw(64, Streams(seed, experiment.repeats)))
        save_grid(folder / "samples.png", grid, 8, f"{experiment.name}, step {step:,}, seed {seed}")
        walk = experiment.split.train.images(_walk(game, Streams(seed, experiment.repeats)))
        save_grid(folder / "interpolation.png", walk, 10, f"{experiment.name}: from one latent to another, row by row")
        scores["pictures"] = [str(folder / "samples.png"), str(folder / "interpolation.png")]
    if as_json:
        click.echo(json.dumps(scores, indent=2))
        return
    click.echo(f"{found.path}  step {step:,}")
    for name, label in (("d_train", "D(x), training"), ("d_test", "D(x), test"), ("d_generated", "D(G(z))")):
        s = scores[name]
        click.echo(f"  {label:<16} {s['mean']:.3f} ± {s['std']:.3f}  ({s['count']} examples)")
    for picture in scores.get("pictures", []):
        click.echo(f"  {picture}")


def _walk(game: Adversarial, streams: Streams, rows: int = 6, columns: int = 10) -> np.ndarray:
    """(rows * columns, *shape): each row goes in equal steps from one latent to another."""
    ends = game.latent.draw(streams, 2 * rows, game.dtype).reshape(-1, rows, 2, game.latent.size)
    t = np.linspace(0, 1, columns, dtype=game.dtype)[:, None]
    z = ends[:, :, :1] * (1 - t) + ends[:, :, 1:] * t
    x, _ = game.generator.network.forward(z.reshape(len(z), -1, game.latent.size), Mode(streams, train=False, record=False))
    return x[0].reshape(rows * columns, *game.examples.shape)
