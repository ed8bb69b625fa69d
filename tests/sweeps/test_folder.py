from datetime import datetime

import pytest
from made import cell, finish, sweep_folder

from dessine.runs.run import Run, RunError
from dessine.sweeps.folder import SweepFolder


def test_a_sweep_is_found_again_by_what_it_is(tmp_path):
    first = SweepFolder.open(None, tmp_path, "identity", "a")
    assert SweepFolder.open(None, tmp_path, "identity", "b").path == first.path
    assert SweepFolder.open(None, tmp_path, "other", "a").path != first.path


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="not the folder of a sweep"):
        SweepFolder.open(tmp_path, tmp_path, "identity", "a")


def test_one_process_at_a_time(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    with folder.lock(), pytest.raises(RunError, match="is being run by process"), SweepFolder(folder.path).lock():
        pass
    with folder.lock():
        pass


@pytest.mark.parametrize(
    ("status", "state"),
    [("completed", "completed"), ("failed", "failed"), ("interrupted", "unfinished"), ("running", "unfinished")],
)
def test_the_run_folder_says_what_state_a_cell_is_in(tmp_path, status, state):
    folder = sweep_folder(tmp_path / "s")
    assert folder.state(cell(1)) == "missing"
    finish(folder.run(cell(1)), status=status)
    assert folder.state(cell(1)) == state


def test_a_run_that_is_still_trained_is_left_alone(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    run = folder.run(cell(1))
    finish(run, status="running")
    with run.lock():
        assert folder.state(cell(1)) == "busy"


def test_a_cell_is_found_by_its_identity_whatever_its_name(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    finish(Run(folder.cells / f"old_name_{cell(1).identity[:10]}"))
    assert folder.state(cell(1)) == "completed"


def test_it_remembers_when_it_was_made(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    made = folder.info()["created"]
    folder.write("base: base.yaml\n", "", "", {"identity": "x", "name": "n"})
    assert folder.info()["created"] == made
    assert datetime.fromisoformat(made)
