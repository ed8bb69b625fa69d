"""Where runs are started: one small protocol, and subprocesses on this machine. Which run comes next belongs to `running.py`.

A launcher only starts an ordinary `dessine train` somewhere and says when it has ended; what became of the run is read
from its folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dessine.runs.run import Run, RunError

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Job:
    """One run to be made or gone on with, on whatever machine; all paths are absolute.

    base: the sweep's base config; folder: the run folder; log: what the run prints; threads: of its BLAS
    stop: a file whose appearance asks the run to stop; changes: overrides for a run that is gone on with
    """

    base: str
    overrides: tuple[str, ...]
    folder: str
    log: str
    threads: int
    stop: str
    cwd: str
    changes: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """`dessine train` as this machine's Python runs it: anew, or going on with what is in the folder."""
        folder = Path(self.folder)
        train = [sys.executable, "-m", "dessine", "train"]
        if (folder / "config.yaml").is_file():
            return [*train, "--resume", self.folder, *self.changes]
        if folder.exists():
            shutil.rmtree(folder)  # its process ended before it had written what it was to do
        return [*train, self.base, *self.overrides, "--run-dir", self.folder]

    def start(self) -> subprocess.Popen[bytes]:
        """The process, in a session of its own: a Ctrl-C in the terminal is passed on by us, once."""
        env = os.environ | dict.fromkeys(THREADS, str(self.threads))  # read when NumPy loads, so it must be set before
        cwd = self.cwd if Path(self.cwd).is_dir() else None
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=cwd, start_new_session=True
            )


class Handle(Protocol):
    """A job that was launched."""

    def poll(self) -> int | None:
        """The exit code (minus the signal's number, if one ended it), or None while it is queued or running."""

    def interrupt(self) -> None:
        """Ask it to save and stop; `poll` tells when it has."""

    def kill(self) -> None:
        """End it now."""


class Launcher(Protocol):
    """A place to run jobs. slots: how many at once, if the user does not say; period: seconds between two looks at them."""

    slots: int
    period: float

    def launch(self, job: Job) -> Handle:
        """Start the job, or put it in a queue."""

    def close(self) -> None:
        """Let go of connections."""


class Process:
    """A subprocess of ours."""

    def __init__(self, job: Job):
        self.process = job.start()

    def poll(self) -> int | None:
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
        return Process(job)

    def close(self) -> None:
        pass


class Found:
    """A run that another process is still training, left over from a sweep that was killed; we only wait for it."""

    def __init__(self, folder: Path):
        self.run = Run(folder)

    def poll(self) -> int | None:
        return None if trained_by_another(self.run) else 0

    def interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.run.status() == "running" and (pid := self.run.info().get("pid")):
            os.kill(pid, number)


def trained_by_another(run: Run) -> bool:
    """Whether some process holds the run's lock."""
    try:
        with run.lock():
            return False
    except RunError:
        return True


def cores() -> int:
    """That this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def run_here(job: Job) -> int:
    """Run `job` on the machine that calls this, until it ends or its stop file appears; for workers elsewhere."""
    run = Run(Path(job.folder))
    while run.path.is_dir() and trained_by_another(run):  # a worker that died may leave its run behind, still training
        if Path(job.stop).exists():
            return 130
        time.sleep(0.2)
    if Path(job.stop).exists():
        return 130
    process = job.start()
    asked = False
    try:
        while (code := process.poll()) is None:
            if not asked and Path(job.stop).exists():
                process.send_signal(signal.SIGINT)
                asked = True
            time.sleep(0.1)
        return code
    finally:
        if process.poll() is None:
            process.terminate()  # this worker is being closed: the run saves and stops


def launcher(name: str, options: dict[str, Any]) -> Launcher:
    """By name: local, dask or slurm. Raises LauncherError where its package or its cluster is not there."""
    if name == "dask":
        from dessine.sweeps.on_dask import Dask

        return Dask(**options)
    if name == "slurm":
        from dessine.sweeps.on_slurm import Slurm

        return Slurm(**options)
    return Local()


class LauncherError(Exception):
    """A launcher cannot be had; says what is missing."""
