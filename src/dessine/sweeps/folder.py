"""A sweep's folder: found again by what the sweep is, locked while it runs, and what state each of its cells is in.

sweep.yaml says what varies, base.yaml what every run starts from, sweep.json which sweep this is; cells/ holds one ordinary
run folder per cell, logs/ what each run printed, .jobs/ what a cluster and its jobs tell each other.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from dessine.runs.documents import read_sweep
from dessine.runs.files import RunError, own, own_folder, write_atomically, write_json
from dessine.runs.lock import locked
from dessine.runs.run import Run, Say, make_folder, silent
from dessine.sweeps.cells import Cell
from dessine.sweeps.launchers import is_half_made, trained_by_another


class SweepFolder:
    """Plain files; `path` is all there is to it."""

    def __init__(self, path: Path):
        self.path = path
        self.cells, self.logs, self.plots, self.jobs = path / "cells", path / "logs", path / "plots", path / ".jobs"

    @staticmethod
    def is_one(path: Path) -> bool:
        """Whether a sweep has begun in `path`."""
        return (path / "sweep.yaml").is_file()

    @staticmethod
    def find(runs_dir: Path, identity: str) -> SweepFolder | None:
        """The newest sweep in `runs_dir` that is this one."""
        fitting = [p.parent for p in runs_dir.glob("*/sweep.json") if _identity(p.parent) == identity]
        return SweepFolder(max(fitting, key=lambda p: p.name)) if fitting else None

    @staticmethod
    def open(path: Path | None, runs_dir: Path, identity: str, name: str) -> SweepFolder:
        """`path`, or the folder of this sweep in `runs_dir`, or a new one. Raises RunError if `path` is something else."""
        if path is not None:
            if path.exists() and not SweepFolder.is_one(path) and not (path.is_dir() and _half_made(path)):
                raise RunError(f"{path} exists and is not the folder of a sweep")
            make_folder(path)
            return SweepFolder(path)
        make_folder(runs_dir)
        with locked(own(runs_dir, ".sweeps.lock"), wait=True):  # the same command, started twice at once, shall meet itself
            found = SweepFolder.find(runs_dir, identity)
            if found is None:
                found = SweepFolder(Run.create(runs_dir, f"sweep_{name}").path)
                try:
                    write_json(found.path / "sweep.json", {"identity": identity})
                except OSError:  # a full disk: an empty folder says nothing
                    found.path.rmdir()
                    raise
        return found

    def write(self, sweep: str, base: str, source: str, info: dict[str, Any]) -> None:
        """Say what this sweep is. `sweep`, `base` and `source`: the texts of the three YAML files."""
        for folder in ("cells", "logs", "plots", ".jobs"):
            own_folder(self.path, folder)
        for name, text in (("base.yaml", base), ("source.yaml", source), ("sweep.yaml", sweep)):
            write_atomically(self.path / name, text)
        created = {"created": datetime.now().astimezone().isoformat(timespec="seconds")}
        process = {"host": platform.node(), "pid": os.getpid()}
        write_json(self.path / "sweep.json", created | self.info() | info | process)

    def info(self) -> dict[str, Any]:
        """What sweep.json says; nothing if there is none. Raises RunError: what is damaged is not to be written anew."""
        try:
            return read_sweep(self.path)
        except FileNotFoundError:
            return {}

    @contextmanager
    def lock(self, say: Say = silent) -> Iterator[None]:
        """Raises RunError if another process runs this sweep. Where there are no locks, `say` gets a line."""
        with ExitStack() as stack:
            try:
                none = stack.enter_context(locked(own(self.path, ".lock")))
            except BlockingIOError:
                raise RunError(
                    f"{self.path} is being run by process {self.info().get('pid')}; start it again when that has ended"
                ) from None
            if none:
                say(f"there are no locks here ({none}): take care that no other process works in {self.path}")
            yield

    def run(self, cell: Cell) -> Run:
        """The cell's run folder, whether it is there or not; found by its identity, whatever name it was given."""
        own = self.cells / cell.folder
        if own.is_dir():
            return Run(own)
        other = next((p for p in self.cells.glob(f"*_{cell.identity[:10]}") if p.is_dir()), own)
        return Run(other)

    def state(self, cell: Cell) -> str:
        """missing, completed, failed, unfinished, unreadable, or busy if a process left over from before still trains it."""
        run = self.run(cell)
        if run.path.is_symlink():
            return "unreadable"
        if is_half_made(run.path):
            return "busy" if trained_by_another(run) else "missing"
        try:
            own(run.path, "config.yaml").stat()
            status = run.status()
        except (RunError, FileNotFoundError):
            return "unreadable"
        if status in ("completed", "failed"):
            return status
        return "busy" if trained_by_another(run) else "unfinished"


def _identity(path: Path) -> str | None:
    """Of the sweep in `path`; None if it does not tell."""
    try:
        return read_sweep(path).get("identity")
    except (FileNotFoundError, RunError):
        return None


def _half_made(path: Path) -> bool:
    """Whether nothing is in `path` but what a sweep makes before its sweep.yaml, which may have been killed then."""
    first = ("cells", "logs", "plots", ".jobs", ".lock", "base.yaml", "source.yaml", "sweep.json")
    return all(one.name in first or (one.name.startswith(".") and ".tmp" in one.name) for one in path.iterdir()) and not any(
        (path / "cells").glob("*")
    )
