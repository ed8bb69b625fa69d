"""Pictures that lie in one file as numbers: .npy, .npz, and tables of pixels (.csv). Nothing is unpickled."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from math import isqrt, prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dessine.data.dataset import Array
from dessine.data.gathered import PARTS, called
from dessine.data.packed import DAMAGE, NOT_NPY
from dessine.machine import amount, memory
from dessine.paths import shown, unreadable
from dessine.registry import SpecError

IMAGES = ("x", "image", "images", "img", "imgs", "picture", "pictures", "data", "samples", "features", "pixels", "arr", "arr_0")
LABELS = ("y", "label", "labels", "target", "targets", "class", "classes")
KAGGLE = (*LABELS, "digit", "letter", "category")
INDEX = ("", "id", "index", "idx", "unnamed: 0", "image_id", "imageid")
"""Names of a first column that counts the rows, as pandas writes it without a name."""
PEEKED = 1_000
"""Rows by which a table without names tells where its labels are."""
SHAPES = "(N, 784) and the like, (N, H, W), or (N, H, W, channels)"
FAINT = 64
"""Of 255: numbers that go no further make pictures that are nearly black."""
BLOCK = 4_000_000
"""Numbers that are looked at, or read from a table, at one time."""
QUICKDRAW = "full_numpy_bitmap_"


class Part(NamedTuple):
    """x: (N, H, W, C), numbers of any kind; y: (N,) names of classes, or None."""

    x: Array
    y: Array | None


class Numbers(NamedTuple):
    """What a file holds, by part of the data: "" where it knows of none. notes: how it was understood."""

    kind: str
    parts: dict[str, Part]
    notes: list[str]


def read(path: Path) -> Numbers:
    """The pictures of a .npy, .npz or .csv. Raises SpecError saying what is there, and what is wanted."""
    kind = path.suffix.lower().lstrip(".")
    try:
        parts, notes = {"npy": _npy, "npz": _npz}.get(kind, _table)(path)
    except OSError as error:
        raise unreadable(path, error) from None
    return Numbers(kind, parts, notes)


def read_folder(folder: Path, names: list[str]) -> Numbers:
    """A folder of .npy, each a class by its name, as QuickDraw's are."""
    parts, notes = [], list[str]()
    for name in names:
        told, more = _npy(folder / name)
        label = called(Path(name).stem.removeprefix(QUICKDRAW))
        parts.append(Part(told[""].x, np.full(len(told[""].x), label)))
        notes += [f"{name}: {note}" for note in more]
    if len({part.x.shape[1:] for part in parts}) > 1:
        sizes = ", ".join(f"{name} {_times(p.x.shape[1:])}" for name, p in zip(names, parts, strict=True))
        raise SpecError(f"the files in {shown(folder)} hold pictures of several sizes: {sizes}")
    types = {part.x.dtype for part in parts}
    if len(types) > 1:
        raise SpecError(f"the files in {shown(folder)} hold several kinds of numbers: {', '.join(sorted(map(str, types)))}")
    _refuse_large(sum(part.x.nbytes for part in parts), shown(folder))
    x, y = np.concatenate([part.x for part in parts]), np.concatenate([np.asarray(part.y) for part in parts])
    return Numbers("npy", {"": Part(x, y)}, notes)


def _npy(path: Path) -> tuple[dict[str, Part], list[str]]:
    try:
        x = np.load(path, mmap_mode="r", allow_pickle=False)
    except NOT_NPY as error:
        raise SpecError(f"{shown(path)} {_why(str(error))}") from None
    if not isinstance(x, np.ndarray):
        x.close()
        raise SpecError(f"{shown(path)} is an .npz: call it so")
    notes: list[str] = []
    return {"": Part(_layout(x, shown(path), notes), None)}, notes


def _why(error: str) -> str:
    if "pickle" in error or "Object arrays" in error or "Python objects" in error:
        return "holds Python objects, which could run any code when read, or is no .npy: save an array of numbers"
    if "mmap length" in error or "EOF" in error or "could only be read" in error:
        return "is cut off: copy it again"
    return f"is damaged: {error[:200]}"


def _npz(path: Path) -> tuple[dict[str, Part], list[str]]:
    notes: list[str] = []
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise SpecError(f"{shown(path)} is an .npy: call it so")
            shapes = _shapes(file)
            found: dict[str, Part] = {}
            for part, (image, label) in _chosen(shapes, path).items():
                x = _layout(_loaded(file, image, shapes, path), f"{shown(path)}: {image}", notes)
                y = None if label is None else _labels(_loaded(file, label, shapes, path), f"{shown(path)}: {label}")
                if y is not None and len(y) != len(x):
                    raise SpecError(f"{shown(path)}: {image} holds {len(x):,} pictures, {label} {len(y):,} labels")
                found[part] = Part(x, y)
    except (*NOT_NPY, zlib.error, KeyError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{shown(path)} {_why(str(error))}") from None
    return found, notes


def _shapes(file: Any) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Of each array in a .npz, by its header alone."""
    made = {}
    for name in file.files:
        inside = f"{name}.npy" if f"{name}.npy" in file.zip.namelist() else name
        with file.zip.open(inside) as member:
            version = np.lib.format.read_magic(member)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(member)
            made[name] = (shape, dtype)
    return made


def _chosen(shapes: dict[str, Any], path: Path) -> dict[str, tuple[str, str | None]]:
    """For each part the names of its images and of its labels."""
    words = {word: part for part, spelled in PARTS.items() for word in spelled}
    images, labels = dict[str, str](), dict[str, str]()
    for name in shapes:
        pieces = re.split(r"[_\-. ]+", name.lower())
        part = next((words[piece] for piece in pieces if piece in words), "")
        rest = "_".join(piece for piece in pieces if piece not in words)
        if rest in IMAGES and (len(shapes[name][0]) > 1 or shapes[name][1].hasobject):
            images.setdefault(part, name)
        elif rest in LABELS:
            labels.setdefault(part, name)
    if not images:  # one array of many numbers is what is meant, whatever it is called
        many = [name for name, (shape, _) in shapes.items() if len(shape) > 2 or (len(shape) == 2 and shape[1] > 64)]
        images = {"": many[0]} if len(many) == 1 else {}
    if not images:
        there = ", ".join(f"{name} {_times(shape)} {dtype}" for name, (shape, dtype) in list(shapes.items())[:20])
        raise SpecError(
            f"{shown(path)}: which array holds the pictures? It has {there or 'none'}; call it images, x or data "
            "(and labels labels or y; x_train, x_test and so on where it has both parts)"
        )
    if "train" in images:
        images.pop("", None)
    elif len(images) == 1:
        labels = {next(iter(images)): next(iter(labels.values()))} if len(labels) == 1 else labels
    elif "" in images:  # x and x_test
        images["train"] = images.pop("")
        labels |= {"train": labels[""]} if "" in labels else {}
    else:
        raise SpecError(f"{shown(path)} has {', '.join(images.values())}, but no training part")
    if len(images) == 1:
        (only,) = images
        images, labels = {"": images[only]}, {"": labels[only]} if only in labels else {}
    return {part: (name, labels.get(part)) for part, name in images.items()}


def _loaded(file: Any, name: str, shapes: dict[str, Any], path: Path) -> Array:
    shape, dtype = shapes[name]
    if dtype.hasobject:
        raise SpecError(f"{shown(path)}: {name} {_why('pickle')}")
    _refuse_large(prod(shape) * dtype.itemsize, f"{shown(path)}: {name}")
    x: Array = file[name]
    return x


def _refuse_large(size: int, what: str) -> None:
    if size > memory() // 2:
        raise SpecError(f"{what} takes {amount(size)}, this machine has {amount(memory())}: save it as an .npy, or as uint8")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{n}" for n in shape)


def _layout(x: Array, what: str, notes: list[str]) -> Array:
    """As (N, H, W, C), whatever the order is; no copy."""
    if x.dtype.kind not in "buif":
        holds = "Python objects" if x.dtype.hasobject else f"{x.dtype}"
        raise SpecError(f"{what} holds {holds}: pictures are numbers, uint8 or floats")
    if not len(x.shape) or not x.size:
        raise SpecError(f"{what} holds nothing: its shape is {_times(x.shape) or 'that of one number'}")
    if x.ndim == 2:
        channels = next((c for c in (1, 3) if isqrt(x.shape[1] // c) ** 2 * c == x.shape[1]), 0)
        if channels == 3:
            raise SpecError(f"{what} holds rows of {x.shape[1]} numbers, colours in an order that it does not say: {SHAPES}")
        if not channels:
            raise SpecError(f"{what} holds rows of {x.shape[1]} numbers, which make no square: {SHAPES}")
        side = isqrt(x.shape[1])
        return x.reshape(-1, side, side, 1)
    if x.ndim == 3 and not (x.shape[2] in (3, 4) and x.shape[0] > 4 and x.shape[1] > 4):
        return x[..., None]
    if x.ndim == 4 and x.shape[3] in (1, 2, 3, 4):
        return x
    if x.ndim == 4 and x.shape[1] in (1, 2, 3, 4):
        notes.append(f"its shape {_times(x.shape)} has channels before rows, and is read so")
        return np.moveaxis(x, 1, 3)
    one = "; that is one picture" if x.ndim == 3 else ""
    raise SpecError(f"{what} has the shape {_times(x.shape)}{one}: {SHAPES} are read")


def _labels(y: Array, what: str) -> Array:
    """(N,) names of classes."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "buif" and (y.sum(1) == 1).all() and ((y == 0) | (y == 1)).all():
        y = y.argmax(1)  # one of so many
    if y.ndim != 1 or y.dtype.kind not in "buifSU":
        raise SpecError(f"{what} has the shape {_times(y.shape)} of {y.dtype}: labels are one number or name for each picture")
    if y.dtype.kind == "S":
        return np.array([label.decode("utf-8", "backslashreplace") for label in y])
    if y.dtype.kind == "f":
        if not np.isfinite(y).all() or (y != np.round(y)).any():
            raise SpecError(f"{what} holds numbers that are not whole: they name no classes")
        y = y.astype(np.int64)
    return y.astype(int).astype(str) if y.dtype.kind == "b" else y.astype(str)


class Scale(NamedTuple):
    """How numbers become bytes: (x + shift) * factor."""

    shift: float
    factor: float

    def bytes(self, x: Array) -> Array:
        """(N, H, W, C) numbers as uint8."""
        if x.dtype == np.uint8 and self == (0, 1):
            return np.ascontiguousarray(x)
        values = (x.astype(np.float32) + np.float32(self.shift)) * np.float32(self.factor)
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def scale(parts: dict[str, Part], what: str) -> tuple[Scale, str]:
    """From the range that the numbers of all parts have, and a note where it is not that of bytes. Raises SpecError."""
    low, high = np.inf, -np.inf
    for part in parts.values():
        step = max(1, BLOCK // max(1, prod(part.x.shape[1:])))
        for i in range(0, len(part.x), step):
            block = part.x[i : i + step]
            least, most = float(block.min()), float(block.max())
            if not np.isfinite([least, most]).all():
                first = i + int(np.flatnonzero(~np.isfinite(block).all((1, 2, 3)))[0])
                raise SpecError(f"{what} holds numbers that are not finite (nan or inf), the first in picture {first:,}")
            low, high = min(low, least), max(high, most)
    kinds = {part.x.dtype.kind for part in parts.values()}
    if kinds <= set("bu") | set("i") and low >= 0:
        if high <= 1:
            return Scale(0, 255), "" if kinds == {"b"} else "its numbers are 0 and 1: black and white"
        if high <= 255:
            return Scale(0, 1), _faint(high)
        if high <= 65_535:
            return Scale(0, 1 / 257), f"its numbers go up to {high:,.0f}: read as 16 bits"
    elif kinds & set("f"):
        slack = 1e-3
        if low >= -slack and high <= 1 + slack:
            return Scale(0, 255), "its numbers go from 0 to 1, black to white"
        if low >= -1 - slack and high <= 1 + slack:
            return Scale(1, 127.5), "its numbers go from -1 to 1, black to white"
        if low >= 0 and high <= 255:
            return Scale(0, 1), _faint(high)
    raise SpecError(f"{what} holds numbers from {low:g} to {high:g}: pixels go from 0 to 255, 0 to 1 or -1 to 1")


def _faint(high: float) -> str:
    return f"its numbers go up to {high:g} of 255, nearly black: if {high:g} is white, save them divided by it" * (high < FAINT)


def _table(path: Path) -> tuple[dict[str, Part], list[str]]:
    """Rows of pixels, with or without a label, with or without names at their head."""
    if path.stat().st_size == 0:
        raise SpecError(f"{shown(path)} is empty")
    with path.open("rb") as file:
        first = file.readline(10_000_000).lstrip(b"\xef\xbb\xbf")
        comma = max((b",", b";", b"\t"), key=first.count)
        words = [word.strip().strip(b'"').decode("utf-8", "replace").lower() for word in first.split(comma)]
        names = _are_names(words)
        counted = names and words[0] in INDEX
        peeked = list(islice(file, PEEKED))
        where = _label_at(words[counted:], names, [first, *peeked], comma, shown(path))
        width = len(words) - counted - (where is not None)
        rows = chain([] if names else [first], peeked, file)
        x, y = _rows(rows, comma, counted, where, width, 2 if names else 1, path)
    notes = ["its first row is no names of columns, but a picture"] * (not names)
    notes += [f"its first column, {words[0] or 'without a name'}, counts the rows and is not read"] * counted
    notes += ["its last column is taken for the labels"] * (where == -1 and words[-1] not in KAGGLE)
    return {"": Part(_layout(x, shown(path), notes), y)}, notes


def _are_names(words: list[str]) -> bool:
    """Whether a first row names columns: a picture's has numbers, but for a label at one end, and they do not count up."""
    words_apart = [i for i, word in enumerate(words) if not _is_number(word)]
    if len(words_apart) > 1 or (words_apart and (len(words) < 3 or words_apart[0] not in (0, len(words) - 1))):
        return True
    counted = [str(i) for i in range(len(words) + 1)]
    ends = [words, words[1:], words[:-1], words[2:]]
    return len(words) > 4 and any(end in (counted[: len(end)], counted[1 : len(end) + 1]) for end in ends)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _label_at(words: list[str], names: bool, rows: list[bytes], comma: bytes, what: str) -> int | None:
    """Which column is the label, 0 or -1; None where all are pixels. Raises SpecError where nobody can tell.

    rows: this one, and some that follow
    """
    n = len(words)
    if names:
        if words[0] in KAGGLE:
            return 0
        if words[-1] in KAGGLE:
            return -1
    if isqrt(n) ** 2 == n and n > 1:
        return None
    if isqrt(n - 1) ** 2 == n - 1 and n > 2:
        if names:  # pixels are numbered
            first, second, last = (re.sub(r"\d+", "", words[i]) for i in (0, 1, -1))
            return -1 if first == second != last else 0
        first_is, last_is = (_is_number(words[i]) for i in (0, -1))
        if not (first_is and last_is):
            return 0 if last_is else -1
        kinds = [len({row.strip().split(comma)[i] for row in rows if row.strip()}) for i in (0, -1)]
        # A class has many pictures; a pixel has many values, or, in a corner, one. First as in MNIST's tables without a head.
        return -1 if 1 < kinds[1] <= len(rows) / 10 and (kinds[0] == 1 or kinds[0] > kinds[1]) else 0
    raise SpecError(
        f"{what} has {n} columns: expects pixels of a square picture, such as 784, after a label or alone "
        "(label,pixel0,pixel1,...)"
    )


def _rows(
    lines: Iterator[bytes], comma: bytes, counted: bool, where: int | None, width: int, at: int, path: Path
) -> tuple[Array, Array | None]:
    """All pixels (N, width), and the labels. counted: whether a column before all counts rows; at: number of the first line."""
    blocks, labels, size = list[Array](), list[str](), 0
    each = max(1, BLOCK // max(width, 1))
    try:
        while block := list(islice(lines, each)):
            block = [line for line in block if line.strip()] if any(not line.strip() for line in block) else block
            if counted:
                block = [line.partition(comma)[2] for line in block]
            if where is not None:
                cut = [line.strip().partition(comma) if where == 0 else line.strip().rpartition(comma) for line in block]
                labels += [part[where if where == 0 else 2].strip().strip(b'"').decode("utf-8", "replace") for part in cut]
                block = [part[2 if where == 0 else 0] for part in cut]
            if block:
                _check_widths(block, comma, width, at, path)
                x = _parsed(block, comma, at, path)
                whole = (x == np.rint(x)).all() and x.min() >= 0 and x.max() <= 255
                blocks.append(x.astype(np.uint8) if whole else x)
                size += blocks[-1].nbytes
                _refuse_large(size, shown(path))
            at += each
    except DAMAGE as error:
        raise SpecError(f"{shown(path)} is damaged: {error}") from None
    if not blocks:
        raise SpecError(f"{shown(path)} holds the names of columns, and no picture")
    y = None if where is None else _names(labels)
    return np.concatenate(blocks), y


def _check_widths(block: list[bytes], comma: bytes, width: int, at: int, path: Path) -> None:
    for i, line in enumerate(block):
        if line.count(comma) + 1 != width:
            raise SpecError(f"{shown(path)}:{at + i}: has {line.count(comma) + 1} pixels, the first row {width}")


def _parsed(block: list[bytes], comma: bytes, at: int, path: Path) -> Array:
    text = [line.decode("latin-1") for line in block]
    try:
        x: Array = np.loadtxt(text, np.float32, delimiter=comma.decode(), ndmin=2, comments=None, quotechar='"')
    except ValueError:
        for i, line in enumerate(text):
            for j, word in enumerate(line.strip().split(comma.decode())):
                if not _is_number(word.strip().strip('"')):
                    raise SpecError(f"{shown(path)}:{at + i}: pixel {j} is {word.strip()[:40]!r}, no number") from None
        raise SpecError(f"{shown(path)}: lines {at} to {at + len(block) - 1} are no rows of numbers") from None
    return x


def _names(labels: list[str]) -> Array:
    """As they are written; 7.0 is 7."""
    return np.array([str(int(float(word))) if _is_number(word) and float(word).is_integer() else word for word in labels])
