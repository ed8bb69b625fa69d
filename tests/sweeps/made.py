"""Sweep folders and run folders written by hand, as `dessine train` leaves them."""

import json
from pathlib import Path

from dessine.runs.run import Run
from dessine.spec import inline
from dessine.sweeps.cells import Cell
from dessine.sweeps.folder import SweepFolder


def sweep_folder(path: Path) -> SweepFolder:
    folder = SweepFolder(path)
    path.mkdir(exist_ok=True)
    folder.write("base: base.yaml\n", "name: base\n", "", {"identity": "x"})
    return folder


def cell(number: int, **values) -> Cell:
    seed = values.pop("seed", None)
    overrides = tuple(f"{k}={inline(v)}" for k, v in {**values, **({} if seed is None else {"seed": seed})}.items())
    return Cell(values, seed, overrides, f"{number:064d}"[::-1], f"cell {number}")


def finish(run: Run, overrides=(), status="completed", seed=0, repeats=1, reason=None, records=(), **info):
    run.path.mkdir(parents=True, exist_ok=True)
    (run.path / "config.yaml").write_text(f"name: x\nrepeats: {repeats}\n")
    info |= {"overrides": list(overrides), "seed": seed, "status": status, "seconds": 2.5, "reason": reason}
    (run.path / "run.json").write_text(json.dumps(info))
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    last = records[-1] if records else {}
    summary = {"last": last, "best": {"score": {"value": 1.0, "step": 3}}, "step": last.get("step")}
    (run.path / "summary.json").write_text(json.dumps(summary))
