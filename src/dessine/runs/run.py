"""One run folder: made, written, found again. What is in a checkpoint belongs to the game."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dessine.registry import did_you_mean
from dessine.runs.files import finite, write_atomically, write_json

Array = np.ndarray


class RunError(Exception):
    """A run that cannot be found, made or opened."""


class Run:
    """A folder of plain files; `path` is all there is to it."""

    def __init__(self, path: Path):
        self.path = path

    @staticmethod
    def create(parent: Path, name: str, now: datetime | None = None) -> Run:
        """Make `parent/2026-11-23_14-25-00_name`, with -2, -3, ... if another run has that name."""
        slug = re.sub(r"[^\w.-]+", "_", name).strip("_") or "run"
        base = f"{(now or datetime.now()):%Y-%m-%d_%H-%M-%S}_{slug}"
        parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            path = parent / (base if number == 1 else f"{base}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            else:
                return Run(path)

    @staticmethod
    def create_at(path: Path) -> Run:
        """Make `path` itself. Raises RunError if there is something in it."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path} exists and is not an empty folder")
        path.mkdir(parents=True, exist_ok=True)
        return Run(path)

    @staticmethod
    def find(text: str, runs_dir: Path) -> Run:
        """A path, `last`, or a unique prefix of a run's name. Raises RunError with the candidates."""
        if (Path(text) / "config.yaml").is_file():
            return Run(Path(text))
        names = sorted(p.parent.name for p in runs_dir.glob("*/config.yaml"))
        if text == "last" and names:
            begun = {name: (runs_dir / name / "config.yaml").stat().st_mtime_ns for name in names}  # or resumed
            return Run(runs_dir / max(names, key=lambda name: (begun[name], name)))
        fitting = [n for n in names if n.startswith(text)]
        if len(fitting) == 1:
            return Run(runs_dir / fitting[0])
        if fitting:
            raise RunError(f"'{text}' fits {len(fitting)} runs: {', '.join(fitting[:5])}; give more of the name")
        raise RunError(f"no run '{text}' in {runs_dir}{did_you_mean(text, names)}")

    @property
    def samples(self) -> Path:
        """Sample grids."""
        return self._folder("samples")

    @property
    def plots(self) -> Path:
        """Curves."""
        return self._folder("plots")

    @property
    def checkpoints(self) -> Path:
        """What a run goes on from."""
        return self._folder("checkpoints")

    def _folder(self, name: str) -> Path:
        (self.path / name).mkdir(exist_ok=True)
        return self.path / name

    def start(self, config: str, source: str, info: dict[str, Any]) -> None:
        """Write the resolved config, the user's own file, and run.json."""
        write_atomically(self.path / "config.yaml", config)
        write_atomically(self.path / "source.yaml", source)
        write_json(self.path / "run.json", info | {"started": _now()} | _process() | provenance())

    def resume(self, **fields: Any) -> None:
        """Say that this process now trains the run."""
        self.update(**fields, **_process(), reason=None)

    def info(self) -> dict[str, Any]:
        """What run.json says."""
        try:
            known: dict[str, Any] = json.loads((self.path / "run.json").read_text())
        except (OSError, ValueError):
            return {}
        return known

    def update(self, **fields: Any) -> None:
        """Change fields of run.json."""
        write_json(self.path / "run.json", self.info() | fields)

    def status(self) -> str:
        """queued, running, completed, interrupted, failed; or lost, if its process has gone without a word."""
        info = self.info()
        status = info.get("status", "queued")
        here = info.get("host") == platform.node()
        return "lost" if status == "running" and here and not _alive(info.get("pid"), info.get("process_start")) else status

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Raises RunError if another process trains here."""
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            yield
            return
        with (self.path / ".lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(f"{self.path} is being trained by process {self.info().get('pid')}") from None
            yield

    def log(self, line: str) -> None:
        """A line of log.txt, with the time."""
        with (self.path / "log.txt").open("a") as file:
            file.write(f"{_now()}  {line}\n")

    def append_metrics(self, record: dict[str, Any]) -> None:
        """A line of metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(finite(record)) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All whole lines of metrics.jsonl."""
        try:
            lines = (self.path / "metrics.jsonl").read_text().split("\n")
        except FileNotFoundError:
            return []
        records = []
        for line in lines:
            try:
                records.append(json.loads(line))
            except ValueError:
                continue  # the last line of a killed process may be torn
        return records

    def keep_metrics(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drop the records that are not wanted."""
        kept = [json.dumps(record) + "\n" for record in self.metrics() if wanted(record)]
        write_atomically(self.path / "metrics.jsonl", "".join(kept))

    def checkpoint_steps(self) -> list[int]:
        """From first to last."""
        return sorted(int(p.stem.removeprefix("step_")) for p in (self.path / "checkpoints").glob("step_*.npz"))

    def save_checkpoint(self, step: int, arrays: dict[str, Array], state: dict[str, Any], keep: int) -> None:
        """Write arrays and plain state, then delete all but the newest `keep` checkpoints."""
        target = self.checkpoints / f"step_{step:09d}.npz"
        beside = target.with_name(f".{target.stem}.{os.getpid()}.tmp.npz")
        members: dict[str, Any] = {**arrays, "state": np.array(json.dumps(state))}
        with beside.open("wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
        for old in self.checkpoint_steps()[:-keep]:
            (self.checkpoints / f"step_{old:09d}.npz").unlink(missing_ok=True)

    def load_checkpoint(self) -> tuple[int, dict[str, Array], dict[str, Any]] | None:
        """The newest that can be read: step, arrays, state."""
        for step in reversed(self.checkpoint_steps()):
            try:
                with np.load(self.path / "checkpoints" / f"step_{step:09d}.npz", allow_pickle=False) as file:
                    arrays = {name: file[name] for name in file.files}
                return step, arrays, json.loads(str(arrays.pop("state")))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue
        return None


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _process() -> dict[str, Any]:
    pid = os.getpid()
    return {"status": "running", "host": platform.node(), "pid": pid, "process_start": _process_start(pid)}


def _process_start(pid: int) -> str | None:
    """What tells a process from a later one of the same number, where the system says."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def _alive(pid: int | None, start: str | None) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return start is None or _process_start(pid) in (None, start)


def provenance() -> dict[str, Any]:
    """Versions, machine and commit."""

    def git(*args: str) -> str | None:
        try:
            done = subprocess.run(["git", *args], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    changes = git("status", "--porcelain", "--untracked-files=no")
    return {
        "versions": {
            "dessine": version("dessine"),
            "numpy": np.__version__,
            "scipy": version("scipy"),
            "python": platform.python_version(),
        },
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "git": {"commit": git("rev-parse", "HEAD"), "dirty": None if changes is None else bool(changes)},
    }
