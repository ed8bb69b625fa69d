"""What several commands begin with: a config or a run, as a built experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dessine.cli.errors import say
from dessine.experiment import Experiment
from dessine.games.warnings import warnings
from dessine.paths import name_after
from dessine.registry import SpecError
from dessine.runs.files import RunError, own
from dessine.runs.run import Run
from dessine.spec import BadSpec, Document, check_document, read
from dessine.threads import one_blas_thread


def load(path: Path, overrides: Sequence[str] = ()) -> tuple[Experiment, Document, dict[str, Any]]:
    """Read, check and build; nothing is created on disk. Returns the experiment, its document and the resolved spec."""
    document = read(path, overrides)
    document.data.setdefault("name", name_after(path))
    return _built(document, path)


def load_run(run: Run, overrides: Sequence[str] = ()) -> tuple[Experiment, Document, dict[str, Any]]:
    """The same of the config of a run, which may be a stranger's: nothing outside of its folder is read for it."""
    path = own(run.path, "config.yaml")
    return _built(read(path, overrides, alone=True), path)


def _built(document: Document, path: Path) -> tuple[Experiment, Document, dict[str, Any]]:
    if command := click.get_current_context(silent=True):
        command.with_resource(one_blas_thread())  # until it ends: scores, too, are the same bits on any number of threads
    schema = check_document(document, Experiment)
    experiment: Experiment = schema.node
    try:
        experiment.build()
    except SpecError as error:
        raise BadSpec(document.lines(error.problems)) from None
    except MemoryError as error:
        raise BadSpec([f"{path}: does not fit into memory: {error or 'make it smaller'}"]) from None
    return experiment, document, schema.model_dump()


def warned(experiment: Experiment, document: Document, resolved: dict[str, Any]) -> list[str]:
    """What a loaded config allows itself that is hardly meant: one line each, with its place."""
    return document.lines(warning.problem for warning in warnings(resolved, experiment.split))


def open_run(text: str, runs_dir: Path) -> tuple[Run, Experiment, int]:
    """A saved run with its newest checkpoint restored: the run, the experiment and the step.

    The screen is told of a newer one that cannot be used.
    """
    run = Run.find(text, runs_dir)
    experiment, _, _ = load_run(run)
    step = run.restore(experiment, say=say)
    if step is None:
        raise RunError(f"{run.path} holds no checkpoint: nothing was trained")
    return run, experiment, step
