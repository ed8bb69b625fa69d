"""Sweeps on a real SLURM: what is cancelled, out of time or lost is noticed and told, and nothing is done twice.

Skipped where no SLURM answers; .ci/run starts one where it can. Nodes are only taken down in that one.
"""

import shutil
import subprocess
import time

import pytest
from sweeping import ENDLESS, Sweep

from dessine.runs.run import Run

pytest.importorskip("submitit")
SLURM = ("--executor", "slurm")


def slurm(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout


@pytest.fixture(autouse=True, scope="module")
def _answers():
    if not shutil.which("sbatch") or not slurm("sinfo", "--noheader"):
        pytest.skip("no SLURM answers")


def jobs(sweep):
    """State -> numbers of the sweep's jobs that have not ended."""
    found: dict[str, list[str]] = {}
    for line in slurm("squeue", "--noheader", "--format=%i|%T").splitlines():
        number, state = line.split("|")
        if f"job {number} " in sweep.text():
            found.setdefault(state, []).append(number)
    return found


def wait_until_gone(sweep):
    """A job ends a moment after its run."""
    until = time.monotonic() + 30
    while jobs(sweep):
        assert time.monotonic() < until, jobs(sweep)
        time.sleep(0.1)


def statuses(folder):
    return sorted(Run(path).status() for path in (folder / "cells").iterdir())


def test_cancelled_jobs_are_noticed_whether_they_wait_or_run_and_the_sweep_can_be_interrupted(tmp_path):
    sweep = Sweep(tmp_path / "s", ENDLESS, "training.batch_size=1,2,4", *SLURM)
    sweep.wait_for("queued: ", count=3)
    sweep.wait_for("started: ", count=2)
    now = jobs(sweep)
    assert {state: len(numbers) for state, numbers in now.items()} == {"PENDING": 1, "RUNNING": 2}
    slurm("scancel", *now["PENDING"])
    sweep.wait_for("KILLED", f"job {now['PENDING'][0]}: CANCELLED")
    slurm("scancel", now["RUNNING"][0])
    sweep.wait_for("KILLED", f"job {now['RUNNING'][0]}: CANCELLED", "has saved")
    sweep.interrupt()
    assert sweep.end() == (130, str(tmp_path / "s"))
    assert set(statuses(tmp_path / "s")) <= {"interrupted"}
    assert "sacct" not in sweep.text()
    wait_until_gone(sweep)


def test_the_end_of_a_jobs_time_is_told_after_the_run_has_saved(tmp_path):
    sweep = Sweep(tmp_path / "s", ENDLESS, *SLURM, "--slurm", "timeout_min=1")
    sweep.wait_for("started: ")
    sweep.wait_for_runs(1)
    slurm("scancel", "--signal=USR2", *jobs(sweep)["RUNNING"])  # as SLURM does before the end, but that it looks every 30 s
    assert sweep.end() == (1, str(tmp_path / "s"))
    assert "timed-out" in sweep.text()
    assert statuses(tmp_path / "s") == ["interrupted"]


def test_a_killed_sweep_finds_its_jobs_again_and_a_node_that_fails_puts_them_back_into_the_queue(tmp_path):
    words = (ENDLESS, "training.batch_size=1,2,4", *SLURM)
    first = Sweep(tmp_path / "s", *words)
    first.wait_for("started: ", count=2)
    first.kill()
    again = Sweep(tmp_path / "s", *words)
    again.wait_for("going on: ", count=2)
    assert jobs(again) == jobs(first)
    if "= dessine\n" in slurm("scontrol", "show", "config"):  # one that .ci/run has started
        node = slurm("sinfo", "--noheader", "--format=%n").strip()
        slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        try:
            again.wait_for("queued: ", "BeginTime", count=2)
        finally:
            slurm("scontrol", "update", f"nodename={node}", "state=resume")
    again.interrupt()
    assert again.end()[0] == 130
    wait_until_gone(first)
