"""Pictures of one's own: a folder, an archive or a file of them, and how they become training, validation and test part."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from PIL import Image

from dessine.data import arrays, gathered, idx
from dessine.data.dataset import Array, Available, Dataset, Examples, Split, datasets
from dessine.data.kept import Made, kept
from dessine.data.picture import READ, SUFFIXES, Broken, Facts, Fit, Wanted, decode, fitted
from dessine.data.progress import progress
from dessine.machine import amount, memory
from dessine.paths import expanded, mode, shown
from dessine.registry import Count, Part, PathText, Problem, SpecError, did_you_mean

Side = Annotated[int, Ge(1), Le(4096)]
MOST_NAMED = 20
"""Broken files that one message names."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
TABLES = (".npy", ".npz", ".csv", ".tsv")
BLOCK = 4_000_000
"""Numbers that become bytes at one time."""


@datasets.register("images")
class Images(Dataset):
    """Pictures of your own: a folder of PNG, JPEG, WebP or BMP, a .zip or .tar of it, or numbers in an .npy, .npz or .csv.

    Subfolders are classes. `dessine data look PATH` tells what is there.

    path: the folder or file; a relative one is looked for beside the config that says it, then in the working directory,
        where KEY=VALUE also begins
    size: of every picture, one number or [height, width]; left out: theirs, if all are alike
    fit: how a picture of another shape gets there: crop its middle, pad it in the colour of its edge, or stretch it
    color: grey, one channel, or rgb, three
    invert: black for white: ink on paper as MNIST has it
    transpose: exchange rows and columns
    classes: only these, which are then labelled in this order
    limit: at most so many training pictures, chosen by the same order as the test; the test part stays whole
    test: share of each class, always the same pictures, that is kept for the test; where the data come with a test part of
        their own (folders train and test, arrays x_train and x_test), that is taken
    validation: share of the other pictures of each class, always the same ones, that is kept apart for what is measured on the
        way, before `limit` chooses; a part of their own, valid, is taken instead where there is one
    skip_broken: leave out files that cannot be read, instead of naming them and ending
    scale: range of the pixels
    """

    def __init__(
        self,
        path: PathText,
        size: Side | Annotated[list[Side], MinLen(2), MaxLen(2)] | None = None,
        fit: Fit = "crop",
        color: Literal["grey", "rgb"] = "grey",
        invert: bool = False,
        transpose: bool = False,
        classes: Annotated[list[str | int], MinLen(1)] | None = None,
        limit: Count | None = None,
        test: Annotated[float, Gt(0), Lt(1)] = 0.15,
        validation: Part = 0.0,
        skip_broken: bool = False,
        scale: Literal["0..1", "-1..1"] = "-1..1",
    ):
        self.path, self.invert, self.limit = path, invert, limit
        self.classes = None if classes is None else [unicodedata.normalize("NFC", str(name)) for name in classes]
        self.test, self.validation, self.skip_broken, self.scale = test, validation, skip_broken, scale
        sides = None if size is None else (size, size) if isinstance(size, int) else (size[0], size[1])
        self.wanted = Wanted(sides, 3 if color == "rgb" else 1, fit, transpose)
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise SpecError("names a class twice", ("classes",))

    def load(self) -> Split:
        try:
            source = find(expanded(self.path))
            told, classes = self._classes(source)
            parts = self._parts(source, told)
            index = np.concatenate(list(parts.values()))
            self._refuse_large(source, len(index))
            x, about = source.pictures(index, self.wanted)
        except SpecError as error:
            raise error.below("path") if not any(p.path for p in error.problems) else error from None
        if about["broken"] and not (self.skip_broken and len(x)):
            raise SpecError(_problems(about["broken"], len(x)))
        if self.invert:
            np.subtract(255, x, out=x)
        good = np.array(about["good"], int)
        ends = np.searchsorted(good, np.cumsum([0, *map(len, parts.values())]))
        low = 0.0 if self.scale == "0..1" else -1.0
        y = None if told is None else told[index[good]]
        whole = Examples(x, y, low)
        made = {part: whole.some(slice(ends[i], ends[i + 1])) for i, part in enumerate(parts)}
        for part, examples in made.items():
            if not len(examples) and part != "validation":
                raise SpecError(f"no picture is left for the {part} part: there are {len(x)} in all", ("path",))
        return Split(
            made["train"],
            made["test"],
            self._notice(source, made, classes, about),
            str(self.path),
            classes=classes,
            validation=made.get("validation"),
        )

    def _classes(self, source: Source) -> tuple[Array | None, tuple[str, ...]]:
        """(N,) labels, -1 for a picture that is not wanted, and their names; None where there is one class only."""
        there = sorted(set(source.classes), key=natural)
        if self.classes is None:
            if len(there) < 2:
                return None, ()
            wanted = there
        else:
            wanted = self.classes
            if unknown := [name for name in wanted if name not in there]:
                known = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
                text = f"no pictures of {', '.join(map(repr, unknown))}{did_you_mean(unknown[0], there)}"
                here = "it has no folders of classes" if there == ["."] else f"it has {known}"
                raise SpecError(f"{text} in this data: {here}", ("classes",))
        number = {name: i for i, name in enumerate(wanted)}
        return np.array([number.get(name, -1) for name in source.classes]), tuple(wanted)

    def _parts(self, source: Source, told: Array | None) -> dict[str, Array]:
        """For each part of the data the pictures in it, in an order that depends on their names alone: who is in the test
        stays there when others are added, or another class is chosen."""
        labels = np.zeros(len(source.names), int) if told is None else told
        of, wanted = np.array(source.parts), labels >= 0
        own = {part: np.flatnonzero(wanted & (of == part)) for part in ("test", "validation")}
        left = np.flatnonzero(wanted & ((of == "") | (of == "train")))
        held = "validation" if len(own["validation"]) and not len(own["test"]) else "test"  # two parts are always needed
        test = own[held]
        if not len(test):
            left, test = apart(left, labels, self.test, _mixed(source.names, "test"))
        if not len(left) or not len(test):
            there = f"{len(left) + len(test)} picture{'s' * (len(left) + len(test) != 1)}"
            raise SpecError(f"{shown(expanded(self.path))} holds {there}: one to learn from and one for the test are needed")
        parts = {"train": left, "test": test}
        if held == "test" and len(own["validation"]):
            parts["validation"] = own["validation"]
        elif self.validation:
            parts["train"], parts["validation"] = apart(left, labels, self.validation, _mixed(source.names, "validation"))
            if not len(parts["validation"]):
                raise SpecError(f"{self.validation:g} of {len(left):,} training examples is none", ("validation",))
        order = _mixed(source.names, "order")
        parts = {part: index[np.argsort(order[index], kind="stable")] for part, index in parts.items()}
        parts["train"] = parts["train"][: self.limit]
        return parts

    def _refuse_large(self, source: Source, count: int) -> None:
        """Bytes are kept, and floats made of a batch at a time: this is what the pictures take."""
        height, width = self.wanted.size or source.size(self.wanted)
        each, there = height * width * self.wanted.channels, memory()
        if count * each <= there // 2:
            return
        side, most = int((there / 4 / count / self.wanted.channels) ** 0.5), there // 4 // each
        hints = [f"data.size={side}"] * (side > 0) + [f"data.limit={most}"] * (most > 0)
        hints += ["data.color=grey"] * (self.wanted.channels == 3)
        text = f"{count:,} pictures of {height} x {width} x {self.wanted.channels} take {amount(count * each)}"
        raise SpecError(f"{text}, this machine has {amount(there)}: {' or '.join(hints)} makes them fewer bytes", ("size",))

    def _notice(self, source: Source, made: dict[str, Examples], classes: tuple[str, ...], about: dict[str, Any]) -> str:
        counts = ", ".join(f"{len(examples):,} for {PURPOSE[part]}" for part, examples in made.items())
        notes = [f"pictures: {counts}", *source.notes]
        if classes:
            notes.append("classes: " + ", ".join(classes[:8]) + (f", ... ({len(classes)})" if len(classes) > 8 else ""))
        facts = about["facts"]
        if facts.get("coloured") and self.wanted.channels == 1:
            notes.append(f"{facts['coloured']:,} are in colour: data.color=rgb keeps it")
        notes += [f"{facts[kind]:,} {words}" for kind, words in KINDS.items() if facts.get(kind)]
        if about["broken"]:
            some = ", ".join(shown(Path(name)) for name in list(about["broken"])[:5])
            notes.append(
                f"broken, and left out: {some}" + (f", ... ({len(about['broken']):,})" if len(about["broken"]) > 5 else "")
            )
        return "; ".join(notes)

    @classmethod
    def available(cls) -> list[Available]:
        return []  # they lie where their owner has put them


def _problems(broken: dict[str, str], good: int) -> list[Problem]:
    """One for each file that cannot be read, MOST_NAMED at most. good: how many others there are."""
    hint = "skip_broken: true leaves them out" if good else "none is left"
    count = "1 picture" if len(broken) == 1 else f"{len(broken):,} pictures"
    lines = [f"{count} cannot be read ({hint}):"]
    lines += [f"{shown(Path(name))} {why}" for name, why in list(broken.items())[:MOST_NAMED]]
    if len(broken) > MOST_NAMED:
        lines.append(f"and {len(broken) - MOST_NAMED:,} more: `dessine data look` names all")
    return [Problem(("path",), line) for line in lines]


PURPOSE = {"train": "training", "test": "the test", "validation": "validation"}
KINDS = {
    "turned": "are turned as the camera was held",
    "animated": "are animated: the first frame is taken",
    "transparent": "are transparent in part: on white",
    "deep": "have 16 bits: the upper 8 are taken",
}


def apart(index: Array, labels: Array, share: float, order: Array) -> tuple[Array, Array]:
    """Who stays, and who is kept apart: of each class the first in `order`, at least one, but never all of it."""
    taken = np.zeros(len(index), bool)
    for label in np.unique(labels[index]):
        of = np.flatnonzero(labels[index] == label)
        of = of[np.argsort(order[index[of]], kind="stable")]
        taken[of[: min(max(1, round(share * len(of))), len(of) - 1)]] = True
    return index[~taken], index[taken]


def _mixed(names: Sequence[str], what: str) -> Array:
    """(N,) numbers to sort by: an order that is always the same, another one for each `what`."""
    digests = (hashlib.sha256(what.encode() + os.fsencode(name)).digest() for name in names)
    return np.array([int.from_bytes(digest[:8], "big") for digest in digests], np.uint64)


def natural(name: str) -> tuple[Any, ...]:
    """2 before 10, in names, too."""
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", name) if piece)


class Source:
    """Pictures by number, and what is known of each before it is read: its name, part of the data, and class.

    kind: folder, zip, tar, npy, npz or csv; notes: what the user must know
    """

    kind: str
    names: Sequence[str]
    parts: Sequence[str]
    classes: Sequence[str]
    notes: list[str]

    def size(self, wanted: Wanted) -> tuple[int, int]:
        """Height and width of the first picture that can be read, as they would be."""
        raise NotImplementedError

    def pictures(self, index: Array, wanted: Wanted) -> tuple[Array, dict[str, Any]]:
        """(n, height, width, channels) uint8 of those that can be read; `good`, their places in `index`, `broken`, name to
        reason, and `facts`, how many were of some kind. Raises SpecError where there is no size, and theirs differ."""
        raise NotImplementedError


def find(path: Path) -> Source:
    """What lies at `path`. Raises SpecError saying what is there instead of pictures."""
    if not (what := mode(path)):
        raise SpecError(f"no folder or file {shown(path.absolute())}")
    name = path.name.lower()
    if stat.S_ISDIR(what):
        return _of_files(gathered.Folder(path))
    if not stat.S_ISREG(what):
        raise SpecError(f"{shown(path)} is neither a folder nor a file")
    if name.endswith(TABLES):
        return Table(arrays.read(path), path)
    if name.endswith(".zip"):
        return _of_files(gathered.Zip(path))
    if name.endswith(ARCHIVES):
        return _of_files(gathered.Tar(path))
    wanted = f"a folder of pictures, or a file that ends in {', '.join((*ARCHIVES, *TABLES[:3]))}"
    one = "is one picture" if name.endswith(SUFFIXES) else "is none of what is read"
    raise SpecError(f"{shown(path)} {one}: expects {wanted}")


def _of_files(found: gathered.Gathered) -> Source:
    if found.items:
        return Files(found)
    if found.broken:
        raise SpecError(_problems({name: str(why) for name, why in found.broken.items()}, 0))
    tables = sorted(name for name in found.others if name.lower().endswith(TABLES))
    npy = [name for name in tables if name.lower().endswith(".npy") and "/" not in name]
    if found.kind == "folder" and npy and (len(npy) > 1 or len(tables) == 1):
        return Table(arrays.read_folder(found.path, npy), found.path, npy)
    if any(idx.NAME.fullmatch(name.rpartition("/")[2]) for name in found.others):
        raise SpecError(
            f"{shown(found.path)} holds IDX files, MNIST's format: take data: {{type: mnist, path: {shown(found.path)}}}"
        )
    packed = sorted(name for name in found.others if name.lower().endswith(ARCHIVES))
    hint = ""
    if tables or packed:
        names = ", ".join((tables or packed)[:5])
        where = shown(found.path / (tables or packed)[0])
        hint = f"; there is {names}: " + (f"give {where}" if found.kind == "folder" else "unpack it, and give that file")
    elif found.ignored:
        hint = f"; there is {_counted(found.ignored)}"
    raise SpecError(f"{shown(found.path)} holds no pictures ({READ} are read){hint}")


def _counted(ignored: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in ignored.most_common(6)) + (", ..." if len(ignored) > 6 else "")


class Files(Source):
    """Pictures in files of their own."""

    def __init__(self, found: gathered.Gathered):
        self.found, self.kind, self.notes = found, found.kind, []
        self.items = found.items
        self.names, self.parts, self.classes = gathered.sort([item.name for item in self.items])
        if found.ignored:
            self.notes.append(f"ignored: {_counted(found.ignored)}")
        if any(self.parts):
            self.notes.append(f"folders are parts of the data: {', '.join(sorted(set(self.parts), reverse=True))}")
        if "." in self.classes and len(set(self.classes)) > 1:
            self.notes.append(f"{self.classes.count('.'):,} lie beside the folders: their class is '.'")

    def size(self, wanted: Wanted) -> tuple[int, int]:
        for item in self.items:
            try:
                x, _ = self.one(item, wanted)
            except Broken:
                continue
            return x.shape[0], x.shape[1]
        return 1, 1

    def one(self, item: gathered.Item, wanted: Wanted) -> tuple[Array, Facts]:
        """Raises Broken."""
        return decode(self.found.read(item), wanted)

    def pictures(self, index: Array, wanted: Wanted) -> tuple[Array, dict[str, Any]]:
        items = [self.items[i] for i in index]
        inside = "\n".join(f"{os.fsencode(item.name)!r} {item.stamp}" for item in items)
        key = f"{self.kind} {os.fsencode(self.found.path.absolute())!r} {wanted} {inside}"
        x, about = kept(key, partial(self._read, items, wanted))
        return x, about | {"broken": {name: str(why) for name, why in self.found.broken.items()} | about["broken"]}

    def _read(self, items: list[gathered.Item], wanted: Wanted) -> Made:
        """In the order of the archive or folder, each to its place."""
        place = {id(item): n for n, item in enumerate(items)}
        ordered = [item for item in self.items if id(item) in place]
        x, size = np.empty(0, np.uint8), wanted.size
        broken: dict[str, Broken] = {}
        facts, good = Counter[str](), np.zeros(len(items), bool)
        for item in progress(ordered, len(ordered), " pictures"):
            try:
                one, known = self.one(item, wanted)
            except Broken as error:
                broken[item.name] = error
                continue
            size = size or (one.shape[0], one.shape[1])
            if not x.size:
                x = np.empty((len(items), *size, wanted.channels), np.uint8)
            if one.shape[:2] != size:
                text = f"{shown(Path(item.name))} has {_sides(one.shape)}, others have {_sides(size)}"
                raise SpecError(f"pictures differ in size ({text}): give one, such as size: 28", ("size",))
            x[place[id(item)]] = one
            good[place[id(item)]] = True
            facts.update([kind for kind in ("coloured", *KINDS) if getattr(known, kind)])
        about = {
            "good": np.flatnonzero(good).tolist(),
            "broken": {name: str(why) for name, why in broken.items()},
            "facts": dict(facts),
        }
        return x if good.all() or not len(x) else x[good], about, not any(why.passing for why in broken.values())


def _sides(shape: Sequence[int]) -> str:
    return f"{shape[1]} x {shape[0]}"


class Table(Source):
    """Pictures in one array, or one for each part of the data."""

    def __init__(self, numbers: arrays.Numbers, path: Path, files: Sequence[str] = ()):
        self.kind, self.numbers = numbers.kind, numbers
        self.scale, note = arrays.scale(numbers.parts, shown(path))
        self.notes = [*numbers.notes, *[note] * bool(note)]
        self.starts, self.names, self.parts, self.classes = {}, [], [], list[str]()
        for name, part in numbers.parts.items():
            self.starts[name] = len(self.names)
            self.names += [f"{name}{i}" for i in range(len(part.x))]
            self.parts += [name] * len(part.x)
            self.classes += ["."] * len(part.x) if part.y is None else [str(label)[: gathered.LONGEST] for label in part.y]
        if len({part.x.shape[1:] for part in numbers.parts.values()}) > 1:
            sizes = ", ".join(f"{name} {' x '.join(map(str, part.x.shape[1:]))}" for name, part in numbers.parts.items())
            raise SpecError(f"{shown(path)}: parts hold pictures of several sizes: {sizes}")

    def shape(self) -> tuple[int, int, int]:
        """Of one picture, as it lies there."""
        height, width, channels = next(iter(self.numbers.parts.values())).x.shape[1:]
        return height, width, channels

    def size(self, wanted: Wanted) -> tuple[int, int]:
        height, width, _ = self.shape()
        return (width, height) if wanted.transpose else (height, width)

    def pictures(self, index: Array, wanted: Wanted) -> tuple[Array, dict[str, Any]]:
        size, channels = wanted.size or self.size(wanted), self.shape()[2]
        x = np.empty((len(index), *size, wanted.channels), np.uint8)
        step = max(1, BLOCK // max(prod(self.shape()), prod(x.shape[1:])))
        coloured = 0
        starts = range(0, len(index), step)
        for i in progress(starts, len(starts), " blocks"):
            block = self.scale.bytes(self._some(index[i : i + step]))
            if channels == 3:
                coloured += int((np.ptp(block, axis=3) > 16).mean((1, 2)).__gt__(0.01).sum())
            block = block.swapaxes(1, 2) if wanted.transpose else block
            if block.shape[1:] == x.shape[1:]:
                x[i : i + step] = block
            elif block.shape[1:3] == size and channels == 1:
                x[i : i + step] = np.broadcast_to(block, (*block.shape[:3], wanted.channels))
            else:
                for n, one in enumerate(block, i):
                    x[n] = _as_wanted(one, size, wanted)
        return x, {"good": range(len(index)), "broken": {}, "facts": {"coloured": coloured}}

    def _some(self, index: Array) -> Array:
        """(n, H, W, C) of these."""
        parts, starts = list(self.numbers.parts.values()), list(self.starts.values())
        which = np.searchsorted(starts, index, "right") - 1
        made = np.empty((len(index), *self.shape()), np.result_type(*(part.x.dtype for part in parts)))
        for number, part in enumerate(parts):
            made[which == number] = part.x[index[which == number] - starts[number]]
        return made


def _as_wanted(one: Array, size: tuple[int, int], wanted: Wanted) -> Array:
    """(H, W, C) uint8 in another size, or other channels; two and four have transparency as their last, on white."""
    picture = Image.fromarray(one[..., 0] if one.shape[2] == 1 else np.ascontiguousarray(one))
    if one.shape[2] in (2, 4):
        sheet = Image.new("RGBA", picture.size, "white")
        sheet.alpha_composite(picture.convert("RGBA"))
        picture = sheet.convert("RGB")
    x = np.asarray(fitted(picture, size, wanted.fit).convert("L" if wanted.channels == 1 else "RGB"))
    return x.reshape(*size, wanted.channels)
