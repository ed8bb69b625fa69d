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
from pathlib import Path

import numpy as np
from timing import seconds

from dessine.cli.loading import load
from dessine.games import Game
from dessine.threads import cores

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
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.pop(name, None)
    many = cores()
    print(f"NumPy {np.__version__}, {many} cores, {args.neighbours} busy neighbour(s), {args.rounds} rounds; ms a step")
    print(f"{'config':<26}{'1 thread':>10}{many:>3} threads{'1, busy':>10}{many:>3}, busy{'to 1 alone':>12}")
    for path in args.configs:
        game = build(path)
        with threads(1), np.errstate(all="ignore"):
            game.turns(2)
            n = max(1, int(args.seconds / max(seconds(lambda game=game: game.turns(1), 3), 1e-6)))
        took: dict[tuple[int, int], list[float]] = {}
        for _ in range(args.rounds):
            for busy in (0, args.neighbours):
                for workers in (1, many):
                    with neighbours(busy), threads(workers), np.errstate(all="ignore"):
                        took.setdefault((busy, workers), []).append(1e3 * seconds(lambda g=game, n=n: g.turns(n), 1) / n)
        alone, rest = took[0, 1], took[args.neighbours, many]
        ratio = statistics.median(b / a for a, b in zip(alone, rest, strict=True))
        shown = [statistics.median(took[key]) for key in ((0, 1), (0, many), (args.neighbours, 1), (args.neighbours, many))]
        verdict = "" if ratio <= BOUND else f"  over {BOUND}"
        print(f"{path.stem:<26}" + "".join(f"{ms:>10.3f}" for ms in shown) + f"{ratio:>12.2f}{verdict}", flush=True)


if __name__ == "__main__":
    main()
