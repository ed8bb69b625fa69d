"""Only what lies in a folder is opened: no link, no pipe, nothing that would fill the memory."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dessine.runs.files import RunError
from dessine.runs.inside import checked, files, read, read_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "run/samples").mkdir(parents=True)
    return tmp_path / "run"


def test_a_file_of_the_folder_is_read(folder):
    (folder / "samples/a.txt").write_text("a")
    assert read(folder, "samples/a.txt") == b"a"
    assert read_text(folder, "samples/a.txt") == "a"


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (folder / "a.txt").write_text("a")
    (tmp_path / "link").symlink_to(folder)
    assert read(tmp_path / "link", "a.txt") == b"a"


def test_what_is_not_there_is_told_from_what_cannot_be_read(folder):
    for name in ("a.txt", "nowhere/a.txt"):
        with pytest.raises(FileNotFoundError):
            read(folder, name)
    assert read_text(folder, "a.txt") == ""


@pytest.mark.parametrize("name", ["secret.txt", "nowhere", "run"])
def test_a_link_is_not_followed_wherever_it_leads(folder, name):
    (folder / "a.txt").symlink_to(f"../{name}")
    with pytest.raises(RunError, match=re.escape(f"{folder / 'a.txt'} is a link")):
        read(folder, "a.txt")
    assert read_text(folder, "a.txt") == ""


def test_a_folder_that_is_a_link_is_not_followed(folder, tmp_path):
    (folder / "eval").symlink_to(tmp_path)
    with pytest.raises(RunError, match="eval is a link"):
        read(folder, "eval/secret.txt")
    assert files(folder, "eval", ".*") == []


def test_a_pipe_a_folder_and_a_huge_file_are_not_read(folder):
    os.mkfifo(folder / "pipe")
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 40)
    for name, why in (("pipe", "is no file"), ("samples", "is no file"), ("huge", "is larger than")):
        with pytest.raises(RunError, match=why):
            read(folder, name)
    (folder / "small").write_bytes(b"abc")
    with pytest.raises(RunError, match="larger"):
        checked(folder, "small", largest=2)


def test_only_whole_names_count_and_only_files(folder):
    for name in ("step_1.png", "step_22.png", "step_3 (1).png", "step_4.png~", "xstep_5.png", "step_x.png", "step_6.png\n"):
        (folder / "samples" / name).write_text("")
    (folder / "samples/step_7.png").mkdir()
    (folder / "samples/step_8.png").symlink_to(folder.parent / "secret.txt")
    assert [path.name for path in files(folder, "samples", r"step_\d+\.png")] == ["step_1.png", "step_22.png"]
    assert files(folder, "nowhere", ".*") == []
