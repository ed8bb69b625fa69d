"""MNIST, and any folder of IDX files in its format."""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from dessine.data.dataset import Array, Dataset, Examples, Split, datasets
from dessine.data.fetch import FILES, cache_folder, full_mnist
from dessine.registry import Count, SpecError

SAMPLE = Path(__file__).parent / "sample"


@datasets.register("mnist")
class Mnist(Dataset):
    """Handwritten digits, 28 x 28, or any folder of IDX files in the same format.

    source: sample (10,000 images in the package), full (all 60,000), or auto: full if it is there
    path: a folder of one's own with the four IDX files, plain or .gz
    digits: only these classes
    limit: only the first so many training images
    scale: range of the pixels
    """

    def __init__(
        self,
        source: Literal["auto", "full", "sample"] = "auto",
        path: str | None = None,
        digits: list[Annotated[int, Ge(0), Le(9)]] | None = None,
        limit: Count | None = None,
        scale: Literal["0..1", "-1..1"] = "0..1",
    ):
        self.source, self.path, self.digits, self.limit, self.scale = source, path, digits, limit, scale

    def load(self) -> Split:
        folder, notice = self._folder()
        low = 0.0 if self.scale == "0..1" else -1.0
        train, test = (self._part(*read_idx(folder, part), low) for part in ("train", "t10k"))
        if self.limit:
            train = Examples(train.x[: self.limit], None if train.y is None else train.y[: self.limit], low, 1.0)
        return Split(train, test, notice, str(folder) if self.path else ("sample" if folder == SAMPLE else "full"))

    def _folder(self) -> tuple[Path, str]:
        if self.path:
            return Path(self.path).expanduser(), ""
        full = full_mnist()
        if self.source == "sample" or (self.source == "auto" and full is None):
            hint = "using the embedded sample of 10,000 MNIST images (`dessine data fetch mnist` gets all 60,000)"
            return SAMPLE, hint if self.source == "auto" else ""
        if full is None:
            raise SpecError("the full MNIST is not here: get it with `dessine data fetch mnist`", ("source",))
        return full, ""

    def _part(self, x: Array, y: Array, low: float) -> Examples:
        if self.digits is not None:
            keep = np.isin(y, self.digits)
            if not keep.any():
                raise SpecError(f"no images of {self.digits} in this data", ("digits",))
            x, y = x[keep], y[keep]
        return Examples(x, y, low, 1.0)


def read_idx(folder: Path, part: str) -> tuple[Array, Array]:
    """Images (N, H, W, 1) and labels (N,), uint8, of `train` or `t10k`. Raises SpecError naming the file at fault."""
    names = [f"{part}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1")]
    found = [next((p for p in (folder / n, folder / f"{n}.gz") if p.is_file()), None) for n in names]
    for name, path in zip(names, found, strict=True):
        if path is None:
            raise SpecError(f"no {name} (plain or .gz) in {folder}; needed: {', '.join(FILES)}", ("path",))
    images, labels = (p for p in found if p is not None)
    cached = _cached(images, labels)
    if cached is not None:
        return cached
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # python-mnist compares strings with `is`
            from mnist import MNIST

            plain_x, plain_y = (str(p).removesuffix(".gz") for p in (images, labels))
            reader = MNIST(str(folder), gz=images.suffix == ".gz")
            rows, classes = reader.load(plain_x, plain_y)
        y = np.asarray(classes, np.uint8)
        x = np.array(rows, np.uint8)
        side = round(x.shape[1] ** 0.5)
        x = x.reshape(len(y), side, side, 1)
    except Exception as error:
        raise SpecError(f"{images} or {labels} is not a good IDX file: {error}", ("path",)) from None
    _remember(images, labels, x, y)
    return x, y


def _cache_file(images: Path, labels: Path) -> Path:
    stamp = repr([(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in (images, labels)])
    return cache_folder() / "arrays" / f"{hashlib.sha256(stamp.encode()).hexdigest()[:24]}.npz"


def _cached(images: Path, labels: Path) -> tuple[Array, Array] | None:
    try:
        with np.load(_cache_file(images, labels), allow_pickle=False) as file:
            return file["x"], file["y"]
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _remember(images: Path, labels: Path, x: Array, y: Array) -> None:
    try:
        target = _cache_file(images, labels)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f"{target.stem}.{os.getpid()}.tmp.npz")
        np.savez(beside, x=x, y=y)
        beside.replace(target)
    except OSError:
        return  # a cache that cannot be written only costs time
