"""A published table, opened: its file, the sweep that shall answer it, and what stands behind each of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dessine.cli import sweep
from dessine.cli.sweep_plan import Plan, told_by
from dessine.experiment import Experiment
from dessine.games import Adversarial
from dessine.registry import SpecError, did_you_mean
from dessine.runs.run import RunError
from dessine.scores.table import names
from dessine.shipped import folder as shipped_folder
from dessine.shipped import tables
from dessine.spec import BadSpec
from dessine.sweeps.behind import behind, changes, refuse_empty
from dessine.sweeps.cells import Cell
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.ours import EVAL, Value, measured
from dessine.sweeps.published import Published


@dataclass
class Table:
    """A published table, and the sweep that shall answer it.

    runs: what is run or judged; asked: what the table's own file asks for. Raises SpecError where a row fits several settings.
    `behind` has the cells of each row in `runs`, `meant` those in `asked`.
    """

    name: str
    published: Published
    asked: Plan
    runs: Plan
    folder: SweepFolder | None

    def __post_init__(self) -> None:
        self.behind = behind(self.published, self.runs.cells, self.runs.sweep.set)
        self.meant = behind(self.published, self.asked.cells, self.asked.sweep.set)

    def values(self) -> list[Value]:
        """What our runs tell."""
        return measured(self.published, self.folder, self.behind, self.changed())

    def changed(self) -> dict[str, str]:
        """Row -> in which settings our runs are other games than the table asks for, of those that are."""
        if self.asked is self.runs:
            return {}
        rows = [row for row in self.published.rows if self.behind[row.name]]
        specs = {row.name: (self.asked.spec(self.meant[row.name][0]), self.runs.spec(self.behind[row.name][0])) for row in rows}
        return {row.name: text for row in rows if (text := changes(self.published, row, *specs[row.name]))}

    def check_metrics(self, cell: Cell, experiment: Experiment) -> None:
        """Raises BadSpec where a row whose run this is needs a metric that such a run does not tell."""
        rows = [row for row in self.published.rows if any(c.setting == cell.setting for c in self.behind[row.name])]
        known = told_by(experiment) if rows else []
        if isinstance(experiment.game, Adversarial):
            known += [EVAL + name for name in names(experiment.game.panel.data)]
        for i, column in enumerate(self.published.columns):
            for row in (row for row in rows if row.has(column.name)):
                for key in ("metric", "error"):
                    metric = getattr(column, key)
                    if metric is not None and metric not in known:
                        text = f"no metric '{metric}' in the runs of '{row.name}'{did_you_mean(metric, known)}"
                        text += f" (known: {', '.join(known)}; which columns a row has, its `columns` says)"
                        raise self.asked.refusal(SpecError(text, ("published", "columns", i, key)))


def options(o: dict[str, Any]) -> dict[str, Any]:
    """What `dessine sweep` would be told."""
    return dict.fromkeys(str(param.name) for param in sweep.command.params) | {"executor": "local"} | o


def open_table(name: str, words: Sequence[str], o: dict[str, Any]) -> Table:
    """The table of that name, or in that file or folder. Raises BadSpec or RunError where there is none."""
    judged, given = o.get("folder"), is_folder(name)
    if given and judged:
        raise click.UsageError(f"--folder: {name} is a folder already")
    judged = Path(name) if given else judged
    if judged and not SweepFolder.is_one(judged):
        raise RunError(f"{judged} is not the folder of a sweep")
    if judged and words:
        raise click.UsageError("KEY=VALUES change runs, and the runs of a folder are only judged")
    asked = _as_it_was(judged, o) if given and judged else Plan(_config(name), (), options(o))
    published = asked.sweep.published
    if published is None:
        raise BadSpec([f"{judged if given else _config(name)}: has no block `published`, the figures to compare with"])
    try:
        refuse_empty(published, asked.cells, asked.sweep.set)
        behind(published, asked.cells, asked.sweep.set)
    except SpecError as error:
        raise asked.refusal(error) from None
    runs = Plan(judged / "sweep.yaml", (), options(o)) if judged else Plan(_config(name), words, options(o)) if words else asked
    found = SweepFolder(judged) if judged else SweepFolder.find(o["runs_dir"], runs.identity)
    try:
        it = Table(asked.name, published, asked, runs, found)
    except SpecError as error:
        raise BadSpec([f"{judged or 'command line'}: {error}"]) from None
    if not any(it.behind.values()):
        raise BadSpec([f"{judged or 'command line'}: no run stands behind a row of {it.name}: is it another sweep?"])
    return it


def _as_it_was(folder: Path, o: dict[str, Any]) -> Plan:
    """The sweep of a folder as its file said it, before a command line changed it; else as it was run."""
    source, base = folder / "source.yaml", folder / "base.yaml"
    with suppress(BadSpec):
        if source.is_file() and base.is_file() and (plan := Plan(source, (), options(o), base=base)).sweep.published:
            return plan
    return Plan(folder / "sweep.yaml", (), options(o))


def is_folder(name: str) -> bool:
    """A table that comes with dessine is meant before a folder of the same name, which ./NAME is."""
    return name not in tables() and Path(name).is_dir()


def _config(name: str) -> Path:
    known, path = tables(), Path(name)
    if name in known:
        return known[name]
    if path.suffix in (".yaml", ".yml"):
        return path
    listed = ", ".join(known) or f"none in {shipped_folder() / 'published'}"
    raise BadSpec([f"no published table '{name}'{did_you_mean(name, known)} (known: {listed}; or a sweep's YAML or folder)"])
