"""The same sweep on a real Dask scheduler with two workers, and as jobs of submitit: the folders end up alike."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from dessine.cli.sweep import command
from dessine.runs.run import Run
from dessine.sweeps.launchers import INTERRUPTED, Job
from dessine.sweeps.on_dask import Dask

BASE = str(Path(__file__).parent / "small.yaml")


@pytest.fixture(autouse=True, scope="module")
def _no_pictures():
    """Drawing takes a second each time, and is the same everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dessine.sweeps.pictures.save_pictures", lambda *_: [])
        yield


def sweep(*words):
    result = CliRunner().invoke(command, list(map(str, words)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def cells(path):
    return [Run(p) for p in sorted((path / "cells").iterdir())]


def table(path):
    with (path / "results.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The sweep on this machine, to compare with."""
    path = tmp_path_factory.mktemp("here") / "s"
    assert sweep(BASE, "training.batch_size=2,4", "--sweep-dir", path, "--quiet").exit_code == 0
    return table(path)


@pytest.fixture(scope="module")
def scheduler():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


def test_a_sweep_on_two_dask_workers_ends_as_it_does_here(scheduler, here, tmp_path):
    assert scheduler.startswith("tcp://127.0.0.1:")
    result = sweep(
        BASE, "training.batch_size=2,4", "--sweep-dir", tmp_path / "s", "--executor", "dask", "--scheduler", scheduler
    )
    assert result.exit_code == 0, result.output
    assert "2 at once" in result.stderr
    assert table(tmp_path / "s") == here


def test_a_sweep_through_submitit_ends_as_it_does_here(here, tmp_path):
    pytest.importorskip("submitit")
    result = sweep(
        BASE, "training.batch_size=2,4", "--sweep-dir", tmp_path / "s", "--executor", "slurm", "--slurm", "cluster=local"
    )
    assert result.exit_code == 0, result.output
    assert table(tmp_path / "s") == here


def test_an_interrupted_sweep_elsewhere_saves_its_runs(scheduler, tmp_path):
    options = ["--executor", "dask", "--scheduler", scheduler, "-j", "2"]
    words = [BASE, "training.steps=100000000", "training.batch_size=2,4", "--sweep-dir", str(tmp_path / "s")]
    command = [sys.executable, "-m", "dessine", "sweep", *words, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while len(list(tmp_path.glob("s/cells/*/metrics.jsonl"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.splitlines()[-1] == str(tmp_path / "s")
    assert [run.status() for run in cells(tmp_path / "s")] == ["interrupted", "interrupted"]
    assert not list(tmp_path.glob("s/.stop-*"))


def test_what_waits_for_a_worker_that_never_comes_can_be_interrupted(tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=50) as nobody:
        place = Dask(nobody.scheduler_address)
        try:
            stop = str(tmp_path / ".jobs" / "a.stop")
            handle = place.launch(Job(BASE, (), str(tmp_path / "a"), str(tmp_path / "log"), 1, stop, str(tmp_path)))
            assert (handle.poll(), handle.queued) == (None, "waits for a worker")
            handle.interrupt()
            deadline = time.monotonic() + 60
            while (code := handle.poll()) is None and time.monotonic() < deadline:
                time.sleep(0.01)
            assert code == INTERRUPTED
        finally:
            place.close()
