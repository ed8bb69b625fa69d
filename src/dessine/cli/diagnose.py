"""`dessine diagnose`: what is the matter with a run, why one may think so, and what to try next."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
import numpy as np

from dessine.cli.errors import say
from dessine.cli.loading import (
    another_judge,
    at_step,
    by_whom,
    cells_of,
    drawn_by,
    for_each,
    in_sweep,
    load_alone,
    restore,
)
from dessine.cli.paths import RUN, json_option, runs_option
from dessine.cli.terminal import table, text_width
from dessine.cli.trust import trust_plugins
from dessine.experiment import Experiment
from dessine.finishing import LOOKED, diagnosis, looked
from dessine.games.game import LOOKED_REPEATS as REPEATS
from dessine.letters import harmless
from dessine.runs.documents import read_metrics, some
from dessine.runs.files import finite
from dessine.runs.run import Run, RunError
from dessine.scores.diagnosis import Diagnosis, Evidence, verdict
from dessine.scores.sampled import Sampled

UNSEEN = "samples of its checkpoint were not looked at, nor was what such data let a run reach"

EPILOG = """\b
Examples:
  dessine diagnose last
  dessine diagnose last --json
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option(
    "--count", type=click.IntRange(50, 100_000), default=LOOKED, show_default=True, help="Samples to look at, of each repeat."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of these samples.")
@by_whom
@at_step
@trust_plugins
@json_option
@runs_option
def command(run: str, count: int, seed: int, average: bool | None, at: int | str, as_json: bool, runs_dir: Path) -> None:
    """Say what is the matter with RUN: healthy, collapsing, collapsed, dead, stuck, diverged, memorising or unknown;
    of a conditional game also that it ignores its label.

    It goes through the lines of metrics and looks at samples of the newest checkpoint, or of --step and the lines before
    it alone: the numbers behind the verdict, each with the threshold that it crosses, the first bad step, and KEY=VALUE to try
    next. The exit code does not depend on it.
    Of a sweep, each run has one line.
    """
    cells = cells_of(run, runs_dir)
    if not cells:
        document, lines = diagnosed(run, runs_dir, count, seed, average, at)
        click.echo(json.dumps(finite(document), indent=2) if as_json else harmless("\n".join(lines)))
        return
    each = for_each(cells, lambda cell: diagnosed(cell, runs_dir, count, seed, average, at))
    made = [(cell, document) for cell, (document, _) in each]
    sweep = cells[0].parent.parent
    if as_json:
        click.echo(json.dumps(finite({"sweep": str(sweep), "runs": [document for _, document in made]}), indent=2))
        return
    rows = [(in_sweep(cell), f"{told['step']:,}", told["verdict"], str(told["words"])) for cell, told in made]
    click.echo(harmless(f"{sweep}  {len(made)} of {len(cells)} runs"))
    click.echo("\n".join(table(("run", "step", "verdict", "why"), rows, text_width(), right=(1,), text=(0, 3))))


def diagnosed(
    run: str, runs_dir: Path, count: int, seed: int, average: bool | None, at: int | str
) -> tuple[dict[str, Any], list[str]]:
    """Of one run: the document, and the lines for people."""
    found = Run.find(run, runs_dir)
    experiment, resolved = load_alone(found)
    whose = drawn_by(experiment, average)
    try:
        records, faults = read_metrics(found.path)
    except RunError as error:  # the samples still tell their part
        records, faults = [], [str(error)]
    say(*some(faults))
    if average is False:
        records = [record | {"scores": record.get("plain_scores", record.get("scores", {}))} for record in records]
    missing = experiment.split.missing
    with np.errstate(all="ignore"):  # numbers that have run away are what it may be about
        steps, sampled = (None, []) if missing else _samples(found, experiment, count, seed, average, at)
        if at != "last" and steps is not None:
            records = [record for record in records if record["step"] <= max(steps)]
        told = diagnosis(experiment, found, records, sampled, resolved, (steps or ()) if at != "last" else ())
    if experiment.no_judge:
        told = replace(
            told, notes=(*told.notes, f"its judge cannot be read ({experiment.no_judge}): samples are looked at without")
        )
    elif other := another_judge(found, experiment):
        told = replace(told, notes=(*told.notes, other))
    if missing:
        told = replace(told, notes=(*told.notes, f"its data are not here ({missing}): {UNSEEN}"))
    last = records[-1]["step"] if records else 0
    step = None if steps is None else steps[0] if len(set(steps)) == 1 else steps  # of each repeat, where each has its best
    document = (
        {"run": str(found.path), "step": last, "checkpoint": step} | ({"drawn_by": whose} if whose else {}) | told.plain()
    )
    named = "best checkpoint" if isinstance(step, list) else f"checkpoint of step {step:,}" if sampled else ""
    lines = _lines(told, str(found.path), named, experiment.repeats)
    return document, [f"{found.path}  step {last:,}, {found.status()}{f'; samples by the {whose}' if whose else ''}", *lines]


def _samples(
    run: Run, experiment: Experiment, count: int, seed: int, average: bool | None, at: int | str
) -> tuple[list[int] | None, list[Sampled]]:
    """The steps of the checkpoint `at`, and what its samples show beside those of the one before it, repeat by repeat."""
    try:
        newest = restore(run, experiment, at, experiment.repeats)
    except RunError as error:  # the metrics still tell their part, but not of a step that was asked for
        if at != "last":
            raise
        say(str(error))
        return None, []
    return newest, looked(experiment, run, newest, count, seed, average) if newest else []


def _lines(told: Diagnosis, run: str, checkpoint: str, repeats: int) -> list[str]:
    lines = _wrapped(verdict(told.plain()), "")
    if told.evidence:
        agreed, of = told.lines
        why = f"Why ({agreed} of the last {of} lines of metrics agree; numbers of metrics are their medians):" if of else "Why:"
        lines += ["", *_wrapped(why, "")]
        for one, after in zip_longest(told.evidence, told.evidence[1:]):
            reasons = told.verdict != "healthy" and (after is None or after.why != one.why)
            lines += _evidence(one, reasons, checkpoint)
    if told.advice:
        lines += ["", "What to try, one thing at a time:"]
        for piece in told.advice:
            lines += (
                [f"  {shlex.quote(piece.override)}", *_wrapped(piece.why, " " * 6)]
                if piece.override
                else _wrapped(piece.why, "  ")
            )
        change = next((piece.override for piece in told.advice if piece.override), None)
        if change:
            how = "--resume" if told.verdict in ("healthy", "unknown") and change.startswith("training.") else "--from"
            lines += ["For example:", f"  {shlex.join(['dessine', 'train', how, run, change])}"]
    if told.notes:
        lines += ["", "Notes:"]
        lines += [line for note in told.notes for line in _wrapped(note, "  ", "- ")]
    if repeats > REPEATS and checkpoint:
        lines.append(f"  - samples of the first {REPEATS} repeats were looked at")
    return lines


def _evidence(one: Evidence, reasons: bool, checkpoint: str) -> list[str]:
    value = f" {one.value:.4g}" if one.value is not None and one.value == one.value else ""
    source = checkpoint if one.source == "checkpoint" and checkpoint else one.source
    drawn = f", {one.count:,} examples" if one.count else ""
    mark = f"  {'!' if one.bad else ' '} "
    lines = _wrapped(f"{one.name}{value}, threshold: {one.threshold} ({source}{drawn})", " " * len(mark))
    lines[0] = mark + lines[0].lstrip()
    return lines + (_wrapped(one.why, " " * 6) if reasons else [])


def _wrapped(text: str, indent: str, bullet: str = "") -> list[str]:
    made: Any = click.wrap_text(text, text_width(), indent + bullet, indent + " " * len(bullet))
    return str(made).split("\n")
