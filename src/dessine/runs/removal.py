"""Taking run folders away: only what is surely a run or a sweep, and never one that is being trained."""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from pathlib import Path

from dessine.runs.files import RunError, own
from dessine.runs.inside import folders
from dessine.runs.naming import TIME
from dessine.runs.run import Run, Say, is_unbegun, silent

TRACES = ("run.json", "metrics.jsonl", "checkpoints", ".lock")
"""Beside config.yaml, one of these makes a folder a run."""
LEFT = ("source.yaml", "metrics.jsonl", "checkpoints", ".lock")
"""Beside run.json, one of these makes a folder a run that has lost its config.yaml."""
SWEEP = {"sweep.json", "base.yaml", "source.yaml", "cells", "logs", "plots", ".jobs", ".lock"}
"""What is made before sweep.yaml, which makes a folder a sweep."""


def refusal(path: Path, force: bool = False) -> str | None:
    """Why `path` must not be removed; None if it may be. force: also where nobody can tell whether it is being trained."""
    if path.is_symlink():
        return "is a link: remove what it points to"
    if not path.is_dir():
        return "is not a folder"
    if not is_ours(path):
        return "is not a run folder: it needs a config.yaml and a run.json"
    if Path.cwd().resolve().is_relative_to(path.resolve()):
        return "is where you are: leave it first"
    found = [p.parent for pattern in ("*/config.yaml", "*/sweep.yaml") for p in path.glob(pattern)]
    inside = next((p for p in found if not p.is_symlink()), None)  # what a link leads to stays, wherever the link goes
    if inside is not None:
        return f"holds another run, {inside.name}"
    runs = [path, *folders(path, "cells")]
    for run in map(Run, [*runs, *(repeat for one in runs for repeat in folders(one, "repeats"))]):
        held = run.is_held()
        which = "" if run.path == path else f" ({run.path.relative_to(path)})"
        if held:
            return f"is being trained{which} by {run.trainer()}"
        if held is None and not force and _says_running(run):
            return f"is running{which}, as {run.trainer()}; no lock tells whether it still does: if not, say --force"
    return None


def is_ours(path: Path) -> bool:
    """A run or a sweep, whole, broken, or left by a kill before it began."""
    there = set(os.listdir(path))
    whole = {"sweep.yaml", "sweep.json"} <= there or ("config.yaml" in there and not there.isdisjoint(TRACES))
    broken = "run.json" in there and not there.isdisjoint(LEFT)
    unbegun = is_unbegun(path) and bool(there or TIME.match(path.name))
    sweep = "sweep.json" in there and there <= SWEEP and not any(path.glob("cells/*"))
    return whole or broken or unbegun or sweep


def _says_running(run: Run) -> bool:
    try:
        return run.status() == "running"
    except RunError:  # a run.json that cannot be read says nothing
        return False


def remove(path: Path, force: bool = False, say: Say = silent) -> None:
    """Remove the run or sweep in `path`, whole or not at all. Raises RunError if it must not be."""
    reason = refusal(path, force)
    if reason:
        raise RunError(f"{path} {reason}")
    with Run(path).lock(say, force=True) if _lockable(path) else nullcontext():
        gone = path.with_name(f".removing-{path.name}")
        if gone.exists():  # by somebody who was killed meanwhile
            shutil.rmtree(gone)
        path.rename(gone)  # a list shall never see half a run
    shutil.rmtree(gone)


def _lockable(path: Path) -> bool:
    try:
        own(path, ".lock")
    except RunError:
        return False
    return True


def size(path: Path) -> int:
    """Bytes of all files below `path`."""
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
