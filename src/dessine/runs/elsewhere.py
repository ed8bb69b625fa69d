"""Runs as other programs keep them: metrics as one CSV file, as TensorBoard's event files, as runs of an MLflow store.

Each repeat is a run there, with the numbers of its own. What is written a second time takes the place of the first.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dessine.runs.collection import Row
from dessine.runs.comparison import ABSENT, Track, differences, shown
from dessine.runs.files import RunError, own, write_atomically
from dessine.runs.lock import locked
from dessine.runs.run import Run

MOST_PICTURES = 50
"""Of one run, the first and the last among them."""
LONGEST_VALUE = 500
"""Letters of a parameter that every MLflow takes."""
AT_ONCE = 1000
"""Metrics that MLflow takes in one call."""
OURS = ".dessine"
"""The end of our event files: others in the same folder stay."""
ENDS = {"completed": "FINISHED", "failed": "FAILED", "running": "RUNNING", "queued": "SCHEDULED"}
"""Our statuses as MLflow has them; all others were killed."""


@dataclass
class Told:
    """One repeat of a run. times: seconds since 1970 of each record, spread over what the run took: lines have none of their
    own."""

    track: Track
    repeat: int

    @property
    def row(self) -> Row:
        return self.track.row

    @property
    def name(self) -> str:
        """Of its run; of one of several repeats with its seed."""
        return self.row.name if self.track.repeats == 1 else f"{self.row.name}/seed_{self.seed}"

    @property
    def seed(self) -> int:
        return self.track.seed + self.repeat

    @cached_property
    def metrics(self) -> list[tuple[dict[str, Any], dict[str, float]]]:
        """Each record, and of its dotted metrics those that are numbers."""
        own = [(record, {name: v[self.repeat] for name, v in values.items()}) for record, values in self.track.records]
        return [(record, {name: v for name, v in values.items() if np.isfinite(v)}) for record, values in own]

    def time(self, step: int) -> float:
        last = max((record["step"] for record, _ in self.metrics), default=0) or 1
        return (self.row.began or 0.0) + (self.row.seconds or 0.0) * step / last

    @property
    def spec(self) -> dict[str, Any]:
        """The spec of this repeat alone: dotted key -> value."""
        return _flat(self.row.spec | {"seed": self.seed, "repeats": 1})


def told(rows: Sequence[Row], say: Callable[[str], None]) -> list[Told]:
    """Every repeat of every run; `say` gets a line for each line of metrics that cannot be read."""
    tracks = [Track(row) for row in rows]
    for track in tracks:
        for fault in track.faults:
            say(fault)
    return [Told(track, r) for track in tracks for r in range(track.repeats)]


def save_csv(path: Path, every: Sequence[Told]) -> None:
    """One line for each line of metrics of each repeat; before the metrics what differs in the specs, under dotted keys."""
    varying = {key: v for key, v in differences([one.row.spec for one in every]).items() if key not in ("seed", "repeats")}
    names = list(dict.fromkeys(name for one in every for _, values in one.metrics for name in values))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "seed", *varying, "step", "epoch", *names])
    for i, one in enumerate(every):
        settings = ["" if values[i] is ABSENT else shown(values[i]) for values in varying.values()]
        for record, values in one.metrics:
            start = [one.row.name, one.seed, *settings, record["step"], record.get("epoch", "")]
            writer.writerow([*start, *(values.get(name, "") for name in names)])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.getvalue())


def save_tensorboard(folder: Path, every: Sequence[Told]) -> None:
    """A folder of event files for each repeat: scalars, the config as text, and the sample grids of the run."""
    library = _library("tensorboardX", "tensorboard")
    for one in every:
        target = folder / one.name
        target.mkdir(parents=True, exist_ok=True)
        temporary = target / f".{os.getpid()}.tmp"
        try:
            writer = library.SummaryWriter(str(temporary), filename_suffix=OURS)
            with writer:
                _events(writer, one)
            for old in target.glob(f"events.out.tfevents.*{OURS}"):
                old.unlink(missing_ok=True)
            for made in temporary.iterdir():
                os.replace(made, target / made.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _events(writer: Any, one: Told) -> None:
    writer.add_text("config", f"    {_config(one).replace(chr(10), chr(10) + '    ')}", 0, walltime=one.time(0))
    for record, values in one.metrics:
        for name, value in values.items():
            writer.add_scalar(name.replace(".", "/"), value, record["step"], walltime=one.time(record["step"]))
    for step, path in _pictures(one):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        writer.add_image("samples", pixels, step, walltime=one.time(step), dataformats="HWC")


def save_mlflow(folder: Path, every: Sequence[Told]) -> None:
    """A store of MLflow, `folder`/mlflow.db, with files in `folder`/artifacts: an experiment for each name of a config."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # what is exported here is nobody else's business
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    library = _library("mlflow.tracking", "mlflow")
    _library("sqlalchemy", "mlflow")
    _library("alembic", "mlflow")
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock", wait=True):
        client = library.MlflowClient(tracking_uri=f"sqlite:///{(folder / 'mlflow.db').resolve()}")
        for one in every:
            _tracked(client, one, folder)


def _tracked(client: Any, one: Told, folder: Path) -> None:
    entities = import_module("mlflow.entities")
    name = str(one.row.spec.get("name") or one.row.name)
    experiment = client.get_experiment_by_name(name)
    artifacts = (folder / "artifacts" / re.sub(r"[^\w.-]", "_", name)).resolve().as_uri()
    number = experiment.experiment_id if experiment else client.create_experiment(name, artifact_location=artifacts)
    where = f"{one.row.path.resolve()}#{one.repeat}"
    before = [run for run in _every(client, number) if run.data.tags.get("dessine.run") == where]
    with _begun(client, number, one, where) as run:
        params = [entities.Param(_key(key), shown(v)[:LONGEST_VALUE]) for key, v in one.spec.items()]
        for i in range(0, len(params), 100):
            client.log_batch(run, params=params[i : i + 100])
        metrics = [
            entities.Metric(_key(name), value, int(1000 * one.time(record["step"])), record["step"])
            for record, values in one.metrics
            for name, value in values.items()
        ]
        for i in range(0, len(metrics), AT_ONCE):
            client.log_batch(run, metrics=metrics[i : i + AT_ONCE])
        client.log_text(run, _config(one), "config.yaml")
        for _, path in _pictures(one)[-1:]:
            client.log_artifact(run, str(path), "samples")
    for old in before:
        client.delete_run(old.info.run_id)


def _every(client: Any, experiment: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([experiment], max_results=AT_ONCE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


@contextmanager
def _begun(client: Any, experiment: str, one: Told, where: str) -> Iterator[str]:
    """A run there, its id; it goes if it does not become whole."""
    began = int(1000 * one.time(0))
    tags = {"dessine.run": where, "mlflow.note.content": one.row.note} | {_key(tag): "yes" for tag in one.row.tags}
    tags = {key: value for key, value in tags.items() if value}
    run = client.create_run(experiment, start_time=began, tags=tags, run_name=one.name).info.run_id
    try:
        yield run
    except BaseException:
        client.delete_run(run)
        raise
    ended = began + int(1000 * (one.row.seconds or 0.0))
    client.set_terminated(run, ENDS.get(one.row.status, "KILLED"), end_time=ended)


WAYS: dict[str, tuple[Callable[[Path, Sequence[Told]], None], str]] = {
    "csv": (save_csv, "metrics.csv"),
    "tensorboard": (save_tensorboard, "tensorboard"),
    "mlflow": (save_mlflow, "mlflow"),
}
"""How runs are taken out, and where they go if nobody says."""


def _library(module: str, extra: str) -> Any:
    """Raises RunError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        name = (error.name or module).split(".")[0]
        raise RunError(f"--to {extra} needs {name}: pip install 'dessine[{extra}]'") from None


def _config(one: Told) -> str:
    try:
        return own(one.row.path, "config.yaml").read_text(encoding="utf-8", errors="replace")
    except (OSError, RunError):
        return ""


def _pictures(one: Told) -> list[tuple[int, Path]]:
    """Some of the sample grids with their steps, evenly: of the run, whichever the repeat."""
    if one.repeat or not (one.row.path / "samples").is_dir():
        return []
    try:
        found = list(Run(one.row.path).pictures().items())
    except RunError:
        return []
    chosen = np.unique(np.linspace(0, max(len(found) - 1, 0), MOST_PICTURES).round().astype(int))
    return [found[i] for i in chosen] if found else []


def _key(name: str) -> str:
    """As MLflow takes names: letters of ASCII, numbers, and a few signs."""
    return re.sub(r"[^A-Za-z0-9_\-. :/]", "_", name)[:250]


def _flat(spec: Any, at: str = "") -> dict[str, Any]:
    """Dotted key -> value; entries of lists by their number."""
    if isinstance(spec, dict) and spec:
        parts = [(f"{at}.{key}" if at else str(key), value) for key, value in spec.items()]
    elif isinstance(spec, list) and any(isinstance(one, dict | list) for one in spec):
        parts = [(f"{at}.{i}", value) for i, value in enumerate(spec)]
    else:
        return {at: spec}
    return {key: value for name, below in parts for key, value in _flat(below, name).items()}
