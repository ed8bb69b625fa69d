"""Every shipped config on a busy machine: `python benchmarks/busy.py`.

A step with as many threads as there are cores, and with one, alone and beside a neighbour that keeps a core busy, measured in
turn in one process. What counts is the last column: the default on the busy machine against one thread that has a core to
itself. The rule is at most 1.3; the data are the embedded sample.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
from timing import processor, seconds, versions, write

from dessine.cli.loading import load
from dessine.games import Game
from dessine.spec import BadSpec
from dessine.threads import LIMITS, cores

CONFIGS = Path(__file__).parents[1] / "configs"
BOUND = 1.3


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Large work is shared between n."""
    os.environ["OPENBLAS_NUM_THREADS"] = str(n)
    try:
        yield
    finally:
        del os.environ["OPENBLAS_NUM_THREADS"]


@contextmanager
def neighbours(n: int) -> Iterator[None]:
    """n processes that only count."""
    started = [subprocess.Popen([sys.executable, "-Sc", "while True: pass"]) for _ in range(n)]
    time.sleep(0.05)
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def build(path: Path) -> Game:
    """The game of a config, with the sample in place of the full MNIST."""
    mnist = any(word in path.read_text() for word in ("type: mnist", "type: stacked_mnist"))
    experiment, _, _ = load(path, ["data.source=sample"] if mnist else [])
    return experiment.game


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configs", nargs="*", type=Path, default=sorted(CONFIGS.glob("*.yaml")))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement, roughly")
    parser.add_argument("--neighbours", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    args = parser.parse_args()
    for name in LIMITS:
        os.environ.pop(name, None)
    many, busy = cores(), args.neighbours
    lines = [
        f"`python benchmarks/busy.py --write` on {date.today()}: {processor()}, {versions('numpy')}, {many} cores, "
        f"{busy} busy neighbour{'s' if busy > 1 else ''}; ms a step:",
        "",
        f"| config | 1 thread, alone | {many} threads, alone | 1, busy | {many}, busy | {many}, busy to 1, alone |",
        "|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for path in args.configs:
        try:
            lines.append(measure(path, many, busy, args.rounds, args.seconds))
        except BadSpec as error:  # such as data that have not been fetched
            print(error, file=sys.stderr)
            continue
        print(lines[-1], flush=True)
    if args.write:
        write("busy", lines)


def measure(path: Path, many: int, busy: int, rounds: int, length: float) -> str:
    """A line of the table. length: seconds of each measurement, roughly."""
    game = build(path)
    with threads(1), np.errstate(all="ignore"):
        game.turns(2)
        n = max(1, int(length / max(seconds(lambda: game.turns(1), 3), 1e-6)))
        n = max(1, int(length / max(seconds(lambda: game.turns(n), 1) / n, 1e-6)))
    took: dict[tuple[int, int], list[float]] = {}
    for _ in range(rounds):
        for beside in (0, busy):
            for workers in (1, many):
                with neighbours(beside), threads(workers), np.errstate(all="ignore"):
                    took.setdefault((beside, workers), []).append(1e3 * seconds(lambda: game.turns(n), 1) / n)
    ratio = statistics.median(b / a for a, b in zip(took[0, 1], took[busy, many], strict=True))
    shown = [statistics.median(took[key]) for key in ((0, 1), (0, many), (busy, 1), (busy, many))]
    verdict = "" if ratio <= BOUND else f" (over {BOUND})"
    return f"| `{path.stem}` | " + " | ".join(f"{ms:.3g}" for ms in shown) + f" | {ratio:.2f}{verdict} |"


if __name__ == "__main__":
    main()
