"""Timing two programs side by side in one process: A B A B, so that a busy moment of the machine meets both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

Step = Callable[[], object]


def seconds(step: Step, n: int) -> float:
    """Of one call, mean over n."""
    began = time.perf_counter()
    for _ in range(n):
        step()
    return (time.perf_counter() - began) / n


class Timing:
    """Rounds of measurements of several programs, each round one after another."""

    def __init__(self, programs: dict[str, Step], calls: dict[str, int], rounds: int, per_call: dict[str, int] | None = None):
        """calls: per measurement; per_call: how many steps one call makes, 1 where it is not said."""
        for name, step in programs.items():
            seconds(step, max(1, calls[name] // 2))
        many = per_call or {}
        self.rounds = [
            {name: seconds(step, calls[name]) / many.get(name, 1) for name, step in programs.items()} for _ in range(rounds)
        ]

    def median(self, name: str) -> float:
        """Seconds per step."""
        return statistics.median(r[name] for r in self.rounds)

    def ratio(self, ours: str, theirs: str) -> float:
        """Median over the rounds of ours / theirs."""
        return statistics.median(r[ours] / r[theirs] for r in self.rounds)


def matrix_rate() -> float:
    """float32 operations per second of a large product."""
    a = np.ones((1024, 1024), np.float32)
    a @ a
    return 2 * 1024**3 / min(seconds(lambda: a @ a, 5) for _ in range(5))


def layers(sizes: Sequence[int], hidden: object, last: object, **options: object) -> list[dict]:
    """Dense layers as a spec writes them."""
    acts = [hidden] * (len(sizes) - 2) + [last]
    return [{"type": "dense", "units": n, "activation": a, **options} for n, a in zip(sizes[1:], acts, strict=True)]
