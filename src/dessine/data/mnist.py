"""MNIST, and any folder of one's own in its format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, MinLen

from dessine.data.dataset import Array, Available, Dataset, Examples, Split, datasets
from dessine.data.fetch import cache_folder, full_mnist
from dessine.data.idx import PARTS, count, read_part
from dessine.paths import expanded
from dessine.registry import Count, SpecError

SAMPLE = Path(__file__).parent / "sample"


@datasets.register("mnist")
class Mnist(Dataset):
    """Handwritten digits, 28 x 28, or any folder of IDX files in the same format, such as Fashion-MNIST.

    source: sample (10,000 images in the package), full (all 60,000), or auto: full if it is there
    path: a folder of one's own with the four IDX files, plain or .gz, instead of a source; a relative one starts from the
        directory in which the command is run
    digits: only these classes
    limit: only the first so many training images, counted after `digits` has chosen; the test part stays whole
    scale: range of the pixels
    """

    def __init__(
        self,
        source: Literal["auto", "full", "sample"] = "auto",
        path: str | None = None,
        digits: Annotated[list[Annotated[int, Ge(0), Le(255)]], MinLen(1)] | None = None,
        limit: Count | None = None,
        scale: Literal["0..1", "-1..1"] = "0..1",
    ):
        if path is not None and source != "auto":
            raise SpecError("give path or source, not both", ("path",))
        self.source, self.path, self.digits, self.limit, self.scale = source, path, digits, limit, scale

    def load(self) -> Split:
        try:
            folder, source, notice = self._choose()
            whole = [read_part(folder, part, cache_folder() / "arrays") for part in PARTS]
        except SpecError as error:
            raise error if self.path is None else error.below("path") from None
        (x, y), (test_x, test_y) = (self._wanted(*part) for part in whole)
        low = 0.0 if self.scale == "0..1" else -1.0
        train = Examples(x[: self.limit], y[: self.limit], low)
        return Split(train, Examples(test_x, test_y, low), notice, source, digits=1 if self.path is None else 0)

    def _choose(self) -> tuple[Path, str, str]:
        """The folder, its name for the run's record, and what the user must know about it."""
        if self.path is not None:
            return expanded(self.path), self.path, ""
        full = None if self.source == "sample" else full_mnist()
        if full is not None:
            return full, "full", ""
        if self.source == "full":
            raise SpecError(f"the full MNIST is not in {cache_folder()}: get it with `dessine data fetch mnist`", ("source",))
        hint = "using the embedded sample of 10,000 MNIST images (`dessine data fetch mnist` gets all 60,000)"
        return SAMPLE, "sample", hint if self.source == "auto" else ""

    def _wanted(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Only the chosen classes."""
        if self.digits is None:
            return x, y
        missing = sorted(set(self.digits) - set(np.unique(y).tolist()))
        if missing:
            there = ", ".join(map(str, np.unique(y)))
            raise SpecError(f"no images of {', '.join(map(str, missing))} in this data; it has {there}", ("digits",))
        keep = np.isin(y, self.digits)
        return x[keep], y[keep]

    @classmethod
    def available(cls) -> list[Available]:
        folders = {"sample": SAMPLE, "full": full_mnist()}
        return [Available("mnist", source, str(f), *(count(f, part) for part in PARTS)) for source, f in folders.items() if f]
