"""`dessine export`: a trained network for other programs, or for a class."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from dessine.cli.errors import say
from dessine.cli.loading import One, at_step, by_whom, cells_of, drawn_by, for_each, open_one, which_repeat
from dessine.cli.paths import FILE, RUN, json_option, runs_option
from dessine.cli.trust import trust_plugins
from dessine.experiment import Experiment
from dessine.export import FORMATS, take, write
from dessine.export.formats import missing
from dessine.export.taken import PARTS, Refused, config_hash
from dessine.games import Adversarial
from dessine.machine import amount
from dessine.runs.documents import repeat_part
from dessine.runs.files import finite, own
from dessine.runs.inside import read_text
from dessine.runs.run import RunError
from dessine.spec import dump, read

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
@which_repeat
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
    repeat: int,
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

    Of a sweep, each run has a file of its own, named after it. The last line of stdout is the file; one that is there is
    replaced.
    """
    ending = FORMATS[to].ending
    if out is not None and out.suffix.lower() != ending:
        raise click.UsageError(f"--out {out}: expects a name ending in {ending}")
    if out is not None and not out.parent.is_dir():
        raise click.UsageError(f"--out {out}: there is no folder {out.parent}")
    if lacking := missing(to):
        raise click.UsageError(lacking)

    def one(text: str, path: Path | None) -> dict[str, Any]:
        return _export(open_one(text, runs_dir, at, repeat), to, part, average, path)

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


def _export(one: One, to: str, part: str | None, average: bool | None, out: Path | None) -> dict[str, Any]:
    """Of one run; what is said of it."""
    run, experiment = one.run, one.experiment
    whose = _whose(experiment, part, average)
    game = experiment.game
    wearing: AbstractContextManager[None] = game.drawing(average) if whose and isinstance(game, Adversarial) else nullcontext()
    about = _about(one) | ({"weights": whose} if whose else {})
    with wearing:
        try:
            taken = take(experiment, part, about)
            name = "_".join(filter(None, (taken.part, repeat_part(one.repeat))))
            path = out or own(run.path, f"{name}{FORMATS[to].ending}")
            files = write(to, taken, path)
        except Refused as error:
            raise RunError(f"{run.path}: {error}") from None
    if to == "html" and taken.part == "network" and experiment.split.missing:
        say(f"its data are not here ({experiment.split.missing}): the pad is black, whatever paper they have")
    told = {"run": str(run.path), "to": to, "part": taken.part, "step": one.step, "numbers": taken.count} | one.about
    told |= {"weights": whose} if whose else {}
    return told | {"bytes": sum(file.stat().st_size for file in files), "files": [str(file) for file in files]}


def _whose(experiment: Experiment, part: str | None, average: bool | None) -> str:
    """Whose weights are taken, in words, where there is a choice."""
    if isinstance(experiment.game, Adversarial) and part in (None, "generator"):
        return drawn_by(experiment, average)
    if average is not None:
        raise click.UsageError("--average and --plain are of a generator")
    return ""


def _about(one: One) -> dict[str, Any]:
    """What a stranger must know of where it comes from; where files lie on this machine is not part of it."""
    run, config = one.run, read_text(one.run.path, "config.yaml")
    return {
        "name": one.experiment.name,
        "run": run.path.resolve().name,
        "date": str(run.info().get("started", ""))[:10],
        "step": one.step,
        "repeat": one.repeat,
        "config_hash": config_hash(config),
        "config": dump(_without_places(read(own(run.path, "config.yaml"), alone=True).data)),
    } | ({"repeats": one.repeats} if one.repeats > 1 else {})


def _without_places(value: Any) -> Any:
    """A config with the names of files in place of their paths."""
    if isinstance(value, dict):
        return {key: _without_places(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_places(one) for one in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
