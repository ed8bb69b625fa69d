"""A bar for what takes a while before a training begins. Only a terminal sees it; whether it shall, the command says."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
_hidden = ContextVar("hidden", default=False)


@contextmanager
def hidden() -> Iterator[None]:
    """Within, no bar is drawn."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


def progress(items: Iterable[T], total: int, unit: str) -> Iterable[T]:
    """The items, with a bar on stderr if they take longer than half a second."""
    off = _hidden.get() or sys.stderr is None or not sys.stderr.isatty()
    bar: Iterable[T] = tqdm(
        items, total=total, unit=unit, unit_scale=False, leave=False, delay=0.5, disable=off, file=sys.stderr
    )
    return bar
