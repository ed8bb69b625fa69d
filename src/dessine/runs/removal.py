"""Taking run folders away: only what is surely a run or a sweep, and never one that is being trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from dessine.runs.run import Run, RunError

TRACES = ("run.json", "metrics.jsonl", "checkpoints")
"""Beside config.yaml, one of these makes a folder a run."""


def refusal(path: Path) -> str | None:
    """Why `path` must not be removed; None if it may be."""
    if path.is_symlink():
        return "is a link: remove what it points to"
    if not path.is_dir():
        return "is not a folder"
    sweep = (path / "sweep.yaml").is_file() and (path / "sweep.json").is_file()
    if not sweep and not ((path / "config.yaml").is_file() and any((path / name).exists() for name in TRACES)):
        return "is not a run folder: it needs a config.yaml and a run.json"
    if Path.cwd().resolve().is_relative_to(path.resolve()):
        return "is where you are: leave it first"
    inside = next((p.parent for pattern in ("*/config.yaml", "*/sweep.yaml") for p in path.glob(pattern)), None)
    if inside is not None:
        return f"holds another run, {inside.name}"
    below = [*path.glob("cells/*"), *path.glob("cells/*/repeats/*"), *path.glob("repeats/*")]
    for run in map(Run, [path, *(p for p in below if p.is_dir())]):
        try:
            status = run.status()
        except (TypeError, ValueError, OverflowError):  # a run.json that is none
            continue
        if status == "running":
            which = "" if run.path == path else f" ({run.path.relative_to(path)})"
            return f"is running{which}, as process {run.info().get('pid')} on {run.info().get('host')}"
    return None


def remove(path: Path) -> None:
    """Remove the run or sweep in `path`, whole or not at all. Raises RunError if it must not be."""
    reason = refusal(path)
    if reason:
        raise RunError(f"{path} {reason}")
    with Run(path).lock():
        gone = path.with_name(f".removing-{path.name}")
        path.rename(gone)  # a list shall never see half a run
    shutil.rmtree(gone)


def size(path: Path) -> int:
    """Bytes of all files below `path`."""
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
