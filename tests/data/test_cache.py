"""What lies in the cache and is no use is found, whatever set it is of; what is well is not mentioned."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from dessine.data import cache
from dessine.data.cache import faults
from dessine.data.fetch import CIFAR10_FILES, CIFAR10_FOLDER
from dessine.data.kept import kept
from dessine.data.mirrors import emnist_files


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A cache whose sets have small files."""
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "FILES", {name: (hashlib.sha256(name.encode()).hexdigest(), "") for name in ("a", "b", "c")})
    monkeypatch.setattr(cache, "CIFAR10_SHA1", dict.fromkeys(CIFAR10_FILES, hashlib.sha1(b"1234").hexdigest()))
    return tmp_path / "cache"


def put(folder: Path, **files: bytes | str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def told() -> list[tuple[str, str]]:
    return [(fault.path.name, fault.why) for fault in faults()]


def test_nothing_is_said_of_a_cache_that_is_well_or_not_there(folder):
    assert faults() == []
    put(folder / "mnist", a="a", b="b", c="c")
    put(folder / "cifar10" / CIFAR10_FOLDER, **dict.fromkeys(CIFAR10_FILES, "1234"))
    drawn, names = b"drawn", emnist_files("digits")
    put(folder / "quickdraw", **{"cat.npy": drawn})
    put(folder / "emnist", **dict.fromkeys(names, drawn))
    known = hashlib.sha256(drawn).hexdigest()
    seen = {"quickdraw/cat.npy": known} | {f"emnist/{name}": known for name in names}
    put(folder, **{"checksums.json": json.dumps(seen), "completion.json": "{}"})
    kept("key", lambda: (np.zeros(3), {}, True))
    assert faults() == []


def test_what_is_cut_off_changed_or_missing_is_told_with_what_mends_it(folder):
    put(folder / "mnist", a="a", b="?")
    put(folder / "kmnist", **{"train-images-idx3-ubyte.gz": b""})
    put(folder / "cifar10" / CIFAR10_FOLDER, **{CIFAR10_FILES[0]: "1235"})
    put(folder / "quickdraw", **{"cat.npy": b"x", "no thing.npy": b""})
    put(folder / "emnist", **{emnist_files("letters")[0]: b"x"})
    found = {(fault.path.relative_to(folder).as_posix(), fault.do, fault.wrong): fault.why for fault in faults()}
    cifar = f"cifar10/{CIFAR10_FOLDER}"
    first = emnist_files("letters")[0]
    damaged = "is damaged, or another file: {} byte{} with another checksum"
    assert found == {
        ("mnist", "dessine data fetch mnist", True): "only a part of the set is there: c is missing",
        ("mnist/b", "dessine data fetch mnist", True): damaged.format(1, "s"),
        ("kmnist", "dessine data fetch kmnist", True): "only a part of the set is there: train-labels-idx1-ubyte.gz, "
        "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz are missing",
        ("kmnist/train-images-idx3-ubyte.gz", "dessine data fetch kmnist", True): damaged.format(0, "s"),
        (cifar, "dessine data fetch cifar10", True): "only a part of the set is there: "
        "data_batch_2.bin, data_batch_3.bin, data_batch_4.bin and 2 more are missing",
        (f"{cifar}/data_batch_1.bin", "dessine data fetch cifar10", True): damaged.format(4, "s"),
        (
            "quickdraw/cat.npy",
            "dessine data fetch quickdraw cat",
            False,
        ): "nobody knows what it was: checksums.json does not tell",
        ("quickdraw", f"rm -r '{folder}/quickdraw/no thing.npy', if you do not need it", False): (
            "no thing.npy is none of dessine's files"
        ),
        ("emnist", "dessine data fetch emnist letters", True): "only a part of the set is there: "
        + ", ".join(emnist_files("letters")[1:])
        + " are missing",
        (f"emnist/{first}", "dessine data fetch emnist letters", False): (
            "nobody knows what it was: checksums.json does not tell"
        ),
    }


def test_what_killed_fetches_and_others_have_left_is_told(folder):
    put(folder / "mnist" / ".fetching-old", a="a")
    put(folder / "fashion_mnist" / ".fetching-new", a="a")
    put(folder / "arrays", a="a")
    put(folder, **{"my notes.txt": ""})
    day = time.time() - 3 * 24 * 3600
    os.utime(folder / "mnist" / ".fetching-old", (day, day))
    assert told() == [
        ("mnist", ".fetching-old is left half fetched"),
        ("fashion_mnist", ".fetching-new: something is being fetched, or was killed less than a day ago"),
        ("cache", "arrays, my notes.txt are none of dessine's files"),
    ]


def test_kept_pictures_that_are_damaged_are_told(folder):
    for key in "abcd":
        kept(key, lambda: (np.zeros(30), {}, True))
    one, two, three, _ = sorted((folder / "pictures").glob("*.npy"))
    one.write_bytes(one.read_bytes()[:200])
    two.with_suffix(".json").write_text("{")
    three.unlink()
    ((name, why),) = told()
    assert name == "pictures"
    assert why == f"{one.name}, {two.name}, {three.with_suffix('.json').name} are damaged: made anew when wanted"


def test_what_is_no_folder_or_cannot_be_read_is_told(folder):
    put(folder, mnist="a file", **{"checksums.json": "[damaged"})
    (folder / "kmnist").symlink_to("elsewhere")
    put(folder / "quickdraw", **{"cat.npy": b"x"})
    assert [(name, why.split(":")[0]) for name, why in told()] == [
        ("mnist", "is no folder"),
        ("kmnist", "is no folder"),
        ("quickdraw", f"cannot be read: {folder / 'checksums.json'} is damaged".split(":")[0]),
    ]
