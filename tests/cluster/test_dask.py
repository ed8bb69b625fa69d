"""Sweeps on a real Dask scheduler with two workers, each a process: any of them may be killed, and so may the sweep."""

import json
import subprocess
import sys
import time

import pytest
from sweeping import ENDLESS, Sweep

from dessine.runs.run import Run

pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")


class Cluster:
    """scheduler, workers: processes"""

    def __init__(self, folder):
        at, quiet = folder / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        dask = [sys.executable, "-m"]
        own = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(at)]
        self.scheduler = subprocess.Popen([*dask, "distributed.cli.dask_scheduler", *own], **quiet)
        worker = [*dask, "distributed.cli.dask_worker", "--scheduler-file", str(at)]
        own = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
        self.workers = [subprocess.Popen([*worker, *own], **quiet) for _ in range(2)]
        wait_until(at.is_file)
        self.address = json.loads(at.read_text())["address"]

    def close(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def wait_until(true, seconds=60):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.close()


@pytest.fixture
def started(cluster, tmp_path):
    """A sweep of one endless run that has begun; and how to start it once more."""

    def start():
        return Sweep(tmp_path / "s", ENDLESS, "--executor", "dask", "--scheduler", cluster.address)

    sweep = start()
    sweep.wait_for("started: ")
    sweep.wait_for_runs(1)
    return sweep, start, Run(next(tmp_path.glob("s/cells/*")))


def test_the_run_of_a_worker_that_is_killed_goes_on_at_the_other(cluster, started):
    sweep, _, run = started
    at = psutil.Process(run.info()["pid"]).ppid()
    next(worker for worker in cluster.workers if worker.pid == at).kill()
    wait_until(lambda: len(run.info().get("resumes", [])) == 1)
    sweep.interrupt()
    assert sweep.end()[0] == 130
    assert run.status() == "interrupted"


def test_a_killed_sweep_leaves_a_run_that_the_next_one_waits_for_and_can_stop(started):
    sweep, start, run = started
    sweep.kill()
    again = start()
    again.wait_for("queued: ", "still trains it")
    again.interrupt()
    assert again.end()[0] == 130
    wait_until(lambda: run.status() == "interrupted")


def test_a_scheduler_that_goes_ends_the_sweep_and_its_runs_save(cluster, started):
    sweep, _, run = started
    cluster.scheduler.kill()
    code, last = sweep.end()
    assert (code, last) == (1, str(sweep.folder))
    assert f"the Dask scheduler at {cluster.address} has gone" in sweep.text()
    assert "Traceback" not in sweep.text()
    wait_until(lambda: run.status() == "interrupted")
