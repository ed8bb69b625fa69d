"""What tests of pictures share: the figures themselves, which a file no longer tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dessine.plots.figure import picture


@pytest.fixture
def figures_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Any]]:
    """Of a module of plots: every figure that it draws from now on, after it has been saved."""

    def follow(module: Any) -> list[Any]:
        drawn: list[Any] = []

        @contextmanager
        def kept(*args: Any, **options: Any) -> Iterator[tuple[Any, Any]]:
            with picture(*args, **options) as (figure, grid):
                drawn.append(figure)
                yield figure, grid

        monkeypatch.setattr(module, "picture", kept)
        return drawn

    return follow
