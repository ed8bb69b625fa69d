"""Repeats of a large network: each a run of its own, in a process of its own, put together as if they had trained at once.

Small networks gain by training together on the replicate axis; large ones keep a core busy each. Which it is changes no
number: repeat r is the run of seed + r either way.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dessine.data import PLACES
from dessine.experiment import Experiment
from dessine.finishing import finish, pictures_of
from dessine.plots.fonts import plain
from dessine.runs import checkpoint
from dessine.runs.checkpoint import Damaged
from dessine.runs.files import own, own_folder, write_atomically
from dessine.runs.inside import files
from dessine.runs.run import PICTURE, Run
from dessine.spec import inline
from dessine.stopping import Failed, NonFiniteError, Stopped, stop_requests
from dessine.sweeps.launchers import Handle, Job, Local
from dessine.sweeps.running import Outcome, judge, steps_made
from dessine.threads import cores

LARGE = 20_000
"""Parameters of a network from which repeats train apart: its products are then large enough to fill a core."""

SHARED = ("step", "epoch", "examples", "hash", "accuracy", "features")
"""Metrics that are the same for every repeat."""


class RepeatFailed(Failed):
    """A repeat ended without its last step, though its numbers are finite; the run can be resumed when that is mended."""


def train_apart(experiment: Experiment) -> bool:
    """Whether the repeats of `experiment`, built, train in processes of their own."""
    return experiment.repeats > 1 and any(p.network.theta.shape[1] >= LARGE for p in experiment.game.players.values())


def train_repeats(
    experiment: Experiment, run: Run, progress: Callable[[int, dict[str, Any]], None], say: Callable[[str], None]
) -> dict[str, Any]:
    """Train each repeat in `run`/repeats/, as many at once as the BLAS has threads, then join them. Returns the summary.

    Like `dessine.training.train`: the same files, the same exceptions; what has been done is not done again. The whole is
    completed only if each repeat has made its last step, or is gone for good. Raises RepeatFailed for any other end.
    """
    place = own_folder(run.path, "repeats")
    folders = [Run(own_folder(place, f"{r:04d}")) for r in range(experiment.repeats)]
    began, pictures = time.perf_counter(), pictures_of(run, say)
    for one in folders:
        _take_back(one, experiment.steps)
    outcomes = _run_all(experiment, run, folders, progress, say)
    step = _join(experiment, run, folders)
    if bad := {r: o.reason for r, o in outcomes.items() if o.bad}:
        run.update(reason="; ".join(f"repeat {r}: {reason}" for r, reason in sorted(bad.items())))
    left = [one for one in folders if not _ended(one, experiment.steps)]
    if not left and not all(map(_gone, folders)):
        return finish(experiment, run, step, began, "completed", pictures)
    if left and (len(outcomes) < len(folders) or any(o.status == "interrupted" for o in outcomes.values())):
        finish(experiment, run, step, began, "interrupted", pictures)
        raise Stopped(f"stopped after step {step} of {experiment.steps}")
    finish(experiment, run, step, began, "failed", pictures)
    raise (RepeatFailed if left else NonFiniteError)(run.info()["reason"])


def _run_all(
    experiment: Experiment,
    run: Run,
    folders: list[Run],
    progress: Callable[[int, dict[str, Any]], None],
    say: Callable[[str], None],
) -> dict[int, Outcome]:
    """Every repeat to its end, or until the user stops; what became of each that was started or had ended before."""
    waiting = deque(r for r, one in enumerate(folders) if not _ended(one, experiment.steps))
    outcomes = {r: Outcome("completed") for r in range(len(folders)) if r not in waiting}
    launcher, logs = Local(), run.path / "repeats"
    running: dict[int, Handle] = {}
    told: set[int] = set()
    asked = False
    with stop_requests() as stop:
        progress = stop.heeding(progress)
        try:
            while running or (waiting and not stop()):
                while waiting and len(running) < cores() and not stop():  # as many as the BLAS may have: a sweep shares cores
                    r = waiting.popleft()
                    running[r] = launcher.launch(_job(experiment, run, r, folders[r], own(logs, f"{r:04d}.log")))
                if stop() and not asked:
                    asked = True
                    for handle in running.values():
                        handle.interrupt()
                for r, handle in list(running.items()):
                    code = handle.poll()
                    if code is None and (why := getattr(handle, "queued", "")) and r not in told:
                        told.add(r)
                        say(f"repeat {r}: {why}")
                    if code is not None:
                        del running[r]
                        outcomes[r] = judge(folders[r], code, logs / f"{r:04d}.log")
                        if outcomes[r].bad:
                            say(f"repeat {r}: {outcomes[r].reason}")
                made = [experiment.steps if _ended(one, experiment.steps) else steps_made(one) for one in folders]
                progress(sum(made) // len(made), {})
                time.sleep(0.2)
        except BaseException:
            for handle in running.values():
                handle.kill()
            raise
    return outcomes


def _ended(one: Run, steps: int) -> bool:
    """Whether a repeat has nothing left to do: it has made all its steps, or is gone for good."""
    return _gone(one) or one.is_complete(steps)


def _take_back(one: Run, steps: int) -> None:
    """A repeat that has lost the checkpoint of its last step makes it again: without it the whole cannot be put together."""
    if not _gone(one) and one.is_complete(steps):
        found = one.load_checkpoint()
        if found is None or found[0] < steps:
            one.update(status="interrupted", step=found[0] if found else 0)


def _job(experiment: Experiment, run: Run, r: int, one: Run, log: Path) -> Job:
    length, out = experiment.training, experiment.outputs
    long = f"training.steps={length.steps}" if length.steps else f"training.epochs={length.epochs}"
    changes: tuple[str, ...] = (long, f"outputs.keep={out.keep}", "outputs.plots=false", "outputs.gif=false")
    if r:  # the pictures over time are those of the first repeat
        changes += ("outputs.samples=0",)
    places = {key: place for key in PLACES if (place := getattr(experiment.data, key, None)) is not None}
    changes += tuple(f"data.{key}={inline(place)}" for key, place in places.items())  # the data may have moved since
    changes += (f"scores.judge={inline(experiment.scores.judge)}",) if experiment.scores.judge else ()  # likewise
    name = inline(f"{plain(experiment.name)}, repeat {r} of {experiment.repeats}")  # for its pictures
    overrides = (*changes, f"name={name}", f"seed={experiment.seed + r}", "repeats=1")
    base, stop = str((run.path / "config.yaml").absolute()), str((run.path / "repeats" / ".stop").absolute())
    return Job(base, overrides, str(one.path.absolute()), str(log), 1, stop, os.getcwd(), changes, bool(experiment.plugins))


def _join(experiment: Experiment, run: Run, folders: list[Run]) -> int:
    """Metrics, checkpoint and pictures of the whole, from those of the repeats. Returns the step all have reached."""
    told = [{record["step"]: record for record in one.metrics()} for one in folders]
    steps = sorted({step for one in told for step in one})
    whole = [
        s for s in steps if all(s in one or (one and max(one) < s and _gone(f)) for one, f in zip(told, folders, strict=True))
    ]
    run.keep_metrics(lambda record: False)
    for step in whole:
        run.append_metrics(_merged([one.get(step) for one in told]))
    found = [one.load_checkpoint() for one in folders]
    step = min((f[0] if f else 0 for f, one in zip(found, folders, strict=True) if not _gone(one)), default=0)
    ready = [f for f in found if f]
    if len(ready) == len(folders):
        arrays, state = _stacked([f[1] for f in ready]), [f[2]["streams"] for f in ready]
        streams = {purpose: [one for s in state for one in s[purpose]] for purpose in state[0]}
        experiment.game.restore(arrays)
        experiment.game.streams.restore(streams)
        if len({f[0] for f, one in zip(ready, folders, strict=True) if not _gone(one)}) == 1:
            run.save_checkpoint(step, arrays, {"streams": streams}, experiment.outputs.keep)
    if experiment.best is not None:
        _join_best(run, folders)
    for picture in files(folders[0].path, "samples", PICTURE.pattern):
        write_atomically(run.samples / picture.name, picture.read_bytes())
    return step


def _join_best(run: Run, folders: list[Run]) -> None:
    """Each repeat's own best state, in one file; none as long as a repeat has none that can be read."""
    with suppress(FileNotFoundError, Damaged):
        found = [checkpoint.load(one.path, None) for one in folders]
        told = [checkpoint.best_of(state, 1) for _, state in found]
        best = {"metric": told[0]["metric"]} | {key: [one[key][0] for one in told] for key in ("values", "steps")}
        streams = {purpose: [state["streams"][purpose][0] for _, state in found] for purpose in found[0][1]["streams"]}
        run.save_best(max(best["steps"]), _stacked([arrays for arrays, _ in found]), {"streams": streams, "best": best})


def _gone(one: Run) -> bool:
    """Whether a repeat stopped for good before its last step: its numbers are no longer finite, and nothing else is wrong."""
    info = one.info()
    return bool(info.get("status") == "failed" and info.get("non_finite"))


def _merged(values: list[Any], key: str = "") -> Any:
    """One record of R repeats from R records of one; None where a repeat has none."""
    first = next((v for v in values if v is not None), None)
    if isinstance(first, dict):
        keys = dict.fromkeys(k for v in values if v for k in v)
        return {k: _merged([(v or {}).get(k) for v in values], k) for k in keys}
    return first if key in SHARED else values


def _stacked(every: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays of one replicate as arrays of all; numbers without a replicate axis are the same for all."""
    return {k: np.concatenate([one[k] for one in every]) if a.ndim else a for k, a in every[0].items()}
