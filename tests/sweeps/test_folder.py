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


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
def test_a_cell_that_cannot_be_read_is_neither_missing_nor_done(tmp_path, name):
    folder = sweep_folder(tmp_path / "s")
    finish(folder.run(cell(1)))
    (folder.run(cell(1)).path / name).unlink()
    (folder.run(cell(1)).path / name).mkdir()
    assert folder.state(cell(1)) == "unreadable"


def test_a_cell_that_is_a_link_is_left_alone(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    finish(Run(tmp_path / "elsewhere"))
    folder.run(cell(1)).path.symlink_to(tmp_path / "elsewhere")
    assert folder.state(cell(1)) == "unreadable"


def test_a_folder_that_was_killed_before_it_said_what_it_is_can_be_used(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    (folder.path / "sweep.yaml").unlink()
    (folder.path / ".sweep.5.tmp.yaml").touch()
    assert SweepFolder.open(folder.path, tmp_path, "identity", "a").path == folder.path
    finish(folder.run(cell(1)))
    with pytest.raises(RunError, match="not the folder of a sweep"):
        SweepFolder.open(folder.path, tmp_path, "identity", "a")


def test_a_damaged_sweep_json_is_not_written_anew(tmp_path):
    folder = sweep_folder(tmp_path / "s")
    (folder.path / "sweep.json").write_text("[")
    with pytest.raises(RunError, match="cannot be read"):
        folder.write("base: base.yaml\n", "", "", {"identity": "x"})
    assert SweepFolder.find(tmp_path, "x") is None
