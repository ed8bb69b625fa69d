"""What varies in a sweep: lists, ranges and distributions, as a command line or a YAML file writes them.

Which cells they make together belongs to `cells.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp, log
from typing import Any

import numpy as np

from dessine.registry import SpecError, did_you_mean
from dessine.schema import shown
from dessine.spec import value

CALLS = {"range": "range(stop), range(start, stop) or range(start, stop, step)", "uniform": "uniform(low, high)"}
CALLS["log_uniform"] = "log_uniform(low, high)"
MOST_VALUES = 10_000


@dataclass(frozen=True)
class Draw:
    """A distribution over [low, high]: uniform, or uniform in the logarithm; whole numbers if both ends are whole."""

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, u: float) -> int | float:
        """The value at the share u in [0, 1) of the distribution; six digits, so that names stay short."""
        low, high = (self.low, self.high + 1) if self.whole else (self.low, self.high)
        x = exp(log(low) + u * (log(high) - log(low))) if self.log else low + u * (high - low)
        return min(int(x), int(self.high)) if self.whole else float(f"{x:.6g}")

    def __str__(self) -> str:
        return f"{'log_uniform' if self.log else 'uniform'}({self.low!r}, {self.high!r})"


def draws(key: str, draw: Draw, count: int, seed: int) -> list[int | float]:
    """`count` values for `key`. A longer list begins with the shorter one, and keys do not disturb each other."""
    stream = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
    return [draw.at(float(u)) for u in np.random.default_rng([seed, stream]).random(count)]


def split(text: str, separator: str) -> list[str]:
    """Cut at separators that stand in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
        if letter == separator and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def listed(written: Any, twice: bool = False) -> list[Any]:
    """The values of an axis: a list as it is, or what a text such as `range(1, 4)` or `1, 2, 5` means. Raises SpecError.

    twice: whether a value may come again, as it may where another key that moves with this one tells the cells apart
    """
    if isinstance(written, list):
        values = written
    elif isinstance(written, str) and (found := _call(written)):
        if found[0] != "range":
            raise SpecError(f"{written} is a distribution: it stands in axes.random")
        values = _range(written, found[1])
    elif isinstance(written, str) and len(split(written, ",")) > 1:
        values = [value(part) for part in split(written, ",")]
    else:
        raise SpecError(f"expects a list of values, or range(start, stop, step); got {written!r}")
    if not values:
        raise SpecError("has no values")
    counted = Counter(f"{type(v).__name__} {v!r}" for v in values)
    again = [v for v in values if counted[f"{type(v).__name__} {v!r}"] > 1]
    if again and not twice:
        raise SpecError(f"has {shown(again[0])} twice")
    return values


def together(group: dict[str, list[Any]]) -> None:
    """Whether lists can move together: of one length, and no row of them comes twice. Raises SpecError."""
    if len({len(values) for values in group.values()}) != 1:
        raise SpecError(f"the lists differ in length: {', '.join(f'{k} has {len(v)}' for k, v in group.items())}")
    rows = [repr(row) for row in zip(*group.values(), strict=True)]
    if len(set(rows)) < len(rows):
        again = next(row for row in rows if rows.count(row) > 1)
        raise SpecError(f"has {again[:60]} twice" if len(group) > 1 else f"{next(iter(group))} has a value twice")


def distribution(written: Any) -> Draw:
    """What `log_uniform(1e-5, 1e-2)` means. Raises SpecError."""
    found = _call(written) if isinstance(written, str) else None
    if not found or found[0] == "range":
        raise SpecError(f"expects uniform(low, high) or log_uniform(low, high), got {written!r}")
    name, numbers = found
    if len(numbers) != 2 or not numbers[0] < numbers[1]:
        raise SpecError(f"{written}: expects {CALLS[name]}, low before high")
    if name == "log_uniform" and numbers[0] <= 0:
        raise SpecError(f"{written}: both ends must be above zero")
    whole = all(isinstance(n, int) for n in numbers)
    return Draw(numbers[0], numbers[1], name == "log_uniform", whole)


def _call(text: str) -> tuple[str, list[Any]] | None:
    """Name and numbers of `name(number, ...)`, or None for any other text. Raises SpecError."""
    match = re.fullmatch(r"([A-Za-z_]+)\((.*)\)", text.strip(), re.DOTALL)
    if not match:
        return None
    if match[1] not in CALLS:
        raise SpecError(f"no '{match[1]}'{did_you_mean(match[1], CALLS)} (known: {', '.join(CALLS.values())})")
    numbers = [value(part) for part in split(match[2], ",")]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and n - n == 0 for n in numbers):
        raise SpecError(f"{text}: expects {CALLS[match[1]]}")
    return match[1], [+n for n in numbers]  # without how they were spelled


def _range(written: str, numbers: list[Any]) -> list[Any]:
    """Python's range, for decimal numbers too; the stop is left out."""
    if len(numbers) > 3 or (len(numbers) == 3 and numbers[2] == 0):
        raise SpecError(f"{written}: expects {CALLS['range']}, the step not zero")
    start, stop, step = (0, *numbers, 1) if len(numbers) == 1 else (*numbers, 1)[:3]
    count = ceil((stop - start) / step - 1e-9)
    if count > MOST_VALUES:
        many = f"{count:,}" if count < 10**12 else "far too many"
        raise SpecError(f"{written} has {many} values; at most {MOST_VALUES:,} are accepted")
    return [v if isinstance(v, int) else float(f"{v:.12g}") for v in (start + i * step for i in range(count))]


@dataclass(frozen=True)
class Words:
    """What a command line says: `fixed` holds in every cell, the others as in a sweep's YAML."""

    fixed: dict[str, Any]
    grid: dict[str, Any]
    zip: list[dict[str, Any]]
    random: dict[str, str]

    def keys(self) -> Iterator[str]:
        """Every key, as often as it is given."""
        yield from (*self.fixed, *self.grid, *self.random)
        for group in self.zip:
            yield from group


def parse(arguments: Sequence[str]) -> Words:
    """Read `key=a,b,c`, `key=range(...)`, `key=log_uniform(...)`, `zip(x=1,2; y=3,4)` and `key=value`. Raises SpecError."""
    words = Words({}, {}, [], {})
    for argument in arguments:
        try:
            _word(words, argument.strip())
        except SpecError as error:
            raise SpecError(f"command line: {argument}: {error}") from None
    return words


def _word(words: Words, text: str) -> None:
    known = set(words.keys())
    if text.startswith("zip(") and text.endswith(")"):
        group = {}
        for part in split(text[4:-1], ";"):
            key, written = _pair(part)
            if key in known or key in group:
                raise SpecError(f"{key} is given twice")
            group[key] = listed(written, twice=True)
        together(group)
        words.zip.append(group)
        return
    key, written = _pair(text)
    if key in known:
        raise SpecError(f"{key} is given twice")
    call = _call(written)
    if call and call[0] != "range":
        words.random[key] = str(distribution(written))
    elif call or len(split(written, ",")) > 1:
        words.grid[key] = listed(written)
    else:
        words.fixed[key] = value(written)


def _pair(text: str) -> tuple[str, str]:
    key, equals, written = text.partition("=")
    if not equals or not key.strip() or re.search(r"[\s,;()]", key.strip()):
        raise SpecError("expects KEY=VALUE, KEY=A,B,C, KEY=range(1, 4), KEY=log_uniform(1e-5, 1e-2) or zip(KEY=A,B; KEY=C,D)")
    return key.strip(), written.strip()
