"""What a sweep's file and the command line ask for together, checked cell by cell before anything is started."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dessine.experiment import Experiment
from dessine.paths import expanded, name_after
from dessine.registry import Path as KeyPath
from dessine.registry import SpecError, dotted
from dessine.runs.metrics import flat, full_name
from dessine.schema import paths_in, signature
from dessine.spec import BadSpec, Document, anchor, anchored, change, check_document, read
from dessine.spec.document import Place
from dessine.sweeps.axes import Words, parse
from dessine.sweeps.cells import Cell, Planner, Sweep, combine
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.search import probes

MOST_TIMED = 12
START = 1.5  # seconds that a run takes beside its steps: Python, data, pictures


class Kept:
    """What the folder of a sweep says of itself, enough to collect its results: no cell is made, and no plugin is loaded."""

    def __init__(self, folder: SweepFolder, metrics: dict[str, str]):
        document = read(folder.path / "sweep.yaml")
        self.sweep: Sweep = check_document(document, Sweep).node
        self.planner = Planner(self.sweep, read(folder.path / "base.yaml"), lambda d: d.data)
        self.name, self.metrics = self.sweep.name or name_after(folder.path), metrics


class Plan:
    """The sweep, its base and its cells; of a search, cells at the ends of its space. Raises BadSpec.

    asked: options that stand for keys of the file: name, samples, sampler, trials, metric, direction, pruner
    alone: it is what a sweep's folder says of itself, which may be a stranger's; base: stands in place of the one it names
    """

    def __init__(
        self, config: Path, words: Sequence[str], asked: dict[str, Any], alone: bool = False, base: Path | None = None
    ):
        try:
            self.words = parse(words)
        except SpecError as error:
            raise BadSpec([str(error)]) from None
        document = read(config)
        self.source, self.places = document.source, document.places
        own = not document.data.keys().isdisjoint(signature(Sweep).keys() - signature(Experiment).keys())
        if not own:  # an ordinary config
            document = Document({"base": str(config.absolute())}, document.source, {(): Place("command line")})
            self.places = {}
        if "seed" in self.words.keys():  # noqa: SIM118
            document.forget(("seeds",))
            document.places[("seeds",)] = Place("command line seed")
        _add(document.data, self.words, asked)
        schema = check_document(document, Sweep)
        self.sweep: Sweep = schema.node
        try:
            base = base or (config.parent / expanded(self.sweep.base) if own else config)
        except SpecError as error:
            raise BadSpec([f"{self.places[('base',)]}: base: {error}"]) from None
        try:
            self.base = read(base)
        except BadSpec as error:
            raise BadSpec([f"{self.places[('base',)]}: base: {line}" if own else line for line in error.lines]) from None
        self.base.alone = alone or (config.parent / "sweep.json").is_file()
        self.base.data.setdefault("name", name_after(base))
        anchor(self.base, Experiment)
        _anchor_axes(document, self.base, self.words)
        schema = check_document(document, Sweep)
        self.sweep = schema.node
        self.name = self.sweep.name or (name_after(config) if own else str(self.base.data["name"]))
        self.data = schema.model_dump() | {"base": "base.yaml", "name": self.name}
        self.planner = Planner(self.sweep, self.base, lambda d: check_document(d, Experiment).model_dump())
        self.metric, self.metrics = asked["metric"], dict[str, str]()
        self.experiment: Experiment | None = None
        self.steps: dict[str, int] = {}
        try:
            if self.sweep.search:
                self.cells = [self.planner.cell(values, self.planner.seeds()[0]) for values in probes(self.planner)]
            else:
                self.cells = self.planner.cells()
            self.planner.refuse_what_is_lost()
        except BadSpec as error:
            raise BadSpec(self._placed(error.lines)) from None

    def _placed(self, lines: list[str]) -> list[str]:
        """What is said of an axis of the file, with its line there."""
        placed = []
        for line in lines:
            key = match[1] if (match := re.match(r"command line (.+?)=", line)) else ""
            there = [] if key in self.words.keys() else [self.places[p] for p in self.places if p[-1:] == (key,)]  # noqa: SIM118
            placed.append(f"{there[0]}: {line.removeprefix('command line ')}" if there else line)
        return list({line.split(": ", 1)[-1]: line for line in reversed(placed)}.values())[::-1]

    def spec(self, cell: Cell) -> dict[str, Any]:
        """The cell's resolved config."""
        return self.planner.resolve(self.planner.document(cell.overrides))

    def refusal(self, error: SpecError) -> BadSpec:
        """What is wrong in the sweep's file, with its lines."""
        return BadSpec(Document({}, self.source, self.places).lines(error.problems))

    @property
    def identity(self) -> str:
        """By which the same command finds its folder again: what is run, not how, nor where."""
        if self.sweep.search is None:
            what: Any = sorted(cell.identity for cell in self.cells)
        else:  # without the number of trials: more of them go on with the same study
            search = {k: v for k, v in self.data["search"].items() if k not in ("trials", "pruner")}
            what = [self.cells[0].identity, self.data["axes"], self.data["seeds"], self.data["paired"], search]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def build(self, cell: Cell) -> Experiment:
        """The cell's experiment, as its run will build it. Raises BadSpec."""
        document = self.planner.document(cell.overrides)
        experiment: Experiment = check_document(document, Experiment).node
        try:
            experiment.build()
        except SpecError as error:
            raise BadSpec(self._placed(document.lines(error.problems))) from None
        except MemoryError as error:
            raise BadSpec([f"{cell.label}: does not fit into memory: {error or 'make it smaller'}"]) from None
        return experiment

    def check(
        self, done: Sequence[Cell] = (), time_them: bool = False, look: Callable[[Cell, Experiment], None] | None = None
    ) -> dict[str, float]:
        """Build one cell of every setting that has cells left, and know the metrics. Raises BadSpec with every mistake.

        look: gets each of them, built
        Returns setting -> seconds of one run, of up to MOST_TIMED settings, if asked to time them.
        """
        finished = {cell.identity for cell in done}
        left = {cell.setting: cell for cell in self.cells if cell.identity not in finished} or {"": self.cells[0]}
        wrong: dict[str, None] = {}
        seconds: dict[str, float] = {}
        every = -(-len(left) // MOST_TIMED)
        for i, (setting, cell) in enumerate(left.items()):
            try:
                experiment = self.build(cell)
            except BadSpec as error:
                wrong |= dict.fromkeys(error.lines)
                continue
            if time_them and i % every == 0:
                seconds[setting] = START + experiment.steps * seconds_per_step(experiment)
            self.experiment, self.steps[setting] = experiment, experiment.steps
            if look:
                look(cell, experiment)
        if wrong:
            raise BadSpec(list(wrong))
        self.metrics = self._metrics()
        return seconds

    def _metrics(self) -> dict[str, str]:
        """What is compared: the game's goals, or the one that was asked for, first. Raises BadSpec for an unknown one."""
        assert self.experiment is not None
        game, search = self.experiment.game, self.sweep.search
        asked = search.metric if search else self.metric
        if not asked:
            return dict(game.goals)
        known = told_by(self.experiment, tested=not search)  # nothing is sought by the test
        try:
            name = full_name(asked, dict.fromkeys(known))
        except SpecError as error:
            raise BadSpec([f"metric: {error}"]) from None
        way = (
            {"maximize": "max", "minimize": "min"}[search.direction]
            if search
            else _way(name, {**game.directions(self.experiment.split), **game.goals})
        )
        return {name: way} | {other: its for other, its in game.goals.items() if other != name}

    def notice(self) -> str:
        """A line about seeds that repeats would share; empty if there are none."""
        seeds = sorted(s for s in self.planner.seeds() if s is not None)
        span = self.planner.repeats
        if any(b - a < span for a, b in itertools.pairwise(seeds)):
            return (
                f"note: repeat r of a run has its seed + r, so with repeats={span} the seeds {', '.join(map(str, seeds))} "
                f"train some networks twice; seeds {span} apart do not (seeds: {len(seeds)} in a sweep's YAML)"
            )
        return ""


def told_by(experiment: Experiment, tested: bool = True) -> list[str]:
    """The metrics of a built experiment, from a turn of it; tested: those of the test part, too."""
    game = experiment.game
    told = game.turn(measure=True) | game.report() | (game.tested() if tested else {})
    return [*game.goals, *flat(told, experiment.repeats)]


def _way(metric: str, known: Mapping[str, str]) -> str:
    """Whether min or max of a metric is better, as far as is known."""
    way = known.get(metric) or known.get(metric.replace("test_", "validation_", 1))
    return way if way in ("min", "max") else "min"


def _anchor_axes(sweep: Document, base: Document, words: Words) -> None:
    """Make the files and folders that a sweep varies absolute: it may be gone on with from elsewhere. Raises BadSpec."""
    axes = sweep.data.get("axes") or {}
    groups: list[tuple[KeyPath, dict[str, Any]]] = [(("set",), sweep.data.get("set") or {})]
    groups += [(("axes", "grid"), axes.get("grid") or {})]
    groups += [(("axes", "zip", i), group) for i, group in enumerate(axes.get("zip") or [])]
    for at, group in groups:
        for key, values in group.items():
            several = values if isinstance(values, list) else [values]
            if not any(isinstance(v, str) for v in several):
                continue
            trial = Document(copy.deepcopy(base.data), "")
            change(trial, [f"{key}=x"])
            if ("x", key) not in [(text, dotted(path)) for path, text in paths_in(Experiment, trial.data)]:
                continue
            place = Place(f"command line {key}") if key in words.keys() else sweep.place((*at, key))  # noqa: SIM118
            try:
                new = [anchored(v, place) if isinstance(v, str) else v for v in several]
            except SpecError as error:
                raise BadSpec([f"{place}: {key}: {error}"]) from None
            group[key] = new if isinstance(values, list) else new[0]


def _add(data: dict[str, Any], words: Words, asked: dict[str, Any]) -> None:
    """Put the command line into the sweep's data. Raises SpecError where a search lacks something."""
    combine(data, words)
    if asked["name"]:
        data["name"] = asked["name"]
    if asked["samples"]:
        data["axes"]["samples"] = asked["samples"]
    search = {key: asked[key] for key in ("sampler", "trials", "direction", "pruner") if asked.get(key)}
    if search or data.get("search"):
        search |= {"metric": asked["metric"]} if asked["metric"] else {}
        data["search"] = (data.get("search") or {}) | search
        missing = [f"--{key}" for key in ("trials", "metric", "direction") if key not in data["search"]]
        if missing:
            raise BadSpec([f"command line: a search needs {' and '.join(missing)} too"])


def seconds_per_step(experiment: Experiment) -> float:
    """Of a built experiment, from some turns of it, for about a sixth of a second."""
    experiment.game.turns(2)  # compiles what a stretch of turns needs, which is no part of the time of a step
    turns, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < 0.15:
        experiment.game.turns(n := 1 + turns // 2)
        turns += n
    return passed / turns


def seconds_known(folder: SweepFolder, cells: Sequence[Cell]) -> list[float]:
    """How long the cells that are completed took."""
    done = [folder.run(cell).info() for cell in cells if folder.state(cell) == "completed"]
    return [info["seconds"] for info in done if isinstance(info.get("seconds"), int | float)]
