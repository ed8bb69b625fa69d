"""Runs as SLURM jobs, through submitit; `pip install 'dessine[slurm]'`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from dessine.sweeps.launchers import Handle, Job, LauncherError, run_here

LOST = -9
DAY = 24 * 60


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
        self._make, self.cluster = submitit.AutoExecutor, cluster
        self.executor: Any = None
        self.parameters = {"timeout_min": DAY} | (parameters or {})
        if cluster == "local":
            self.period = 0.2

    def launch(self, job: Job) -> Handle:
        if self.executor is None:
            executor: Any = self._make(folder=str(Path(job.stop).parent / "slurm"), cluster=self.cluster)
            try:
                executor.update_parameters(**self.parameters)
            except (NameError, TypeError, ValueError, AssertionError) as error:
                raise LauncherError(f"--slurm: {' '.join(str(error).split())}") from None
            self.executor = executor
        return Queued(self.executor.submit(run_here, job), job)

    def close(self) -> None:
        pass


class Queued:
    """A SLURM job, and the run behind it."""

    def __init__(self, slurm_job: Any, job: Job):
        self.slurm_job, self.job = slurm_job, job

    def poll(self) -> int | None:
        if not self.slurm_job.done():
            return None
        try:
            return int(self.slurm_job.result())
        except Exception:  # submitit raises whatever ended the job; what became of the run is in its folder
            return LOST

    def interrupt(self) -> None:
        Path(self.job.stop).touch()
        if self.slurm_job.state in ("PENDING", "UNKNOWN"):
            self.slurm_job.cancel()  # it has not begun: there is nothing to save

    def kill(self) -> None:
        self.interrupt()
        self.slurm_job.cancel()
