"""The one training loop. It turns, logs, samples and saves; it knows no GAN.

What a turn is belongs to the game, where things are written to `runs/`, how they look to `plots/`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from dessine.choosing import Best, Patience
from dessine.experiment import Experiment
from dessine.finishing import context, finish, known_of, pictures_of, plain
from dessine.games import Game
from dessine.games.watch import Watch, told
from dessine.machine import give_back
from dessine.plots import Pictures
from dessine.runs.files import RunError
from dessine.runs.run import Run, picture_name
from dessine.scores.diagnosis import diagnose
from dessine.stopping import NonFiniteError, Stopped, stop_requests
from dessine.threads import one_blas_thread


class Pace:
    """How many turns to make before looking up again: about a tenth of a second's worth."""

    def __init__(self, seconds: float = 0.1):
        self.seconds, self.turns = seconds, 1

    @contextmanager
    def timed(self, turns: int) -> Iterator[None]:
        """Learn from how long `turns` turns take."""
        began = time.perf_counter()
        yield
        each = (time.perf_counter() - began) / turns
        self.turns = max(1, min(2 * self.turns, int(self.seconds / max(each, 1e-9))))


def train(
    experiment: Experiment,
    run: Run,
    progress: Callable[[int, dict[str, Any]], None],
    say: Callable[[str], None],
    step: int = 0,
) -> dict[str, Any]:
    """Train `experiment`, built, in `run` from `step`, to which `take_up` has brought it, or from the start.

    `progress(step, record)` is called several times a second; record is empty but at logging steps. `say` gets what the
    user must see. Returns the summary. Raises Stopped or NonFiniteError after everything has been saved.
    """
    began, game, last = time.perf_counter(), experiment.game, experiment.steps
    pictures = pictures_of(run, say)
    with stop_requests() as stop, np.errstate(all="ignore"), one_blas_thread():
        progress = stop.heeding(progress)
        watch, pace, stopping = _cut(experiment, run, step, say), Pace(), False
        noted = False
        best = None if experiment.best is None else Best(experiment.best, run, experiment.repeats, say)
        patience, enough = _patience(experiment, run), ""
        if step == 0:
            if experiment.is_shown(0):
                _show(experiment, run, 0, pictures)
            _save(experiment, run, 0)
        while step < last and not stopping and not enough and not watch.gone.all():
            n = min(experiment.next_event(step) - step, pace.turns)
            logging = experiment.is_logged(step + n)
            with pace.timed(n):
                seen = game.turns(n, measure=logging)
            step += n
            stopping = stop()
            if stopping:
                say("stopping: saves, and draws its curves; Ctrl-C again stops at once")
            due = step == last or step % experiment.checkpoint_period == 0
            saving = stopping or due
            if logging and not noted:
                give_back()  # what compiling has left free
            record = _record(step, game, seen | game.report()) if logging else {}
            if logging:
                if due:
                    _add_apart(experiment, record)
                run.append_metrics(record)
                if not noted:
                    noted = True
                    run.update(reference=experiment.game.reference(experiment.split).plain())
            if logging or saving:  # no checkpoint holds numbers that the watch has not seen
                _look(experiment, run, watch, step, seen, say)
                if watch.gone.all():
                    break
            enough = patience.ended(record) if patience and record else ""
            progress(step, record)
            if experiment.is_shown(step) or enough:
                _show(experiment, run, step, pictures)
            if saving or enough:
                if best is not None and record and (due or enough):  # whenever the user stops it, the same are candidates
                    best.offer(step, record, game.state(), game.streams.state())
                _save(experiment, run, step)
    if watch.gone.all() and patience and "diverged" in patience.stop.on:
        enough = f"diverged: {told(watch.found[-1], experiment.repeats)}"
    if enough:
        say(f"stops at step {step:,} of {last:,}: {enough}")
        run.log(f"stops at step {step:,} of {last:,}: {enough}")
        run.update(stopped=enough)
    lost = "failed" if watch.gone.all() else "interrupted" if step < last else "completed"
    return _end(experiment, run, step, began, "completed" if enough else lost, pictures)


def _end(experiment: Experiment, run: Run, step: int, began: float, status: str, pictures: Pictures) -> dict[str, Any]:
    """Write what stands at the end. Returns the summary; raises Stopped or NonFiniteError where that was no end of its own."""
    summary, last = finish(experiment, run, step, began, status, pictures), experiment.steps
    if status == "failed":
        raise NonFiniteError(f"stopped at step {step:,} of {last:,}: no replicate is left with finite numbers")
    if status == "interrupted":
        raise Stopped(f"stopped after step {step:,} of {last:,}")
    return summary


def take_up(experiment: Experiment, run: Run, say: Callable[[str], None]) -> int:
    """Take `experiment` back to the newest checkpoint of `run` that can be used; nothing is written. Returns its step.

    Raises RunError where there is none though steps were made: to begin again at step 0 is for the user to say.
    """
    step = run.restore(experiment, say=say)
    made = max([run.info().get("step") or 0, *(record["step"] for record in run.metrics()[-1:])])
    if step is None and made > 0:
        raise RunError(f"{run.path} has made {made:,} steps, but holds no checkpoint")
    return step or 0


def _cut(experiment: Experiment, run: Run, step: int, say: Callable[[str], None]) -> Watch:
    """Cut what was written after `step`, and what an earlier, shorter end added to the periods."""
    if step:
        run.log(f"goes on from the checkpoint of step {step}")
    run.forget_after(step)
    run.keep_metrics(lambda r: r["step"] <= step and experiment.is_logged(r["step"]), say)
    for at, path in run.pictures().items():
        if at > step or not experiment.is_shown(at):
            path.unlink()
    watch = Watch(experiment.game, step, [one for one in run.info().get("non_finite") or [] if one["step"] <= step])
    if run.info().get("non_finite"):
        _remember(experiment, run, watch)
    return watch


def _patience(experiment: Experiment, run: Run) -> Patience | None:
    """What counts the lines for `training.stop`, those that are already there included."""
    stop = experiment.training.stop
    if stop is None:
        return None
    spec = run.info().get("spec") or {}
    known, warned = known_of(experiment, spec)

    def verdict(records: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
        told = diagnose(records, spec, known, warned=warned)
        return told.verdict, told.words

    return Patience(stop, experiment.stops_by, verdict, run.metrics())


def _add_apart(experiment: Experiment, record: dict[str, Any]) -> None:
    """Put into a line of metrics what is measured at checkpoints alone."""
    for metric in experiment.apart():
        *above, name = metric.split(".")
        at = record
        for key in above:
            at = at.setdefault(key, {})
        at[name] = plain(experiment.game.score(metric))


def _look(experiment: Experiment, run: Run, watch: Watch, step: int, seen: dict[str, Any], say: Callable[[str], None]) -> None:
    """Which replicates are no longer finite, said and kept."""
    for finding in watch.look(step, seen):
        say(told(finding, experiment.repeats))
        run.log(told(finding, experiment.repeats))
        _remember(experiment, run, watch)


def _remember(experiment: Experiment, run: Run, watch: Watch) -> None:
    reason = "; ".join(told(finding, experiment.repeats) for finding in watch.found) or None
    run.update(non_finite=watch.found, reason=reason)


def _save(experiment: Experiment, run: Run, step: int) -> None:
    game = experiment.game
    run.save_checkpoint(step, game.state(), {"streams": game.streams.state()}, experiment.outputs.keep)


def _show(experiment: Experiment, run: Run, step: int, pictures: Pictures) -> None:
    pictures.draw(experiment.game.show, run.samples / picture_name(step), context(experiment, step, pictures))


def _record(step: int, game: Game, seen: dict[str, Any]) -> dict[str, Any]:
    return {"step": step, "epoch": step / game.turns_per_epoch(), **plain(seen)}
