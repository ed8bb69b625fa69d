"""Runs on the workers of a Dask cluster; `pip install 'dessine[dask]'`."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from dessine.sweeps.launchers import Handle, Job, LauncherError, run_here

LOST = -9


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
        try:
            self.client: Any = Client(scheduler, timeout=timeout, set_as_default=False)
        except (OSError, ValueError) as error:
            raise LauncherError(f"no Dask scheduler answers at {scheduler}: {error}") from None
        self.slots = sum(self.client.nthreads().values()) or 1

    def launch(self, job: Job) -> Handle:
        # Dask gives the job of a worker that died to another worker, where it goes on from its checkpoint.
        future = self.client.submit(run_here, job, key=f"dessine-{uuid.uuid4().hex}", pure=False)
        return Task(future, job)

    def close(self) -> None:
        self.client.close()


class Task:
    """A future, and the job behind it."""

    def __init__(self, future: Any, job: Job):
        self.future, self.job = future, job

    def poll(self) -> int | None:
        if self.future.status == "pending":
            return None
        return int(self.future.result()) if self.future.status == "finished" else LOST

    def interrupt(self) -> None:
        Path(self.job.stop).touch()  # a run sees it and stops; what still waits ends at once when its turn comes

    def kill(self) -> None:
        self.interrupt()
        self.future.cancel()
