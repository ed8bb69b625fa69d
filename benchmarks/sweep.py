"""A sweep of eight equal runs of one thread, two at a time against one at a time: `python benchmarks/sweep.py`.

The whole command is timed, from its start to its end: reading, checking, eight `dessine train` and the report. Pairs are
measured in turn, A B A B, and the ratio is the median over pairs. It needs two cores that nothing else uses: what two
processes can gain on this machine at all is measured in the same run, with two that only count.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 0.56
BASE = Path(__file__).parents[1] / "configs" / "mnist_modern.yaml"
COUNT = "for i in range({n}): pass"


def sweep(folder: Path, jobs: int, epochs: float) -> float:
    """Seconds of the whole command in a new folder."""
    words = [str(BASE), "data.source=sample", f"training.epochs={epochs}", "seed=range(8)"]
    options = ["-j", str(jobs), "--threads", "1", "--sweep-dir", str(folder / f"{jobs}-{time.monotonic_ns()}"), "--quiet"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "dessine", "sweep", *words, *options], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def counting(processes: int, each: int) -> float:
    """Seconds of so many Python processes side by side, each counting."""
    began = time.perf_counter()
    started = [subprocess.Popen([sys.executable, "-Sc", COUNT.format(n=each)]) for _ in range(processes)]
    for process in started:
        process.wait()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12, help="of each run; short runs show the start of Python instead")
    options = parser.parse_args()
    ratios, ideal = [], []
    with tempfile.TemporaryDirectory() as name:
        for pair in range(options.pairs):
            ideal.append(counting(2, 60_000_000) / (2 * counting(1, 60_000_000)))
            one, two = (sweep(Path(name), jobs, options.epochs) for jobs in (1, 2))
            ratios.append(two / one)
            print(
                f"pair {pair + 1}: -j 1 {one:.1f} s, -j 2 {two:.1f} s, ratio {two / one:.3f}; counting {ideal[-1]:.3f}",
                flush=True,
            )
    ratio = statistics.median(ratios)
    verdict = "good" if ratio <= LIMIT else "TOO SLOW"
    print(f"8 runs, -j 2 / -j 1: {ratio:.3f} (at most {LIMIT}): {verdict}; the machine itself: {statistics.median(ideal):.3f}")


if __name__ == "__main__":
    main()
