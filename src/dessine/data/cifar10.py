"""CIFAR-10 from the standard files of its binary version; the python version is pickled and therefore never read."""

from __future__ import annotations

import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import MinLen

from dessine.data.dataset import Array, Available, Dataset, Examples, Split, datasets, parted
from dessine.data.fetch import (
    CIFAR10_ARCHIVE,
    CIFAR10_BYTES,
    CIFAR10_FILES,
    CIFAR10_FOLDER,
    CIFAR10_PAGE,
    cache_folder,
    whole_cifar10,
)
from dessine.data.packed import DAMAGE, LARGEST, members
from dessine.paths import expanded, listing, mode, shown, unreadable
from dessine.registry import Count, Part, PathText, SpecError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
Class = Literal["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
RECORD = 1 + 3 * 32 * 32
"""Bytes of one example: its label, then 32 rows of 32 pixels of red, of green and of blue."""


@datasets.register("cifar10")
class Cifar10(Dataset):
    """Photographs of ten kinds of things, 32 x 32 in colour: 50,000 and 10,000 (Krizhevsky 2009).

    path: a folder with the binary version, unpacked or as cifar-10-binary.tar.gz, or that file; as it stands, what
        `dessine data fetch cifar10` got. A relative one is looked for beside the config that says it, then in the
        working directory, where KEY=VALUE also begins
    classes: only these, such as [cat, dog]
    limit: only the first so many training images, counted after `classes` has chosen; the test part stays whole
    scale: range of the pixels
    validation: share of the training images, always the same ones, that is kept apart for what is measured on the way, before
        `classes` and `limit` choose among the others
    """

    def __init__(
        self,
        path: PathText | None = None,
        classes: Annotated[list[Class], MinLen(1)] | None = None,
        limit: Count | None = None,
        scale: Literal["0..1", "-1..1"] = "0..1",
        validation: Part = 0.0,
    ):
        self.path, self.classes, self.limit, self.scale = path, classes, limit, scale
        self.validation = validation

    def load(self) -> Split:
        if self.path is None:
            parts = read_files(cache_folder() / "cifar10", own=True)
        else:
            try:
                parts = read_files(expanded(self.path))
            except SpecError as error:
                raise error.below("path") from None
        (x, y, kept), (test_x, test_y, _) = (self._wanted(*part) for part in parts)
        low = 0.0 if self.scale == "0..1" else -1.0
        train, validation = parted(Examples(x, y, low), self.validation, kept)
        return Split(
            train.some(slice(self.limit)),
            Examples(test_x, test_y, low),
            source=self.path or "full",
            classes=CLASSES,
            validation=validation,
        )

    def _wanted(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """Only the chosen classes, and (N,) which of all these are. Raises SpecError if none of their images is there."""
        if self.classes is None:
            return x, y, np.ones(len(y), bool)
        keep = np.isin(y, [CLASSES.index(name) for name in self.classes])
        if not keep.any():
            raise SpecError(f"no images of {', '.join(self.classes)} in this data", ("classes",))
        return x[keep], y[keep], keep

    @classmethod
    def available(cls) -> list[Available]:
        folder = cache_folder() / "cifar10" / CIFAR10_FOLDER
        files = [folder / name for name in CIFAR10_FILES]
        try:
            if not all(map(mode, files)):
                return []
        except SpecError as error:
            return [Available(cls.type, "full", str(error), 0, 0)]
        *train, test = (file.stat().st_size // RECORD for file in files)
        return [Available(cls.type, "full", str(folder), sum(train), test)]


def read_files(folder: Path, own: bool = False) -> list[tuple[Array, Array]]:
    """Training and test part: images (N, 32, 32, 3) and labels (N,), uint8.

    folder: where the files lie, or the archive; `own` if it is dessine's own folder, which need not exist.
    Raises SpecError saying what is missing or damaged, what was found instead, and where to get it.
    """
    for place in (folder, folder / CIFAR10_FOLDER):
        if mode(place / CIFAR10_FILES[0]):
            if own and not whole_cifar10(place):
                raise SpecError(f"CIFAR-10 in {shown(place)} is cut off: `dessine data fetch cifar10` gets it again")
            return _parts(partial(_from_folder, place))
    archive = folder if stat.S_ISREG(mode(folder)) else folder / CIFAR10_ARCHIVE
    if not stat.S_ISREG(mode(archive)) or "python" in archive.name or archive.suffix != ".gz":
        raise SpecError(_missing(folder, own))
    return _parts(_from_archive(archive).__getitem__)


def _parts(contents: Callable[[str], bytes]) -> list[tuple[Array, Array]]:
    """The five training batches as one, and the test batch. contents: from the name of a file to its bytes."""
    batches = [_batch(name, contents(name)) for name in CIFAR10_FILES]
    x, y = (np.concatenate(arrays) for arrays in zip(*batches[:-1], strict=True))
    return [(x, y), batches[-1]]


def _batch(name: str, data: bytes) -> tuple[Array, Array]:
    if len(data) % RECORD or not data:
        raise SpecError(f"{name} has {len(data):,} bytes, no whole number of images of {RECORD:,}: copy or fetch it again")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise SpecError(f"{name} is not one of CIFAR-10's: it has a label {records[:, 0].max()}, where 9 is the highest")
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0].copy()


def _from_folder(folder: Path, name: str) -> bytes:
    path = folder / name
    if not mode(path):
        raise SpecError(f"no {name} in {shown(folder.absolute())}; needed: {', '.join(CIFAR10_FILES)}")
    if not stat.S_ISREG(mode(path)):
        raise SpecError(f"{shown(path)} is no ordinary file")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST // len(CIFAR10_FILES) + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) > LARGEST // len(CIFAR10_FILES):
        raise SpecError(
            f"{shown(path)} has more than {LARGEST // len(CIFAR10_FILES):,} bytes, and CIFAR-10's {CIFAR10_BYTES:,}"
        )
    return data


def _from_archive(path: Path) -> dict[str, bytes]:
    """From the names of the files to their bytes."""
    names = [f"{CIFAR10_FOLDER}/{name}" for name in CIFAR10_FILES]
    try:
        found = dict(members(path, names, LARGEST // len(names)))
    except DAMAGE as error:
        raise SpecError(f"{shown(path)} is damaged, or not {CIFAR10_ARCHIVE} from {CIFAR10_PAGE}: {error}") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if missing := [name for name in names if name not in found]:
        raise SpecError(f"no {missing[0]} in {shown(path.absolute())}, which should be {CIFAR10_ARCHIVE} from {CIFAR10_PAGE}")
    return {name.rpartition("/")[2]: data for name, data in found.items()}


def _missing(folder: Path, own: bool) -> str:
    """What to say where the files are not."""
    wanted = f"{CIFAR10_ARCHIVE} from {CIFAR10_PAGE}"
    for place in (folder, folder / "cifar-10-batches-py", folder / "cifar-10-python.tar.gz"):
        if (place.is_file() and "." not in place.name.removesuffix(".tar.gz")) or (place / "data_batch_1").is_file():
            return (
                f"{place.absolute()} is CIFAR-10's python version, whose files are pickles and could run any code when read: "
                f"take the binary version, {wanted}"
            )
    if own:
        return f"CIFAR-10 is not in {folder}: get it with `dessine data fetch cifar10`, or put {wanted} there"
    if folder.is_file():
        return f"{folder.absolute()} is not CIFAR-10's archive: give {wanted}, or the folder that it unpacks to"
    if not folder.exists():
        return f"no folder or file {shown(folder.absolute())}"
    if not folder.is_dir():
        return f"{shown(folder)} is neither a folder nor a file"
    needed = f"{CIFAR10_FILES[0]} to {CIFAR10_FILES[-1]}, or {wanted}"
    return f"CIFAR-10's binary version is not in {shown(folder.absolute())}: it needs {needed}; there is {listing(folder)}"
