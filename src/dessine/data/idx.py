"""Folders of IDX files, MNIST's format: found under the names that real folders have, checked, and read as arrays.

What the images are, and which of them are wanted, belongs to `mnist.py`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, BytesIO
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dessine.data.dataset import Array
from dessine.data.packed import DAMAGE, LARGEST
from dessine.paths import is_folder, listing, mode, shown, unreadable
from dessine.registry import SpecError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # python-mnist compares strings with `is`
    from mnist import MNIST

PARTS = ("train", "t10k")
KINDS = {"images-idx3": (2051, 3), "labels-idx1": (2049, 1)}  # magic number and dimensions
NAMES = tuple(f"{part}-{kind}-ubyte" for part in PARTS for kind in KINDS)
NAME = re.compile(r"(?!\.)(.*?)(train|t10k|test)[-_.](images[-_.]idx3|labels[-_.]idx1)[-_.]ubyte(\.gz)?", re.IGNORECASE)
"""emnist-letters-train-images-idx3-ubyte.gz: whose, `emnist-letters-`, and then what; 7-zip writes train-images.idx3-ubyte."""
NUMBERS = {8: "bytes", 9: "signed bytes", 11: "16-bit numbers", 12: "32-bit numbers", 13: "floats", 14: "64-bit floats"}
PORTION = 400_000
"""Pixels that are lists at one time."""
OWN = "pictures, arrays and tables of your own have type: images"
"""What to say to who gives them as MNIST's files."""
KEPT = 4
"""Parts, training or test, that stay in memory: those of two data sets."""
MOST_FOLDERS = 1_000
"""Below a folder that holds no data itself: more are not looked into."""

Files = dict[str, Path]
"""From each of NAMES to the file that holds it."""
_read_before: dict[tuple[bytes, bytes], tuple[Array, Array]] = {}


class Found(NamedTuple):
    """The files of one data set. name: what stands before `train` and `t10k` in theirs; nothing in MNIST's."""

    folder: Path
    name: str
    files: Files

    @property
    def path(self) -> Path:
        """What tells it from others in its folder."""
        return self.files[NAMES[0]] if self.name else self.folder


def find(place: Path) -> Found:
    """The data set at `place`: a folder with its four files, or in which only one folder has them, up to two levels down,
    such as torchvision's MNIST/raw; or one of the four, which tells its data set from others in the folder.

    Of files that hold the same, the plain one is taken before the .gz, then MNIST's own spelling before others; of several
    data sets in one folder, that without a name. Raises SpecError saying what is missing and what is there instead.
    """
    if not (what := mode(place)):
        raise SpecError(f"no folder {shown(place.absolute())}")
    if not stat.S_ISREG(what) and not stat.S_ISDIR(what):
        raise SpecError(f"{shown(place)} is neither a folder nor a file")
    if stat.S_ISREG(what) or NAME.fullmatch(place.name):
        return _around(place)
    here = _sets(place)
    for level in (here, *_below(place)):
        if found := [one for one in level if len(one.files) == len(NAMES)]:
            return _one(found, place)
    raise SpecError(_missing(here, place))


def _sets(folder: Path) -> list[Found]:
    """Every data set of which `folder` has a file; or a folder of that file's name around it, as Kaggle packs them."""
    found: dict[str, dict[str, list[Path]]] = {}
    try:
        for path in (folder / name for name in os.listdir(folder)):
            if (match := NAME.fullmatch(path.name)) is None:
                continue
            name = _slot(match)
            inside = (
                [p for p in path.iterdir() if (m := NAME.fullmatch(p.name)) and _slot(m) == name] if path.is_dir() else [path]
            )
            found.setdefault(match[1].lower(), {}).setdefault(name, []).extend(inside or [path])
    except OSError as error:
        raise unreadable(folder, error) from None
    return [
        Found(folder, name, {slot: min(paths, key=_rank) for slot, paths in files.items()})
        for name, files in sorted(found.items())
    ]


def _slot(match: re.Match[str]) -> str:
    """Which of NAMES a file is."""
    part, kind = match[2].lower(), match[3].lower()
    return f"{PARTS[part != 'train']}-{re.sub('[_.]', '-', kind)}-ubyte"


def _rank(path: Path) -> tuple[bool, bool, str]:
    packed = path.suffix.lower() == ".gz"
    return packed, not path.name.removesuffix(".gz").endswith(NAMES), str(path)


def _below(place: Path) -> Iterator[list[Found]]:
    """The data sets in the folders of `place`, then in theirs."""
    folders = [place]
    for _ in range(2):
        folders = list(islice((below for folder in folders for below in _folders(folder)), MOST_FOLDERS))
        found: list[Found] = []
        for folder in folders:
            with suppress(SpecError):  # nobody said that it is there
                found += _sets(folder)
        yield found


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:  # asks the system nothing more about each of a million pictures
            names = [e.name for e in entries if not e.name.startswith(".") and is_folder(e) and not NAME.fullmatch(e.name)]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]


def _around(place: Path) -> Found:
    """The data set that the file `place` belongs to, or Kaggle's folder of that name."""
    if (match := NAME.fullmatch(place.name)) is None:
        text = f"{shown(place)} is a file, and none of MNIST's four: give the folder that holds {', '.join(NAMES)}"
        raise SpecError(f"{text}; {OWN}")
    folder = place.parent.parent if NAME.fullmatch(place.absolute().parent.name) else place.parent
    mine = [one for one in _sets(folder) if one.name == match[1].lower()]
    if len(mine[0].files) < len(NAMES):
        raise SpecError(_missing(mine, folder))
    return mine[0]._replace(files=mine[0].files | ({_slot(match): place} if place.is_file() else {}))


def _one(found: list[Found], place: Path) -> Found:
    plain = [one for one in found if not one.name]
    if len(found) > 1 and (len(plain) != 1 or any(one.folder != place for one in found)):
        which = ", ".join(shown(one.path) for one in found[:8]) + (", ..." if len(found) > 8 else "")
        raise SpecError(f"{shown(place)} holds {len(found)} data sets: name one of {which}")
    return (plain or found)[0]


def _missing(here: list[Found], place: Path) -> str:
    """What the most complete of the data sets lacks, and what there is."""
    nearest = max(here, key=lambda one: len(one.files), default=Found(place, "", {}))
    lacks = next(name for name in NAMES if name not in nearest.files)
    return (
        f"no {nearest.name}{lacks} (plain or .gz) in {shown(place.absolute())}; needed: {', '.join(NAMES)}; "
        f"there is {listing(place)}; {OWN}"
    )


def read(files: Files) -> list[tuple[Array, Array]]:
    """Training and test part: images (N, H, W, 1) and labels (N,), uint8, read-only.

    Every head is read before any pixel is. Raises SpecError naming the file that is not what its name says, or the two
    that do not belong together.
    """
    shapes = {name: shape(files, name) for name in NAMES}
    for images, labels in (NAMES[:2], NAMES[2:]):
        (n, *_), (labelled,) = shapes[images], shapes[labels]
        if n != labelled:
            held = f"{shown(files[images])} holds {n:,} images, {shown(files[labels])} {labelled:,} labels"
            raise SpecError(f"{held}: they do not belong together")
    train, test = ((files[name], " x ".join(map(str, shapes[name][1:]))) for name in (NAMES[0], NAMES[2]))
    if train[1] != test[1]:
        held = f"{shown(train[0])} holds images of {train[1]}, {shown(test[0])} of {test[1]}"
        raise SpecError(f"{held}: training and test images must have one size")
    return [_part(files[images], files[labels]) for images, labels in (NAMES[:2], NAMES[2:])]


def shape(files: Files, name: str) -> tuple[int, ...]:
    """What the head of a file says: (N,) or (N, H, W). Raises SpecError."""
    with _opened(files[name]) as file:
        return _head(files[name], name, file)


def _part(images: Path, labels: Path) -> tuple[Array, Array]:
    """Kept for this process, which may build many configs, by what is in the files."""
    key = _digest(images), _digest(labels)
    if key not in _read_before:
        while len(_read_before) >= KEPT:
            del _read_before[next(iter(_read_before))]
        _read_before[key] = _read(images, labels)
    return _read_before[key]


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise unreadable(path, error) from None


def _read(images: Path, labels: Path) -> tuple[Array, Array]:
    """Through python-mnist, in portions: what it reads it holds as lists, at 8 bytes a pixel."""
    (pixels, shape), (classes, _) = (_contents(path, name) for path, name in zip((images, labels), NAMES, strict=False))
    x, y, size = np.empty((*shape, 1), np.uint8), np.empty(shape[0], np.uint8), prod(shape[1:])
    step = max(1, PORTION // size)
    for i in range(0, len(x), step):
        n = min(step, len(x) - i)
        heads = struct.pack(">4I", 2051, n, *shape[1:]), struct.pack(">2I", 2049, n)
        parts = {"images": heads[0] + pixels[i * size : (i + n) * size], "labels": heads[1] + classes[i : i + n]}
        rows, y[i : i + n] = _Reader(parts).load("images", "labels")
        x[i : i + n] = np.frombuffer(b"".join(map(bytes, rows)), np.uint8).reshape(n, *shape[1:], 1)
    x.flags.writeable = y.flags.writeable = False
    return x, y


class _Reader(MNIST):
    """python-mnist, reading what is already unpacked and checked, as no file of unknown length must be held."""

    def __init__(self, contents: dict[str, bytes]):
        super().__init__()
        self.contents = contents

    def opener(self, path_fn: str, *args: Any, **kwargs: Any) -> BytesIO:
        """`path_fn` is images or labels."""
        return BytesIO(self.contents[path_fn])


def _contents(path: Path, name: str) -> tuple[memoryview, tuple[int, ...]]:
    """The numbers in a file, as many as its head says, so that nothing of unknown length is ever held; and their shape."""
    with _opened(path) as file:
        shape = _head(path, name, file)
        room, n = memoryview(bytearray(prod(shape))), 0
        while n < len(room) and (got := file.readinto(room[n:])):
            n += got
        head = 4 + 4 * len(shape)
        if n < len(room):
            raise SpecError(
                f"{shown(path)} has {head + n:,} bytes unpacked, but says it holds {head + len(room):,}: fetch or copy it again"
            )
        if file.read(1):
            raise SpecError(f"{shown(path)} has more bytes unpacked than the {head + len(room):,} it says it holds")
    return room, shape


def sha256(array: Array) -> str:
    """Of the plain file that holds `array`, (N, H, W, 1) or (N,)."""
    sizes = array.shape[:3]
    digest = hashlib.sha256(struct.pack(f">{1 + len(sizes)}I", 2048 + len(sizes), *sizes))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader | gzip.GzipFile]:
    """A file to read, unpacked whatever its name says: browsers unpack a .gz, and keep its name."""
    try:
        if not stat.S_ISREG(mode(path)):
            raise SpecError(f"{shown(path)} is no ordinary file")
        with path.open("rb") as raw:
            first = raw.read(2)
            raw.seek(0)
            if first == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as file:
                    yield file
            elif path.suffix.lower() == ".gz" and first != b"\0\0":
                raise SpecError(f"{shown(path)} is damaged: it is not a .gz, as it begins with {first!r}")
            else:
                yield raw
    except DAMAGE as error:
        raise SpecError(f"{shown(path)} is damaged: {error}") from None
    except OSError as error:
        raise unreadable(path, error) from None


def _head(path: Path, name: str, file: BufferedReader | gzip.GzipFile) -> tuple[int, ...]:
    """Read it, check it, and return the shape that it promises."""
    kind = name.split("-", 1)[1].removesuffix("-ubyte")
    magic, dimensions = KINDS[kind]
    head = file.read(4 + 4 * dimensions)
    if not head:
        raise SpecError(f"{shown(path)} is empty: fetch or copy it again")
    found = int.from_bytes(head[:4])
    if found != magic:
        what = f"{shown(path)} is not an IDX file of {kind.split('-')[0]}: it begins with {found}, not with {magic}"
        raise SpecError(what + _meaning(found, dimensions))
    if len(head) < 4 + 4 * dimensions:
        raise SpecError(f"{shown(path)} is cut off: it has {len(head)} bytes")
    promised: tuple[int, ...] = struct.unpack_from(f">{dimensions}I", head, 4)
    if 0 in promised:
        raise SpecError(f"{shown(path)} holds nothing: fetch or copy it again")
    if prod(promised) > LARGEST:
        size = " x ".join(f"{n:,}" for n in promised)
        raise SpecError(f"{shown(path)} says it holds {size} = {prod(promised):,} bytes: {LARGEST:,} are the most")
    return promised


def _meaning(magic: int, dimensions: int) -> str:
    """What IDX calls a file that begins so."""
    numbers, of = NUMBERS.get(magic >> 8), magic & 255
    held = f"{numbers} in {of} dimension{'s' if of != 1 else ''}"
    return f" (it holds {held}; needed are bytes in {dimensions})" if numbers and of else ""
