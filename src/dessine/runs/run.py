"""One run folder: made, found, locked, gone on with. What is in a checkpoint belongs to the game."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from dessine.runs import checkpoint
from dessine.runs.checkpoint import Damaged
from dessine.runs.documents import read_info, read_metrics
from dessine.runs.files import RunError, append, finite, own, own_folder, write_atomically, write_json
from dessine.runs.lock import is_held, locked, room
from dessine.runs.naming import called, find, folder_name, time_in

Array = np.ndarray
TEMPORARY = re.compile(r"\..+\.[0-9]+\.tmp(\.[a-z0-9]+)?")
"""Files that a killed process has left half written."""
PICTURE = re.compile(r"step_([0-9]{7,18})\.png")
FIRST = (".lock", "run.json", "source.yaml")
"""What is written before config.yaml, which makes a folder a run."""
MADE = (
    "repeats",
    "checkpoints",
    "metrics.jsonl",
    "summary.json",
    "samples",
    "plots",
    "eval",
    "report.html",
    "profile.json",
    "profile.txt",
)
"""What a training makes; with it goes what can be drawn from it."""
FILES = ("config.yaml", *FIRST, "metrics.jsonl", "summary.json", "log.txt")
FOLDERS = ("checkpoints", "samples", "plots", "repeats")

ROOM = 1 << 16
"""Bytes that a run has in hand while it trains, to say on a full disk how it has ended: run.json and a page of log.txt."""

Say = Callable[[str], None]
T = TypeVar("T")


class Trained(Protocol):
    """What a checkpoint is of."""

    def expects(self) -> Mapping[str, Array]:
        """Every array that one may hold, with its shape and type."""

    def restore(self, step: int, arrays: dict[str, Array], state: dict[str, Any], gone: set[int]) -> None:
        """Go back to one. gone: replicates whose numbers are known not to be finite. Raises Damaged where it does not fit."""


def silent(text: str) -> None:
    """For whoever has nobody to tell."""


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
        make_folder(parent)
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
        """Make `path` itself. Raises RunError if there is something in it but what a killed process left before it began."""
        if path.exists() and not (path.is_dir() and is_unbegun(path)):
            raise RunError(f"{path} exists and is not an empty folder")
        make_folder(path)
        return Run(path)

    @staticmethod
    def find(text: str, runs_dir: Path) -> Run:
        """A path, `last`, the name that a config gives, or a unique beginning of a run's name, with its time or without.

        Raises RunError with the candidates.
        """
        if os.path.isfile(Path(text) / "config.yaml"):
            return Run(Path(text))
        names = sorted(p.parent.name for p in runs_dir.glob("[!.]*/config.yaml"))
        if text == "last" and names:
            newest = max((runs_dir / n for n in names), key=lambda p: (_last_word(p), p.name))
            if others := [path.name for path in called(text, runs_dir) if path != newest]:
                raise RunError(f"'last' is the newest run, {newest.name}, and the name of {others[0]}: give the folder's name")
            return Run(newest)
        try:
            return Run(find(text, runs_dir))
        except RunError:
            for path in (Path(text), runs_dir / text):
                if text and os.path.isdir(path):
                    raise RunError(f"{path} {_no_run(path)}") from None
            raise

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

    def pictures(self) -> dict[int, Path]:
        """The sample grids by their step, in order."""
        names = [entry.name for entry in os.scandir(self.samples) if entry.is_file(follow_symlinks=False)]
        steps = {int(fitting[1]): name for name in names if (fitting := PICTURE.fullmatch(name))}
        return {step: self.samples / steps[step] for step in sorted(steps) if steps[step] == picture_name(step)}

    def _folder(self, name: str) -> Path:
        return own_folder(self.path, name)

    def start(self, config: str, source: str, info: dict[str, Any]) -> None:
        """Write the resolved config, the user's own file, and run.json. If that fails, the folder is removed.

        To be called with the lock held. Raises RunError if another run has begun here before we had it.
        """
        if not is_unbegun(self.path):
            raise RunError(f"{self.path} is another run's since this very moment")
        try:
            self.sweep_up()
            write_json(own(self.path, "run.json"), info | {"started": _now()} | _process() | provenance())
            write_atomically(own(self.path, "source.yaml"), source)
            write_atomically(own(self.path, "config.yaml"), config)  # last: it is what makes a folder a run
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def check(self) -> None:
        """Raises RunError where something in the folder is not what its name says: a link, a folder in place of a file."""
        for name in FILES:
            own(self.path, name)
        for name in FOLDERS:
            if os.path.lexists(self.path / name):
                own_folder(self.path, name)
        for repeat in (self.path / "repeats").glob("*"):  # the rest is looked at by the process that trains it
            if repeat.is_symlink():
                raise RunError(f"{repeat} is a link: nothing is read or written where it leads; put a copy in its place")

    def resume(self, config: str, command: str, **fields: Any) -> None:
        """Say that this process goes on with the run.

        config.yaml is written first: what is only there, and not yet in run.json, is what the run is prolonged to.
        """
        write_atomically(own(self.path, "config.yaml"), config)
        resumes = [*self.info().get("resumes", []), {"time": _now(), "command": command}]
        self.update(**fields, **_process(), resumes=resumes, reason=None, stopped=None, ended=None)

    def rewrite(self, config: str, **fields: Any) -> None:
        """Say anew what the run is, without going on with it."""
        write_atomically(own(self.path, "config.yaml"), config)
        self.update(**fields)

    def sweep_up(self) -> None:
        """Remove what killed processes have left half written."""
        for folder in (self.path, *(self.path / name for name in FOLDERS[:3])):
            if folder == self.path or not folder.is_symlink():
                for left in folder.glob(".*.tmp*"):
                    if TEMPORARY.fullmatch(left.name):
                        left.unlink(missing_ok=True)

    def restart(self) -> Path | None:
        """Put what a training has made into a folder of its own, so that the run begins again at step 0. Returns the folder.

        What shall be done is written down first: where a kill left it half done, the next call ends it.
        """
        number = next(n for n in range(1, 10**6) if not os.path.lexists(self.path / f"before-{n}"))
        self.update(aside=f"before-{number}")
        return self.end_restart()

    def end_restart(self) -> Path | None:
        """Put aside what `restart` has begun to. Returns the folder; None if nothing was begun."""
        name = str(self.info().get("aside"))
        if not re.fullmatch(r"before-[0-9]+", name):
            return None
        folder = own_folder(self.path, name)
        for made in MADE:
            if os.path.lexists(self.path / made):
                os.replace(self.path / made, folder / made)
        self.update(aside=None, step=0, results={}, non_finite=[], reason=None, stopped=None, seconds=0.0)
        return folder

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
        return status_of(self.info(), self.path)

    def is_complete(self, steps: int | None = None) -> bool:
        """Whether the last step is made, of `steps` or of as many as run.json says that the run has, or none shall follow."""
        info = self.info()
        ended = outcome(info.get("step"), steps or info.get("steps"), info.get("stopped"))
        return info.get("status") == "completed" and ended == "completed"

    @contextmanager
    def lock(self, say: Say = silent, force: bool = False) -> Iterator[None]:
        """Raises RunError if another process trains here.

        Where there are no locks, `say` gets a line, and run.json decides; with `force`, nothing does.
        """
        with ExitStack() as stack:
            try:
                none = stack.enter_context(locked(own(self.path, ".lock")))
            except BlockingIOError:
                raise RunError(f"{self.path} is being trained by {self.trainer()}") from None
            if none:
                if not force and self.status() == "running":
                    raise RunError(
                        f"{self.path} says that it is being trained by {self.trainer()}, and there are no locks here to tell "
                        f"whether it still is ({none}): if not, dessine train --resume {shlex.quote(str(self.path))} --force"
                    )
                say(f"there are no locks here ({none}): take care that no other process trains in {self.path}")
            yield

    def room(self) -> AbstractContextManager[None]:
        """With the lock held: what is kept inside it is free afterwards, for a last word on a full disk."""
        return room(own(self.path, ".lock"), ROOM)

    def is_held(self) -> bool | None:
        """Whether some process holds the lock; None where nobody can tell."""
        return is_held(self.path / ".lock")

    def trainer(self) -> str:
        """Which process run.json names."""
        try:
            info = self.info()
        except RunError:
            info = {}
        return f"process {info['pid']} on {info.get('host')}" if "pid" in info else "another process"

    def log(self, line: str) -> None:
        """A line of log.txt, with the time."""
        append(own(self.path, "log.txt"), f"{_now()}  {line}")

    def append_metrics(self, record: dict[str, Any]) -> None:
        """A line of metrics.jsonl."""
        append(own(self.path, "metrics.jsonl"), json.dumps(finite(record)))

    def metrics(self) -> list[dict[str, Any]]:
        """The good lines of metrics.jsonl; which are not, `read_metrics` tells. Raises RunError."""
        return read_metrics(self.path)[0]

    def keep_metrics(self, wanted: Callable[[dict[str, Any]], bool], say: Say = silent) -> None:
        """Drop the records that are not wanted. A file with lines that cannot be read is kept, under another name."""
        path, (records, faults) = own(self.path, "metrics.jsonl"), read_metrics(self.path)
        kept = [json.dumps(record) + "\n" for record in records if wanted(record)]
        if faults:
            say(f"{faults[0]}{f', and {len(faults) - 1:,} more lines' if faults[1:] else ''}; kept as {put_aside(path).name}")
        write_atomically(path, "".join(kept))

    def checkpoint_steps(self) -> list[int]:
        """From first to last."""
        return checkpoint.steps_in(self.path / "checkpoints")

    def save_checkpoint(self, step: int, arrays: dict[str, Array], state: dict[str, Any], keep: int) -> None:
        """Write arrays and plain state, then delete all but the newest `keep` checkpoints."""
        checkpoint.save(self._checkpoint(step), step, arrays, state)
        for old in self.checkpoint_steps()[:-keep]:
            with suppress(IsADirectoryError, PermissionError):  # a folder of that name is none of ours
                self._checkpoint(old).unlink(missing_ok=True)

    def save_best(self, step: int, arrays: dict[str, Array], state: dict[str, Any]) -> None:
        """Write what is the best so far, beside the others; step: the last of those that it is of."""
        checkpoint.save(self.checkpoints / checkpoint.BEST, step, arrays, finite(state))

    def _checkpoint(self, step: int) -> Path:
        return self.checkpoints / checkpoint.name_of(step)

    def load_checkpoint(
        self, before: int | None = None, say: Say = silent
    ) -> tuple[int, dict[str, Array], dict[str, Any]] | None:
        """The newest that can be read, before a step if one is given: step, arrays, state; None if there is none.

        What it is of is not known here: to go on with a run, `restore` looks closer.
        """
        with suppress(RunError):
            return self._newest(lambda step: (step, *checkpoint.load(self.path, step)), before, say)
        return None

    def restore(self, trained: Trained, before: int | None = None, say: Say = silent) -> int | None:
        """Take `trained` back to the newest checkpoint that fits, before a step if one is given. Returns its step.

        `say` gets a line for each newer one that cannot be used. None if there is none. Raises RunError if there are some,
        and none of them can be used; not with `before`.
        """
        found = self.info().get("non_finite", [])

        def take(step: int) -> int:
            arrays, state = checkpoint.load(self.path, step, trained.expects())
            trained.restore(step, arrays, state, {one["repeat"] for one in found if one["step"] <= step})
            return step

        return self._newest(take, before, say)

    def restore_at(self, trained: Trained, repeats: int, at: int | None) -> tuple[list[int], dict[str, Any]]:
        """Take `trained` to the checkpoint of step `at`, or to the best one if it is None.

        Returns the step of each repeat, and what `checkpoint.best_of` says of the best one. Raises RunError where
        there is no such checkpoint, or where it cannot be used.
        """
        name = checkpoint.BEST if at is None else checkpoint.name_of(at)
        try:
            arrays, state = checkpoint.load(self.path, at, trained.expects())
            told = checkpoint.best_of(state, repeats) if at is None else {}
            steps = told.get("steps", [at] * repeats)
            found = [one for one in self.info().get("non_finite") or [] if one["repeat"] < repeats]
            gone = {one["repeat"] for one in found if one["step"] <= steps[one["repeat"]] or not steps[one["repeat"]]}
            trained.restore(max(steps), arrays, state, gone)
        except FileNotFoundError:
            if at is None:
                raise RunError(
                    f"{self.path} has no checkpoints/{checkpoint.BEST}: outputs.best=METRIC keeps one while training"
                ) from None
            there = [f"{step:,}" for step in self.checkpoint_steps()]
            some = [*there[:3], "...", *there[-3:]] if len(there) > 7 else there
            has = f"there are those of {', '.join(some)}" if there else "there is none"
            raise RunError(
                f"{self.path} holds no checkpoint of step {at:,}: {has} (outputs.checkpoint, outputs.keep)"
            ) from None
        except Damaged as error:
            raise RunError(f"{self.path / 'checkpoints' / name} is damaged ({error})") from None
        return steps, told

    def _newest(self, take: Callable[[int], T], before: int | None, say: Say) -> T | None:
        bad: dict[int, str] = {}
        gone: set[int] = set()  # the run may be training, and may have replaced those that were there when we looked
        while left := [s for s in self.checkpoint_steps() if s not in bad and s not in gone and (before is None or s < before)]:
            try:
                found = take(left[-1])
            except FileNotFoundError:
                gone.add(left[-1])
            except Damaged as error:
                bad[left[-1]] = str(error)
            else:
                for step, reason in bad.items():
                    where = self.path / "checkpoints" / checkpoint.name_of(step)
                    say(f"{where} is damaged ({reason}): the one of step {left[-1]:,} is taken instead")
                return found
        if bad and before is None:
            told = [f"{checkpoint.name_of(step)}: {reason}" for step, reason in bad.items()]
            more = f"; and {len(told) - 3:,} more" if told[3:] else ""
            raise RunError(f"{self.path}: the checkpoints there are damaged ({'; '.join(told[:3])}{more})")
        return None

    def forget_after(self, step: int) -> None:
        """Rename checkpoints after `step`: those that could not be read must not outlive the good ones, nor be lost."""
        for later in [s for s in self.checkpoint_steps() if s > step]:
            put_aside(self._checkpoint(later))


def picture_name(step: int) -> str:
    """Of a sample grid."""
    return f"step_{step:07d}.png"


def put_aside(path: Path) -> Path:
    """Rename `path`, so that its name is free, to one that is no name of ours. Returns it."""
    names = [f"{path.name}.damaged", *(f"{path.name}.damaged-{n}" for n in range(2, 1000))]
    aside = next(path.with_name(name) for name in names if not os.path.lexists(path.with_name(name)))
    os.replace(path, aside)
    return aside


def is_unbegun(path: Path) -> bool:
    """Whether the folder `path` holds nothing but what is written before config.yaml."""
    return all(name in FIRST or TEMPORARY.fullmatch(name) for name in os.listdir(path))


def _no_run(path: Path) -> str:
    if os.path.isfile(path / "sweep.yaml"):
        return f"is a sweep, no run: give the folder of one of its runs in {path / 'cells'}"
    if not is_unbegun(path):
        return "is not a run folder: it has no config.yaml"
    return (
        f"holds no run: a process was killed here before it began; start it with dessine train CONFIG --run-dir {path}, "
        f"or remove it with dessine runs rm {path}"
    )


def _last_word(path: Path) -> float:
    """When the run in `path` was begun or last gone on with, in seconds since 1970; of a broken one, what its name says."""
    try:
        info = Run(path).info()
        said = [info.get("since"), info.get("started"), *(one.get("time") for one in info.get("resumes", []))]
        return max(datetime.fromisoformat(one).timestamp() for one in said if one)
    except (RunError, ValueError):
        return time_in(path.name) or 0.0


def make_folder(path: Path) -> None:
    """`path`, where it is not there yet. Raises RunError where it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unmade(path, error) from None


def _unmade(path: Path, error: OSError) -> Exception:
    """A full disk is a failure; every other reason why a folder cannot be made is a wrong name for it."""
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    return error if full else RunError(f"cannot make the folder {path}: {error.strerror}")


def outcome(step: int | None, steps: int | None, stopped: str | None = None) -> str:
    """How a run ends that has made `step` of its `steps`: completed with the last, else interrupted, whoever did the work.

    stopped: why its own rule has ended it before: that is completed, too
    """
    if stopped:
        return "completed"
    return "interrupted" if step is not None and steps is not None and step < steps else "completed"


def status_of(info: dict[str, Any], folder: Path) -> str:
    """The status of a run in `folder` whose run.json says `info`.

    Of one that says that it is running, the lock decides, whatever machine it names: that may be a container that is no more.
    """
    status = str(info.get("status", "queued"))
    if status == "completed":
        return outcome(info.get("step"), info.get("steps"), info.get("stopped"))
    if status != "running":
        return status
    held = is_held(folder / ".lock")
    if held is None:
        here = info.get("host") == platform.node()
        held = not here or _alive(info.get("pid"), info.get("process_start"))
    return "running" if held else "lost"


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _process() -> dict[str, Any]:
    pid = os.getpid()
    since = datetime.now().astimezone().isoformat()  # finer than a second: it tells which of two runs is the last
    return {"status": "running", "host": platform.node(), "pid": pid, "process_start": _process_start(pid), "since": since}


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
