"""From the name that a config gives to a folder's name, and back: which run is meant by what somebody types."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from dessine.letters import JOINERS
from dessine.registry import did_you_mean, quoted
from dessine.runs.documents import read_info, read_sweep
from dessine.runs.files import RunError

TIME = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}_")
"""What stands before the name of a run in that of its folder."""
MOST_BYTES = 200
"""Of a folder's name: file systems take 255, and the time, a number and names of temporary files must fit, too."""


def time_in(name: str) -> float | None:
    """When a folder of this name was made, in seconds since 1970; None if it does not say."""
    found = TIME.match(name)
    try:
        return datetime.strptime(found[0], "%Y-%m-%d_%H-%M-%S_").timestamp() if found else None
    except (ValueError, OverflowError):
        return None


def folder_name(name: str) -> str:
    """The letters, numbers and symbols of any script, in the form that most systems write (NFC); `_` for the rest."""
    kept = "".join(c if _is_kept(c) else "\0" for c in unicodedata.normalize("NFC", name))
    cut = re.sub("\0+", "_", kept).strip("_" + JOINERS).encode()[:MOST_BYTES].decode(errors="ignore")
    return cut.rstrip("._") or "run"


def _is_kept(c: str) -> bool:
    if c.isascii():
        return c.isalnum() or c in "._-"
    return unicodedata.category(c)[0] in "LMN" or unicodedata.category(c) in ("So", "Sk") or c in JOINERS


def find(text: str, runs_dir: Path, sweeps: bool = False) -> Path:
    """The folder in `runs_dir` that `text` means: its name, with its time or without, the name its config gives, or the
    beginning of one. sweeps: whether it may be that of a sweep.

    Raises RunError with the candidates if they are none, or several.
    """
    folders = _folders(runs_dir, sweeps)
    found = _meant(text, folders)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found[:5]) + (", ..." if len(found) > 5 else "")
        raise RunError(f"{quoted(text)} fits {len(found)} runs: {names}; give more of the folder's name")
    if not os.path.lexists(runs_dir) and runs_dir != Path("runs"):
        raise RunError(f"no run {quoted(text)}, for there is no folder {runs_dir}")
    raise RunError(f"no run {quoted(text)} in {runs_dir}{did_you_mean(text, [path.name for path in folders])}")


def called(text: str, runs_dir: Path, sweeps: bool = False) -> list[Path]:
    """The folders in `runs_dir` of this very name, or whose configs give it."""
    folders = _folders(runs_dir, sweeps)
    return _first([lambda p: p.name == text, lambda p: _name(p) == composed(text)], folders)


def _folders(runs_dir: Path, sweeps: bool) -> list[Path]:
    files = ("config.yaml", "sweep.yaml") if sweeps else ("config.yaml",)
    return sorted({path.parent for file in files for path in runs_dir.glob(f"[!.]*/{file}")})


def _meant(text: str, folders: list[Path]) -> list[Path]:
    plain, slug = composed(text), folder_name(text)
    loose = plain.casefold()
    ways: list[Callable[[Path], bool]] = [  # the surer first
        lambda p: p.name == text,
        lambda p: _name(p) == plain,
        lambda p: _timeless(p) == plain,
        lambda p: composed(p.name).startswith(plain),
        lambda p: _timeless(p).startswith(plain) or _name(p).startswith(plain),
        lambda p: _timeless(p) == slug,
        lambda p: loose in (_name(p).casefold(), _timeless(p).casefold()),
    ]
    return _first(ways, folders) if text else []


def _first(ways: Iterable[Callable[[Path], bool]], folders: list[Path]) -> list[Path]:
    return next((found for way in ways if (found := [path for path in folders if way(path)])), [])


def composed(text: str) -> str:
    """macOS writes é as e and an accent, most others as one letter."""
    return unicodedata.normalize("NFC", text)


def _timeless(path: Path) -> str:
    return TIME.sub("", composed(path.name))


def _name(path: Path) -> str:
    """That the config gives; empty where the run does not tell."""
    sweep = os.path.isfile(path / "sweep.yaml")
    try:
        name = read_sweep(path).get("name") if sweep else (read_info(path).get("spec") or {}).get("name")
    except (OSError, RunError):
        return ""
    return composed(name) if isinstance(name, str) else ""
