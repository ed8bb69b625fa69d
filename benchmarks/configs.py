"""How long each shipped config takes, from the command to its last line: `python benchmarks/configs.py [--write] [NAME ...]`.

Each is trained once, in turn, as a user would train it, after its loops have been compiled. --write puts the time into the
config's own comment, from where `dessine new` tells it. A quiet machine is wanted; without names it takes about twenty minutes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

CONFIGS = Path(__file__).parents[1] / "configs"
LINE = re.compile(r"^# Time: .*\n", re.MULTILINE)
HEAD = re.compile(r"\A(?:#.*\n)+")
LONG = ("gan_mnist_2014",)
"""Not measured without being asked for: more than an hour."""


def train(config: Path, *overrides: str) -> float:
    """Seconds of a whole training."""
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        command = [sys.executable, "-m", "dessine", "train", str(config), *overrides, "--runs-dir", folder]
        subprocess.run(command, check=True, capture_output=True)
        return perf_counter() - start


def told(seconds: float) -> str:
    """1.4 -> "1 s"; 83 -> "80 s"; 260 -> "4 min"."""
    if seconds < 10:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 5) * 5} s" if seconds < 120 else f"{round(seconds / 60)} min"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found = [CONFIGS / f"{name}.yaml" for name in args.names] or sorted(CONFIGS.glob("*.yaml"))
    for config in found:
        if config.stem in LONG and not args.names:
            continue
        try:
            train(
                config, "training.steps=3", *(["training.epochs=null"] if "epochs:" in config.read_text() else [])
            )  # compiles
            time = told(train(config))
        except subprocess.CalledProcessError as error:
            print(f"{config.stem}: {error.stderr.decode().strip().splitlines()[-1:]}", flush=True)
            continue
        print(f"{config.stem}: {time}", flush=True)
        if args.write:
            text = LINE.sub("", config.read_text())
            config.write_text(HEAD.sub(lambda head, time=time: f"{head[0]}# Time: {time} on 2 cores.\n", text, count=1))


if __name__ == "__main__":
    main()
