"""A search: Optuna proposes settings, cells answer. The study is a plain text file in the sweep's folder, study.jsonl.

What a trial is worth is read from its run folders; a trial that was under way when the sweep stopped is taken up again.
Needs `pip install 'dessine[search]'`.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dessine.runs.documents import line_of
from dessine.runs.files import own
from dessine.runs.inside import checked
from dessine.runs.metrics import flat
from dessine.runs.run import Run, RunError
from dessine.spec import inline
from dessine.sweeps.cells import Axes, Cell, Planner, Search
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.results import read_result, run_folders, samples
from dessine.sweeps.running import Outcome, Running

WARM_UP = 0.1
"""Share of a run's steps in which no trial is given up: GANs begin with noise, whatever becomes of them."""


class SearchError(Exception):
    """Optuna is not there, or its study is of another search."""


def optuna() -> Any:
    """The package, with its own chatter turned off."""
    try:
        import optuna
    except ImportError:
        raise SearchError("--sampler needs Optuna: pip install 'dessine[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def probes(planner: Planner) -> list[dict[str, Any]]:
    """Settings at which a search is checked before it starts: every choice, and both ends of every distribution, once."""
    axes = planner.sweep.axes
    parts: list[list[dict[str, Any]]] = axes.choices()
    parts += [[{key: draw.at(0.0)}, {key: draw.at(1 - 1e-12)}] for key, draw in axes.random.items()]
    first = {key: v for part in parts for key, v in part[0].items()}
    return [first, *({**first, **choice} for part in parts for choice in part[1:])]


@dataclass
class Trial:
    """One setting, and its cells, one per seed.

    open: the cells that have not ended; failed: whether one did not work; hopeless: whether it is given up
    """

    number: int
    cells: list[Cell]
    open: set[str]
    failed: bool = False
    stopped: bool = False
    hopeless: bool = False


class SearchFeed:
    """Asks for a trial whenever a slot is free, and tells what it was worth when its last cell has ended."""

    def __init__(self, planner: Planner, search: Search, metric: str, folder: SweepFolder, retry_failed: bool = False):
        self.planner, self.search, self.metric, self.folder = planner, search, metric, folder
        self.retry_failed, self.optuna = retry_failed, optuna()
        backend = self.optuna.storages.journal.JournalFileBackend(str(own(folder.path, "study.jsonl")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls its journal experimental
            self.study: Any = self.optuna.create_study(
                storage=self.optuna.storages.JournalStorage(backend),
                study_name="sweep",
                direction=search.direction,
                load_if_exists=True,
                pruner=self._pruner(),
            )
        if self.study.direction.name.lower() != search.direction:
            raise SearchError(f"{folder.path}: its study was made to {self.study.direction.name.lower()}")
        known = self.study.get_trials(deepcopy=False)
        states = self.optuna.trial.TrialState
        self.again = deque(t for t in known if t.state == states.RUNNING)
        if retry_failed:
            self.again.extend(t for t in known if t.state == states.FAIL)
        self.left = search.trials - sum(t.state != states.WAITING for t in known)
        self.queue: deque[Cell] = deque()
        self.owners: dict[str, list[Trial]] = {}
        self.curves: dict[str, Curve] = {}

    @property
    def trials(self) -> list[list[str]]:
        """The run folders of every trial, in the order tried, found by what their runs were told: no cell is made for it."""
        made = dict[tuple[str, ...], str]()
        for path in run_folders(self.folder.path):
            with suppress(RunError):
                made[tuple(Run(path).info().get("overrides", ()))] = path.name
        every = [t for t in self.study.get_trials(deepcopy=False) if t.params]
        told = [[self.planner.overrides(self._values(t.params), seed) for seed in self.planner.seeds(t.number)] for t in every]
        return [[made[one] for one in trial if one in made] for trial in told]

    def all_well(self) -> bool:
        """Whether every trial has a value, or was given up."""
        states = [t.state.name for t in self.study.get_trials(deepcopy=False)]
        return states.count("COMPLETE") + states.count("PRUNED") >= self.search.trials

    def take(self) -> Cell | None:
        while True:
            if self.queue:
                return self.queue.popleft()
            if self.again:
                old = self.again.popleft()
                self._begin(self._anew(old) if old.state.is_finished() else old.number, old.params)
            elif self.left > 0:
                self.left -= 1
                trial = self._ask()
                self._begin(trial.number, trial.params)
            else:
                return None

    def ended(self, cell: Cell, outcome: Outcome) -> None:
        for trial in self.owners.pop(cell.identity):
            trial.open.discard(cell.identity)
            trial.failed |= outcome.bad
            trial.stopped |= outcome.status == "interrupted"
            self._tell(trial)

    def hopeless(self, running: Sequence[Running]) -> Sequence[Running]:
        if self.search.pruner == "none":
            return []
        trials = {trial.number: trial for one in running for trial in self.owners[one.cell.identity] if not trial.hopeless}
        for trial in trials.values():
            trial.hopeless = self._falls_behind(trial)
        self.queue = deque(cell for cell in self.queue if not self._drop(cell))
        return [one for one in running if not one.hopeless and all(t.hopeless for t in self.owners[one.cell.identity])]

    def _drop(self, cell: Cell) -> bool:
        """Whether a cell that has not begun is wanted no more, for its trials are given up."""
        trials = self.owners[cell.identity]
        if not all(trial.hopeless for trial in trials):
            return False
        for trial in self.owners.pop(cell.identity):
            trial.open.discard(cell.identity)
        return True

    def _falls_behind(self, trial: Trial) -> bool:
        """Report what is new of a trial, and ask the pruner."""
        curves = [self.curves.setdefault(c.identity, Curve(self.folder.run(c).path, self.metric)) for c in trial.cells]
        fresh = [curve.read() for curve in curves]
        if not any(fresh):
            return False
        frozen = self.study.get_trials(deepcopy=False)[trial.number]
        asked = self.optuna.trial.Trial(self.study, frozen._trial_id)  # as Optuna's guide does it, from another process
        common = set.intersection(*(set(curve.values) for curve in curves if curve.values))
        for step in sorted(common - set(frozen.intermediate_values)):
            if step >= WARM_UP * max(curve.steps for curve in curves):
                asked.report(float(np.mean([curve.values[step] for curve in curves if curve.values])), step)
                if asked.should_prune():
                    return True
        return False

    def _pruner(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pruners = self.optuna.pruners
            return {
                "none": pruners.NopPruner,
                "median": pruners.MedianPruner,
                "halving": pruners.SuccessiveHalvingPruner,
            }[self.search.pruner]()

    def _ask(self) -> Any:
        number = len(self.study.get_trials(deepcopy=False))
        seed = self.search.seed + number  # a sampler that is seeded anew at each trial needs no state to go on from
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            samplers = self.optuna.samplers
            tpe = self.search.sampler == "tpe"
            # The liar counts what is still running as poor, so that trials side by side do not try the same place.
            self.study.sampler = (
                samplers.TPESampler(seed=seed, constant_liar=True) if tpe else samplers.RandomSampler(seed=seed)
            )
        trial = self.study.ask()
        for name, options in _choices(self.planner.sweep.axes).items():
            trial.suggest_categorical(name, list(options))
        for key, draw in self.planner.sweep.axes.random.items():
            suggest = trial.suggest_int if draw.whole else trial.suggest_float
            suggest(key, draw.low, draw.high, log=draw.log)
        return trial

    def _anew(self, old: Any) -> int:
        """A failed trial's setting as a trial of its own: what is told to a study stays told."""
        states = self.optuna.trial.TrialState
        self.study.add_trial(
            self.optuna.trial.create_trial(params=old.params, distributions=old.distributions, state=states.RUNNING)
        )
        return len(self.study.get_trials(deepcopy=False)) - 1

    def _cells(self, number: int, params: dict[str, Any]) -> list[Cell]:
        return [self.planner.cell(self._values(params), seed) for seed in self.planner.seeds(number)]

    def _values(self, params: dict[str, Any]) -> dict[str, Any]:
        """Of the keys that vary, in a trial."""
        axes = self.planner.sweep.axes
        values: dict[str, Any] = {}
        for name, options in _choices(axes).items():
            values |= options[params[name]]
        for key, draw in axes.random.items():
            values[key] = params[key] if draw.whole else float(f"{params[key]:.6g}")
        return values

    def _begin(self, number: int, params: dict[str, Any]) -> None:
        trial = Trial(number, self._cells(number, params), set())
        for cell in trial.cells:
            state = self.folder.state(cell)
            if state == "unreadable" or (state == "failed" and not self.retry_failed):
                trial.failed = True
            elif state != "completed":
                trial.open.add(cell.identity)
                if cell.identity not in self.owners:  # else another trial runs the same setting: one run answers both
                    self.owners[cell.identity] = []
                    self.queue.append(cell)
                self.owners[cell.identity].append(trial)
        self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        if trial.open or (trial.stopped and not trial.failed):
            return  # an interrupted trial stays open in the study: the same command takes it up again
        rows = [read_result(self.folder.run(cell).path) for cell in trial.cells if self.folder.state(cell) == "completed"]
        values = list(samples(rows, self.metric).values())
        if trial.hopeless and len(rows) < len(trial.cells):
            for cell in trial.cells:
                with suppress(RunError):
                    if self.folder.state(cell) == "unfinished":
                        self.folder.run(cell).update(reason="given up by the search: other trials do better")
            self.study.tell(trial.number, state=self.optuna.trial.TrialState.PRUNED)
        elif trial.failed or not values:
            self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(trial.number, float(np.mean(values)))


class Curve:
    """One metric of a run that is being made, mean over its repeats by step; each `read` takes the new whole lines.

    steps: that the run has in all, once it says so
    """

    def __init__(self, path: Path, metric: str):
        self.path, self.metric = path, metric
        self.steps, self.at = 0, 0
        self.values: dict[int, float] = {}

    def read(self) -> bool:
        """Whether there were new ones. What cannot be read now is looked at again."""
        try:
            file = checked(self.path, "metrics.jsonl")
            size = file.stat().st_size
            if size < self.at:  # begun again, or gone on with from an older checkpoint
                self.at = 0
            if size == self.at:
                return False
            with file.open("rb") as lines:
                lines.seek(self.at)
                whole, newline, _ = lines.read().rpartition(b"\n")
            self.steps = self.steps or Run(self.path).info().get("steps") or 0
        except (OSError, RunError):
            return False
        self.at += len(whole) + len(newline)
        for line in whole.splitlines():
            with suppress(RunError):
                record = line_of(line)
                found = flat(record, _width(record)).get(self.metric)
                self.values[record["step"]] = float(np.mean(found)) if found else float("nan")
        return bool(newline)


def _width(record: dict[str, Any]) -> int:
    """Repeats of a line of metrics: a loss has one number for each."""
    return next((len(v) for v in record.get("loss", {}).values() if isinstance(v, list)), 1)


def _choices(axes: Axes) -> dict[str, dict[str, dict[str, Any]]]:
    """Parameter name -> text -> values, for the axes that are lists."""
    return {
        ", ".join(points[0]): {", ".join(inline(v) for v in point.values()): point for point in points}
        for points in axes.choices()
    }
