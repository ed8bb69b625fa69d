"""Which runs there are to see, and what each says of itself: read again only where its files have changed.

A name leads to a folder by what a listing of the folder holds, never by joining what somebody asks for to a path.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dessine.runs.collection import ReadSpec, Row, read_row
from dessine.runs.files import RunError
from dessine.runs.inside import files, folders, read, subfolders
from dessine.runs.lock import is_held
from dessine.runs.run import PICTURE, picture_name

FIRST_REPEAT = "repeats/0000"
"""Where a run whose repeats train apart has its pictures and lines until they are put together."""
WATCHED = (
    *(
        "run.json",
        "config.yaml",
        "metrics.jsonl",
        "samples",
        "sweep.json",
        "sweep.yaml",
        "summary.json",
        "log.txt",
        "notes.json",
    ),
    *(f"{FIRST_REPEAT}/samples", f"{FIRST_REPEAT}/metrics.jsonl"),
)
"""Whose changes change what is shown of a run."""
RACY = 0.1
"""Seconds: a file changed as lately as that may change again within the same tick of its clock."""
OUTSIDE = "is a link that leads out of the folder that is watched; dessine watch with its own path shows it"


Stamps = dict[str, tuple[int, int, int]]


class Missing(Exception):
    """Nothing of this name is to be seen here."""


@dataclass(frozen=True)
class Sample:
    """The picture of a step; tag changes when the file does."""

    step: int
    tag: str


@dataclass
class Seen:
    """A run or a sweep as it was when its files had this mark.

    samples: in order; cells: those of a sweep, in order; part: of the run's folder, where its samples are
    """

    mark: Hashable
    row: Row
    samples: list[Sample]
    cells: list[Seen]
    part: str = "samples"


class Shelf:
    """All runs and sweeps in a folder, or one of them alone.

    only: that one, by its path; read_spec: reads config.yaml of a run whose run.json does not tell its spec
    """

    def __init__(self, folder: Path, only: Path | None = None, read_spec: ReadSpec = lambda path: {}):
        self.folder, self.only, self.read_spec = folder, only, read_spec
        self._known: dict[Path, tuple[float, Seen]] = {}
        self._lock = threading.Lock()

    def names(self) -> dict[str, Path]:
        """Of what lies in the folder: name -> its path."""
        if self.only is not None:
            return {self.only.name: self.only} if self.only.is_dir() else {}
        return {path.name: path for path in subfolders(self.folder, links=True)}

    def find(self, name: str) -> Path:
        """The folder of a run, of a sweep, or of a cell, which is called `sweep/cells/cell`. Raises Missing."""
        first, *rest = name.split("/")
        path = self.names().get(first)
        if path is None or self._leads_out(path):
            raise Missing(name)
        if not rest:
            return path
        if len(rest) != 2 or rest[0] != "cells":
            raise Missing(name)
        cell = {one.name: one for one in folders(path, "cells")}.get(rest[1])
        if cell is None:
            raise Missing(name)
        return cell

    def see(self, name: str) -> Seen:
        """What is shown of a run or a sweep. Raises Missing."""
        seen = self._see(self.find(name), name)
        if seen is None:
            raise Missing(name)
        return seen

    def all(self) -> list[Seen]:
        """Everything in the folder, newest first."""
        found = [seen for name, path in self.names().items() if (seen := self._see(path, name)) is not None]
        with self._lock:
            gone = [path for path in self._known if not os.path.isdir(path)] if len(self._known) > 2 * len(found) + 100 else []
            for path in gone:
                del self._known[path]
        return sorted(found, key=lambda seen: (-(seen.row.began or 0.0), seen.row.name))

    def picture(self, name: str, part: str, file: str, largest: int) -> bytes:
        """A PNG or GIF of a run. Raises Missing."""
        path = self.find(name)
        if file not in {one.name for one in files(path, part, r"[\w.-]+\.(?:png|gif)")}:
            raise Missing(file)
        try:
            content = read(path, f"{part}/{file}", largest)
        except (OSError, RunError):
            raise Missing(file) from None
        if not content.startswith((b"\x89PNG\r\n\x1a\n", b"GIF8")):
            raise Missing(file)
        return content

    def _leads_out(self, path: Path) -> bool:
        """Whether it is a link to elsewhere: only what was asked for by its own path may be one."""
        return self.only is None and path.is_symlink() and not path.resolve().is_relative_to(self.folder.resolve())

    def _see(self, path: Path, name: str) -> Seen | None:
        """Of the folder `path`, known before or read now; None if it is neither a run nor a sweep."""
        if self._leads_out(path):
            is_run = (path / "config.yaml").is_file()
            return Seen((name, OUTSIDE), Row(path, name, reason=OUTSIDE), [], []) if is_run else None
        there = stamps(path)
        known, read_at = self._known.get(path), time.time()
        if "run.json" not in there and "sweep.yaml" in there:
            return self._sweep(path, name, there)
        if known is not None and known[1].mark == (mark := self._mark(there, known[1].row)) and _newest(there) < known[0]:
            return known[1]
        row = read_row(path, name, self.read_spec)
        if row is None:
            return None
        mark = self._mark(there, row)
        seen = Seen(mark, row, list(_samples(path, "samples")), [])
        if not seen.samples and (apart := list(_samples(path, f"{FIRST_REPEAT}/samples"))):
            seen.samples, seen.part = apart, f"{FIRST_REPEAT}/samples"
        with self._lock:
            self._known[path] = (read_at - RACY, seen)
        return seen

    def _mark(self, own: Stamps, row: Row) -> Hashable:
        """What is the same as long as nothing has changed: of a run that says that it trains, its lock, too."""
        running = row.info.get("status") == "running"
        return (tuple(own.items()), is_held(row.path / ".lock") if running else None)

    def _sweep(self, path: Path, name: str, own: Stamps) -> Seen:
        cells = [self._see(cell, f"{name}/cells/{cell.name}") for cell in folders(path, "cells")]
        there = sorted((seen for seen in cells if seen is not None), key=lambda seen: seen.row.name)
        mark = (tuple(own.items()), tuple((seen.row.name, seen.mark) for seen in there))
        known = self._known.get(path)
        if known is not None and known[1].mark == mark and _newest(own) < known[0]:
            return known[1]
        read_at = time.time()
        row = read_row(path, name, self.read_spec, cells=[seen.row for seen in there])
        seen = Seen(mark, row or Row(path, name, kind="sweep"), [], there)
        with self._lock:
            self._known[path] = (read_at - RACY, seen)
        return seen


def stamps(path: Path, names: Iterable[str] = WATCHED) -> Stamps:
    """When each file that matters was changed, its size and its number; those that are not there are not named."""
    try:
        there = set(os.listdir(path))
    except OSError:
        return {}
    found = {}
    for name in names:
        if name.partition("/")[0] in there:  # most are not, and to ask for each takes its time
            with suppress(OSError):
                told = os.lstat(f"{path}/{name}")
                found[name] = (told.st_mtime_ns, told.st_size, told.st_ino)
    return found


def _newest(own: Stamps) -> float:
    """Seconds since 1970."""
    return max((mtime for mtime, *_ in own.values()), default=0) / 1e9


def _samples(path: Path, part: str) -> Iterator[Sample]:
    for one in files(path, part, PICTURE.pattern):
        step = int(one.stem.removeprefix("step_"))
        try:
            told = os.lstat(one)
        except OSError:
            continue
        if told.st_size and one.name == picture_name(step):  # a killed process may leave an empty file
            yield Sample(step, f"{told.st_mtime_ns:x}-{told.st_size:x}")
