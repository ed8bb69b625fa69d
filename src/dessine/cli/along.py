"""Scores along a run: those of every checkpoint that it has kept, and how the critic's own numbers follow them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from dessine.cli.errors import say
from dessine.experiment import Experiment
from dessine.games.game import FIXED_SEED
from dessine.plots import Pictures
from dessine.runs.documents import read_metrics, some
from dessine.runs.run import Run
from dessine.scores.panel import Panel
from dessine.scores.ranks import spearman, spearman_interval
from dessine.scores.table import names
from dessine.streams import Streams

Array = np.ndarray
OWN = ("w_estimate", "loss.discriminator", "loss.generator")
"""What the game itself says of its state, read from the line of metrics at the checkpoint or the last before it."""
COUNT = 2_000
"""Samples of each checkpoint, at most."""
FEWEST = 5
"""Checkpoints of whose order something can be said; of two, every correlation is 1 or -1."""
KEEP = "outputs.keep=50 for more"


def measure_checkpoints(
    run: Run,
    experiment: Experiment,
    count: int,
    seed: int,
    only: Sequence[str] | None,
    folder: Path,
    average: bool | None = None,
    repeat: int = 0,
) -> dict[str, Any]:
    """`checkpoints`: step, the critic's own numbers and the scores of each, first to last; `spearman`: rho of each pair;
    `judge`, where one has measured.

    Scores are the quick ones, or those in `only`, of one repeat. average: as in `Game.drawn_by`. The ends of rho's 95 %
    interval are there from five checkpoints on. Raises UsageError where nothing is drawn.
    """
    data = experiment.game.asking(experiment.split)
    panel = Panel(data, np.float32)

    def draw(n: int) -> Array:
        return experiment.game.draw(n, Streams(seed + FIXED_SEED, experiment.repeats), repeat, average)

    def asked(n: int) -> Array | None:
        return experiment.game.asked(n, Streams(seed + FIXED_SEED, experiment.repeats), repeat)

    records, faults = read_metrics(run.path)
    say(*some(faults))
    chosen = only or names(data, quick=True)
    found: list[dict[str, Any]] = []
    better: dict[str, str] = {}
    told: dict[str, Any] = {}
    step = run.restore(experiment)
    while step is not None:
        try:
            told = panel.measure(draw, min(count, COUNT), seed, None, "", chosen, asked=asked)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        better = {name: row["better"] for name, row in told["scores"].items()}
        found.append(
            {"step": step} | _own(records, step, repeat) | {name: row["value"] for name, row in told["scores"].items()}
        )
        step = run.restore(experiment, before=step, say=say)
    found.reverse()
    own = [name for name in OWN if any(np.isfinite(row[name]) for row in found)]
    for row in found:
        for name in set(OWN) - set(own):
            del row[name]
    whose = experiment.game.drawn_by(average)
    told = ({"drawn_by": whose} if whose else {}) | {key: told[key] for key in ("judge",) if key in told}  # the same for all
    told |= {"count": min(count, COUNT, len(experiment.split.test)), "checkpoints": found}
    told["spearman"] = {name: _correlations(found, name, better) for name in own} if len(found) >= FEWEST else {}
    if len(found) < FEWEST:
        told["notice"] = f"{_too_few(len(found))}: train with outputs.checkpoint=STEPS {KEEP}"
    if len(found) > 1:
        title = ", ".join(filter(None, (experiment.name, whose)))
        told |= _pictured(found, folder / "checkpoints.png", title, better)
    return told


def _too_few(count: int) -> str:
    if count == 1:
        return "only one checkpoint was kept"
    return f"{count} checkpoints are too few for a rank correlation"


def _pictured(found: list[dict[str, Any]], path: Path, title: str, better: dict[str, str]) -> dict[str, Any]:
    """`pictures`: what was drawn; nothing, where that failed."""
    from dessine.plots.scores import save_along

    drawn = Pictures(partial(click.echo, err=True)).draw(save_along, path, found, title, better)
    return {"pictures": [str(made) for made in drawn]} if drawn else {}


def _own(records: list[dict[str, Any]], step: int, repeat: int) -> dict[str, float]:
    """Of one repeat, NaN where there is none."""
    before = [record for record in records if record["step"] <= step]
    return {name: _one(before[-1], name, repeat) if before else float("nan") for name in OWN}


def _one(record: dict[str, Any], name: str, repeat: int) -> float:
    value: Any = record
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    value = value[repeat] if isinstance(value, list) and repeat < len(value) else value
    return float(value) if isinstance(value, int | float) else float("nan")


def _correlations(found: list[dict[str, Any]], own: str, better: dict[str, str]) -> dict[str, Any]:
    """Of one of the critic's own numbers with every score, turned so that +1 always says: it falls where quality rises."""
    x = np.array([row[own] for row in found])
    told = {}
    for name, way in better.items():
        y = np.array([row[name] for row in found], float)
        badness = {"higher": -y, "lower": y, "near 1": np.abs(y - 1)}[way]
        told[name] = {"rho": spearman(x, badness), "interval": list(spearman_interval(x, badness)), "checkpoints": len(found)}
    return told
