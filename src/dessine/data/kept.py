"""Arrays that took time to make, kept in the user's cache for the next time: what is damaged there is made anew."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dessine.data.dataset import Array
from dessine.data.fetch import cache_folder
from dessine.data.packed import NOT_NPY

VERSION = 1
"""Of how pictures become arrays: a new one makes all of them anew."""
MOST = 5_000_000_000
"""Bytes that are kept: what was not used for longest goes first."""
Made = tuple[Array, dict[str, Any], bool]


def kept(key: str, make: Callable[[], Made]) -> tuple[Array, dict[str, Any]]:
    """What `make()` gives for `key`: an array, what is to be known of it, and whether it may be kept.

    Several processes may ask for one key at once: each file is written beside and renamed, and none is read that is not
    whole. A cache that cannot be written is none.
    """
    folder = cache_folder() / "pictures"
    name = hashlib.sha256(f"{VERSION} {key}".encode()).hexdigest()[:32]
    with suppress(OSError, KeyError, MemoryError, *NOT_NPY):
        told = json.loads((folder / f"{name}.json").read_bytes())
        x = np.load(folder / f"{name}.npy", allow_pickle=False)
        if _sha256(x) == told["sha256"]:
            with suppress(OSError):
                os.utime(folder / f"{name}.npy")
            return x, told["about"]
    x, about, worth = make()
    if worth:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / f"{name}.npy", lambda file: np.save(file, x, allow_pickle=False))
            told = json.dumps({"sha256": _sha256(x), "about": about}).encode()
            _write(folder / f"{name}.json", lambda file: file.write(told))
            _clear(folder)
    return x, about


def _sha256(x: Array) -> str:
    return hashlib.sha256(
        repr((x.shape, x.dtype.str)).encode() + hashlib.sha256(np.ascontiguousarray(x).data).digest()
    ).hexdigest()


def _write(path: Path, write: Callable[[Any], Any]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            write(file)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Remove what was not used for longest, down to MOST bytes, and what a killed process has left."""
    for left in folder.glob(".*.tmp"):
        if time.time() - left.stat().st_mtime > 24 * 3600:
            left.unlink(missing_ok=True)
    files = sorted(((path.stat(), path) for path in folder.glob("*.npy")), key=lambda pair: -pair[0].st_mtime)
    total = 0
    for i, (found, path) in enumerate(files):
        total += found.st_size
        if i and total > MOST:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
