"""Only what is surely a run goes, whole, and never one that is being trained."""

from __future__ import annotations

import os

import pytest

from dessine.runs.removal import refusal, remove, size
from dessine.runs.run import Run, RunError


def test_a_run_goes_whole(make_run):
    path = make_run("a", samples=[0, 10])
    other = make_run("b")
    remove(path)
    assert sorted(p.name for p in path.parent.iterdir()) == [other.name]


def test_a_broken_run_may_go(make_run):
    path = make_run("a")
    (path / "run.json").unlink()
    assert refusal(path) is None


def test_a_running_run_stays(make_run):
    path = make_run("a", status="running", pid=os.getpid())
    with pytest.raises(RunError, match=f"is running, as process {os.getpid()}"):
        remove(path)
    assert (path / "run.json").exists()


def test_a_run_that_runs_on_another_machine_stays(make_run):
    assert "on elsewhere" in refusal(make_run("a", status="running", host="elsewhere"))


def test_a_run_whose_process_has_gone_may_go(make_run):
    assert refusal(make_run("a", status="running")) is None


def test_a_run_whose_repeat_still_trains_stays(make_run):
    path = make_run("a")
    make_run("a/repeats/0001", status="running", pid=os.getpid())
    assert "is running (repeats/0001)" in refusal(path)


def test_a_locked_run_stays_whatever_it_says(make_run):
    path = make_run("a")
    with Run(path).lock(), pytest.raises(RunError, match="is being trained"):
        remove(path)
    assert (path / "config.yaml").exists()


def test_a_folder_that_only_has_a_config_is_no_run(make_run):
    path = make_run("a")
    for file in ("run.json", "metrics.jsonl"):
        (path / file).unlink()
    assert "is not a run folder" in refusal(path)


def test_a_folder_of_runs_is_no_run(make_run, tmp_path):
    make_run("a")
    assert "is not a run folder" in refusal(tmp_path / "runs")
    for file in ("config.yaml", "run.json"):  # not even one that was trained right there
        (tmp_path / "runs" / file).write_text("{}")
    assert refusal(tmp_path / "runs") == "holds another run, a"


def test_a_link_stays_and_so_does_what_it_points_to(make_run, tmp_path):
    path = make_run("a")
    link = tmp_path / "runs/link"
    link.symlink_to(path)
    with pytest.raises(RunError, match="is a link"):
        remove(link)
    assert (path / "run.json").exists()


def test_links_inside_a_run_are_removed_and_not_followed(make_run, tmp_path):
    path = make_run("a")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("x")
    (path / "link").symlink_to(tmp_path / "precious")
    remove(path)
    assert (tmp_path / "precious/file").exists()


def test_another_run_behind_a_link_keeps_nobody_from_removing_and_stays(make_run, make_sweep, tmp_path):
    other, path = make_run("other", samples=[0]), make_run("a")
    for name in ("link", "repeats", "samples", "eval"):
        (path / name).symlink_to(other if name == "link" else other.parent)
    (path / ".lock").symlink_to(tmp_path / "new")
    (path / "run.json").unlink()
    (path / "run.json").symlink_to(other / "run.json")
    before = sorted(other.rglob("*"))
    remove(path)
    sweep = make_sweep("s", {"a": {}})
    (sweep / "cells/b").symlink_to(other)
    remove(sweep)
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["other"]
    assert sorted(other.rglob("*")) == before
    assert not (tmp_path / "new").exists()


def test_the_folder_one_is_in_stays(make_run, monkeypatch):
    path = make_run("a", samples=[0])
    monkeypatch.chdir(path / "samples")
    assert "is where you are" in refusal(path)


def test_a_sweep_goes_with_its_runs_unless_one_is_running(make_sweep):
    busy = make_sweep("busy", {"a": {}, "b": {"status": "running", "pid": os.getpid()}})
    idle = make_sweep("idle", {"a": {}, "b": {"status": "failed"}})
    assert "is running (cells/b)" in refusal(busy)
    remove(idle)
    assert not idle.exists()


def test_size_counts_every_file(make_run):
    path = make_run("a")
    before = size(path)
    (path / "checkpoints").mkdir()
    (path / "checkpoints/x.npz").write_bytes(bytes(1000))
    assert size(path) - before == 1000
