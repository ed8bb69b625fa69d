"""Where runs are started: one small protocol, and subprocesses on this machine. Which run comes next belongs to `running.py`,
which places there are to `places.py`.

A launcher only starts an ordinary `dessine train` somewhere and says when it has ended; what became of the run is read
from its folder.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dessine.plugins import TRUST
from dessine.runs.files import write_atomically
from dessine.runs.run import Run, RunError
from dessine.stopping import stop_requests
from dessine.sweeps import lifeline

INTERRUPTED = 130
"""The exit code of a run that was asked to stop, and has saved."""

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Job:
    """One run to be made or gone on with, on whatever machine; all paths are absolute.

    base: the sweep's base config; folder: the run folder; log: what the run prints; threads: of its BLAS
    stop: a file whose appearance asks the run to stop; changes: overrides for a run that is gone on with
    trusted: the plugins that its config names, this process has loaded already, as its user wanted
    """

    base: str
    overrides: tuple[str, ...]
    folder: str
    log: str
    threads: int
    stop: str
    cwd: str
    changes: tuple[str, ...] = ()
    trusted: bool = False

    def command(self) -> list[str]:
        """`dessine train` as this machine's Python runs it: anew, or going on with what is in the folder."""
        folder = Path(self.folder)
        train = [sys.executable, "-m", "dessine", "train", *([TRUST] if self.trusted else [])]
        if not is_half_made(folder):
            return [*train, "--resume", self.folder, *self.changes]
        shutil.rmtree(folder, ignore_errors=True)  # its process ended before it had written what it was to do
        return [*train, self.base, *self.overrides, "--run-dir", self.folder]

    @property
    def told(self) -> Path:
        """What a job elsewhere says of itself: the file is empty while it runs, then holds an exit code, or what went wrong."""
        return Path(self.stop).with_suffix(".told")

    def clear(self) -> None:
        """Forget what was asked of an earlier job of this run, and what that has told."""
        Path(self.stop).parent.mkdir(exist_ok=True)
        for file in (Path(self.stop), self.told):
            file.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Whoever trains the run elsewhere saves and stops; what still waits in a queue ends when its turn comes."""
        Path(self.stop).parent.mkdir(exist_ok=True)
        Path(self.stop).touch()

    def start(self) -> subprocess.Popen[bytes]:
        """The process; it ends with us."""
        env = os.environ | dict.fromkeys(THREADS, str(self.threads))  # read when NumPy loads, so it must be set before
        with open(self.log, "ab") as log:
            return lifeline.start(self.command(), env, log, self.cwd if Path(self.cwd).is_dir() else None)


class Handle(Protocol):
    """A job that was launched.

    A place with a queue gives its handles a text `queued`: why the job waits, empty once it runs.
    """

    def poll(self) -> int | str | None:
        """The exit code (minus the signal's number, if one ended it), or None while it is queued or running.

        Where the place has no exit code, because it lost the job: what it says became of it.
        """

    def interrupt(self) -> None:
        """Ask it to save and stop; `poll` tells when it has."""

    def kill(self) -> None:
        """End it now."""


class Launcher(Protocol):
    """A place to run jobs. slots: how many at once, if the user does not say; period: seconds between two looks at them.

    A place that may be lost has a text `gone`: why no job can be started there any more, empty while all is well.
    """

    slots: int
    period: float

    def launch(self, job: Job) -> Handle:
        """Start the job, or put it in a queue."""

    def close(self) -> None:
        """Let go of connections."""


class LauncherError(Exception):
    """A launcher cannot be had; says what is missing."""


class Process:
    """A subprocess of ours."""

    def __init__(self, job: Job):
        self.process = job.start()

    def poll(self) -> int | str | None:
        return self.process.poll()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Local:
    """One subprocess per run on this machine: one that is killed takes no other with it."""

    period = 0.05

    def __init__(self) -> None:
        self.slots = cores()

    def launch(self, job: Job) -> Handle:
        return when_free(job, Process)

    def close(self) -> None:
        pass


class Waiting:
    """A job whose run another process still trains: it starts when that has ended, and goes on from what that has saved.

    The other may be what a killed sweep has left behind, or the user's own. It is asked by the job's stop file, which is all
    that jobs elsewhere look at, and never by a signal: the process id in a file may be anybody's by now.
    """

    def __init__(self, job: Job, start: Callable[[Job], Handle]):
        self.job, self.start, self.run = job, start, Run(Path(job.folder))
        self.handle: Handle | None = None
        self.stopped = False

    @property
    def queued(self) -> str:
        if self.handle is None:
            return f"waits for the process that still trains it ({self.run.info().get('pid')})"
        return getattr(self.handle, "queued", "")

    def poll(self) -> int | str | None:
        if self.handle is None:
            if self.stopped:
                return INTERRUPTED
            if trained_by_another(self.run):
                return None
            self.handle = self.start(self.job)
        return self.handle.poll()

    def interrupt(self) -> None:
        self.stopped = True
        if self.handle is None:
            self.job.ask_to_stop()
        else:
            self.handle.interrupt()

    def kill(self) -> None:
        self.interrupt()
        if self.handle is not None:
            self.handle.kill()


def when_free(job: Job, start: Callable[[Job], Handle]) -> Handle:
    """Start `job`, at once or when nobody trains its run any more."""
    return Waiting(job, start) if trained_by_another(Run(Path(job.folder))) else start(job)


def trained_by_another(run: Run) -> bool:
    """Whether some process holds the run's lock. Where there are no locks: whether one of this machine trains it.

    What a machine that cannot be asked may do is not waited for: `dessine train` refuses such a run, and says what to do.
    """
    held = run.is_held()
    if held is None:
        with suppress(RunError):
            held = run.info().get("host") == platform.node() and run.status() == "running"
    return bool(held)


def is_half_made(folder: Path) -> bool:
    """Whether nothing of a run is in `folder`, or only what is written before its config.yaml is."""
    first = (".lock", "run.json", "source.yaml")
    return not folder.exists() or all(one.name in first or re.fullmatch(r"\..*\.tmp.*", one.name) for one in folder.iterdir())


def cores() -> int:
    """That this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Ended(Exception):
    """A job elsewhere was ended by someone other than the sweep."""


def run_here(job: Job) -> int:
    """Run `job` on the machine that calls this, until it ends or is asked to stop; for workers elsewhere."""
    try:
        code = _run_here(job)
    except Exception as error:  # such as submitit's, when the time of the job is nearly over
        write_atomically(job.told, " ".join(str(error).split()))
        raise
    write_atomically(job.told, str(code))
    return code


def _run_here(job: Job) -> int:
    stop, run = Path(job.stop), Run(Path(job.folder))
    with stop_requests() as signalled:
        while not (stopping := signalled() or stop.exists()) and trained_by_another(run):
            time.sleep(0.2)  # a worker that died leaves its run behind, still saving
        if stopping:
            return INTERRUPTED
        process = job.start()
        write_atomically(job.told, "")
        try:
            while (code := process.poll()) is None:
                if not stopping and (signalled() or stop.exists()):
                    stopping = True
                    process.send_signal(signal.SIGINT)
                time.sleep(0.1)
            if signalled() and not stop.exists():
                raise Ended("it was told to end (cancelled, or its time was over), and has saved")
            return code
        finally:
            if process.poll() is None:  # the worker is being closed: the run saves and stops
                process.terminate()
                process.wait(lifeline.GRACE)
