"""IDX folders: arrays as they were written, remembered, and each fault named with its file."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from idx_files import packed, write_folder

from dessine.data import idx
from dessine.registry import SpecError


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_images_and_labels_are_those_in_the_files(tmp_path: Path, suffix: str) -> None:
    folder = write_folder(tmp_path / "own", suffix=suffix)
    x, y = idx.read_part(folder, "train", tmp_path / "cache")
    assert x.dtype == y.dtype == np.uint8
    assert y.tolist() == [*range(10), 0, 1]
    np.testing.assert_array_equal(x[..., 0], np.random.default_rng(0).integers(0, 256, (12, 6, 6), np.uint8))


def test_plain_and_packed_files_may_stand_together(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    labels = folder / "train-labels-idx1-ubyte"
    (folder / f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert idx.read_part(folder, "train", tmp_path / "cache")[0].shape == (12, 6, 6, 1)


def test_images_need_not_be_square(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", side=(4, 7))
    assert idx.read_part(folder, "t10k", tmp_path / "cache")[0].shape == (5, 4, 7, 1)


def test_portions_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "own")
    whole = idx.read_part(folder, "train", tmp_path / "a")
    monkeypatch.setattr(idx, "PORTION", 5)
    for one, other in zip(whole, idx.read_part(folder, "train", tmp_path / "b"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_second_read_takes_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "own")
    first = idx.read_part(folder, "train", tmp_path / "cache")
    monkeypatch.setattr(idx, "_read", None)
    second = idx.read_part(folder, "train", tmp_path / "cache")
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
        assert not one.flags.writeable
        assert not other.flags.writeable


def test_changed_files_are_read_anew(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    idx.read_part(folder, "train", tmp_path / "cache")
    write_folder(folder, train=15)
    assert len(idx.read_part(folder, "train", tmp_path / "cache")[0]) == 15


def test_a_damaged_copy_is_made_anew(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    first = idx.read_part(folder, "train", tmp_path / "cache")[0].copy()
    for copy in (tmp_path / "cache").iterdir():
        copy.write_bytes(copy.read_bytes()[:140])
    np.testing.assert_array_equal(idx.read_part(folder, "train", tmp_path / "cache")[0], first)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    (tmp_path / "file").touch()
    assert len(idx.read_part(folder, "train", tmp_path / "file" / "cache")[0]) == 12
    assert not list(tmp_path.rglob("*.npy"))


def test_count_reads_only_the_head(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:16])
    assert idx.count(folder, "train") == 12
    assert idx.count(folder, "t10k") == 5


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
FAULTS = {
    "missing": (IMAGES, None, r"no train-images-idx3-ubyte \(plain or .gz\) in .*own"),
    "empty": (IMAGES, b"", "begins with None, not with 2051"),
    "other magic": (IMAGES, struct.pack(">I", 2049) + bytes(100), "begins with 2049, not with 2051"),
    "text": (LABELS, b"seven, three, one", "not an IDX file of labels"),
    "only a head": (IMAGES, struct.pack(">II", 2051, 12), "is cut off: it has 8 bytes"),
    "truncated": (IMAGES, packed(np.zeros((12, 6, 6), np.uint8))[:-10], "has 438 bytes unpacked, but says it holds 448"),
    "too long": (LABELS, packed(np.zeros(12, np.uint8)) + b"x", "has 21 bytes unpacked, but says it holds 20"),
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
        idx.read_part(folder, "train", tmp_path / "cache")
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("damage", ["cut", "scrambled", "not gzip"])
def test_a_damaged_gz_is_named_in_one_line(tmp_path: Path, damage: str) -> None:
    path = write_folder(tmp_path / "own", suffix=".gz") / f"{IMAGES}.gz"
    whole = path.read_bytes()
    broken = {"cut": whole[:-30], "scrambled": whole[:40] + bytes(60) + whole[100:], "not gzip": b"<html>"}
    path.write_bytes(broken[damage])
    with pytest.raises(SpecError, match=rf"{IMAGES}.gz is damaged: ") as caught:
        idx.read_part(path.parent, "train", tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no folder .*nowhere"):
        idx.read_part(tmp_path / "nowhere", "train", tmp_path / "cache")
