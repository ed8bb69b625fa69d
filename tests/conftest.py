"""Run folders that no training has made, for the tests of what is done with many of them."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

if "PYTEST_XDIST_WORKER" in os.environ:  # tests share the cores by themselves
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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
