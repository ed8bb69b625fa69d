"""Runs as SLURM jobs, submitted by submitit and looked for with squeue; `pip install 'dessine[slurm]'`.

What became of a job is read from squeue, not from sacct, which small clusters do not have; how its run ended, from the run's
folder and from the file in which the job tells it. A job's name is made from the path of its run folder: so a sweep finds
the jobs of one that was killed again, and touches no others.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from dessine.runs.files import own_folder
from dessine.sweeps.launchers import INTERRUPTED, Handle, Job, LauncherError, run_here, when_free

DAY = 24 * 60
WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD")
ENDED = (
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED"),
    *("TIMEOUT", ""),
)
"""States from which a job does not come back; the last is that of a job that squeue does not know any more."""
USUAL = ("None", "Priority", "Resources")
"""Reasons to wait that need no word."""
GRACE = 10.0
"""Seconds in which a file that a job has written becomes visible here, on a file system that machines share."""


class Slurm:
    """One SLURM job per run; its own files stand in the sweep's folder, under slurm/.

    parameters: submitit's, such as slurm_partition, timeout_min, cpus_per_task, mem_gb
    cluster: slurm, or local to try it without one
    """

    period = 1.0
    slots = 32

    def __init__(self, parameters: dict[str, Any] | None = None, cluster: str = "slurm"):
        try:
            import submitit
        except ImportError:
            raise LauncherError("--executor slurm needs submitit: pip install 'dessine[slurm]'") from None
        if cluster == "slurm" and not shutil.which("sbatch"):
            raise LauncherError("--executor slurm: no 'sbatch' here; run it where SLURM jobs are submitted")
        self._make, self._refused, self.cluster = submitit.AutoExecutor, submitit.core.utils.FailedJobError, cluster
        self.executor: Any = None
        self.parameters = {"timeout_min": DAY, "name": "dessine"} | (parameters or {})
        self.queue: Queue | Pretended = Queue() if cluster == "slurm" else Pretended()
        if cluster == "local":
            self.period = 0.2

    def launch(self, job: Job) -> Handle:
        if left := self.queue.find(self._name(job)):
            Path(job.stop).unlink(missing_ok=True)
            return Queued(self.queue, left, job)
        return when_free(job, self._submit)

    def _name(self, job: Job) -> str:
        return f"{self.parameters['name']}-{hashlib.sha256(job.folder.encode()).hexdigest()[:16]}"

    def _submit(self, job: Job) -> Handle:
        if self.executor is None:
            folder = own_folder(Path(job.stop).parents[1], "slurm")
            self.executor = self._make(folder=str(folder), cluster=self.cluster)
        try:
            self.executor.update_parameters(**self.parameters | {"name": self._name(job)})
        except (NameError, TypeError, ValueError, AssertionError) as error:
            raise LauncherError(f"--slurm: {' '.join(str(error).split())}") from None
        job.clear()
        try:
            number = self.executor.submit(run_here, job)
        except self._refused as error:  # what sbatch says: no such partition, no controller
            raise LauncherError(f"SLURM takes no job: {' '.join(str(error).split())}") from None
        return Queued(self.queue, self.queue.add(number), job)

    def close(self) -> None:
        pass


class Queued:
    """A SLURM job by its number, and the run behind it."""

    def __init__(self, queue: Queue | Pretended, number: str, job: Job):
        self.queue, self.number, self.job = queue, number, job
        self.began: float | None = None
        self.ended: float | None = None
        self.stopped = False

    @property
    def queued(self) -> str:
        if self.began is not None:
            return ""
        reason = self.queue.reason(self.number)
        return f"SLURM job {self.number} waits{'' if reason in USUAL else f' ({reason})'}"

    def poll(self) -> int | str | None:
        code = self._poll()
        if code is not None:
            self.job.clear()
        return code

    def _poll(self) -> int | str | None:
        told, state = _read(self.job.told), self.queue.state(self.number)
        if told and told.lstrip("-").isdigit():
            return int(told)
        if self.began is None and told is not None:
            self.began = time.monotonic()
        elif self.began is not None and state in WAITING and self.queue.asked > self.began:  # its node failed: once more
            self.job.told.unlink(missing_ok=True)
            self.began = None
        if state not in ENDED:
            self.ended = None
            return None
        self.ended = self.ended or time.monotonic()
        if state in ("COMPLETED", "") and time.monotonic() - self.ended < GRACE:
            return None
        if self.stopped:
            return INTERRUPTED
        what = state or "is not in the queue any more, and left no result"
        return f"SLURM job {self.number}: {what}{f'; {told}' if told else ''}"

    def interrupt(self) -> None:
        self.stopped = True
        self.job.ask_to_stop()
        if self.began is None:
            self.queue.cancel(self.number)  # it has not begun: there is nothing to save

    def kill(self) -> None:
        self.job.ask_to_stop()
        self.queue.cancel(self.number)


class Queue:
    """What squeue says of this user's jobs: one question for all of them, the more seldom the longer they take."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[str, str, str]] = {}  # number -> state, reason, name
        self.began, self.asked = time.monotonic(), float("-inf")
        self.silent = ""

    def ask(self) -> None:
        """Look now. A controller that does not answer leaves all as it was."""
        form = ["--noheader", "--states=all", f"--user={os.getuid()}", "--format=%i|%T|%r|%j"]
        self.asked = time.monotonic()
        try:
            done = subprocess.run(["squeue", *form], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            self.silent = str(error)
            return
        self.silent = done.stderr.strip() or "failed" if done.returncode else ""
        if not self.silent:
            rows = [line.split("|", 3) for line in done.stdout.splitlines()]
            self.jobs = {row[0]: (row[1], row[2], row[3]) for row in rows if len(row) == 4}

    def find(self, name: str) -> str | None:
        """The number of a job that waits or runs under that name."""
        if self.asked < self.began:
            self.ask()
        return next((number for number, (state, _, own) in self.jobs.items() if own == name and state not in ENDED), None)

    def add(self, slurm_job: Any) -> str:
        """Take up a job that was just submitted; returns its number."""
        self.began = time.monotonic()
        self.jobs[number := str(slurm_job.job_id)] = ("PENDING", "None", "")
        return number

    def state(self, number: str) -> str:
        """As SLURM calls it; empty for a job that it does not know any more."""
        now = time.monotonic()
        if now - self.asked > min(30.0, max(2.0, (now - self.began) / 20)):
            self.ask()
        return self.jobs.get(number, ("", "", ""))[0]

    def reason(self, number: str) -> str:
        """Why a job waits."""
        return f"squeue does not answer: {self.silent}" if self.silent else self.jobs.get(number, ("", "None", ""))[1]

    def cancel(self, number: str) -> None:
        """Take a job out of the queue, or end it."""
        subprocess.run(["scancel", number], capture_output=True, timeout=60)


class Pretended:
    """submitit's jobs on this machine, in place of a queue."""

    asked = float("-inf")

    def __init__(self) -> None:
        self.jobs: dict[str, Any] = {}

    def find(self, name: str) -> str | None:
        return None

    def add(self, local_job: Any) -> str:
        self.jobs[local_job.job_id] = local_job
        return str(local_job.job_id)

    def state(self, number: str) -> str:
        return "COMPLETED" if self.jobs[number].done() else "RUNNING"

    def reason(self, number: str) -> str:
        return "None"

    def cancel(self, number: str) -> None:
        self.jobs[number].cancel()


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
