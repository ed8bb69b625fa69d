"""A `dessine sweep` in a process of its own, whose words are waited for."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

BASE = Path(__file__).parents[1] / "sweeps" / "small.yaml"
ENDLESS = "training.steps=300000000"
QUIET = "from dessine.sweeps import pictures; pictures.save_pictures = lambda *_: []; from dessine.cli import main; main()"
"""Drawing takes a second, and is the same everywhere."""


class Sweep:
    """words: of the command line, after the config"""

    def __init__(self, folder: Path, *words: str):
        self.folder, self.told = folder, folder.with_name(f"{folder.name}.{time.monotonic_ns()}.err")
        command = [sys.executable, "-c", QUIET, "sweep", str(BASE), *words, "--sweep-dir", str(folder)]
        with self.told.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True, env=dict(os.environ))

    def text(self) -> str:
        return self.told.read_text()

    def wait_for(self, *words: str, count: int = 1, seconds: float = 90) -> None:
        """Until a line holds all `words`, `count` times over."""
        until = time.monotonic() + seconds
        while sum(all(word in line for word in words) for line in self.text().splitlines()) < count:
            assert time.monotonic() < until, f"never told {words}:\n{self.text()}"
            assert self.process.poll() is None, f"ended before it told {words}:\n{self.text()}"
            time.sleep(0.1)

    def wait_for_runs(self, count: int, seconds: float = 90) -> None:
        """Until so many runs have written their first metrics."""
        until = time.monotonic() + seconds
        while len(list(self.folder.glob("cells/*/metrics.jsonl"))) < count:
            assert time.monotonic() < until, self.text()
            time.sleep(0.1)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def end(self) -> tuple[int, str]:
        """Exit code, and the last line of stdout."""
        out, _ = self.process.communicate(timeout=90)
        return self.process.returncode, out.splitlines()[-1] if out else ""
