"""Pictures are made one by one: one that fails is told of, with its cause, and takes nothing else with it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Saved = Path | Iterable[Path] | None


class Pictures:
    """The one boundary around all drawing: the numbers of a run are worth more than its pictures.

    tell: is given one line for each cause, however many pictures it costs
    """

    def __init__(self, tell: Callable[[str], None] = warnings.warn):
        self.tell = tell
        self.told: set[str] = set()
        self.seconds = 0.0  # that they have taken

    def draw(self, save: Callable[..., Saved], *args: Any, **options: Any) -> list[Path]:
        """Call `save(*args, **options)`. Returns the paths of what it has drawn; none if it failed."""
        began, before = time.perf_counter(), self.seconds
        try:
            made = save(*args, **options)
        except Exception as error:  # a library, a font, a full disk, a user's matplotlib: none of them may end a run
            cause = f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
            if cause not in self.told:
                self.told.add(cause)
                names = [
                    getattr(error, "filename", None),
                    *args,
                ]  # the system names what it cannot open, not what it cannot write
                where = next((f" ({one})" for one in names if isinstance(one, str | Path)), "")
                self.tell(f"some pictures could not be drawn, everything else goes on: {' '.join(cause.split())}{where}")
            return []
        finally:
            self.seconds = before + time.perf_counter() - began  # pictures that `save` drew in here, too, are counted once
        return [made] if isinstance(made, Path) else list(made or ())
