"""Where files of pictures lie: in a folder and those below it, in a .zip, in a .tar. Nothing is unpacked to a disk.

What is in a file is known to `picture.py`.
"""

from __future__ import annotations

import os
import stat
import tarfile
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from dessine.data.packed import DAMAGE, LARGEST, bounded
from dessine.data.picture import SUFFIXES, Broken, begins
from dessine.paths import shown, unreadable
from dessine.registry import SpecError

LARGEST_FILE = 300_000_000
"""Bytes of one picture's file: as large as one of all the pixels that Pillow takes can be."""
MOST_FILES = 2_000_000
LONGEST = 200
"""Letters of a class's name."""
NOT_PICTURES = ("thumbs.db", "desktop.ini", "look.png")  # of Windows, and our own
PARTS = {
    "train": ("train", "training", "train_set", "training_set", "trainset"),
    "test": ("test", "testing", "test_set", "testing_set", "testset"),
    "validation": ("val", "valid", "validation", "dev", "validation_set", "val_set"),
}
"""What people call folders, and arrays, that hold a part of the data instead of a class."""


class Item(NamedTuple):
    """One file. name: its path within, with "/"; stamp: what changes when it does; where: how it is found again."""

    name: str
    stamp: tuple[int, int]
    where: Any


class Gathered:
    """Files that may be pictures, by their names; what was ignored, by kind, and what cannot be read, with the reason."""

    kind = ""

    def __init__(self, path: Path):
        self.path = path
        self.items: list[Item] = []
        self.ignored: Counter[str] = Counter()
        self.broken: dict[str, Broken] = {}
        self.others: list[str] = []

    def read(self, item: Item) -> bytes:
        """The file; its beginning only, where that is of no picture. Raises Broken."""
        raise NotImplementedError

    def offer(self, name: str, stamp: tuple[int, int], where: Any, trouble: str = "") -> None:
        """A file that was found. trouble: why it cannot be read, if that is known."""
        if len(self.items) + len(self.broken) >= MOST_FILES:
            raise SpecError(f"{shown(self.path)} holds more than {MOST_FILES:,} files")
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in SUFFIXES:
            self.ignored[suffix or "without a suffix"] += 1
            self.others += [name] * (len(self.others) < 1000)
        elif trouble:
            self.broken[name] = Broken(trouble, passing=True)
        elif stamp[0] > LARGEST_FILE:
            self.broken[name] = Broken(f"says it has {stamp[0]:,} bytes, where {LARGEST_FILE:,} are the most")
        else:
            self.items.append(Item(name, stamp, where))

    def hides(self, name: str) -> bool:
        """Whether a part of a path is none of the user's; it is counted."""
        kind = (
            "hidden"
            if (name.startswith(".") and name != "..") or name == "__MACOSX"
            else name
            if name.lower() in NOT_PICTURES
            else ""
        )
        if kind:
            self.ignored[kind] += 1
        return bool(kind)


class Folder(Gathered):
    """A folder, and all below it. Links are followed, each folder is entered once."""

    kind = "folder"

    def __init__(self, path: Path):
        super().__init__(path)
        try:
            here = path.stat()
            os.scandir(path).close()
        except OSError as error:
            raise unreadable(path, error) from None
        left, seen = [""], {(here.st_dev, here.st_ino)}
        while left:
            below = left.pop()
            try:
                entries = sorted(os.scandir(path / below), key=lambda entry: os.fsencode(entry.name))  # so that links are, too
            except OSError as error:
                self.broken[f"{below}/"] = Broken(f"cannot be read: {error.strerror or error}", passing=True)
                continue
            for entry in entries:
                name = f"{below}/{entry.name}" if below else entry.name
                if self.hides(entry.name):
                    continue
                try:
                    found = entry.stat()
                except OSError as error:
                    self.offer(name, (0, 0), None, f"cannot be read: {error.strerror or error}")
                    continue
                if stat.S_ISDIR(found.st_mode):
                    if (found.st_dev, found.st_ino) in seen:
                        self.ignored["link to a folder that was read already"] += 1
                        continue
                    seen.add((found.st_dev, found.st_ino))
                    left.append(name)
                else:
                    trouble = "" if stat.S_ISREG(found.st_mode) else "is no ordinary file"
                    self.offer(name, (found.st_size, found.st_mtime_ns), path / name, trouble)
        self.items.sort(key=lambda item: os.fsencode(item.name))

    def read(self, item: Item) -> bytes:
        try:
            with open(item.where, "rb") as file:
                return _bytes(file)
        except OSError as error:
            raise Broken(f"cannot be read: {error.strerror or error}", passing=True) from None


class Zip(Gathered):
    """A .zip. A link in it, and a path that leaves it, are not read."""

    kind = "zip"

    def __init__(self, path: Path):
        super().__init__(path)
        try:
            self.archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise SpecError(f"{shown(path)} is damaged, or no .zip: {error}") from None
        except OSError as error:
            raise unreadable(path, error) from None
        for info in self.archive.infolist():
            name = info.filename.replace("\\", "/")
            if info.is_dir() or any(self.hides(part) for part in _split(name)):
                continue
            trouble = "is a link" if stat.S_ISLNK(info.external_attr >> 16) else _outside(name)
            trouble = trouble or ("has a password" if info.flag_bits & 1 else "")
            self.offer("/".join(_split(name)), (info.file_size, info.CRC), info, trouble)
        self.items.sort(key=lambda item: item.where.header_offset)

    def read(self, item: Item) -> bytes:
        try:
            with self.archive.open(item.where) as file:
                return _bytes(file)  # type: ignore[arg-type]
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, *DAMAGE) as error:
            raise Broken(f"is damaged in the archive ({error})") from None


class Tar(Gathered):
    """A .tar or .tar.gz, likewise."""

    kind = "tar"

    def __init__(self, path: Path):
        super().__init__(path)
        try:
            size = path.stat().st_size
            most = max(LARGEST, 100 * size)  # pictures hardly become smaller by packing
            with path.open("rb") as file:
                packed = file.read(2) == b"\x1f\x8b"
            self.archive = tarfile.open(fileobj=bounded(path, most) if packed else path.open("rb"), mode="r:")  # noqa: SIM115
            for member in self.archive:
                if member.offset_data + member.size > (most if packed else size):
                    raise tarfile.ReadError(f"{member.name[:100]} in it says it has {member.size:,} bytes")
                if member.isdir() or any(self.hides(part) for part in _split(member.name)):
                    continue
                linked = "is a link" if member.issym() or member.islnk() else "" if member.isreg() else "is no ordinary file"
                name = "/".join(_split(member.name))
                self.offer(name, (member.size, int(member.mtime)), member, linked or _outside(member.name))
            self.archive.fileobj.seek(self.archive.offset)
            if len(self.archive.fileobj.read(512)) < 512:  # zeros, of whoever came to the end
                raise tarfile.ReadError("it is cut off")
        except DAMAGE as error:
            raise SpecError(f"{shown(path)} is damaged, or no .tar or .tar.gz: {error}") from None
        except OSError as error:
            raise unreadable(path, error) from None

    def read(self, item: Item) -> bytes:
        try:
            file = self.archive.extractfile(item.where)
            assert file is not None  # an ordinary file
            return _bytes(file)  # type: ignore[arg-type]
        except (OSError, *DAMAGE) as error:
            raise Broken(f"is damaged in the archive ({error})") from None


def _bytes(file: BinaryIO) -> bytes:
    head = file.read(16)
    return head + file.read(LARGEST_FILE) if begins(head) else head


def _split(name: str) -> list[str]:
    """Its parts, without those that mean nothing."""
    return [part for part in name.split("/") if part not in ("", ".")]


def _outside(name: str) -> str:
    return "has a path that leaves the archive" if ".." in name.split("/") or name.startswith("/") or ":" in name[:3] else ""


class Sorted(NamedTuple):
    """Of each file: the part of the data that it belongs to, or nothing; and its class, "." where it lies beside folders."""

    names: list[str]
    parts: list[str]
    classes: list[str]


def sort(names: list[str]) -> Sorted:
    """What the folders around files mean: a lone one nothing, `train` and `test` beside each other parts, others classes."""
    names = _unwrapped(names)
    words = {word: part for part, spelled in PARTS.items() for word in spelled}
    tops = {name.partition("/")[0].lower() if "/" in name else "" for name in names}
    told = tops <= set(words) and len({words[top] for top in tops}) > 1 and any(words[top] == "train" for top in tops)
    parts = [words[name.partition("/")[0].lower()] if told else "" for name in names]
    if told:
        each = {part: iter(_unwrapped([n.partition("/")[2] for n, p in zip(names, parts, strict=True) if p == part]))
                for part in set(parts)}  # fmt: skip
        inner = [next(each[part]) for part in parts]
    else:
        inner = names
    return Sorted(names, parts, [called(name.partition("/")[0]) if "/" in name else "." for name in inner])


def _unwrapped(names: list[str]) -> list[str]:
    """Without the folders that hold all there is, but the last that has classes in it."""
    while names and len({name.partition("/")[0] for name in names}) == 1 and all("/" in name for name in names):
        names = [name.partition("/")[2] for name in names]
    return names


def called(name: str) -> str:
    """A class after its folder, as text that can be printed; letters of several parts are one, as on another system."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))[:LONGEST]
