"""What in the cache folder is no use: data sets that are cut off, changed or half fetched, and files that are none of ours.

It only looks. Each set has its own rules for its files, which its fetching keeps (`fetch.py`, `mirrors.py`, `kept.py`).
"""

from __future__ import annotations

import json
import shlex
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dessine.data.fetch import (
    BESIDE,
    CIFAR10_ARCHIVE,
    CIFAR10_FOLDER,
    CIFAR10_SHA1,
    FILES,
    LONGEST,
    cache_folder,
)
from dessine.data.mirrors import SEEN, SETS, SPLITS, digest, drawings, emnist_files, remembered
from dessine.data.packed import NOT_NPY
from dessine.paths import shown
from dessine.registry import SpecError

OTHERS = ("compiled", "completion.json")
"""What else of ours lies there, where data have no folder of their own."""
LARGEST = 600_000_000
"""Bytes of a file whose checksum is looked at; a doctor is waited for."""
MOST_NAMED = 3


class Fault(NamedTuple):
    """path: what is meant; why: in words; do: what mends it, where something does; wrong: it would be used, were it right"""

    path: Path
    why: str
    do: str = ""
    wrong: bool = False


def faults() -> list[Fault]:
    """All there is to say, set by set; nothing of a cache that is well. Raises SpecError where the folder is no path."""
    folder = cache_folder()
    found = list[Fault]()
    for name, look in LOOKS.items():
        found += _looked(folder / name, look)
    known = {*LOOKS, SEEN, *OTHERS}
    return found + _strange(folder, lambda name: name in known or name.startswith(".completion."))


Look = Callable[[Path], Iterator[Fault]]


def _looked(path: Path, look: Look) -> list[Fault]:
    """What is wrong with one of the folders; where it cannot even be read, that."""
    try:
        if not stat.S_ISDIR(path.lstat().st_mode):
            return [Fault(path, "is no folder", _remove(path), wrong=True)]
        return list(look(path))
    except FileNotFoundError:
        return []
    except (OSError, SpecError) as error:
        return [Fault(path, f"cannot be read: {getattr(error, 'strerror', None) or error}", wrong=True)]


def _mnist(folder: Path) -> Iterator[Fault]:
    yield from _set(folder, {name: ("sha256", sums[0]) for name, sums in FILES.items()}, "dessine data fetch mnist")


def _published(folder: Path) -> Iterator[Fault]:
    files = {name: ("md5", md5) for name, md5 in SETS[folder.name].files.items()}
    yield from _set(folder, files, f"dessine data fetch {folder.name}")


def _emnist(folder: Path) -> Iterator[Fault]:
    seen, known = remembered(), {split: emnist_files(split) for split in SPLITS}
    for split, names in known.items():
        if any((folder / name).exists() for name in names):
            files = {name: ("sha256", seen.get(f"emnist/{name}", "")) for name in names}
            yield from _whole(folder, files, f"dessine data fetch emnist {split}")
    yield from _strange(folder, lambda name: any(name in names for names in known.values()))


def _quickdraw(folder: Path) -> Iterator[Fault]:
    seen, things = remembered(), {f"{name}.npy": name for name in drawings()}
    for path in sorted(folder.glob("*.npy")):
        if path.name in things:
            do = f"dessine data fetch quickdraw {shlex.quote(things[path.name])}"
            yield from _whole(folder, {path.name: ("sha256", seen.get(f"quickdraw/{path.name}", ""))}, do)
    yield from _strange(folder, lambda name: name in things)


def _cifar10(folder: Path) -> Iterator[Fault]:
    inner = folder / CIFAR10_FOLDER
    yield from _whole(inner, {name: ("sha1", known) for name, known in CIFAR10_SHA1.items()}, "dessine data fetch cifar10")
    yield from _strange(folder, lambda name: name in (CIFAR10_FOLDER, CIFAR10_ARCHIVE))
    yield from _strange(inner, lambda name: name in CIFAR10_SHA1 or name in ("batches.meta.txt", "readme.html"))


def _pictures(folder: Path) -> Iterator[Fault]:
    """Own pictures as arrays: what is damaged is made anew when it is wanted, and is only in the way."""
    bad = list[Path]()
    for path in sorted(folder.glob("*.npy")):
        try:
            told = json.loads(path.with_suffix(".json").read_bytes())
            whole = isinstance(told, dict) and "sha256" in told
            np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, *NOT_NPY):
            whole = False
        if not whole:
            bad.append(path)
    bad += [path for path in sorted(folder.glob("*.json")) if not path.with_suffix(".npy").exists()]
    if bad:
        yield Fault(folder, f"{_some([path.name for path in bad])} {_is(bad)} damaged: made anew when wanted", _remove(*bad))
    yield from _strange(folder, lambda name: name.endswith((".npy", ".json")))


LOOKS: dict[str, Look] = {
    "mnist": _mnist,
    "fashion_mnist": _published,
    "kmnist": _published,
    "emnist": _emnist,
    "quickdraw": _quickdraw,
    "cifar10": _cifar10,
    "pictures": _pictures,
}


def _set(folder: Path, files: dict[str, tuple[str, str]], do: str) -> Iterator[Fault]:
    yield from _whole(folder, files, do)
    yield from _strange(folder, lambda name: name in files)


def _whole(folder: Path, files: dict[str, tuple[str, str]], do: str) -> Iterator[Fault]:
    """Whether all files are there, as they came. files: from names to the kind of a checksum, and the checksum, empty where
    nobody knows it; do: what gets them
    """
    there = [name for name in files if (folder / name).exists()]
    missing = [name for name in files if name not in there]
    if there and missing:
        yield Fault(folder, f"only a part of the set is there: {_some(missing)} {_is(missing)} missing", do, wrong=True)
    for name in there:
        kind, known = files[name]
        if not known:
            yield Fault(folder / name, f"nobody knows what it was: {SEEN} does not tell", do)
        elif (folder / name).stat().st_size <= LARGEST and digest(folder / name, kind) != known:
            size = (folder / name).stat().st_size
            yield Fault(folder / name, f"is damaged, or another file: {size:,} bytes with another checksum", do, wrong=True)


def _strange(folder: Path, ours: Callable[[str], bool]) -> list[Fault]:
    """What killed fetches have left, and files that are none of ours."""
    try:
        every = sorted(path for path in folder.iterdir() if not ours(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    left = [path for path in every if path.name.startswith(BESIDE) or path.name.endswith(".tmp")]
    old = [path for path in left if time.time() - path.lstat().st_mtime > LONGEST]
    new, foreign = [path for path in left if path not in old], [path for path in every if path not in left]
    found = list[Fault]()
    if old:
        found.append(Fault(folder, f"{_some(_names(old))} {_is(old)} left half fetched", _remove(*old)))
    if new:
        found.append(Fault(folder, f"{_some(_names(new))}: something is being fetched, or was killed less than a day ago"))
    if foreign:
        found.append(Fault(folder, f"{_some(_names(foreign))} {_is(foreign)} none of dessine's files", _remove(*foreign)))
    return found


def _names(paths: Iterable[Path]) -> list[str]:
    return [shown(Path(path.name)) for path in paths]


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _is(several: list[str] | list[Path]) -> str:
    return "is" if len(several) == 1 else "are"


def _remove(*paths: Path) -> str:
    some = " ".join(shlex.quote(str(path)) for path in paths[:MOST_NAMED])
    return f"rm -r {some}{' ...' if len(paths) > MOST_NAMED else ''}, if you do not need {'it' if len(paths) == 1 else 'them'}"
