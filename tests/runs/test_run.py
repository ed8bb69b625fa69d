"""One run folder: made, found, locked; what is written there is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from dessine.runs.files import beside, own, own_folder, write_json
from dessine.runs.run import Run, RunError, provenance

NOON = datetime(2026, 11, 23, 14, 25)


def started(path: Path) -> Run:
    run = Run.create_at(path)
    run.start("name: x\n", "name: x\n", {})
    return run


def test_folder_is_named_by_time_and_name(tmp_path):
    assert Run.create(tmp_path, "gan mnist/7", NOON).path.name == "2026-11-23_14-25-00_gan_mnist_7"


def test_folders_of_one_second_are_numbered(tmp_path):
    assert [Run.create(tmp_path, "a", NOON).path.name[20:] for _ in range(3)] == ["a", "a-2", "a-3"]


def test_of_many_at_once_each_gets_its_own(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: Run.create(tmp_path, "a", NOON).path, range(64)))
    assert len(set(made)) == 64


def test_of_two_processes_each_gets_its_own(tmp_path):
    code = (
        "import sys; from datetime import datetime; from pathlib import Path; from dessine.runs.run import Run\n"
        "print([Run.create(Path(sys.argv[1]), 'a', datetime(2026, 1, 1)).path.name for _ in range(50)])"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(2)]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(list(tmp_path.iterdir())) == 100


def test_folder_of_ones_own_must_be_empty_and_is_taken_once(tmp_path):
    (tmp_path / "empty").mkdir()
    first, second = Run.create_at(tmp_path / "empty"), Run.create_at(tmp_path / "empty")
    with first.lock():
        with pytest.raises(RunError, match="is being trained by another process"), second.lock():
            pass
        first.start("name: x\n", "name: x\n", {})
    with second.lock(), pytest.raises(RunError, match="another run's"):
        second.start("name: x\n", "name: x\n", {})
    with pytest.raises(RunError, match="not an empty folder"):
        Run.create_at(tmp_path / "empty")
    assert first.info()["status"] == "running"


def test_run_is_found_by_path_name_beginning_or_last(tmp_path):
    first, second = started(tmp_path / "2026_a"), started(tmp_path / "2026_a-2")
    os.utime(first.path / "config.yaml", ns=(1, 1))
    assert Run.find(str(first.path), Path("elsewhere")).path == first.path
    assert Run.find("2026_a", tmp_path).path == first.path
    assert Run.find("2026_a-", tmp_path).path == second.path
    assert Run.find("last", tmp_path).path == second.path
    with pytest.raises(RunError, match="fits 2 runs"):
        Run.find("2026", tmp_path)
    with pytest.raises(RunError, match="did you mean '2026_a'"):
        Run.find("2026_b", tmp_path)


def test_run_is_found_by_the_name_that_its_config_gives(tmp_path):
    names = ["2026-11-23_14-25-00_ring", "2026-11-23_14-26-00_ring_loss", "2026-11-23_14-27-00_xor"]
    ring, _, xor = (started(tmp_path / name) for name in names)
    assert Run.find("ring", tmp_path).path == ring.path
    assert Run.find("xo", tmp_path).path == xor.path
    started(tmp_path / "2026-11-23_14-28-00_ring")
    with pytest.raises(RunError, match="fits 2 runs: 2026-11-23_14-25-00_ring, 2026-11-23_14-28-00_ring"):
        Run.find("ring", tmp_path)


def test_start_that_fails_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("dessine.runs.run.provenance", lambda: 1 / 0)
    run = Run.create(tmp_path, "a")
    with pytest.raises(ZeroDivisionError):
        run.start("", "", {})
    assert not run.path.exists()


def test_running_run_whose_process_is_gone_is_lost(tmp_path):
    run = started(tmp_path / "a")
    assert run.status() == "running"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run.update(pid=gone.pid)
    assert run.status() == "lost"
    run.update(host="another machine")
    assert run.status() == "running"


def test_process_that_took_over_the_number_is_another(tmp_path):
    run = started(tmp_path / "a")
    if run.info()["process_start"] is None:
        pytest.skip("this system does not say when a process began")
    run.update(process_start="1")
    assert run.status() == "lost"


def test_second_process_is_kept_out(tmp_path):
    run = started(tmp_path / "a")
    code = (
        "import sys; from pathlib import Path; from dessine.runs.run import Run, RunError\n"
        "try:\n    with Run(Path(sys.argv[1])).lock(): print('in')\nexcept RunError as error: print(error)"
    )
    call = lambda: subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True).stdout  # noqa: E731
    with run.lock():
        assert f"is being trained by process {os.getpid()}" in call()
    assert call() == "in\n"


def test_checkpoint_comes_back_and_old_ones_go(tmp_path):
    run, x = started(tmp_path / "a"), np.arange(6, dtype=np.float32).reshape(2, 3)
    for step in (1, 2, 10):
        run.save_checkpoint(step, {"a.theta": x * step}, {"streams": {"order": [step]}}, keep=2)
    assert run.checkpoint_steps() == [2, 10]
    step, arrays, state = run.load_checkpoint()
    assert (step, state) == (10, {"streams": {"order": [10]}})
    np.testing.assert_array_equal(arrays["a.theta"], x * 10)


@pytest.mark.parametrize("cut", [0, 1, 30, 200, -1])
def test_damaged_checkpoint_is_passed_over(tmp_path, cut):
    run = started(tmp_path / "a")
    for step in (1, 2):
        run.save_checkpoint(step, {"x": np.ones(100)}, {}, keep=2)
    path = run.checkpoints / "step_000000002.npz"
    path.write_bytes(path.read_bytes()[:cut])
    assert run.load_checkpoint()[0] == 1
    run.forget_after(1)
    assert run.checkpoint_steps() == [1]


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path):
    run = started(tmp_path / "a")
    run.save_checkpoint(1, {"x": np.zeros(3)}, {}, keep=2)
    run.save_checkpoint(2, {"x": np.ones(3)}, {}, keep=2)
    path = run.checkpoints / "step_000000002.npz"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        step, arrays, _ = run.load_checkpoint()
        assert step == 1 or (arrays["x"] == 1).all()


def test_nothing_pickled_is_read(tmp_path):
    run = started(tmp_path / "a")
    np.savez(run.checkpoints / "step_000000001.npz", state=np.array([{}], object))
    assert run.load_checkpoint() is None


def test_torn_last_line_of_metrics_is_dropped(tmp_path):
    run = started(tmp_path / "a")
    run.append_metrics({"step": 1, "test_loss": float("nan")})
    run.append_metrics({"step": 2, "test_loss": 0.1})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert run.metrics() == [{"step": 1, "test_loss": None}, {"step": 2, "test_loss": 0.1}]
    run.keep_metrics(lambda record: record["step"] > 1)
    assert (run.path / "metrics.jsonl").read_text() == '{"step": 2, "test_loss": 0.1}\n'


def test_resuming_clears_away_what_was_half_written(tmp_path):
    run = started(tmp_path / "a")
    (run.checkpoints / ".step_000000002.7.tmp.npz").write_bytes(b"half")
    (run.path / ".run.7.tmp.json").write_bytes(b"half")
    (run.path / ".mine.tmp.json").write_bytes(b"a user's")
    run.sweep_up()
    run.resume("name: y\n", "dessine train --resume a")
    (run.path / ".mine.tmp.json").unlink()
    assert not list(run.path.glob("**/.*.tmp*"))
    assert run.info()["resumes"][0]["command"] == "dessine train --resume a"


def test_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"x": [1.5, float("inf")]})
    assert json.loads(path.read_text()) == {"x": [1.5, None]}

    def fail() -> None:
        with beside(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"a\.json"):
        fail()
    assert json.loads(path.read_text()) == {"x": [1.5, None]}
    assert list(tmp_path.iterdir()) == [path]


def test_commit_is_that_of_the_code_not_of_the_current_folder(tmp_path, monkeypatch):
    here = provenance()["git"]
    monkeypatch.chdir(tmp_path)
    assert provenance()["git"] == here


def test_what_ends_without_its_last_step_is_not_completed(tmp_path):
    run = started(tmp_path / "a")
    run.update(status="completed", step=150, steps=400)
    assert (run.status(), run.is_complete()) == ("interrupted", False)
    run.update(step=400)
    assert (run.status(), run.is_complete(), run.is_complete(450)) == ("completed", True, False)


@pytest.mark.parametrize("name", ["log.txt", "metrics.jsonl", "run.json", ".lock"])
def test_link_to_a_file_is_never_written_through(tmp_path, name):
    run, precious = started(tmp_path / "a"), tmp_path / "precious"
    precious.write_text("x")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(precious)
    ways = {
        "log.txt": lambda: run.log("y"),
        "metrics.jsonl": lambda: run.append_metrics({"step": 1}),
        "run.json": lambda: run.update(status="failed"),
        ".lock": lambda: run.lock().__enter__(),
    }
    with pytest.raises(RunError, match="is a link"):
        ways[name]()
    assert precious.read_text() == "x"


@pytest.mark.parametrize("name", ["samples", "plots", "checkpoints", "eval"])
def test_link_to_a_folder_is_never_written_into(tmp_path, name):
    run = started(tmp_path / "a")
    (tmp_path / "elsewhere").mkdir()
    (run.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link"):
        own_folder(run.path, name)
    with pytest.raises(RunError, match="is a link"):
        own(run.path, f"{name}/x.png")


def test_what_has_our_name_and_is_of_another_kind_is_named(tmp_path):
    (tmp_path / "log.txt").mkdir()
    os.mkfifo(tmp_path / "metrics.jsonl")
    (tmp_path / "samples").write_text("x")
    for name in ("log.txt", "metrics.jsonl"):
        with pytest.raises(RunError, match=f"{name} is no file"):
            own(tmp_path, name)
    with pytest.raises(RunError, match="samples is no folder"):
        own_folder(tmp_path, "samples")
    assert own(tmp_path, "run.json") == tmp_path / "run.json"


def test_run_folder_that_is_a_link_itself_is_used(tmp_path):
    run = started(tmp_path / "a")
    (tmp_path / "b").symlink_to(run.path)
    Run(tmp_path / "b").log("x")
    assert (run.path / "log.txt").read_text().endswith("x\n")


def test_temporary_file_that_is_a_link_is_not_written_through(tmp_path):
    (tmp_path / "precious").write_text("x")
    (tmp_path / f".a.{os.getpid()}.tmp.json").symlink_to(tmp_path / "precious")
    write_json(tmp_path / "a.json", {})
    assert (tmp_path / "precious").read_text() == "x"


def test_last_is_the_run_that_says_so_not_the_newest_file(tmp_path):
    names = ("2026-11-23_14-25-00_a", "2026-11-23_14-26-00_b", "2026-11-23_14-27-00_c")
    first, second, third = (started(tmp_path / name) for name in names)
    for n, run in enumerate((third, second, first)):
        os.utime(run.path / "config.yaml", (n * 10**8, n * 10**8))
    assert Run.find("last", tmp_path).path == third.path
    first.resume("name: x\n", "dessine train --resume a")
    assert Run.find("last", tmp_path).path == first.path
    for run in (first, second):
        run.update(since=None, started="2020-01-01T00:00:00+00:00", resumes=[])
    (third.path / "run.json").write_text("{")  # what its name says is still the last: that it is broken is told, not hidden
    assert Run.find("last", tmp_path).path == third.path
