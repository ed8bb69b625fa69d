"""Small folders of IDX files for the tests of this folder."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from dessine.data import fetch, idx


def packed(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 2048 + array.ndim, *array.shape) + array.tobytes()


def write_folder(folder: Path, train: int = 12, test: int = 5, side: tuple[int, int] = (6, 6), suffix: str = "") -> Path:
    """Random images and labels 0..9 in the four files."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for part, n in zip(idx.PARTS, (train, test), strict=True):
        arrays = (rng.integers(0, 256, (n, *side), np.uint8), (np.arange(n) % 10).astype(np.uint8))
        for kind, array in zip(idx.KINDS, arrays, strict=True):
            data = packed(array)
            (folder / f"{part}-{kind}-ubyte{suffix}").write_bytes(gzip.compress(data) if suffix else data)
    return folder


def take_for_mnist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the files in `folder` be those that MNIST's published checksums are of."""
    sums = {name: (hashlib.sha256((folder / name).read_bytes()).hexdigest(), "") for name in idx.NAMES}
    monkeypatch.setattr(fetch, "FILES", sums)
    return folder
