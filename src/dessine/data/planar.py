"""Shapes in the plane, made on the spot or read from a table: two moons, lines, a cloud of one's own points."""

from __future__ import annotations

import csv
import stat
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt, MaxLen, MinLen

from dessine.data.dataset import Array, Available, Dataset, Examples, Split, datasets, kept_apart, made, parted
from dessine.data.density import Segments, along
from dessine.paths import expanded, shown, unreadable
from dessine.registry import MOST, NonNegative, Part, PathText, Points, SpecError, Whole

MOST_CELLS = 50_000_000
"""Numbers that a table may hold."""
LARGEST = 1e18
"""Of them: beyond it, squares are infinite in float32."""
Segment = Annotated[list[float], MinLen(4), MaxLen(4)]


@datasets.register("moons")
class Moons(Dataset):
    """Two half circles that reach into each other: two pieces, neither of them a Gaussian.

    sigma: standard deviation of the noise
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    The radius of both is 1; the label is 0 for the upper moon about (-0.5, -0.25), 1 for the lower one about (0.5, 0.25).
    """

    def __init__(
        self,
        sigma: NonNegative = 0.05,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.sigma, self.points, self.test_points, self.seed, self.validation = sigma, points, test_points, seed, validation

    @staticmethod
    def curve(u: Array) -> Array:
        """(K,) -> (K, 2): the upper moon for u < 1 / 2, then the lower one."""
        lower = u >= 0.5
        angle = 2 * np.pi * u - np.pi * lower
        side = 1 - 2 * lower
        return np.stack([side * (np.cos(angle) - 0.5), side * (np.sin(angle) - 0.25)], -1)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """n points (n, 2) and their moons (n,)."""
        u = rng.uniform(size=n)
        return self.curve(u) + self.sigma * rng.standard_normal((n, 2)), (u >= 0.5).astype(np.int64)

    def load(self) -> Split:
        streams = np.random.default_rng(self.seed).spawn(2)
        known = along(self.curve, 2 * np.pi, self.sigma)
        return made(self.draw, self.points, self.test_points, streams, self.validation, known=known)


@datasets.register("lines")
class Lines(Dataset):
    """Points evenly along straight lines, a cross if nothing else is said: thin, and not round anywhere.

    segments: x and y of both ends of each: [[-1, -1, 1, 1], [-1, 1, 1, -1]] is the cross
    sigma: standard deviation of the noise around
    points: for training
    test_points: for testing
    seed: of the points; the run's own seed does not move them
    validation: share of the training examples, always the same ones, that is kept apart for what is measured on the way
    A longer line has more of the points. The label of a point is its line, as `segments` lists them.
    """

    def __init__(
        self,
        segments: Annotated[list[Segment], MinLen(1), MaxLen(1000)] = [[-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, 1.0, -1.0]],  # noqa: B006
        sigma: NonNegative = 0.02,
        points: Points = 100_000,
        test_points: Points = 10_000,
        seed: Whole = 0,
        validation: Part = 0.0,
    ):
        self.ends = np.array(segments).reshape(-1, 2, 2)
        self.lengths = np.linalg.norm(self.ends[:, 1] - self.ends[:, 0], axis=1)
        for i in np.flatnonzero(~((self.lengths > 0) & np.isfinite(self.lengths))):
            raise SpecError("a line needs two ends that differ", ("segments", int(i)))
        self.sigma, self.points, self.test_points, self.seed, self.validation = sigma, points, test_points, seed, validation

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """n points (n, 2) and their lines (n,)."""
        line, t = rng.choice(len(self.ends), size=n, p=self.lengths / self.lengths.sum()), rng.uniform(size=(n, 1))
        start, end = self.ends[line, 0], self.ends[line, 1]
        return start + t * (end - start) + self.sigma * rng.standard_normal((n, 2)), line

    def load(self) -> Split:
        streams = np.random.default_rng(self.seed).spawn(2)
        known = Segments(self.ends[:, 0], self.ends[:, 1], self.sigma) if self.sigma else None
        return made(self.draw, self.points, self.test_points, streams, self.validation, known=known)


@datasets.register("cloud")
class Cloud(Dataset):
    """Points of your own from a table: one a line, a number a column.

    path: a CSV file, with commas, semicolons, tabs or blanks between; its first line may name the columns. A relative one is
        looked for beside the config that says it, then in the working directory, where KEY=VALUE also begins
    columns: only these, by their names, or by their numbers from 0
    label: a column of whole numbers that says of which class each point is, by its name or number; it is no coordinate
    fit: move and scale the points, all axes alike, so that the widest axis reaches from -1 to 1
    test: share of the points, always the same ones, that is kept for the test
    validation: share of the others, always the same ones, that is kept apart for what is measured on the way
    """

    def __init__(
        self,
        path: PathText,
        columns: Annotated[list[str | int], MinLen(1)] | None = None,
        label: str | int | None = None,
        fit: bool = True,
        test: Annotated[float, Gt(0), Lt(1)] = 0.1,
        validation: Part = 0.0,
    ):
        self.path, self.columns, self.label = path, columns, label
        self.fit, self.test, self.validation = fit, test, validation

    def load(self) -> Split:
        names, numbers = read_table(self.path)
        label = None if self.label is None else self._column(self.label, names, numbers.shape[1], "label")
        wanted = range(numbers.shape[1]) if self.columns is None else self.columns
        chosen = [self._column(one, names, numbers.shape[1], "columns") for one in wanted]
        x = numbers[:, [i for i in chosen if i != label]]
        if not x.shape[1]:
            raise SpecError(f"{shown(expanded(self.path))} has no column beside the label", ("path",))
        if self.fit:
            low, high = x.min(0), x.max(0)
            x = (x - (low + high) / 2) / (float((high - low).max()) / 2 or 1.0)
        y = None if label is None else numbers[:, label].astype(np.int64)
        if y is not None and ((y != numbers[:, label]) | (y < 0) | (y > MOST)).any():
            raise SpecError(f"a label is a whole number from 0 to {MOST:,}", ("label",))
        try:
            apart = kept_apart(len(x), self.test)
        except SpecError as error:
            raise SpecError(error.problems[0].message.replace("training examples", "points"), ("test",)) from None
        whole = Examples(x, y)
        train, validation = parted(whole.some(~apart), self.validation)
        return Split(train, whole.some(apart), source=self.path, validation=validation)

    @staticmethod
    def _column(which: str | int, names: list[str], count: int, option: str) -> int:
        """Its number."""
        if which in names:
            return names.index(str(which))
        if isinstance(which, int) and 0 <= which < count:
            return which
        raise SpecError(f"no column {which} (it has {', '.join(names) or f'0 to {count - 1}'})", (option,))

    @classmethod
    def available(cls) -> list[Available]:
        return []


def read_table(text: str) -> tuple[list[str], Array]:
    """Names of the columns, or none, and their numbers (N, columns). Raises SpecError naming the line that is no such thing."""
    path = expanded(text)
    try:
        what = path.stat().st_mode
        if not stat.S_ISREG(what):  # a pipe may never end
            raise SpecError(f" is {'a folder' if stat.S_ISDIR(what) else 'no ordinary file'}: expects a table")
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _numbers(file.read(20 * MOST_CELLS))
    except OSError as error:
        raise unreadable(path, error).below("path") from None
    except UnicodeDecodeError:
        raise SpecError(f"{shown(path)} is no table: it is not text", ("path",)) from None
    except csv.Error as error:
        raise SpecError(f"{shown(path)} is no table: {error}", ("path",)) from None
    except SpecError as error:
        raise SpecError(f"{shown(path)}{error}", ("path",)) from None


def _numbers(text: str) -> tuple[list[str], Array]:
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise SpecError(" holds no points")
    first = lines[0][1]
    between = next((sign for sign in (";", "\t", ",") if sign in first), None)
    names: list[str] = []
    if not all(map(_is_number, head := _cells(first, between))):
        names, lines = head, lines[1:]
    width, rows = len(head), []
    if width * len(lines) > MOST_CELLS:
        raise SpecError(f" holds more than {MOST_CELLS:,} numbers")
    for i, line in lines:
        cells = _cells(line, between)
        if len(cells) != width:
            raise SpecError(f":{i}: {len(cells)} columns, where {width} are expected")
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            wrong = next(cell for cell in cells if not _is_number(cell))
            raise SpecError(f":{i}: '{wrong[:40]}' is no number") from None
    numbers = np.array(rows).reshape(-1, width)
    if not len(numbers):
        raise SpecError(" holds no points")
    good = np.abs(numbers) <= LARGEST
    if not good.all():
        raise SpecError(f":{lines[int(np.argmin(good.all(1)))][0]}: a number that is not finite, or larger than {LARGEST:g}")
    return names, numbers


def _cells(line: str, between: str | None) -> list[str]:
    if between is None:
        return line.split()
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=between))]
    return [cell.replace(",", ".") for cell in cells] if between == ";" else cells  # where the comma is the decimal point


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
