"""Runs and sweeps as commands name them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dessine.runs.collection import Row, survey
from dessine.runs.documents import spec_of
from dessine.runs.files import own
from dessine.runs.naming import called, find
from dessine.runs.run import Run, RunError


def find_any(text: str, runs_dir: Path) -> Path:
    """The folder of a run or of a sweep. Raises RunError."""
    for path in (Path(text), runs_dir / text):
        if os.path.isfile(path / "sweep.yaml") or os.path.isfile(path / "config.yaml"):
            return path
    if os.path.isdir(text) and ("/" in text or text == ".") and not called(text, runs_dir, sweeps=True):
        raise RunError(f"{text} is not a run folder: it has no config.yaml")
    return Run.find(text, runs_dir).path if text == "last" else find(text, runs_dir, sweeps=True)


def rows_in(runs_dir: Path, cells: bool = False) -> list[Row]:
    """Every run and every sweep in the folder, as `survey` has them. Raises RunError where there is no such folder.

    The usual one is there with the first run.
    """
    if not runs_dir.is_dir() and runs_dir != Path("runs"):
        raise RunError(f"{runs_dir}: there is no such folder" if not os.path.lexists(runs_dir) else f"{runs_dir} is no folder")
    return survey(runs_dir, cells, spec_in)


def spec_in(path: Path) -> dict[str, Any]:
    """A resolved config's plain data, or nothing if it cannot be read."""
    from dessine.spec import BadSpec, read

    try:
        return spec_of(read(own(path.parent, path.name), alone=True).data)
    except (BadSpec, RunError, OSError):
        return {}
