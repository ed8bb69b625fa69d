"""The loop over cells, with launchers that only pretend: no process is started, no clock is waited for."""

import os
import platform
import sys

import pytest
from made import cell, finish, sweep_folder

from dessine.runs.run import Run
from dessine.sweeps.launchers import THREADS, Job, Local, run_here, trained_by_another, when_free
from dessine.sweeps.running import Interrupted, Outcome, Queue, judge, run_cells, steps_made


class Pretended:
    """Ends when it is asked to, or at its second look; fate: cell's label -> (exit code, status in its folder)"""

    def __init__(self, job, fate, always):
        self.run, self.looks, self.always = Run_at(job), 0, always
        self.code, self.status = fate
        self.asked = self.killed = False

    def poll(self):
        self.looks += 1
        if self.asked:
            finish(self.run, status="interrupted")
            return 130
        if self.always or self.looks < 2:
            return None
        if self.status:
            finish(self.run, status=self.status, reason="it broke" if self.status == "failed" else None)
        return self.code

    def interrupt(self):
        self.asked = True

    def kill(self):
        self.killed = True


def Run_at(job):  # noqa: N802
    from pathlib import Path

    return Run(Path(job.folder))


class Pretender:
    slots, period = 2, 0.0

    def __init__(self, fates=None, always=()):
        self.fates, self.always, self.handles, self.most = fates or {}, always, [], 0

    def launch(self, job):
        number = len(self.handles)
        self.handles.append(Pretended(job, self.fates.get(number, (0, "completed")), number in self.always))
        return self.handles[-1]

    def close(self):
        pass


class Diary:
    def __init__(self):
        self.lines, self.most = [], 0

    def started(self, cell, resumed):
        self.lines.append(f"{'on' if resumed else 'start'} {cell.label}")

    def ended(self, cell, outcome, seconds):
        self.lines.append(f"{outcome.status} {cell.label}")

    def stopping(self, running, why):
        self.lines.append(f"stop {running}: {why}")

    def tick(self, running):
        self.most = max(self.most, len(running))


@pytest.fixture
def folder(tmp_path):
    return sweep_folder(tmp_path / "sweep")


def go(folder, launcher, cells, stop=lambda: False, slots=2, **options):
    diary = Diary()
    bad = run_cells(Queue(cells), folder, launcher, diary, stop, slots, 1, **options)
    return bad, diary


def test_never_more_runs_at_once_than_slots(folder):
    bad, diary = go(folder, Pretender(), [cell(i) for i in range(7)], slots=3)
    assert (bad, diary.most) == (0, 3)
    assert sum(line.startswith("completed") for line in diary.lines) == 7


def test_a_failed_run_costs_no_other_and_is_told_at_once(folder):
    bad, diary = go(folder, Pretender({0: (1, "failed"), 1: (-9, None)}), [cell(i) for i in range(4)])
    assert bad == 2
    assert diary.lines.index("failed cell 0") < diary.lines.index("start cell 3")
    assert [line.split()[0] for line in diary.lines if not line.startswith("start")] == [
        "failed",
        "killed",
        "completed",
        "completed",
    ]


def test_fail_fast_stops_the_others_and_starts_no_more(folder):
    launcher = Pretender({0: (1, "failed")}, always={1})
    bad, diary = go(folder, launcher, [cell(i) for i in range(5)], fail_fast=True)
    assert bad == 1
    assert diary.lines[2:] == ["failed cell 0", "stop 1: one failed", "interrupted cell 1"]


def test_a_request_to_stop_asks_every_run_and_waits_for_all(folder):
    asked = iter([False, True, True, True, True, True])
    launcher = Pretender(always={0, 1})
    with pytest.raises(Interrupted):
        go(folder, launcher, [cell(i) for i in range(4)], stop=lambda: next(asked))
    assert [h.asked for h in launcher.handles] == [True, True]
    assert [folder.state(cell(i)) for i in range(4)] == ["unfinished", "unfinished", "missing", "missing"]


def test_a_second_request_kills_what_still_runs(folder):
    def stop():
        raise KeyboardInterrupt

    launcher = Pretender(always={0, 1})
    with pytest.raises(KeyboardInterrupt):
        go(folder, launcher, [cell(0), cell(1)], stop=stop)
    assert all(h.killed for h in launcher.handles)


def test_a_run_that_was_begun_is_gone_on_with(folder):
    finish(folder.run(cell(0)), status="interrupted")
    _, diary = go(folder, Pretender(), [cell(0), cell(1)])
    assert diary.lines[:2] == ["on cell 0", "start cell 1"]


@pytest.mark.parametrize(
    ("status", "code", "log", "outcome"),
    [
        ("completed", 0, "", Outcome("completed")),
        ("failed", 1, "", Outcome("failed", "why")),
        ("running", -9, "", Outcome("killed", "killed by SIGKILL")),
        ("interrupted", 130, "", Outcome("interrupted")),
        ("interrupted", 2, "cannot resume\n/somewhere/cells/c\n", Outcome("failed", "cannot resume")),
        (None, 1, "no space left\n\n", Outcome("failed", "no space left")),
        (None, 3, "", Outcome("failed", "ended with exit code 3")),
        ("running", "job 7: CANCELLED", "", Outcome("killed", "job 7: CANCELLED")),
        ("completed", "job 7 is not known any more", "", Outcome("completed")),
    ],
)
def test_the_folder_says_what_became_of_a_run_and_the_log_where_it_is_silent(tmp_path, status, code, log, outcome):
    run, text = Run(tmp_path / "cells" / "c"), tmp_path / "c.log"
    text.write_text(log)
    if status:
        finish(run, status=status, reason="why")
    assert judge(run, code, text) == outcome


def job(tmp_path, **changes):
    given = {
        "base": "b.yaml",
        "overrides": ("x=1",),
        "folder": str(tmp_path / "cells" / "c"),
        "log": str(tmp_path / "c.log"),
        "threads": 3,
        "stop": str(tmp_path / "stop"),
        "cwd": str(tmp_path),
    }
    return Job(**{**given, **changes})


def test_a_run_is_an_ordinary_train_command_and_a_begun_one_is_resumed(tmp_path):
    one = job(tmp_path)
    assert one.command() == [sys.executable, "-m", "dessine", "train", "b.yaml", "x=1", "--run-dir", one.folder]
    finish(Run(tmp_path / "cells" / "c"))
    assert one.command() == [sys.executable, "-m", "dessine", "train", "--resume", one.folder]


def test_a_folder_whose_process_ended_before_it_wrote_its_spec_is_begun_anew(tmp_path):
    (tmp_path / "cells" / "c").mkdir(parents=True)
    (tmp_path / "cells" / "c" / ".half.tmp").touch()
    job(tmp_path).command()
    assert not (tmp_path / "cells" / "c").exists()


def test_a_child_has_its_threads_before_it_loads_anything(tmp_path, monkeypatch):
    monkeypatch.setattr(Job, "command", lambda self: [sys.executable, "-Sc", "import os; print(dict(os.environ))"])
    monkeypatch.setenv(THREADS[0], "7")
    assert run_here(job(tmp_path)) == 0
    told = eval((tmp_path / "c.log").read_text())
    assert [told[name] for name in THREADS] == ["3"] * len(THREADS)
    assert os.environ[THREADS[0]] == "7"


def test_a_job_whose_sweep_was_stopped_before_its_turn_does_not_start(tmp_path):
    (tmp_path / "stop").touch()
    assert run_here(job(tmp_path)) == 130
    assert not (tmp_path / "c.log").exists()


def test_a_process_is_interrupted_and_killed_on_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Job, "command", lambda self: [sys.executable, "-Sc", "input() if False else __import__('signal').pause()"]
    )
    handles = [Local().launch(job(tmp_path)) for _ in range(2)]
    handles[0].kill()
    assert handles[0].poll() == -9
    assert handles[1].poll() is None
    handles[1].kill()


def test_a_run_that_another_process_trains_is_waited_for_and_then_gone_on_with(tmp_path):
    place, run = Pretender(), Run(tmp_path / "cells" / "c")
    finish(run, status="running")
    with run.lock():
        handle = when_free(job(tmp_path), place.launch)
        assert handle.poll() is None
        assert "waits for the process" in handle.queued
    assert handle.poll() is None
    assert (len(place.handles), handle.queued) == (1, "")
    assert handle.poll() == 0


@pytest.mark.parametrize(("host", "waits"), [("4f2a9c1b7d3e", False), (None, True)])
def test_without_locks_only_a_process_of_this_machine_is_waited_for(tmp_path, monkeypatch, host, waits):
    monkeypatch.setattr("dessine.runs.lock._take", lambda *_: "No locks available")
    run = Run(tmp_path / "cells" / "c")
    finish(run, status="running")
    run.update(host=host or platform.node(), pid=os.getpid())
    (run.path / ".lock").touch()
    assert trained_by_another(run) is waits


@pytest.mark.parametrize("pid", ["this", 0, 1, -1, "x", 10**12, None])
def test_a_process_that_a_sweep_has_not_started_gets_no_signal(tmp_path, pid, monkeypatch):
    monkeypatch.setattr(os, "kill", lambda _, number: number == 0 or pytest.fail("a signal was sent"))
    run = Run(tmp_path / "cells" / "c")
    finish(run, status="running")
    run.update(pid=os.getpid() if pid == "this" else pid, host=platform.node())
    with run.lock():
        handle = when_free(job(tmp_path), Pretender().launch)
        handle.interrupt()
        assert handle.poll() == 130
        handle.kill()


def test_a_job_elsewhere_is_told_queued_before_it_is_told_started(folder):
    class Slow(Pretended):
        @property
        def queued(self):
            return "Resources" if self.looks < 1 else ""

    class Place(Pretender):
        def launch(self, job):
            return Slow(job, (0, "completed"), False)

    class Wordy(Diary):
        def queued(self, cell, why):
            self.lines.append(f"queue {cell.label}: {why}")

    diary = Wordy()
    assert run_cells(Queue([cell(0)]), folder, Place(), diary, lambda: False, 1, 1) == 0
    assert diary.lines == ["queue cell 0: Resources", "start cell 0", "completed cell 0"]


def test_the_last_whole_line_tells_how_far_a_run_is(tmp_path):
    run = Run(tmp_path / "r")
    assert steps_made(run) == 0
    finish(run, records=[{"step": 10}, {"step": 20}])
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3')
    assert steps_made(run) == 20
