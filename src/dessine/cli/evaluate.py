"""`dessine eval`: what a saved run scores; the measures are the game's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from textwrap import wrap
from typing import Any

import click

from dessine.cli.along import measure_checkpoints
from dessine.cli.completion import scores
from dessine.cli.errors import say
from dessine.cli.loading import (
    at_step,
    by_whom,
    cells_of,
    drawn_by,
    for_each,
    in_sweep,
    open_run,
    refuse_repeat,
    which_repeat,
)
from dessine.cli.paths import PATH, RUN, json_option, runs_option
from dessine.cli.terminal import room, table, text_width
from dessine.cli.trust import trust_plugins
from dessine.experiment import Experiment
from dessine.games import Adversarial, Context
from dessine.games.pair import PLAIN
from dessine.letters import harmless
from dessine.plots import Pictures
from dessine.runs.documents import repeat_part
from dessine.runs.files import finite, own_folder, write_json
from dessine.runs.inside import FORBIDDEN
from dessine.scores.table import ALL, GROUPS

EPILOG = """\b
Examples:
  dessine eval last
  dessine eval last --only frechet,recall --json
  dessine eval last --checkpoints
  dessine eval /mnt/archive/run --out results    a run that cannot be written

\b
Scores:
""" + "\n".join(
    line
    for group in GROUPS
    for line in (
        *wrap(", ".join(group.better) + " (slow)" * group.slow, 76, initial_indent="  ", subsequent_indent="  "),
        *wrap(group.about, 76, initial_indent=" " * 6, subsequent_indent=" " * 6),
    )
)


WHOSE = {
    "d_train": "D(x) of {:,} training examples",
    "d_test": "D(x) of {:,} test examples",
    "d_generated": "D(x) of {:,} generated examples",
}
INDENT = 2
"""Columns before what is told of a run."""


@contextmanager
def new_folder(run: Path, out: Path | None, part: str = "") -> Iterator[tuple[Path, str]]:
    """Where results go: `out`, or `run`/eval, or a `part` of that. Made for what could not be done, it goes again.

    A run can be measured where it cannot be written, by a colleague or on a read-only disk: then a folder for the moment, and
    why it is no other.
    """
    why = ""
    try:
        path = own_folder(run, "eval") if out is None else out
        if part and out is None:
            path = own_folder(path, part)
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except OSError as error:
        if out is not None or error.errno not in FORBIDDEN:
            raise
        why = error.strerror or str(error)
    if why:
        with TemporaryDirectory() as elsewhere:
            yield Path(elsewhere), why
        return
    try:
        yield path, ""
    except BaseException:
        with suppress(OSError):
            path.rmdir()  # only if it is empty
            if part and out is None:
                path.parent.rmdir()
        raise


class Names(click.ParamType):
    """A list with commas."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        chosen = [name.strip() for name in value.split(",") if name.strip()]
        return chosen or self.fail("names no score", param, ctx)


@click.command(epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--count", type=click.IntRange(1), default=10_000, show_default=True, help="Examples of each side, at most.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn.")
@click.option("--only", type=Names(), shell_complete=scores, help="These scores alone.  [default: all but the slow ones]")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="The slow scores, too: an independent critic, trained four times, and a search for test images.",
)
@click.option(
    "--checkpoints", is_flag=True, help="Quick scores of every checkpoint, and how the critic's estimate follows them."
)
@which_repeat
@by_whom
@at_step
@trust_plugins
@click.option("--out", type=PATH, help="The folder that results go to.  [default: RUN/eval]")
@json_option
@runs_option
def command(
    run: str,
    count: int,
    seed: int,
    only: list[str] | None,
    every: bool,
    checkpoints: bool,
    repeat: int,
    average: bool | None,
    at: int | str,
    out: Path | None,
    as_json: bool,
    runs_dir: Path,
) -> None:
    """Measure RUN with its newest checkpoint, or that of --step; scores and pictures go to RUN/eval/ (with --step or
    --repeat to a folder in it), or to the folder --out.

    A GAN: every score of its samples beside the ceiling (real test examples, measured as if they were generated), the floor
    (noise) and a collapsed baseline (one example repeated), each of as many examples; what its critic says (d_train, d_test
    and d_generated: D(x) of training, test and generated examples); samples, a walk between latents, the nearest training
    images. What each score means and how it misleads: docs/scores.md. A run with `game.average` is measured by the moving
    average of its generator; its plain weights have a table of their own.

    A classifier, such as XOR: success and loss on training and test examples, and who is taken for whom; it has no samples,
    so no real examples and no noise stand beside them.

    RUN may be a sweep: each of its runs is measured, and has one line of the table.
    """
    if every and only:
        raise click.UsageError("give --all or --only, not both")
    if checkpoints and at != "last":
        raise click.UsageError("give --checkpoints or --step, not both")
    ask = Question(count, seed, [ALL] if every else only, checkpoints, average, at, repeat)
    cells = cells_of(run, runs_dir)
    if not cells:
        told = measured(run, runs_dir, ask, out)
        click.echo(json.dumps(finite(told), indent=2) if as_json else harmless("\n".join(_told(told))))
        return
    made = for_each(cells, lambda cell: measured(cell, runs_dir, ask, out and out / Path(cell).name))
    sweep = cells[0].parent.parent
    if as_json:
        click.echo(json.dumps(finite({"sweep": str(sweep), "runs": [told for _, told in made]}), indent=2))
    elif checkpoints:
        click.echo(harmless("\n\n".join("\n".join(_told(told)) for _, told in made)))
    else:
        click.echo(harmless(f"{sweep}  {len(made)} of {len(cells)} runs"))
        values = [{"step": told["step"], **_values(told)} for _, told in made]
        heads = list(dict.fromkeys(name for row in values for name in row))
        rows = [
            (in_sweep(cell), *(_number(row.get(name)) for name in heads)) for (cell, _), row in zip(made, values, strict=True)
        ]
        lines = table(("run", *heads), rows, room(), right=range(1, len(heads) + 1), text=(0,))
        click.echo("\n".join(lines))


@dataclass(frozen=True)
class Question:
    """What is asked of a run, or of each run of a sweep."""

    count: int
    seed: int
    only: list[str] | None
    checkpoints: bool
    average: bool | None
    at: int | str
    repeat: int = 0

    @property
    def part(self) -> str:
        """Of RUN/eval, for another checkpoint than the last, or another repeat than the first."""
        at = {"last": "", "best": "best"}.get(str(self.at), f"step_{self.at:0>9}")
        return "_".join(filter(None, (at, repeat_part(self.repeat))))


def measure(run: Path, names: list[str], repeat: int = 0) -> None:
    """Some scores of 10,000 samples of one repeat, kept in the run's folder."""
    measured(str(run), run.parent, Question(10_000, 0, names, False, None, "last", repeat), None)


def measured(run: str, runs_dir: Path, ask: Question, out: Path | None) -> dict[str, Any]:
    """Measure one run, and save what was found."""
    found, experiment, step = open_run(run, runs_dir, at=ask.at, repeat=ask.repeat)
    drawn_by(experiment, ask.average)
    _refuse_repeat(experiment, ask.repeat)
    told: dict[str, Any] = {"run": str(found.path), "step": step, "seed": ask.seed}
    with new_folder(found.path, out, ask.part) as (folder, unsaved):
        if ask.checkpoints:
            told |= measure_checkpoints(found, experiment, ask.count, ask.seed, ask.only, folder, ask.average, ask.repeat)
            write_json(folder / "checkpoints.json", told)
        else:
            context = Context(experiment.name, experiment.seed, step, pictures=Pictures(partial(click.echo, err=True)))
            told |= experiment.game.evaluate(ask.count, ask.seed, folder, context, ask.only, ask.average, ask.repeat)
            write_json(folder / ("scores.json" if ask.only in (None, [ALL]) else "only.json"), told)
    if unsaved:
        told.pop("pictures", None)
        say(f"{found.path / 'eval'} cannot be written ({unsaved}): nothing is saved; --out FOLDER says where")
    return told


def _refuse_repeat(experiment: Experiment, repeat: int) -> None:
    """Raises UsageError where there is no such repeat, or all are scored together."""
    if repeat and not isinstance(experiment.game, Adversarial):
        raise click.UsageError("--repeat: success and loss are those of all repeats")
    refuse_repeat(experiment, repeat)


def _told(told: dict[str, Any]) -> list[str]:
    """What was found of one run, for people."""
    lines = [f"{told['run']}  step {told['step']:,}"]
    drawn = "plain" if told.get("drawn_by") == PLAIN else "average"  # whose scores are those of the first table
    for name, value in told.items():
        if name == "confusion":
            lines += [f"  {line}" for line in confusion_table(list(told["class_success"]), value)]
        elif name not in ("run", "step", drawn) and value != []:
            lines += [f"  {line}".rstrip() for line in _lines(name, value)]
    return lines


def _values(told: dict[str, Any]) -> dict[str, float]:
    """The value of each score, or of each success and loss."""
    scores = told.get("scores", {})
    means = {name: value["mean"] for name, value in told.items() if isinstance(value, dict) and "mean" in value}
    return {name: row["value"] for name, row in scores.items()} | ({} if scores else means)


def _lines(name: str, value: Any) -> list[str]:
    """How a score is read: a table, mean ± spread (if one is known) with its count, a list line by line, else as it is."""
    if name == "scores":
        return scores_table(value)
    if name == "kinds":
        rows = [(kind, *(f"{100 * one[key]:.1f} %" for key in ("samples", "real"))) for kind, one in value.items()]
        return _columns([("kind", "samples", "real"), *rows])
    if name == "checkpoints":
        return steps_table(value)
    if name == "spearman":
        return correlations_table(value) if value else []
    if isinstance(value, dict) and {"mean", "std"} <= value.keys():
        n, of = value.get("count"), WHOSE.get(name) or f"{{:,}} {value.get('of', 'examples')}"
        count = "" if n is None else of.format(n) if n != 1 else of.format(n).removesuffix("s")
        if value["std"] != value["std"]:
            return [f"{name:<17} {value['mean']:.4g}{f'  ({count})' if count else ''}"]
        return [f"{name:<17} {value['mean']:.4g} ± {value['std']:.2g}  (std{f' over {count}' if count else ''})"]
    if name == "judge":
        return [f"{name:<17} {value['hash']}, test success {_number(value['accuracy'])}"]
    if isinstance(value, dict) and "scores" in value:
        whose = "moving average" if name == "average" else PLAIN
        return ["", f"{name}: the same of the generator's {whose}", *scores_table(value["scores"])]
    if isinstance(value, dict):
        return [line for key, one in value.items() for line in _lines(f"{name} {key}", one)]
    if isinstance(value, list) and value and isinstance(value[0], str):
        return list(value)
    if isinstance(value, list):
        return [f"{name:<17} " + " ".join(f"{one:.4g}" if isinstance(one, float) else str(one) for one in value)]
    return [f"{name:<17} {value:.4g}" if isinstance(value, float) else f"{name:<17} {value}"]


def scores_table(scores: dict[str, dict[str, Any]]) -> list[str]:
    """Value, standard error, what is better, and the baselines, in columns; beneath them why there are numbers missing, and
    what so few samples cannot reach.

    A score without any number is not in the table.
    """
    head = ("score", "value", "± error", "better", "real", "noise", "collapsed", "samples")
    rows: list[tuple[str, ...]] = [head]
    reasons: dict[str, list[str]] = {}
    for name, row in scores.items():
        error = "" if row["standard_error"] != row["standard_error"] else f"{row['standard_error']:.2g}"
        numbers = [_number(row[key]) for key in ("value", "ceiling", "floor", "collapsed")]
        if any(number != "-" for number in numbers):
            rows.append((name, numbers[0], error, row["better"], *numbers[1:], f"{row['n']:,}"))
        if name.startswith(("random_", "pca_")):
            reasons.setdefault(f"measured in {row['measured_by']}, fitted on training images", []).append(name)
        if "why" in row:
            reasons.setdefault(row["why"], []).append(name)
        if "perfect" in row:
            reasons[f"{row['n']:,} perfect samples get about (K - 1) / 2N = {row['perfect']:.2g}, K modes"] = [name]
    wide = text_width() - INDENT
    told = [line for why, names in reasons.items() for line in wrap(f"{', '.join(names)}: {why}", wide, subsequent_indent="  ")]
    return (_columns(rows, optional=(7, 2, 6)) if len(rows) > 1 else []) + told


def confusion_table(names: list[str], counts: list[list[float]]) -> list[str]:
    """How many examples of each class, a line for each, are taken for which; means over repeats."""
    rows = [
        (f"true {name}", *(f"{count:.4g}" if count else "." for count in row)) for name, row in zip(names, counts, strict=True)
    ]
    return _columns([("taken for", *names), *rows])


def steps_table(checkpoints: list[dict[str, Any]]) -> list[str]:
    """One line for each checkpoint."""
    names = list(checkpoints[0])
    return _columns([tuple(names), *[tuple(_number(one[name]) for name in names) for one in checkpoints]])


def correlations_table(spearman: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """A line for each score, a column for each of the critic's own numbers, with the interval where one is known."""

    def told(one: dict[str, Any]) -> str:
        low, high = one["interval"]
        return _number(one["rho"]) + (f" [{low:.2f}, {high:.2f}]" if low == low else "")

    names = list(next(iter(spearman.values()), {}))
    rows = [(name, *[told(own[name]) for own in spearman.values()]) for name in names]
    about = "rank correlation (Spearman) with how bad samples are: 1 where the number falls as the score gets better"
    return ["", *wrap(about, text_width() - INDENT), *_columns([("score", *spearman), *rows])]


def _columns(rows: list[tuple[str, ...]], optional: tuple[int, ...] = ()) -> list[str]:
    """The first column to the left, the others to the right."""
    wide = room()
    return table(rows[0], rows[1:], wide and wide - INDENT, right=range(1, len(rows[0])), optional=optional, bold=False)


def _number(value: Any) -> str:
    if value is None or value != value:
        return "-"
    if isinstance(value, float) and abs(value) == float("inf"):
        return "-"  # why stands below
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
