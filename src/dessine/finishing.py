"""What a run is left with: its summary, plots and GIF, and the verdict on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from dessine.data import Split
from dessine.experiment import Experiment
from dessine.games import Context
from dessine.games.warnings import warnings
from dessine.machine import give_back
from dessine.plots import Pictures
from dessine.registry import SpecError
from dessine.runs.files import RunError, own, write_json
from dessine.runs.run import Run, outcome
from dessine.scores.diagnosis import Diagnosis, diagnose
from dessine.scores.finding import SHORTEST
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled
from dessine.spec import BadSpec, Document, change

LOOKED = 2000
"""Samples of the last checkpoint that a verdict looks at."""


def pictures_of(run: Run, say: Callable[[str], None] = lambda text: None) -> Pictures:
    """What draws the pictures of `run`, and tells on the screen and in log.txt what it could not draw."""

    def tell(text: str) -> None:
        say(text)
        with suppress(OSError):
            run.log(text)

    return Pictures(tell)


def finish(experiment: Experiment, run: Run, step: int, began: float, status: str, pictures: Pictures) -> dict[str, Any]:
    """Write the summary, plots, GIF, and the run's last status. Returns the summary.

    status: failed, or anything else; then it is the step that decides between completed and interrupted.
    """
    stopped = run.info().get("stopped")
    status = status if status == "failed" else outcome(step, experiment.steps, stopped)
    records = run.metrics()
    summary = summarise(records, experiment.game.goals)
    if status == "completed" and records:  # the test is looked at now; what the lines hold, choices may have been made by
        summary["last"] = records[-1] | plain(experiment.game.tested())
    summary |= experiment.game.summary([*records, summary["last"]]) | {"status": status, "step": step}
    for key in ("reason", "stopped"):
        if run.info().get(key):
            summary[key] = run.info()[key]
    with np.errstate(all="ignore"):
        give_back()  # what the turns have left free is not where the samples find room
        summary["diagnosis"] = _at_the_end(experiment, run, records, status).plain()
    write_json(own(run.path, "summary.json"), summary)
    if experiment.outputs.plots and records:
        give_back()
        with np.errstate(all="ignore"):
            pictures.draw(experiment.game.save_plots, run.plots, records, context(experiment, step, pictures))
    frames = run.pictures()
    if experiment.outputs.gif and len(frames) > 1:
        from dessine.plots.grid import save_gif

        give_back()
        pictures.draw(save_gif, run.samples / "samples.gif", list(frames.values()), list(frames))
    seconds = time.perf_counter() - began
    run.log(f"{status} at step {step} after {seconds:.1f} s, {pictures.seconds:.1f} s of them for pictures")
    results = {goal: mean for goal in experiment.game.goals if (mean := _mean(summary["last"], goal)) is not None}
    run.end(status, seconds, step=step, results=results)
    return summary


def _at_the_end(experiment: Experiment, run: Run, records: list[dict[str, Any]], status: str) -> Diagnosis:
    """What `dessine diagnose` will say of the run, for it looks at the same; of one that is not completed, what its lines say,
    for the user waits for it to stop.
    """
    game, sampled = experiment.game, list[Sampled]()
    if status == "completed" and game.draws and records and records[-1]["step"] >= SHORTEST:
        now = {name: np.array(value) for name, value in game.state().items()}, game.streams.state()
        with suppress(RunError):  # then the lines tell their part
            sampled = looked(experiment, run, [run.restore(experiment) or 0] * experiment.repeats)
        game.restore(now[0])
        game.streams.restore(now[1])
    return diagnosis(experiment, run, records, sampled)


def looked(
    experiment: Experiment, run: Run, steps: Sequence[int], count: int = LOOKED, seed: int = 0, average: bool | None = None
) -> list[Sampled]:
    """What `count` samples of each repeat show, beside those of the checkpoint before, where `experiment` is left.

    steps: of the checkpoint to which each repeat of it has been restored
    """
    if not min(steps):
        return []
    # Of repeats with a best of their own: before the earliest.
    return experiment.game.looked(count, seed, average, steps, lambda: bool(run.restore(experiment, before=min(steps))))


def diagnosis(
    experiment: Experiment,
    run: Run,
    records: list[dict[str, Any]],
    sampled: Sequence[Sampled] = (),
    spec: Mapping[str, Any] | None = None,
    until: Sequence[int] = (),
) -> Diagnosis:
    """What is the matter with a run of `experiment`, built; where its data are missing, it need not be.

    sampled: what samples of a checkpoint show, repeat by repeat; spec: the resolved one, if not that of run.json
    until: for each repeat, the step of the last line that counts, where not all do
    """
    info = run.info()
    spec = spec or info.get("spec") or {}
    known, warned = known_of(experiment, spec)
    found = info.get("non_finite") or []
    return diagnose(
        records,
        spec,
        known,
        repeats=experiment.repeats,
        non_finite=found,
        sampled=sampled,
        warned=warned,
        until=until,
        accepts=partial(_accepts, spec, experiment.split),
    )


def _accepts(spec: Mapping[str, Any], split: Split, override: str) -> bool:
    """Whether the spec of a run would be one with KEY=VALUE, too, and fit its data."""
    document = Document(deepcopy(dict(spec)), "", {})
    try:
        change(document, [override])
        Experiment.of(document.data).build(split, allocate=False, alone=True)
    except (BadSpec, SpecError):
        return False
    return True


def known_of(experiment: Experiment, spec: Mapping[str, Any]) -> tuple[Reference, list[tuple[str, str, bool]]]:
    """What the data let a run reach, and what its config is warned of; nothing where the data are missing."""
    if experiment.split.missing:
        return Reference(), []
    doubts = warnings(spec, experiment.split) if spec else []
    return experiment.game.reference(experiment.split), [(str(one), one.override, one.hopeless) for one in doubts]


def summarise(records: list[dict[str, Any]], goals: Mapping[str, str]) -> dict[str, Any]:
    """The last record, and for each goal its best value (mean over the repeats that have one) with its step."""
    best = {}
    for goal, direction in goals.items():
        rows = [(mean, record["step"]) for record in records if (mean := _mean(record, goal)) is not None]
        if rows:
            value, step = (min if direction == "min" else max)(rows, key=lambda row: row[0])
            best[goal] = {"value": value, "step": step}
    return {"last": records[-1] if records else {}, "best": best}


def _mean(record: dict[str, Any], metric: str) -> float | None:
    """Over the repeats that have a number; None if none has."""
    value: Any = record
    for key in metric.split("."):
        value = (value or {}).get(key)
    numbers = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, int | float)]
    return float(np.mean(numbers)) if numbers else None


def plain(value: Any) -> Any:
    """Metrics of shape (R,) as a number for one replicate, else a list; everything else as it is."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return value
    numbers = np.asarray(value, np.float64).tolist()
    return numbers[0] if isinstance(numbers, list) and len(numbers) == 1 else numbers


def context(experiment: Experiment, step: int, pictures: Pictures) -> Context:
    """What a picture of `step` is told of its run."""
    return Context(experiment.name, experiment.seed, step, experiment.outputs.grid, pictures)
