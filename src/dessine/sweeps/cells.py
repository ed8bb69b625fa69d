"""A sweep as a spec, and the cells it makes. A cell is one run; cells that differ only in their seed share a setting.

Starting them belongs to `running.py`, where they are kept to `folder.py`.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen

from dessine import plugins
from dessine.data import modes_of
from dessine.node import Node
from dessine.paths import LONGEST_NAME
from dessine.registry import DEFAULTS, Count, Like, SpecError, Whole
from dessine.schedules import Schedule
from dessine.schema import signature
from dessine.spec import BadSpec, Document, change, inline, placed
from dessine.sweeps.axes import Draw, Words, distribution, draws, listed, together
from dessine.sweeps.published import Published

MOST_CELLS = 20_000


class Axes(Node):
    """What varies, and how it combines.

    grid: key -> a list of values, or range(start, stop, step); every combination is tried
    zip: groups of keys that go together, value by value; all lists of a group are equally long
    random: key -> uniform(low, high) or log_uniform(low, high); whole numbers if both ends are whole
    samples: how many random points are drawn
    seed: of the draws; more samples begin with the same ones
    """

    def __init__(
        self,
        grid: dict[str, Any] = {},  # noqa: B006
        zip: list[dict[str, Any]] = [],  # noqa: B006
        random: dict[str, str] = {},  # noqa: B006
        samples: Annotated[int, Ge(1), Le(MOST_CELLS)] = 10,
        seed: Whole = 0,
    ):
        self.grid = {key: _at(("grid", key), listed, values) for key, values in grid.items()}
        may = partial(listed, twice=True)
        self.zip = [{key: _at(("zip", i, key), may, v) for key, v in group.items()} for i, group in enumerate(zip)]
        self.random: dict[str, Draw] = {key: _at(("random", key), distribution, text) for key, text in random.items()}
        self.samples, self.seed = samples, seed
        for i, group in enumerate(self.zip):
            _at(("zip", i), together, group)
        keys = [*self.grid, *self.random, *(key for group in self.zip for key in group)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice:
            raise SpecError(f"{twice} varies twice")

    def keys(self) -> list[str]:
        """Every key that varies."""
        return [*self.grid, *(key for group in self.zip for key in group), *self.random]

    def choices(self) -> list[list[dict[str, Any]]]:
        """One list for each grid key and each zip group: the settings it takes, in order."""
        grid = [[{key: v} for v in values] for key, values in self.grid.items()]
        zipped = [[dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)] for group in self.zip]
        return grid + zipped

    def settings(self) -> Iterator[dict[str, Any]]:
        """Every combination; the last axis varies fastest."""
        axes = self.choices()
        if self.random:
            columns = [draws(key, draw, self.samples, self.seed) for key, draw in self.random.items()]
            axes.append([dict(zip(self.random, row, strict=True)) for row in zip(*columns, strict=True)])
        for combination in itertools.product(*axes):
            yield {key: v for part in combination for key, v in part.items()}


class Search(Node):
    """Values that are proposed by Optuna from what is known so far, instead of a grid.

    trials: how many settings are tried
    metric: what is compared, its mean over the seeds: a dotted name, or a short one that is unambiguous
    direction: maximize or minimize
    sampler: tpe learns from earlier trials, random does not
    seed: of the sampler
    pruner: which trials are given up on the way, by `metric` in their lines of metrics, the mean over the seeds that have come
        so far: median, those that have never been as good as the median of the others was at this step; halving, all but the
        best quarter at each of steps that lie four times as far apart (successive halving). Not in the first tenth of a run
    """

    def __init__(
        self,
        trials: Count,
        metric: str,
        direction: Literal["maximize", "minimize"],
        sampler: Literal["tpe", "random"] = "tpe",
        seed: Whole = 0,
        pruner: Literal["none", "median", "halving"] = "none",
    ):
        self.trials, self.metric, self.direction, self.sampler, self.seed = trials, metric, direction, sampler, seed
        self.pruner = pruner


class Sweep(Node):
    """One config, and what varies.

    base: the config that every run changes; a path beside this file
    name: ends the name of the sweep's folder
    set: what differs from the base in every run
    axes: what varies
    seeds: how many repeats of each setting, from the config's seed on, or a list of seeds
    paired: whether every setting gets the same seeds, so that settings are compared under the same luck
    search: propose values instead of trying all
    published: a table of others that these runs are held against: `dessine reproduce`
    """

    def __init__(
        self,
        base: str,
        name: Annotated[str, MaxLen(LONGEST_NAME)] | None = None,
        set: dict[str, Any] = {},  # noqa: B006
        axes: Like[Axes] = DEFAULTS,
        seeds: Annotated[int, Ge(1), Le(MOST_CELLS)] | list[Whole] | None = None,
        paired: bool = True,
        search: Search | None = None,
        published: Published | None = None,
    ):
        self.base, self.name, self.set, self.axes = base, name, set, Axes.of(axes)
        self.seeds, self.paired, self.search, self.published = seeds, paired, search, published
        if isinstance(seeds, list) and (not seeds or len(dict.fromkeys(seeds)) < len(seeds)):
            raise SpecError("expects at least one seed, each once", ("seeds",))
        both = next((key for key in self.axes.keys() if key in set), None)  # noqa: SIM118  keys of all three kinds
        if both:
            raise SpecError(f"{both} varies, and is set as well", ("set", both))
        if "seed" in self.axes.keys() or "seed" in set:  # noqa: SIM118
            raise SpecError("the seed varies by itself: seed=0,1,2 on a command line, seeds: [0, 1, 2] in a file", ("seeds",))
        if published and search:
            raise SpecError("takes a grid, no search: which settings stand behind a row must be known before", ("published",))


def _at(path: tuple[str | int, ...], read: Callable[[Any], Any], written: Any) -> Any:
    """`read(written)`, whose mistakes are at `path`."""
    try:
        return read(written)
    except SpecError as error:
        raise SpecError(str(error), path) from None


def combine(data: dict[str, Any], words: Words) -> None:
    """Put what a command line says into the plain data of a sweep; it replaces what the file says of the same keys."""
    axes = data.setdefault("axes", {}) or {}
    data["axes"] = axes
    for key in words.keys():  # noqa: SIM118
        for holder in (data.get("set"), axes.get("grid"), axes.get("random"), *(axes.get("zip") or [])):
            if isinstance(holder, dict):
                holder.pop(key, None)
    if axes.get("zip"):
        axes["zip"] = [group for group in axes["zip"] if group]
    fixed, grid = dict(words.fixed), dict(words.grid)
    for seeds in ([fixed.pop("seed")] if "seed" in fixed else None, grid.pop("seed", None)):
        if seeds is not None:
            data["seeds"] = seeds
    for holder, key, new in ((data, "set", fixed), (axes, "grid", grid), (axes, "random", words.random)):
        if new:
            holder[key] = (holder.get(key) or {}) | new
    if words.zip:
        axes["zip"] = [*(axes.get("zip") or []), *words.zip]


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    values: the keys that vary, and what they are here; overrides: all that differs from the base, as `dessine train` takes it
    identity: SHA-256 of the resolved spec, and of its plugins; folder: the run folder's name
    plugins: whether it has some; modes: how many its data have, where they can be counted
    """

    values: dict[str, Any]
    seed: int | None
    overrides: tuple[str, ...]
    identity: str
    label: str
    plugins: bool = False
    modes: float = math.inf

    @property
    def folder(self) -> str:
        """What it is, for people, and a piece of the identity, for the program."""
        return f"{re.sub(r'[^A-Za-z0-9.=_+-]+', '_', self.label).strip('_.')[:80] or 'cell'}_{self.identity[:10]}"

    @property
    def setting(self) -> str:
        """What it shares with the cells that differ only in their seed."""
        return json.dumps(self.values, sort_keys=True)


Resolve = Callable[[Document], dict[str, Any]]
"""A document, checked: the spec with every default written out. Raises BadSpec."""


class Planner:
    """Makes cells of values, over a base that is read once."""

    def __init__(self, sweep: Sweep, base: Document, resolve: Resolve):
        self.sweep, self.base, self.resolve = sweep, base, resolve
        self.short = short_names(sweep.axes.keys())
        fixed = self.document(_written(sweep.set)).data
        self.first, self.repeats = fixed.get("seed", 0), fixed.get("repeats", 1)

    def refuse_what_is_lost(self) -> None:
        """Raises BadSpec where a key that varies changes what an earlier one has set: then that one would vary nothing."""
        keys = [(key, placed(self.base.data, key)) for key in self.sweep.axes.keys()]  # noqa: SIM118
        lines = [
            f"{later} varies, and takes away what {key} varies" if len(path) > len(below) else f"{key} and {later} are one key"
            for n, (key, path) in enumerate(keys)
            for later, below in keys[n + 1 :]
            if path[: len(below)] == below
        ]
        if lines:
            raise BadSpec([f"axes: {line}" for line in lines])

    def seeds(self, setting: int = 0) -> list[int | None]:
        """Of the setting with that number. Counted seeds are `repeats` apart: replicate r of a run has its seed + r."""
        given = self.sweep.seeds
        if given is None:
            return [None]
        span = self.repeats if isinstance(self.repeats, int) and self.repeats > 0 else 1
        first = self.first if isinstance(self.first, int) else 0
        seeds = given if isinstance(given, list) else [first + i * span for i in range(given)]
        shift = 0 if self.sweep.paired else setting * (max(seeds) - min(seeds) + span)
        return [seed + shift for seed in seeds]

    def document(self, overrides: Sequence[str]) -> Document:
        """The base, with these changes. Raises BadSpec."""
        base = self.base
        document = Document(copy.deepcopy(base.data), base.source, dict(base.places), list(base.faults), alone=base.alone)
        change(document, overrides)
        return document

    def cell(self, values: dict[str, Any], seed: int | None) -> Cell:
        """One cell. Raises BadSpec."""
        everything, overrides = _with_seed(values, seed), self.overrides(values, seed)
        spec = self.resolve(self.document(overrides))
        own = spec.get("plugins", [])
        resolved = json.dumps(spec, sort_keys=True) + "".join(plugins.hashes(own))
        label = " ".join(f"{self.short.get(key, key)}={shown(v)}" for key, v in everything.items())
        identity = hashlib.sha256(resolved.encode()).hexdigest()
        return Cell(values, seed, overrides, identity, label or "base", bool(own), modes_of(spec))

    def overrides(self, values: dict[str, Any], seed: int | None) -> tuple[str, ...]:
        """All that differs from the base in a cell, as `dessine train` takes it, and as its run.json has it."""
        return tuple(_written({**self.sweep.set, **_with_seed(values, seed)}))

    def cells(self) -> list[Cell]:
        """All cells of a grid, seed by seed, so that early results cover every setting. Raises BadSpec with every mistake."""
        settings = list(itertools.islice(self.sweep.axes.settings(), MOST_CELLS + 1))
        if len(settings) * len(self.seeds()) > MOST_CELLS:
            raise BadSpec([f"this sweep has more than {MOST_CELLS:,} cells"])
        seeds = [self.seeds(i) for i in range(len(settings))]
        made: dict[str, Cell] = {}
        wrong: dict[str, None] = {}
        for n in range(len(seeds[0])):
            for values, own in zip(settings, seeds, strict=True):
                try:
                    cell = self.cell(values, own[n])
                except BadSpec as error:
                    wrong |= dict.fromkeys(error.lines)
                else:
                    made.setdefault(cell.identity, cell)  # two ways of writing one spec are one cell
        if wrong:
            raise BadSpec(list(wrong))
        return list(made.values())


def _with_seed(values: dict[str, Any], seed: int | None) -> dict[str, Any]:
    return values if seed is None else {**values, "seed": seed}


def _written(values: dict[str, Any]) -> list[str]:
    return [f"{key}={inline(v)}" for key, v in values.items()]


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """For each dotted key the shortest end that no other key has; eta.to, and not only the end of some way."""
    parts = {key: key.split(".") for key in keys}
    names = {}
    for key, own in parts.items():
        lengths = range(min(len(own), 1 + (own[-1] in signature(Schedule))), len(own) + 1)
        fitting = (n for n in lengths if all(other[-n:] != own[-n:] for k, other in parts.items() if k != key))
        names[key] = ".".join(own[-next(fitting, len(own)) :])
    return names


def shown(value: Any) -> str:
    """A value as it stands in names and legends."""
    if isinstance(value, float) and isfinite(value):
        return f"{value:g}"
    if isinstance(value, dict) and "type" in value:
        rest = ", ".join(f"{k}={shown(v)}" for k, v in value.items() if k != "type")
        return f"{value['type']}({rest})" if rest else str(value["type"])
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(v) for v in value) + "]"
    if isinstance(value, str) and os.path.isabs(value):  # where the data are: MNIST/raw is enough
        return "/".join(Path(value).parts[-2:])
    return value if isinstance(value, str) else inline(value)


def counted(n: int, what: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{n:,} {what}{'s' * (n != 1)}"
