"""Folders of IDX files, MNIST's format, as arrays; remembered, so that only the first start has to read them.

What the images are, and which of them are wanted, belongs to `mnist.py`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from dessine.data.dataset import Array
from dessine.registry import SpecError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # python-mnist compares strings with `is`
    from mnist import MNIST

PARTS = ("train", "t10k")
KINDS = {"images-idx3": (2051, 3), "labels-idx1": (2049, 1)}  # magic number and dimensions
NAMES = tuple(f"{part}-{kind}-ubyte" for part in PARTS for kind in KINDS)
PORTION = 5_000
"""Images that are lists at one time: python-mnist needs 8 bytes a pixel, so all of MNIST would take 400 MB."""


def read_part(folder: Path, part: str, cache: Path) -> tuple[Array, Array]:
    """Images (N, H, W, 1) and labels (N,), uint8, of `train` or `t10k`, read-only; a copy is kept in the folder `cache`.

    Raises SpecError naming the file that is missing or is not what its name says.
    """
    images, labels = (_find(folder, f"{part}-{kind}-ubyte") for kind in KINDS)
    stamp = repr([(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in (images, labels)])
    kept = [cache / f"{hashlib.sha256(stamp.encode()).hexdigest()[:24]}-{kind}.npy" for kind in ("labels", "images")]
    try:
        y, x = (np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)) for path in kept)
        if len(x) == len(y):
            return x, y
    except (OSError, ValueError, EOFError):
        pass  # not kept, or damaged
    x, y = _read(images, labels)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for path, array in zip(kept, (y, x), strict=True):
            beside = path.with_name(f".{path.stem}.{os.getpid()}.tmp.npy")
            np.save(beside, array)
            beside.replace(path)
    except OSError:
        pass  # a copy that cannot be kept only costs time
    x.flags.writeable = y.flags.writeable = False
    return x, y


def count(folder: Path, part: str) -> int:
    """How many images a part holds, from the head of its file. Raises SpecError."""
    path = _find(folder, f"{part}-images-idx3-ubyte")
    with _open(path) as file:
        return _shape(path, file.read(16), "images-idx3")[0]


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    if not folder.is_dir():
        raise SpecError(f"no folder {folder.absolute()}")
    raise SpecError(f"no {name} (plain or .gz) in {folder.absolute()}; needed: {', '.join(NAMES)}")


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _shape(path: Path, head: bytes, kind: str) -> tuple[int, ...]:
    """What the head of a file says: (N,) or (N, H, W)."""
    magic, dimensions = KINDS[kind]
    found = struct.unpack_from(">I", head)[0] if len(head) >= 4 else None
    if found != magic:
        raise SpecError(f"{path} is not an IDX file of {kind.split('-')[0]}: it begins with {found}, not with {magic}")
    if len(head) < 4 + 4 * dimensions:
        raise SpecError(f"{path} is cut off: it has {len(head)} bytes")
    return struct.unpack_from(f">{dimensions}I", head, 4)


def _contents(path: Path, kind: str) -> tuple[bytes, tuple[int, ...]]:
    """The unpacked file and its shape, both checked."""
    try:
        with _open(path) as file:
            data = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SpecError(f"{path} is damaged: {error}") from None
    shape = _shape(path, data, kind)
    wanted = 4 + 4 * len(shape) + prod(shape)
    if len(data) != wanted or 0 in shape:
        held = "holds nothing" if 0 in shape else f"has {len(data):,} bytes unpacked, but says it holds {wanted:,}"
        raise SpecError(f"{path} {held}: fetch or copy it again")
    return data, shape


def _read(images: Path, labels: Path) -> tuple[Array, Array]:
    """Through python-mnist, in portions so that its lists stay small."""
    (pixels, (n, height, width)), (classes, (labelled,)) = (
        _contents(p, k) for p, k in zip((images, labels), KINDS, strict=True)
    )
    if n != labelled:
        raise SpecError(f"{images} holds {n:,} images, {labels.name} {labelled:,} labels: they do not belong together")
    reader = _Reader({"images": pixels, "labels": classes}.__getitem__)
    x, y = np.empty((n, height, width, 1), np.uint8), np.empty(n, np.uint8)
    for i in range(0, n, PORTION):
        rows, y[i : i + PORTION] = reader.load("images", "labels", batch=[i, min(PORTION, n - i)])
        x[i : i + PORTION] = np.array(rows, np.uint8).reshape(-1, height, width, 1)
    return x, y


class _Reader(MNIST):
    """python-mnist, reading what is already unpacked in memory: it opens its files anew for every portion."""

    def __init__(self, contents: Callable[[str], bytes]):
        super().__init__()
        self.contents = contents

    def opener(self, path_fn: str, *args: Any, **kwargs: Any) -> IO[bytes]:
        """`path_fn` is images or labels."""
        return BytesIO(self.contents(path_fn))
