"""How a running sweep looks: in a terminal one bar for the whole and one line per running cell, elsewhere plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from dessine.cli.errors import say
from dessine.cli.progress import Line
from dessine.cli.terminal import is_terminal, progress_line, room, screen_lines
from dessine.letters import clipped
from dessine.sweeps.cells import Cell
from dessine.sweeps.running import Outcome, Running, steps_made

MARKS = {"completed": "done", "failed": "FAILED", "killed": "KILLED", "interrupted": "stopped", "given up": "given up"}


class Screen:
    """A watcher that writes to stderr. total: cells; done: of them, before we began; steps: that a cell makes"""

    def __init__(self, total: int, done: int, slots: int, steps: Callable[[Cell], int], quiet: bool):
        self.total, self.done, self.first, self.steps, self.quiet = total, done, done, steps, quiet
        self.bad, self.began, self.looked, self.ending = 0, time.monotonic(), 0.0, False
        self.bar: Line | None = None
        self.lines: list[Line] = []
        if is_terminal(sys.stderr) and not quiet:
            high = min(slots, total - done, max(1, screen_lines() - 4))
            self.bar = Line(total=total, initial=done, position=0, unit="runs")
            self.lines = [Line(total=0, position=i + 1, leave=False) for i in range(high)]

    def queued(self, cell: Cell, why: str) -> None:
        if self.bar is None and not self.quiet:
            self.say(f"queued: {cell.label}: {why}")

    def started(self, cell: Cell, resumed: bool) -> None:
        if self.bar is None and not self.quiet:
            self.say(f"{'going on' if resumed else 'started'}: {cell.label}")

    def ended(self, cell: Cell, outcome: Outcome, seconds: float) -> None:
        if outcome.status != "interrupted":
            self.done += 1
        self.bad += outcome.bad
        left = self._left()
        if self.bar is not None:
            self.bar.n = self.done
            self.bar.metrics = [part for part in (f"{self.bad} failed" if self.bad else "", left) if part]
            self.bar.refresh()
        if outcome.bad or (self.bar is None and not self.quiet):
            why = f": {outcome.reason}" if outcome.reason else ""
            count = f"[{self.done}/{self.total}] " if self.bar is None else ""
            ahead = f" ({seconds:.1f} s; {left})" if left and self.bar is None else f" ({seconds:.1f} s)"
            self.say(f"{count}{MARKS[outcome.status]}: {cell.label}{why}{ahead}")

    def stopping(self, running: int, why: str) -> None:
        self.ending = True
        runs = f"{running} run{'s' if running != 1 else ''}"
        again = "; Ctrl-C again kills them" if why == "interrupted" else ""
        self.say(f"{why}: waiting for {runs} to save and stop{again}")

    def tick(self, running: list[Running]) -> None:
        if self.bar is None or time.monotonic() - self.looked < 0.5:
            return
        self.looked = time.monotonic()
        width = (room(sys.stderr) or 80) - 1
        for line, one in zip(self.lines, [*running, *[None] * len(self.lines)], strict=False):
            line.alone = self._line(one, width) if one else ""
            line.refresh()
        if self.lines and len(running) > len(self.lines):
            self.lines[-1].alone = f"  ... and {len(running) - len(self.lines) + 1} more"
            self.lines[-1].refresh()
        self.bar.refresh()

    def _line(self, one: Running, width: int) -> str:
        if one.queued:
            return clipped(f"        {one.cell.label}  {one.queued}", width)
        made, steps = steps_made(one.run), self.steps(one.cell)
        share = f"  {100 * made / steps:3.0f}%" if steps else "      "
        count = f"step {made:,}{f'/{steps:,}' if steps else ''}"
        return progress_line(0, [(0, share), (2, clipped(one.cell.label, max(10, width - len(share) - 2))), (1, count)], width)

    def _left(self) -> str:
        """From the pace so far."""
        made = self.done - self.first
        if not made or self.ending or self.done >= self.total:
            return ""
        return f"about {duration((time.monotonic() - self.began) / made * (self.total - self.done))} left"

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self.bar is not None:
            self.bar.above(text)
        else:
            say(text)

    def close(self) -> None:
        """Leave the terminal tidy."""
        for line in reversed(self.lines):
            line.close()
        if self.bar is not None:
            self.bar.close()


def duration(seconds: float) -> str:
    """As people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
