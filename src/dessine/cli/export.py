"""`dessine export`: a trained network for other programs, or for a class."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from dessine.cli.errors import say
from dessine.cli.loading import at_step, by_whom, cells_of, drawn_by, for_each, open_run
from dessine.cli.paths import FILE, RUN, json_option, runs_option
from dessine.cli.trust import trust_plugins
from dessine.experiment import Experiment
from dessine.export import FORMATS, take, write
from dessine.export.formats import missing
from dessine.export.taken import PARTS, Refused, config_hash
from dessine.games import Adversarial
from dessine.machine import amount
from dessine.runs.files import finite, own
from dessine.runs.inside import read_text
from dessine.runs.run import Run, RunError

EPILOG = """\b
Examples:
  dessine export last --to html --out digits.html
  dessine export last --to onnx
  dessine export last --to torch --part discriminator --out critic.py
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--to", required=True, type=click.Choice(list(FORMATS)), help="The format.")
@click.option("--part", type=click.Choice(PARTS), help="Which network.  [default: the generator, or the only one]")
@by_whom
@at_step
@trust_plugins
@click.option("--out", type=FILE, help="The file.  [default: generator.onnx and its like, in the run's folder]")
@json_option
@runs_option
def command(
    run: str,
    to: str,
    part: str | None,
    average: bool | None,
    at: int | str,
    out: Path | None,
    as_json: bool,
    runs_dir: Path,
) -> None:
    """Write a network of RUN, as it is outside training, for other programs.

    \b
    html         a page that draws: sliders, a walk; or a pad for a classifier
    onnx         for onnxruntime and its like; checked against our answers
    torch        FILE.py, a PyTorch module, and FILE_weights.npz
    safetensors  the weights, under the names of that module
    npz          the weights, under our own names, and the spec as JSON

    Of several repeats the first is taken. Of a sweep, each run has a file of its own, named after it. The last line of stdout
    is the file; one that is there is replaced.
    """
    ending = FORMATS[to].ending
    if out is not None and out.suffix.lower() != ending:
        raise click.UsageError(f"--out {out}: expects a name ending in {ending}")
    if out is not None and not out.parent.is_dir():
        raise click.UsageError(f"--out {out}: there is no folder {out.parent}")
    if lacking := missing(to):
        raise click.UsageError(lacking)

    def one(text: str, path: Path | None) -> dict[str, Any]:
        return _export(text, runs_dir, to, part, average, at, path)

    cells = cells_of(run, runs_dir)
    if not cells:
        told = [one(run, out)]
    else:
        named = None if out is None else out.with_name
        made = for_each(
            cells, lambda cell: one(cell, named and named(f"{out.stem}_{Path(cell).name}{ending}") if out else None)
        )
        told = [each for _, each in made]
    if as_json:
        click.echo(json.dumps(finite(told if cells else told[0]), indent=2))
        return
    for each in told:
        say(f"{each['part']} of {each['run']}, step {each['step']:,}: {each['numbers']:,} numbers, {amount(each['bytes'])}")
    for each in told:
        click.echo("\n".join(each["files"]))


def _export(
    text: str, runs_dir: Path, to: str, part: str | None, average: bool | None, at: int | str, out: Path | None
) -> dict[str, Any]:
    """Of one run; what is said of it."""
    run, experiment, step = open_run(text, runs_dir, to_draw=True, at=at)
    whose = _whose(experiment, part, average)
    game = experiment.game
    wearing: AbstractContextManager[None] = game.drawing(average) if whose and isinstance(game, Adversarial) else nullcontext()
    about = _about(run, experiment, step) | ({"weights": whose} if whose else {})
    with wearing:
        try:
            taken = take(experiment, part, about)
            path = out or own(run.path, f"{taken.part}{FORMATS[to].ending}")
            files = write(to, taken, path)
        except Refused as error:
            raise RunError(f"{run.path}: {error}") from None
    told = {"run": str(run.path), "to": to, "part": taken.part, "step": step, "numbers": taken.count}
    told |= {"weights": whose} if whose else {}
    return told | {"bytes": sum(file.stat().st_size for file in files), "files": [str(file) for file in files]}


def _whose(experiment: Experiment, part: str | None, average: bool | None) -> str:
    """Whose weights are taken, in words, where there is a choice."""
    if isinstance(experiment.game, Adversarial) and part in (None, "generator"):
        return drawn_by(experiment, average)
    if average is not None:
        raise click.UsageError("--average and --plain are of a generator")
    return ""


def _about(run: Run, experiment: Experiment, step: int) -> dict[str, Any]:
    """What a stranger must know of where it comes from."""
    config = read_text(run.path, "config.yaml")
    return {
        "name": experiment.name,
        "run": run.path.resolve().name,
        "date": str(run.info().get("started", ""))[:10],
        "step": step,
        "config_hash": config_hash(config),
        "config": config,
    }
