"""`dessine eval`: what a saved run scores; the measures are the game's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from dessine.cli.loading import open_run
from dessine.games import Context
from dessine.runs.files import finite, write_json


@click.command(epilog="Example: dessine eval last --json")
@click.argument("run")
@click.option("--count", type=click.IntRange(1), default=10_000, show_default=True, help="Examples of each side, at most.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--runs-dir", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
def command(run: str, count: int, seed: int, as_json: bool, runs_dir: Path) -> None:
    """Measure RUN with its newest checkpoint; scores and pictures go to RUN/eval/.

    A classifier: success rate on the test examples. A GAN: D(x) on training and test examples, D(G(z)), a sample grid and a
    walk between latents.
    """
    found, experiment, step = open_run(run, runs_dir)
    folder = found.path / "eval"
    folder.mkdir(exist_ok=True)
    scores = experiment.game.evaluate(count, seed, folder, Context(experiment.name, experiment.seed, step))
    told = {"run": str(found.path), "step": step, "seed": seed} | scores
    write_json(folder / "scores.json", told)
    if as_json:
        click.echo(json.dumps(finite(told), indent=2))
        return
    click.echo(f"{found.path}  step {step:,}")
    for name, value in scores.items():
        for line in _lines(name, value):
            click.echo(f"  {line}")


def _lines(name: str, value: Any) -> list[str]:
    """How a score is read: mean ± spread (if one is known) with its count, a list line by line, anything else as it is."""
    if isinstance(value, dict) and {"mean", "std"} <= value.keys():
        count = f"  ({value['count']:,} {value.get('of', 'examples')})" if "count" in value else ""
        spread = f" ± {value['std']:.2g}" if value["std"] == value["std"] else ""
        return [f"{name:<16} {value['mean']:.4g}{spread}{count}"]
    if isinstance(value, dict):
        return [line for key, one in value.items() for line in _lines(f"{name} {key}", one)]
    if isinstance(value, list) and value and isinstance(value[0], str):
        return list(value)
    if isinstance(value, list):
        return [f"{name:<16} " + " ".join(f"{one:.4g}" if isinstance(one, float) else str(one) for one in value)]
    return [f"{name:<16} {value:.4g}" if isinstance(value, float) else f"{name:<16} {value}"]
