"""Fashion-MNIST, KMNIST and EMNIST: in MNIST's format, their classes named. `mirrors.py` knows where they come from."""

from __future__ import annotations

import string
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MinLen

from dessine.data.dataset import Available, Dataset, Examples, Split, datasets
from dessine.data.idx import NAMES, find, shape
from dessine.data.mirrors import PACKED, SETS, changed, emnist_files, place
from dessine.data.mnist import Mnist
from dessine.paths import expanded, mode, shown
from dessine.registry import Count, Part, PathText, SpecError, did_you_mean

MERGED = (*string.digits, *string.ascii_uppercase, *"abdefghnqrt")
"""EMNIST's balanced classes: letters whose small and capital form look alike are one."""
LETTERS = {
    "balanced": MERGED,
    "bymerge": MERGED,
    "byclass": (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase),
    "letters": tuple(string.ascii_lowercase),
    "digits": tuple(string.digits),
    "mnist": tuple(string.digits),
}
Classes = Annotated[list[str | int], MinLen(1)]


class _Named(Dataset):
    """One of them. title: what it is called; there: its classes, by their labels"""

    title: ClassVar[str]
    there: tuple[str, ...]

    def __init__(
        self,
        path: PathText | None = None,
        classes: Classes | None = None,
        limit: Count | None = None,
        scale: Literal["0..1", "-1..1"] = "0..1",
        validation: Part = 0.0,
    ):
        self.path, self.classes, self.limit, self.scale, self.validation = path, classes, limit, scale, validation

    def found(self) -> Path:
        """The folder that the user names, or the fetched one, which must be as it came. Raises SpecError."""
        if self.path is not None:
            return expanded(self.path)
        folder, files = place(self.type), SETS[self.type].files
        if not mode(folder / PACKED[0]):
            raise SpecError(f"{self.title} is not in {shown(folder)}: get it with `dessine data fetch {self.type}`")
        if wrong := changed(folder, files):
            raise SpecError(f"{shown(folder / wrong)} is not {self.title}'s: `dessine data fetch {self.type}` gets it again")
        return folder

    def load(self) -> Split:
        wanted = None if self.classes is None else [self._label(name) for name in self.classes]
        return replace(self._read(wanted), classes=self.there)

    def _read(self, wanted: list[int] | None, transpose: bool = False) -> Split:
        plain = Mnist(
            path=str(self.found()),
            digits=wanted,
            limit=self.limit,
            scale=self.scale,
            transpose=transpose,
            validation=self.validation,
        )
        return replace(plain.load(), source=self.path or "full")

    def _label(self, named: str | int) -> int:
        if (name := str(named)) not in self.there:
            text = f"no class '{name}'{did_you_mean(name, self.there)} (it has {', '.join(self.there)})"
            raise SpecError(text, ("classes",))
        return self.there.index(name)

    @classmethod
    def available(cls) -> list[Available]:
        try:
            if not mode(place(cls.type) / PACKED[0]):
                return []
            files = find(place(cls.type)).files
            return [Available(cls.type, "full", str(place(cls.type)), shape(files, NAMES[0])[0], shape(files, NAMES[2])[0])]
        except SpecError as error:
            return [Available(cls.type, "full", str(error), 0, 0)]


@datasets.register("fashion_mnist")
class FashionMnist(_Named):
    """Ten kinds of clothes, 28 x 28: 60,000 and 10,000 (Xiao et al. 2017).

    path: a folder with its four IDX files, plain or .gz; as it stands, what `dessine data fetch fashion_mnist` got
    classes: only these, such as [sneaker, bag]
    limit: only the first so many training images, counted after `classes` has chosen; the test part stays whole
    scale: range of the pixels
    validation: share of the training images, always the same ones, that is kept apart for what is measured on the way, before
        `classes` and `limit` choose among the others
    """

    title = "Fashion-MNIST"
    there = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@datasets.register("kmnist")
class Kmnist(_Named):
    """Ten characters of old Japanese handwriting, 28 x 28: 60,000 and 10,000 (Clanuwat et al. 2018).

    path: a folder with its four IDX files, plain or .gz; as it stands, what `dessine data fetch kmnist` got
    classes: only these, such as [o, ki]
    limit: only the first so many training images, counted after `classes` has chosen; the test part stays whole
    scale: range of the pixels
    validation: share of the training images, always the same ones, that is kept apart for what is measured on the way, before
        `classes` and `limit` choose among the others
    """

    title = "KMNIST"
    there = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@datasets.register("emnist")
class Emnist(_Named):
    """Handwritten digits and letters, 28 x 28, set upright (Cohen et al. 2017): labels count from 0, also those of letters.

    split: which of its sets: balanced (47 classes), letters (26), digits, mnist (10), byclass (62), bymerge (47)
    path: a folder with its files, plain or .gz; as it stands, what `dessine data fetch emnist SPLIT` got
    classes: only these, such as [A, B]
    limit: only the first so many training images, counted after `classes` has chosen; the test part stays whole
    scale: range of the pixels
    validation: share of the training images, always the same ones, that is kept apart for what is measured on the way, before
        `classes` and `limit` choose among the others
    """

    title = "EMNIST"

    def __init__(
        self,
        split: Literal["balanced", "letters", "digits", "mnist", "byclass", "bymerge"] = "balanced",
        path: PathText | None = None,
        classes: Classes | None = None,
        limit: Count | None = None,
        scale: Literal["0..1", "-1..1"] = "0..1",
        validation: Part = 0.0,
    ):
        self.split, self.there, self.path = split, LETTERS[split], path
        self.classes, self.limit, self.scale, self.validation = classes, limit, scale, validation

    def found(self) -> Path:
        folder = place("emnist") if self.path is None else expanded(self.path)
        first = emnist_files(self.split)[0]
        if self.path is None and not mode(folder / first):
            raise SpecError(f"EMNIST's {self.split} are not in {shown(folder)}: `dessine data fetch emnist {self.split}`")
        return folder / first if mode(folder / first) else folder

    def load(self) -> Split:
        first = int(self.split == "letters")  # of which the files count from 1
        wanted = None if self.classes is None else [first + self._label(name) for name in self.classes]
        read = self._read(wanted, transpose=True)
        held = None if read.validation is None else _moved(read.validation, first)
        train, test = _moved(read.train, first), _moved(read.test, first)
        return replace(read, classes=self.there, train=train, test=test, validation=held)

    @classmethod
    def available(cls) -> list[Available]:
        found = []
        for split in LETTERS:
            files = dict(zip(NAMES, (place("emnist") / name for name in emnist_files(split)), strict=True))
            try:
                if all(map(mode, files.values())):
                    counts = shape(files, NAMES[0])[0], shape(files, NAMES[2])[0]
                    found.append(Available(cls.type, split, str(place("emnist")), *counts))
            except SpecError as error:
                found.append(Available(cls.type, split, str(error), 0, 0))
        return found


def _moved(examples: Examples, by: int) -> Examples:
    """With labels that begin at 0."""
    if examples.y is None or not by:
        return examples
    return replace(examples, y=(examples.y.astype(np.int64) - by).astype(np.uint8))
