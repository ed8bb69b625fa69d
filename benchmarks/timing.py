"""Timing two programs side by side in one process: A B A B, so that a busy moment of the machine meets both."""

from __future__ import annotations

import platform
import re
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

Step = Callable[[], object]

PAUSE = 0.01
"""Seconds before each program's part: threads of the one before may still look for work, and would take a core from it. After
steps of PyTorch they did so for 5 ms, 7 at most; ours do for 1 ms."""


def seconds(step: Step, n: int) -> float:
    """Of one call, mean over n."""
    began = time.perf_counter()
    for _ in range(n):
        step()
    return (time.perf_counter() - began) / n


class Timing:
    """Rounds of measurements of several programs, each round one after another, with a pause before each."""

    def __init__(self, programs: dict[str, Step], calls: dict[str, int], rounds: int, per_call: dict[str, int] | None = None):
        """calls: per measurement; per_call: how many steps one call makes, 1 where it is not said."""
        for name, step in programs.items():
            seconds(step, max(1, calls[name] // 2))
        many = per_call or {}
        self.rounds = []
        for _ in range(rounds):
            took = {}
            for name, step in programs.items():
                time.sleep(PAUSE)
                took[name] = seconds(step, calls[name]) / many.get(name, 1)
            self.rounds.append(took)

    def median(self, name: str) -> float:
        """Seconds per step."""
        return statistics.median(r[name] for r in self.rounds)

    def ratio(self, ours: str, theirs: str) -> float:
        """Median over the rounds of ours / theirs."""
        return statistics.median(r[ours] / r[theirs] for r in self.rounds)


def matrix_rate() -> float:
    """float32 operations per second of a large product."""
    a = np.ones((1536, 1536), np.float32)
    a @ a
    return 2 * 1536**3 / min(seconds(lambda: a @ a, 5) for _ in range(5))


def processor() -> str:
    """What this machine calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions(*packages: str) -> str:
    """Of what is compared."""
    return ", ".join(f"{name} {version(name)}" for name in packages)


ROOT = Path(__file__).parents[1]
SPEED, README = ROOT / "docs" / "speed.md", ROOT / "README.md"


def write(name: str, lines: list[str], page: Path = SPEED) -> None:
    """Put the lines between the marks of that name in the page. Raises ValueError where it has no such marks."""
    block = "\n".join([f"<!-- {name} -->", *lines, f"<!-- end of {name} -->"])
    text, found = re.subn(
        f"<!-- {name} -->.*?<!-- end of {name} -->", lambda _: block, page.read_text(encoding="utf-8"), count=1, flags=re.DOTALL
    )
    if not found:
        raise ValueError(f"{page} has no marks <!-- {name} --> and <!-- end of {name} -->")
    page.write_text(text, encoding="utf-8")
