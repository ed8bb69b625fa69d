"""Run folders that no training has made, for the tests of what is done with many of them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image

if "PYTEST_XDIST_WORKER" in os.environ:  # tests share the cores by themselves
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # of a hundred processes that tests start each would compile all of dessine

MakeRun = Callable[..., Path]

SPEC = {
    "data": {"type": "xor", "points": 100},
    "game": {
        "type": "classification",
        "network": {"layers": [{"type": "dense", "units": 2}, {"type": "dense", "units": 1}], "optimizer": {"eta": 0.1}},
        "loss": {"type": "quadratic", "factor": 0.5},
    },
    "training": {"steps": 20, "batch_size": 1},
    "name": "made",
    "seed": 0,
    "repeats": 1,
}


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run folder below tmp_path/runs: `make_run("a", seed=1, success=[0.5, 0.9], status="failed")`.

    success: the metric test_success of the records at steps 10, 20, ...; spec: changes of the spec, by dotted key;
    samples: steps of sample pictures; all else goes into run.json.
    """

    def make(
        name: str,
        success: Sequence[Any] = (0.5, 0.9),
        spec: dict[str, Any] | None = None,
        samples: Sequence[int] = (),
        seed: int = 0,
        repeats: int = 1,
        **info: Any,
    ) -> Path:
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        own = json.loads(json.dumps(SPEC)) | {"seed": seed, "repeats": repeats}
        for key, value in (spec or {}).items():
            holder = own
            *above, last = key.split(".")
            for word in above:
                holder = holder[word]
            holder[last] = value
        records = [{"step": 10 * (i + 1), "epoch": 0.1 * (i + 1), "test_success": v} for i, v in enumerate(success)]
        last = [v for v in np.atleast_1d(success[-1]).tolist() if v is not None] if records else []
        known = {
            "status": "completed",
            "started": "2020-11-24T10:00:00+00:00",
            "host": platform.node(),
            "pid": 2**30,  # no process has such a number
            "seed": seed,
            "goals": {"test_success": "max"},
            "results": {"test_success": float(np.mean(last))} if last else {},
            "step": 10 * len(records),
            "steps": 10 * len(records),
            "seconds": 1.5,
            "spec": own,
        } | info
        (path / "run.json").write_text(json.dumps(known))
        (path / "config.yaml").write_text(json.dumps(own))  # JSON is YAML
        (path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        for step in samples:
            (path / "samples").mkdir(exist_ok=True)
            Image.new("RGB", (64, 48), (step % 256, 90, 160)).save(path / "samples" / f"step_{step:07d}.png")
        return path

    return make


@pytest.fixture
def make_sweep(tmp_path: Path, make_run: MakeRun) -> Callable[..., Path]:
    """Write a sweep's folder: `make_sweep("s", {"cell_a": {"seed": 1}, "cell_b": {"status": "failed"}})`."""

    def make(name: str, cells: dict[str, dict[str, Any]]) -> Path:
        for cell, options in cells.items():
            make_run(f"{name}/cells/{cell}", **options)
        path = tmp_path / "runs" / name
        (path / "sweep.yaml").write_text("base: base.yaml\n")
        (path / "base.yaml").write_text(json.dumps(SPEC))
        (path / "sweep.json").write_text(json.dumps({"created": "2020-11-24T11:00:00+00:00"}))
        return path

    return make


@pytest.fixture(scope="session", autouse=True)
def _garbage_stays() -> Iterator[None]:
    """A training looks for garbage four times, and among all that ten thousand tests hold that takes longer than most runs of a
    test. What it does is shown by test_machine.py, in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dessine.machine.gc", SimpleNamespace(collect=lambda: 0))
        yield


class Fork:
    """In place of a process that runs a command of dessine: a fork of this one, which has everything imported already."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], output: IO[Any], cwd: str | None = None):
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid:
            return
        code = 99
        try:
            for number in (1, 2):
                os.dup2(output.fileno(), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.environ.clear()
            os.environ.update(env)
            os.chdir(cwd or ".")
            sys.argv = ["dessine", *command[command.index("dessine") + 1 :]]
            from dessine.cli import group
            from dessine.cli.errors import guarded

            code = guarded(group)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def poll(self) -> int | None:
        if self.code is None and (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            self.code = os.waitstatus_to_exitcode(ended[1])
        return self.code

    def wait(self) -> None:
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def send_signal(self, number: int) -> None:
        if self.code is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of a sweep, and repeats apart, are forks: a tenth of the time, where nothing is asked of the process itself."""
    if hasattr(os, "fork"):
        monkeypatch.setattr("dessine.sweeps.lifeline.start", Fork)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium; where there is none, what needs it is skipped."""
    webdriver = pytest.importorskip("selenium.webdriver")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for word in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "window-size=1000,900",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield started
    started.quit()
