"""IDX folders: arrays as they were written, under the names that real folders have, and each fault named with its file."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
import struct
from pathlib import Path

import numpy as np
import pytest
from idx_files import packed, write_folder

from dessine.data import idx
from dessine.registry import SpecError

Part = tuple[np.ndarray, np.ndarray]


def read(place: Path) -> list[Part]:
    return idx.read(idx.find(place).files)


def refused(place: Path) -> str:
    with pytest.raises(SpecError) as caught:
        read(place)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_images_and_labels_are_those_in_the_files(tmp_path: Path, suffix: str) -> None:
    (x, y), _ = read(write_folder(tmp_path / "own", suffix=suffix))
    assert x.dtype == y.dtype == np.uint8
    assert not x.flags.writeable
    assert not y.flags.writeable
    assert y.tolist() == [*range(10), 0, 1]
    np.testing.assert_array_equal(x[..., 0], np.random.default_rng(0).integers(0, 256, (12, 6, 6), np.uint8))


def test_images_need_not_be_square(tmp_path: Path) -> None:
    train, test = read(write_folder(tmp_path / "own", side=(4, 7)))
    assert (train[0].shape, test[0].shape) == ((12, 4, 7, 1), (5, 4, 7, 1))


def test_other_files_of_the_same_size_and_time_are_other_data(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    before = read(folder)[0][0].copy()
    images = folder / IMAGES
    stamp, data = images.stat(), images.read_bytes()
    images.write_bytes(data[:16] + bytes(255 - b for b in data[16:]))
    os.utime(images, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    np.testing.assert_array_equal(read(folder)[0][0], 255 - before)


def test_the_head_of_a_file_tells_its_shape(tmp_path: Path) -> None:
    files = idx.find(write_folder(tmp_path / "own")).files
    files[IMAGES].write_bytes(files[IMAGES].read_bytes()[:16])
    assert [idx.shape(files, name) for name in idx.NAMES] == [(12, 6, 6), (12,), (5, 6, 6), (5,)]


def test_the_checksum_of_an_array_is_that_of_its_plain_file(tmp_path: Path) -> None:
    files = idx.find(write_folder(tmp_path / "own")).files
    arrays = [array for part in idx.read(files) for array in part]
    assert [idx.sha256(a) for a in arrays] == [hashlib.sha256(files[name].read_bytes()).hexdigest() for name in idx.NAMES]


def renamed(folder: Path, rename: dict[str, str]) -> Path:
    """Every old part of a name in `folder` as the new one; a `/` makes folders."""
    for path in list(folder.iterdir()):
        name = path.name
        for old, new in rename.items():
            name = name.replace(old, new)
        data = path.read_bytes()
        path.unlink()
        target = folder / name.replace("NAME", path.name.removesuffix(".gz"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


SPELLINGS = {
    "dotted by 7-zip": {"-idx": ".idx"},
    "dotted before ubyte, too": {"-idx": ".idx", "-ubyte": ".ubyte"},
    "underscores": {"-images": "_images", "-labels": "_labels"},
    "upper case": {"train": "TRAIN", "t10k": "T10K", "-ubyte": "-UBYTE"},
    "test for t10k": {"t10k": "test"},
    "EMNIST": {"t10k": "emnist-letters-test", "train": "emnist-letters-train"},
    "Kaggle, each in a folder of its name": {"-ubyte": "-ubyte/NAME"},
    "Kaggle, dotted files in them": {"-ubyte": "-ubyte/NAME", "-idx": ".idx"},
    "torchvision, from above": {"t": "MNIST/raw/t"},
    "one folder in an archive": {"train": "archive/train", "t10k": "archive/t10k"},
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_names_that_real_folders_have_are_found(tmp_path: Path, spelling: str, suffix: str) -> None:
    folder = write_folder(tmp_path / "own", suffix=suffix)
    if "torchvision" in spelling:
        (tmp_path / "root" / "MNIST").mkdir(parents=True)
        folder = folder.rename(tmp_path / "root" / "MNIST" / "raw").parents[1]
    else:
        renamed(folder, SPELLINGS[spelling])
    assert [x.shape for x, _ in read(folder)] == [(12, 6, 6, 1), (5, 6, 6, 1)]


def test_the_path_of_one_of_the_files_means_all_four(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    for name in idx.NAMES:
        assert idx.find(folder / name) == idx.find(folder)
    renamed(folder, {"-ubyte": "-ubyte/NAME"})
    for place in (folder / IMAGES / IMAGES, folder / IMAGES):
        assert idx.find(place) == idx.find(folder)


def test_of_several_sets_in_a_folder_a_file_tells_which(tmp_path: Path) -> None:
    folder = tmp_path / "gzip"
    folder.mkdir()
    for n, name in ((12, "digits"), (9, "letters")):
        names = {"train": f"emnist-{name}-train", "t10k": f"emnist-{name}-test"}
        for path in renamed(write_folder(tmp_path / name, train=n), names).iterdir():
            path.rename(folder / path.name)
    said = refused(folder)
    assert "holds 2 data sets: name one of" in said
    for n, name in ((12, "digits"), (9, "letters")):
        one = next(path for path in folder.iterdir() if name in path.name and "train" in path.name)
        assert str(folder / f"emnist-{name}-") in said
        assert len(read(one)[0][0]) == n


def test_several_folders_below_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("MNIST", "FashionMNIST"):
        write_folder(tmp_path / name / "raw")
    said = refused(tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in said
    assert str(tmp_path / "FashionMNIST" / "raw") in said
    assert idx.find(tmp_path / "MNIST").folder == tmp_path / "MNIST" / "raw"


def test_plain_comes_before_packed_and_the_common_spelling_before_others(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    for name in idx.NAMES:
        data = (folder / name).read_bytes()
        (folder / f"{name}.gz").write_bytes(gzip.compress(data[:-1]))
        (folder / name.replace("-idx", ".idx")).write_bytes(data[:-1])
        (folder / f"mine-{name}").write_bytes(data[:-1])
        (folder / f"._{name}").write_bytes(b"what a Mac leaves")
    assert idx.find(folder).files == {name: folder / name for name in idx.NAMES}


def test_plain_and_packed_files_may_stand_together(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    labels = folder / LABELS
    (folder / f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert read(folder)[0][0].shape == (12, 6, 6, 1)


def test_what_a_file_is_stands_in_it_not_in_its_name(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    (folder / IMAGES).rename(folder / f"{IMAGES}.gz")  # as browsers leave it
    (folder / LABELS).write_bytes(gzip.compress((folder / LABELS).read_bytes()))
    assert read(folder)[0][0].shape == (12, 6, 6, 1)


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
FAULTS = {
    "missing": (IMAGES, None, r"no train-images-idx3-ubyte \(plain or .gz\) in .*own; .* there is t10k-images-idx3-ubyte, "),
    "empty": (IMAGES, b"", "is empty"),
    "other magic": (IMAGES, struct.pack(">I", 2049) + bytes(100), "begins with 2049, not with 2051"),
    "text": (LABELS, b"seven, three, one", "not an IDX file of labels"),
    "only a head": (IMAGES, struct.pack(">II", 2051, 12), "is cut off: it has 8 bytes"),
    "truncated": (IMAGES, packed(np.zeros((12, 6, 6), np.uint8))[:-10], "has 438 bytes unpacked, but says it holds 448"),
    "too long": (LABELS, packed(np.zeros(12, np.uint8)) + b"x", "has more bytes unpacked than the 20 it says it holds"),
    "labels of pixels": (LABELS, packed(np.zeros((12, 2, 2), np.uint8)), r"bytes in 3 dimensions; needed are bytes in 1\)"),
    "colours": (IMAGES, packed(np.zeros((12, 6, 6, 3), np.uint8)), r"bytes in 4 dimensions; needed are bytes in 3\)"),
    "floats": (IMAGES, struct.pack(">I3I", 0x0D03, 12, 6, 6) + bytes(1728), "it holds floats in 3 dimensions"),
    "no pixels": (IMAGES, packed(np.zeros((12, 0, 6), np.uint8)), "holds nothing"),
    "a trillion images": (IMAGES, struct.pack(">4I", 2051, 2**32 - 1, 60, 60), "1,000,000,000 are the most"),
    "a billion images": (IMAGES, struct.pack(">4I", 2051, 10**6, 28, 28), "they do not belong together"),
    "no images": (IMAGES, packed(np.zeros((0, 6, 6), np.uint8)), "holds nothing"),
    "other count": (LABELS, packed(np.zeros(11, np.uint8)), "train-images-idx3-ubyte holds 12 images, .* 11 labels"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_named_in_one_line(tmp_path: Path, fault: str) -> None:
    name, content, message = FAULTS[fault]
    folder = write_folder(tmp_path / "own")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(SpecError, match=message) as caught:
        read(folder)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "scrambled", "not gzip"])
def test_a_damaged_gz_is_named_in_one_line(tmp_path: Path, damage: str) -> None:
    path = write_folder(tmp_path / "own", suffix=".gz") / f"{IMAGES}.gz"
    whole = path.read_bytes()
    broken = {"cut": whole[:-30], "scrambled": whole[:40] + bytes(60) + whole[100:], "not gzip": b"<html>"}
    path.write_bytes(broken[damage])
    assert f"{IMAGES}.gz is damaged: " in refused(path.parent)


@pytest.mark.parametrize(("name", "other"), [(IMAGES, "t10k-images-idx3-ubyte"), ("t10k-images-idx3-ubyte", IMAGES)])
def test_training_and_test_images_of_two_sizes_are_refused_with_both(tmp_path: Path, name: str, other: str) -> None:
    folder = write_folder(tmp_path / "own")
    n = idx.shape(idx.find(folder).files, name)[0]
    (folder / name).write_bytes(packed(np.zeros((n, 6, 7), np.uint8)))
    said = refused(folder)
    assert f"{folder / name}" in said
    assert f"{folder / other}" in said
    assert "6 x 7" in said
    assert "6 x 6" in said


def test_what_a_packed_file_holds_beyond_its_head_is_never_unpacked(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", suffix=".gz")
    images = folder / f"{IMAGES}.gz"
    with gzip.open(images, "ab", compresslevel=1) as file:
        file.write(bytes(20_000_000))
    import tracemalloc

    tracemalloc.start()
    assert "has more bytes unpacked than the 448" in refused(folder)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_what_is_no_folder_of_images_is_named_with_what_it_is(tmp_path: Path) -> None:
    assert f"no folder {tmp_path / 'nowhere'}" in refused(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "there is nothing" in refused(tmp_path / "empty")
    (tmp_path / "mnist.zip").touch()
    assert "mnist.zip is a file, and none of MNIST's four: give the folder" in refused(tmp_path / "mnist.zip")
    assert "there is empty, mnist.zip" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "neither a folder nor a file" in refused(tmp_path / "pipe")
    assert "neither a folder nor a file" in refused(Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert "neither a folder nor a file" in refused(tmp_path / "socket")
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be read: Too many levels of symbolic links" in refused(tmp_path / "loop" / "x")
    assert "cannot be read: File name too long" in refused(tmp_path / ("x" * 300))
    assert "cannot be read" in refused(tmp_path / "a\0b")
    assert "no folder '" in refused(tmp_path / "two\nlines")
    assert "no folder '" in refused(tmp_path / os.fsdecode(b"\xff"))


def test_a_file_that_is_none_is_named_and_not_waited_for(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    (folder / IMAGES).unlink()
    os.mkfifo(folder / IMAGES)
    assert f"{folder / IMAGES} is no ordinary file" in refused(folder)
    (folder / IMAGES).unlink()
    (folder / IMAGES).mkdir()
    assert f"{folder / IMAGES} is no ordinary file" in refused(folder)
    (folder / IMAGES).rmdir()
    (folder / IMAGES).symlink_to(tmp_path / "gone")
    assert f"{folder / IMAGES} is no ordinary file" in refused(folder)


def test_what_may_not_be_read_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "own")

    def forbidden(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(idx.os, "listdir", forbidden)
        assert f"{folder} cannot be read: Permission denied" in refused(folder)
    monkeypatch.setattr(Path, "open", forbidden)
    assert f"{folder / IMAGES} cannot be read: Permission denied" in refused(folder)
