"""MNIST, and any folder of one's own in its format."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, MinLen

from dessine.data.dataset import Array, Available, Dataset, Examples, Split, datasets, parted
from dessine.data.fetch import FILES, another, cache_folder, full_mnist
from dessine.data.idx import NAMES, Files, find, read, sha256, shape
from dessine.paths import expanded, shown
from dessine.registry import Count, Part, PathText, SpecError

SAMPLE = Path(__file__).parent / "sample"


@datasets.register("mnist")
class Mnist(Dataset):
    """Handwritten digits, 28 x 28, or any folder of IDX files in the same format, such as Fashion-MNIST.

    source: sample (10,000 images in the package), full (all 60,000), or auto: full if it is there
    path: a folder of one's own with the four IDX files, plain or .gz, or one of the four, instead of any source; a relative
        one is looked for beside the config that says it, then in the working directory, where KEY=VALUE also begins
    digits: only these classes, by their labels
    limit: only the first so many training images, counted after `digits` has chosen; the test part stays whole
    scale: range of the pixels
    transpose: exchange rows and columns: EMNIST's files hold their images so
    validation: share of the training images, always the same ones, that is kept apart for what is measured on the way, before
        `digits` and `limit` choose among the others
    """

    def __init__(
        self,
        source: Literal["auto", "full", "sample"] = "auto",
        path: PathText | None = None,
        digits: Annotated[list[Annotated[int, Ge(0), Le(255)]], MinLen(1)] | None = None,
        limit: Count | None = None,
        scale: Literal["0..1", "-1..1"] = "0..1",
        transpose: bool = False,
        validation: Part = 0.0,
    ):
        self.source, self.path, self.digits, self.limit, self.scale = source, path, digits, limit, scale
        self.transpose, self.validation = transpose, validation

    def load(self) -> Split:
        if self.path is None:
            files, source, notice = self._choose()
            whole = read(files)
        else:
            try:
                files, source, notice = self._own(expanded(self.path))
                whole = read(files)
            except SpecError as error:
                raise error.below("path") from None
        known = not self.transpose and (self.path is None or _is_mnist(whole))
        (x, y, kept), (test_x, test_y, _) = (self._wanted(*part) for part in whole)
        low = 0.0 if self.scale == "0..1" else -1.0
        train, validation = parted(Examples(x, y, low), self.validation, kept)
        return Split(
            train.some(slice(self.limit)),
            Examples(test_x, test_y, low),
            notice,
            source,
            digits=int(known),
            validation=validation,
        )

    def _own(self, path: Path) -> tuple[Files, str, str]:
        """The files, their name for the run's record, and what the user must know about them."""
        found, notes = find(path), []
        if found.folder not in (path, path.parent):
            notes.append(f"the data are those in {shown(found.folder)}")
        if "emnist" in f"{found.folder.name} {found.name}".lower() and not self.transpose:
            notes.append("EMNIST's images have rows and columns exchanged: data.transpose=true sets them upright")
        return found.files, str(self.path), "; ".join(notes)

    def _choose(self) -> tuple[Files, str, str]:
        """The same, of the package's and the fetched files."""
        full = None if self.source == "sample" else full_mnist()
        if full is not None:
            if wrong := another(full):
                text = f"{shown(full / wrong)} is not MNIST's: `dessine data fetch mnist` gets it again"
                raise SpecError(f"{text}, source: sample does without", ("source",))
            return find(full).files, "full", ""
        if self.source == "full":
            raise SpecError(f"the full MNIST is not in {cache_folder()}: get it with `dessine data fetch mnist`", ("source",))
        hint = "using the embedded sample of 10,000 MNIST images (`dessine data fetch mnist` gets all 60,000)"
        return find(SAMPLE).files, "sample", hint if self.source == "auto" else ""

    def _wanted(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """Only the chosen classes, upright; and (N,) which of all these are."""
        if self.transpose:
            x = np.ascontiguousarray(x.swapaxes(1, 2))
        if self.digits is None:
            return x, y, np.ones(len(y), bool)
        missing = sorted(set(self.digits) - set(np.unique(y).tolist()))
        if missing:
            there = ", ".join(map(str, np.unique(y)))
            raise SpecError(f"no images of {', '.join(map(str, missing))} in this data; it has {there}", ("digits",))
        keep = np.isin(y, self.digits)
        return x[keep], y[keep], keep

    @classmethod
    def available(cls) -> list[Available]:
        made = []
        for source in ("sample", "full"):
            try:
                if (folder := SAMPLE if source == "sample" else full_mnist()) is None:
                    continue
                files = find(folder).files
                made.append(Available(cls.type, source, str(folder), shape(files, NAMES[0])[0], shape(files, NAMES[2])[0]))
            except SpecError as error:  # what is damaged is one line, and hides nothing else
                made.append(Available(cls.type, source, str(error), 0, 0))
        return made


def _is_mnist(parts: list[tuple[Array, Array]]) -> bool:
    """Whether training and test part are MNIST's, all of it or the package's, wherever they were found."""
    if [len(x) for x, _ in parts] == [60_000, 10_000]:
        return all(sha256(array) == FILES[name][0] for name, array in zip(NAMES, chain(*parts), strict=True))
    if [len(x) for x, _ in parts] == [10_000, 2_000]:
        return all(map(np.array_equal, chain(*parts), chain(*read(find(SAMPLE).files))))
    return False
