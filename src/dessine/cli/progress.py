"""A line of progress that fits its terminal: whatever has no room in it is omitted whole, the least important first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tqdm import tqdm
from tqdm.std import Bar  # type: ignore[attr-defined]  # its stubs lack it

from dessine.cli.terminal import progress_line, room
from dessine.letters import harmless


class Line(tqdm):
    """Steps made of how many, the numbers that matter, the time left. tqdm moves the cursor and keeps the pace.

    metrics: the most important first; alone: stands in place of all
    """

    def __init__(self, **options: Any):
        self.metrics: Sequence[str] = ()
        self.alone: str | None = None
        options.setdefault("unit", "steps")
        super().__init__(file=sys.stderr, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the line. A terminal that has gone is no reason to stop."""
        with suppress(OSError):
            super().display(msg, pos)

    def above(self, text: str) -> None:
        """A line above this one."""
        with suppress(OSError):
            self.write(harmless(text), file=sys.stderr)

    def close(self) -> None:
        """Leave the terminal tidy."""
        with suppress(OSError):
            super().close()

    def __str__(self) -> str:
        if self.alone is not None:
            return self.alone
        told = self.format_dict
        n, total, rate = told["n"], told["total"], told["rate"]
        rate = rate or ((n - told["initial"]) / told["elapsed"] if told["elapsed"] else 0)
        share = min(1.0, n / total) if total else 0.0
        steps = told["unit"] == "steps"
        parts = [(2, f"{100 * share:3.0f}%"), (0, f"step {n:,}/{total:,}" if steps else f"{n:,}/{total:,} {told['unit']}")]
        parts += [(3 + i, text) for i, text in enumerate(self.metrics)]
        if rate and steps:
            parts.append((1, f"{self.format_interval((total - n) / rate)} left"))
            parts.append((100, f"{rate:,.0f} steps/s" if rate >= 10 else f"{rate:.2g} steps/s"))
        charset = Bar.ASCII if told["ascii"] else Bar.UTF
        return progress_line(share, parts, (room(sys.stderr) or 80) - 1, lambda part, n: format(Bar(part, n, charset)))
