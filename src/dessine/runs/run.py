"""One run folder: made, written, found again. What is in a checkpoint belongs to the game."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dessine.runs.documents import read_info, read_metrics
from dessine.runs.files import RunError, append, beside, finite, own, own_folder, write_atomically, write_json
from dessine.runs.naming import called, find, folder_name

Array = np.ndarray


class Run:
    """A folder of plain files; `path` is all there is to it."""

    def __init__(self, path: Path):
        self.path = path

    @staticmethod
    def create(parent: Path, name: str, now: datetime | None = None) -> Run:
        """Make `parent/2026-11-23_14-25-00_name`, with -2, -3, ... if another run has that name.

        Making a folder either succeeds or finds it made, so that of two processes each gets its own.
        Raises RunError where no folder can be made.
        """
        base = f"{(now or datetime.now()):%Y-%m-%d_%H-%M-%S}_{folder_name(name)}"
        new = [p for p in (parent, *parent.parents) if not os.path.lexists(p)]
        _make(parent)
        number = 1
        while True:
            path = parent / (base if number == 1 else f"{base}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            except OSError as error:
                with suppress(OSError):
                    for empty in new:
                        empty.rmdir()
                raise _unmade(path, error) from None
            else:
                return Run(path)

    @staticmethod
    def create_at(path: Path) -> Run:
        """Make `path` itself. Raises RunError if there is something in it."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path} exists and is not an empty folder")
        _make(path)
        try:
            (path / ".lock").touch(exist_ok=False)
        except FileExistsError:
            raise RunError(f"{path} is another run's since this very moment") from None
        except OSError as error:
            raise _unmade(path, error) from None
        return Run(path)

    @staticmethod
    def find(text: str, runs_dir: Path) -> Run:
        """A path, `last`, the name that a config gives, or a unique beginning of a run's name, with its time or without.

        Raises RunError with the candidates.
        """
        if os.path.isfile(Path(text) / "config.yaml"):
            return Run(Path(text))
        names = sorted(p.parent.name for p in runs_dir.glob("*/config.yaml"))
        if text == "last" and names:  # config.yaml is written when a run starts and when it is resumed
            newest = max((runs_dir / n for n in names), key=lambda p: ((p / "config.yaml").stat().st_mtime_ns, p.name))
            if others := [path.name for path in called(text, runs_dir) if path != newest]:
                raise RunError(f"'last' is the newest run, {newest.name}, and the name of {others[0]}: give the folder's name")
            return Run(newest)
        return Run(find(text, runs_dir))

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
        return own_folder(self.path, name)

    def start(self, config: str, source: str, info: dict[str, Any]) -> None:
        """Write the resolved config, the user's own file, and run.json. If that fails, the folder is removed."""
        try:
            write_json(own(self.path, "run.json"), info | {"started": _now()} | _process() | provenance())
            write_atomically(self.path / "source.yaml", source)
            write_atomically(self.path / "config.yaml", config)  # last: it is what makes a folder a run
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def resume(self, config: str, command: str, **fields: Any) -> None:
        """Say that this process goes on with the run, and clear away what a killed one has left half written."""
        for left in [*self.path.glob(".*.tmp*"), *self.path.glob("*/.*.tmp*")]:
            left.unlink(missing_ok=True)
        write_atomically(own(self.path, "config.yaml"), config)
        resumes = [*self.info().get("resumes", []), {"time": _now(), "command": command}]
        self.update(**fields, **_process(), resumes=resumes, reason=None, ended=None)

    def end(self, status: str, seconds: float, **fields: Any) -> None:
        """The last word of this process on the run: completed, interrupted or failed."""
        seconds += self.info().get("seconds", 0.0)  # of the processes before
        self.update(status=status, ended=_now(), seconds=round(seconds, 1), **fields)

    def info(self) -> dict[str, Any]:
        """What run.json says; nothing if there is none. Raises RunError: what is damaged is not to be written anew."""
        try:
            return read_info(self.path)
        except FileNotFoundError:
            return {}

    def update(self, **fields: Any) -> None:
        """Change fields of run.json."""
        write_json(own(self.path, "run.json"), self.info() | fields)

    def status(self) -> str:
        """queued, running, completed, interrupted, failed; or lost, if its process has gone without a word."""
        return status_of(self.info())

    def is_complete(self, steps: int | None = None) -> bool:
        """Whether the last step is made: of `steps`, or of as many as run.json says that the run has."""
        info = self.info()
        return info.get("status") == "completed" and outcome(info.get("step"), steps or info.get("steps")) == "completed"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Raises RunError if another process trains here."""
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            yield
            return
        with own(self.path, ".lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(f"{self.path} is being trained by process {self.info().get('pid')}") from None
            yield

    def log(self, line: str) -> None:
        """A line of log.txt, with the time."""
        append(own(self.path, "log.txt"), f"{_now()}  {line}")

    def append_metrics(self, record: dict[str, Any]) -> None:
        """A line of metrics.jsonl."""
        append(own(self.path, "metrics.jsonl"), json.dumps(finite(record)))

    def metrics(self) -> list[dict[str, Any]]:
        """The good lines of metrics.jsonl; which are not, `read_metrics` tells. Raises RunError."""
        return read_metrics(self.path)[0]

    def keep_metrics(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drop the records that are not wanted."""
        kept = [json.dumps(record) + "\n" for record in self.metrics() if wanted(record)]
        write_atomically(own(self.path, "metrics.jsonl"), "".join(kept))

    def checkpoint_steps(self) -> list[int]:
        """From first to last."""
        return sorted(int(p.stem.removeprefix("step_")) for p in (self.path / "checkpoints").glob("step_*.npz"))

    def save_checkpoint(self, step: int, arrays: dict[str, Array], state: dict[str, Any], keep: int) -> None:
        """Write arrays and plain state, then delete all but the newest `keep` checkpoints."""
        members: dict[str, Any] = {**arrays, "state": np.array(json.dumps(state))}
        with beside(self._checkpoint(step)) as temporary, temporary.open("wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        for old in self.checkpoint_steps()[:-keep]:
            self._checkpoint(old).unlink(missing_ok=True)

    def _checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step_{step:09d}.npz"

    def load_checkpoint(self, before: int | None = None) -> tuple[int, dict[str, Array], dict[str, Any]] | None:
        """The newest that can be read, before a step if one is given: step, arrays, state. A damaged one is passed over."""
        for _ in range(3):  # the run may be training, and may have replaced those that were there when we looked
            steps = [step for step in self.checkpoint_steps() if before is None or step < before]
            for step in reversed(steps):
                with suppress(OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error):
                    with np.load(self._checkpoint(step), allow_pickle=False) as file:
                        arrays = {name: file[name] for name in file.files}
                    return step, arrays, json.loads(str(arrays.pop("state")))
            if [step for step in self.checkpoint_steps() if before is None or step < before] == steps:
                break
        return None

    def forget_after(self, step: int) -> None:
        """Delete checkpoints after `step`: those that could not be read must not outlive the good ones."""
        for later in [s for s in self.checkpoint_steps() if s > step]:
            self._checkpoint(later).unlink(missing_ok=True)


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unmade(path, error) from None


def _unmade(path: Path, error: OSError) -> Exception:
    """A full disk is a failure; every other reason why a folder cannot be made is a wrong name for it."""
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    return error if full else RunError(f"cannot make the folder {path}: {error.strerror}")


def outcome(step: int | None, steps: int | None) -> str:
    """How a run ends that has made `step` of its `steps`: completed with the last, else interrupted, whoever did the work."""
    return "interrupted" if step is not None and steps is not None and step < steps else "completed"


def status_of(info: dict[str, Any]) -> str:
    """The status of a run whose run.json says `info`."""
    status = str(info.get("status", "queued"))
    if status == "completed":
        return outcome(info.get("step"), info.get("steps"))
    here = info.get("host") == platform.node()
    return "lost" if status == "running" and here and not _alive(info.get("pid"), info.get("process_start")) else status


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
    if os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return start is None or _process_start(pid) in (None, start)


def provenance() -> dict[str, Any]:
    """Versions, machine, and the commit of this very code, where it lies in a git checkout."""
    here = Path(__file__)

    def git(*args: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(here.parent), *args], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    ours = git("ls-files", "--error-unmatch", here.name) is not None  # an installed copy may lie in another's checkout
    changes = git("status", "--porcelain", "--untracked-files=no", "--", str(here.parents[1])) if ours else None
    return {
        "versions": {
            "dessine": version("dessine"),
            "numpy": np.__version__,
            "scipy": version("scipy"),
            "python": platform.python_version(),
        },
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "git": {"commit": git("rev-parse", "HEAD") if ours else None, "dirty": None if changes is None else bool(changes)},
    }
