"""CIFAR-10 from small files in its binary format: colours in their places, and errors that say what to get."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from dessine.data import Dataset, Split, fetch
from dessine.data.cifar10 import CLASSES, RECORD, Cifar10
from dessine.data.fetch import CIFAR10_ARCHIVE, CIFAR10_FILES, CIFAR10_FOLDER
from dessine.registry import SpecError


def batch(name: str, n: int = 4) -> bytes:
    """n random images; the labels go round."""
    rng = np.random.default_rng(CIFAR10_FILES.index(name))
    records = rng.integers(0, 256, (n, RECORD), np.uint8)
    records[:, 0] = (np.arange(n) + n * CIFAR10_FILES.index(name)) % 10
    return records.tobytes()


def write_files(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in CIFAR10_FILES:
        (folder / name).write_bytes(batch(name))
    return folder


def write_archive(path: Path, names: tuple[str, ...] = CIFAR10_FILES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(f"{CIFAR10_FOLDER}/{name}")
            member.size = 4 * RECORD
            tar.addfile(member, io.BytesIO(batch(name)))
    return path


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def load(**options: object) -> Split:
    return Dataset.of({"type": "cifar10", **options}).load()


def refused(**options: object) -> SpecError:
    with pytest.raises(SpecError) as caught:
        load(**options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_colours_and_rows_are_where_they_belong(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "cifar")
    record = np.zeros(RECORD, np.uint8)
    record[0] = 7
    record[1 + 1024 + 32 * 5 + 9] = 200  # green, row 5, column 9
    (folder / "test_batch.bin").write_bytes(record.tobytes())
    test = load(path=str(folder)).test
    assert test.y is not None
    assert (test.x.shape, test.x.dtype, test.y.tolist()) == ((1, 32, 32, 3), np.uint8, [7])
    assert np.argwhere(test.x[0]).tolist() == [[5, 9, 1]]


def test_five_batches_are_the_training_part_in_order(tmp_path: Path) -> None:
    split = load(path=str(write_files(tmp_path / "cifar")))
    assert (len(split.train), len(split.test), split.digits) == (20, 4, 0)
    assert split.train.y is not None
    assert split.train.y.tolist() == [i % 10 for i in range(20)]


def test_folder_folder_above_archive_and_its_folder_are_the_same(tmp_path: Path) -> None:
    files = write_files(tmp_path / "unpacked" / CIFAR10_FOLDER)
    archive = write_archive(tmp_path / "packed" / CIFAR10_ARCHIVE)
    sums = {load(path=str(path)).train.checksum for path in (files, files.parent, archive, archive.parent)}
    assert len(sums) == 1


def test_without_a_path_the_cache_folder_is_read(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "CIFAR10_BYTES", 4 * RECORD)
    assert "dessine data fetch cifar10" in str(refused())
    assert Cifar10.available() == []
    write_files(data_folder / "cifar10" / CIFAR10_FOLDER)
    assert load().source == "full"
    assert [(a.source, a.train, a.test) for a in Cifar10.available()] == [("full", 20, 4)]


def test_what_is_cut_off_in_the_cache_is_not_taken(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "CIFAR10_BYTES", 4 * RECORD)
    last = write_files(data_folder / "cifar10" / CIFAR10_FOLDER) / CIFAR10_FILES[-1]
    last.write_bytes(last.read_bytes()[:RECORD])  # whole images
    assert "is cut off: `dessine data fetch cifar10` gets it again" in str(refused())


def test_classes_are_chosen_by_name_before_the_limit_counts(tmp_path: Path) -> None:
    folder = str(write_files(tmp_path / "cifar"))
    cats = load(path=folder, classes=["cat", "bird"]).train
    assert cats.y is not None
    assert sorted(cats.y.tolist()) == [CLASSES.index("bird")] * 2 + [CLASSES.index("cat")] * 2
    assert len(load(path=folder, classes=["bird", "cat"], limit=3).train) == 3
    error = refused(path=folder, classes=["dog"])  # the four test images hold none
    assert error.problems[0].path == ("classes",)


def test_a_class_of_another_name_is_refused() -> None:
    assert "airplane" in str(refused(classes=["plane"]))


@pytest.mark.parametrize(("scale", "low"), [("0..1", 0.0), ("-1..1", -1.0)])
def test_pixels_are_scaled_to_the_range(tmp_path: Path, scale: str, low: float) -> None:
    x = load(path=str(write_files(tmp_path / "cifar")), scale=scale).train.floats(np.arange(20), np.float32)
    assert (x.min(), x.max()) == (low, 1)


@pytest.mark.parametrize("what", ["folder", "folder above", "archive beside", "archive", "one file"])
def test_the_python_version_is_not_read_and_the_message_names_the_other(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(b"\x80\x04.")
    archive = tmp_path / "elsewhere" / "cifar-10-python.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(b"")
    place = {
        "folder": folder,
        "folder above": tmp_path,
        "archive beside": archive.parent,
        "archive": archive,
        "one file": folder / "data_batch_1",
    }[what]
    error = refused(path=str(place))
    assert "pickle" in str(error)
    assert CIFAR10_ARCHIVE in str(error)
    assert error.problems[0].path == ("path",)


def test_a_folder_with_something_else_says_what_is_there(tmp_path: Path) -> None:
    assert "no folder" in str(refused(path=str(tmp_path / "nowhere")))
    (tmp_path / "other").mkdir()
    one = tmp_path / "other.bin"
    one.touch()
    assert "or the folder" in str(refused(path=str(one)))
    assert "there is nothing" in str(refused(path=str(tmp_path / "other")))
    (tmp_path / "other" / "train.bin").touch()
    error = str(refused(path=str(tmp_path / "other")))
    assert "there is train.bin" in error
    assert "https://" in error


def test_files_that_are_missing_cut_off_or_others_are_named(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "cifar")
    (folder / "data_batch_3.bin").write_bytes(batch("data_batch_3.bin")[:-1])
    assert "data_batch_3.bin has 12,291 bytes" in str(refused(path=str(folder)))
    (folder / "data_batch_3.bin").write_bytes(b"\x63" * RECORD)
    assert "a label 99" in str(refused(path=str(folder)))
    (folder / "data_batch_3.bin").unlink()
    assert "no data_batch_3.bin" in str(refused(path=str(folder)))


def test_an_archive_that_is_damaged_or_another_is_refused(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / CIFAR10_ARCHIVE, CIFAR10_FILES[:-1])
    assert "no cifar-10-batches-bin/test_batch.bin" in str(refused(path=str(archive)))
    archive.write_bytes(archive.read_bytes()[:3000])
    assert "damaged" in str(refused(path=str(archive)))
    archive.write_bytes(b"no archive")
    assert "damaged" in str(refused(path=str(archive)))


def test_a_member_that_says_it_is_huge_is_refused_before_it_is_read(tmp_path: Path) -> None:
    archive = tmp_path / CIFAR10_ARCHIVE
    with gzip.open(archive, "wb") as file:
        member = tarfile.TarInfo(f"{CIFAR10_FOLDER}/{CIFAR10_FILES[0]}")
        member.size = 2_000_000_000
        file.write(member.tobuf())
    assert "data_batch_1.bin in it says it has 2,000,000,000 bytes, where 166,666,666 are the most" in str(
        refused(path=str(archive))
    )


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_nothing_else_in_an_archive_is_unpacked_without_bound(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / CIFAR10_ARCHIVE
    with gzip.open(archive, "wb") as file:
        member = tarfile.TarInfo("long")
        member.type, member.size = kind, 2_000_000_000
        file.write(member.tobuf() + bytes(1024))
    assert "it holds more than 1,000,000,000 bytes unpacked" in str(refused(path=str(archive)))


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "cifar")
    (folder / CIFAR10_FILES[2]).unlink()
    os.mkfifo(folder / CIFAR10_FILES[2])
    assert "data_batch_3.bin is no ordinary file" in str(refused(path=str(folder)))
    assert "neither a folder nor a file" in str(refused(path="/dev/zero"))
    assert "no user" in str(refused(path="~nosuchuser/x"))
    (tmp_path / "loop").symlink_to("loop")
    assert "Too many levels" in str(refused(path=str(tmp_path / "loop")))
