"""Runs on the workers of a Dask cluster; `pip install 'dessine[dask]'`."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from dessine.sweeps.launchers import INTERRUPTED, Handle, Job, LauncherError, run_here, when_free


class Dask:
    """Sends jobs to a scheduler that is already there. Each worker thread starts one run at a time, as a subprocess."""

    period = 0.2

    def __init__(self, scheduler: str | None = None, timeout: float = 10):
        if not scheduler:
            raise LauncherError("--executor dask needs --scheduler ADDRESS, such as tcp://10.0.0.1:8786")
        try:
            from distributed import Client
        except ImportError:
            raise LauncherError("--executor dask needs distributed: pip install 'dessine[dask]'") from None
        for name in ("distributed", "distributed.client"):  # tracebacks of what `gone` tells in a line
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self.client: Any = Client(scheduler, timeout=timeout, set_as_default=False)
        except (OSError, ValueError) as error:
            raise LauncherError(f"no Dask scheduler answers at {scheduler}: {error}") from None
        self.slots, self.scheduler = sum(self.client.nthreads().values()) or 1, scheduler

    @property
    def gone(self) -> str:
        """Says so when the scheduler has gone: it takes every job with it."""
        return "" if self.client.status == "running" else f"the Dask scheduler at {self.scheduler} has gone"

    def launch(self, job: Job) -> Handle:
        return when_free(job, self._submit)

    def _submit(self, job: Job) -> Handle:
        job.clear()
        # Dask gives the job of a worker that died to another worker, where it goes on from its checkpoint.
        return Task(self.client.submit(run_here, job, key=f"dessine-{uuid.uuid4().hex}", pure=False), job)

    def close(self) -> None:
        self.client.close()


class Task:
    """A future, and the job behind it."""

    def __init__(self, future: Any, job: Job):
        self.future, self.job = future, job
        self.stopped = False

    @property
    def queued(self) -> str:
        return "" if self.job.told.exists() else "waits for a worker"

    def poll(self) -> int | str | None:
        status = self.future.status
        if status == "pending":
            return None
        if status == "finished":
            self.job.clear()
            return int(self.future.result())
        if self.stopped and status == "cancelled":
            self.job.clear()
            return INTERRUPTED
        self.job.ask_to_stop()  # if a worker still has it: nobody will hear of its end
        return f"Dask: {status}{self._why()}"

    def _why(self) -> str:
        error = self.future.exception() if self.future.status == "error" else None
        return f"; {' '.join(str(error).split())}" if error else ""

    def interrupt(self) -> None:
        self.stopped = True
        waits = bool(self.queued)
        self.job.ask_to_stop()  # a run sees it, saves and stops
        if waits:
            self.future.cancel()  # it has not begun: its turn may never come, where no worker is left

    def kill(self) -> None:
        self.interrupt()
        self.future.cancel()
