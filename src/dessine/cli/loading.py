"""What several commands begin with: a config or a run, as a built experiment."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import click
import numpy as np

from dessine import plugins
from dessine.cli.errors import say
from dessine.cli.paths import AtStep
from dessine.data import Split
from dessine.experiment import Experiment, streams_of
from dessine.games import Adversarial
from dessine.games.pictures import of_one
from dessine.games.warnings import warnings
from dessine.paths import name_after, shown
from dessine.registry import SpecError
from dessine.runs.checkpoint import BEST
from dessine.runs.files import RunError, own
from dessine.runs.inside import checked, folders
from dessine.runs.naming import find
from dessine.runs.run import Run, Trained
from dessine.spec import BadSpec, Document, check_document, read
from dessine.threads import one_blas_thread

T = TypeVar("T")
MOVED = {
    "data": "if the data of this run have moved: data.path=FOLDER, at the end of the command, says where they are now",
    "scores": "if the judge of this run has moved: scores.judge=PATH, at the end of the command, says where it is now",
}


def load(path: Path, overrides: Sequence[str] = (), allocate: bool = True) -> tuple[Experiment, Document, dict[str, Any]]:
    """Read, check and build; nothing is created on disk. Returns the experiment, its document and the resolved spec.

    allocate: or only see whether it could be built
    """
    document = read(path, overrides)
    if "base" in document.data and "game" not in document.data:
        raise BadSpec(
            [f"{shown(path)} describes a sweep, not one run: dessine sweep {shown(path)}, with --dry-run to check it"]
        )
    document.data.setdefault("name", name_after(path))
    return built(document, allocate)


def built(document: Document, allocate: bool = True) -> tuple[Experiment, Document, dict[str, Any]]:
    """The same of a config that was read already."""
    schema = check_document(document, Experiment)
    _build(schema.node, document, allocate=allocate)
    return schema.node, document, schema.model_dump()


def load_run(
    run: Run, overrides: Sequence[str] = (), allocate: bool = True, anew: bool = False
) -> tuple[Experiment, Document, dict[str, Any]]:
    """The same of the config of a run, which may be a stranger's: nothing outside of its folder is read for it but data, and
    plugins that are trusted. anew: those as they are now, for another run with this config
    """
    document = _own_config(run, overrides)
    if anew:
        document.plugin = lambda path: path
    schema = check_document(document, Experiment)
    _build(schema.node, document, allocate=allocate, hints=MOVED)
    return schema.node, document, schema.model_dump()


def load_alone(run: Run, to_draw: bool = False, repeat: int | None = None) -> tuple[Experiment, dict[str, Any]]:
    """The same, for whoever can do without its data: where they cannot be read, `split.missing` says why, and it is built only
    to draw, or to be taken out. repeat: the only one that is built, as the run of its own seed
    """
    document = _own_config(run)
    schema = check_document(document, Experiment)
    experiment: Experiment = schema.node
    if repeat is not None:
        refuse_repeat(experiment, repeat)
        experiment.seed, experiment.repeats = experiment.seed + repeat, 1
    try:
        split = experiment.load()
    except SpecError as error:
        classes = run.info().get("data_classes", [])
        experiment.split = experiment.data.absent(_data_shape(run), str(error), classes)
        if to_draw and _can_do_without(experiment, classes):
            _build(experiment, document, experiment.split)
    else:
        _build(experiment, document, split, alone=True)
    return experiment, schema.model_dump()


def _can_do_without(experiment: Experiment, classes: Sequence[Any]) -> bool:
    """Whether its networks can be built without its data: a generator's can, a classifier's if its classes are known."""
    return isinstance(experiment.game, Adversarial) or bool(classes)


def another_judge(run: Run, experiment: Experiment) -> str:
    """That the judge of a built experiment is not the one that its run began with, in words; empty if it is."""
    if experiment.split.missing:  # nothing is judged
        return ""
    before, now = run.info().get("judge", {}).get("hash"), experiment.game.about().get("judge", {}).get("hash")
    if before == now or before is None or now is None:
        return ""
    where = experiment.scores.judge or "the judge in the package"
    return f"{where} has changed since this run began: its hash was {before}, now {now}; scores by the two do not compare"


def _data_shape(run: Run) -> list[int]:
    """Of the training examples. Runs of older versions do not say it: most are of MNIST, and how many there are is known."""
    if "data_shape" in run.info():
        return list(run.info()["data_shape"])
    found = run.load_checkpoint()
    order = found[1].get("order.order") if found else None
    return [order.shape[-1] if order is not None and order.ndim else 1, 28, 28, 1]


def _own_config(run: Run, overrides: Sequence[str] = ()) -> Document:
    return as_trained(run, read(own(run.path, "config.yaml"), overrides, alone=True))


def as_trained(run: Run, document: Document) -> Document:
    """A config of `run` with its plugins as they were when it was trained."""
    document.alone, document.plugin = True, partial(_as_trained, run)
    return document


def _as_trained(run: Run, path: Path) -> Path:
    """The plugin itself, or the copy that the run has of it where it is another by now. Raises SpecError."""
    wanted = {one["path"]: one["hash"] for one in run.info().get("plugins", []) if "hash" in one}.get(str(path))
    if wanted is None:
        return path
    try:
        if plugins.read(path).hash == wanted:
            return path
        why = "has changed since the run began"
    except SpecError:
        why = "is not there any more"
    with suppress(RunError, SpecError, OSError):
        copy = checked(run.path, f"plugins/{plugins.copy_name(path, wanted)}")
        if plugins.read(copy).hash == wanted:
            say(f"{shown(path)} {why}: the run's own copy is taken, {shown(copy)}")
            return copy
    raise SpecError(f"{shown(path)} {why} (its hash was {wanted[:12]}), and the run has no copy of it: plugins=[FILE.py] says")


def _build(
    experiment: Experiment,
    document: Document,
    split: Split | None = None,
    allocate: bool = True,
    hints: Mapping[str, str] = MappingProxyType({}),
    alone: bool = False,
) -> None:
    """hints: lines for whose data, or judge, cannot be read."""
    if command := click.get_current_context(silent=True):
        command.with_resource(one_blas_thread())  # until it ends: scores, too, are the same bits on any number of threads
    try:
        experiment.build(split, allocate, alone)
    except SpecError as error:
        lost = {str(problem.path[0]) for problem in error.problems if problem.path}
        raise BadSpec([*document.lines(error.problems), *(hints[key] for key in hints if key in lost)]) from None
    except MemoryError as error:
        text = f"{document.place(()).file}: does not fit into memory: {error or 'make it smaller'}"
        raise BadSpec([text]) from None


def warned(experiment: Experiment, document: Document, resolved: dict[str, Any]) -> list[str]:
    """What a loaded config allows itself that is hardly meant: one line each, with its place."""
    return document.lines([*(warning.problem for warning in warnings(resolved, experiment.split)), *experiment.remarks()])


def cells_of(text: str, runs_dir: Path) -> list[Path]:
    """The runs of the sweep that `text` means, by name; none if it means a run, or nothing."""
    for path in (Path(text), runs_dir / text):
        if os.path.isfile(path / "config.yaml"):
            return []
        if os.path.isfile(path / "sweep.yaml"):
            return _cells(path)
    with suppress(RunError):
        Run.find(text, runs_dir)
        return []
    with suppress(RunError):
        return _cells(find(text, runs_dir, sweeps=True))
    return []


def _cells(sweep: Path) -> list[Path]:
    cells = sorted(path for path in folders(sweep, "cells") if os.path.isfile(path / "config.yaml"))
    if not cells:
        raise click.UsageError(f"{sweep} is a sweep that has no runs yet")
    return cells


def for_each(cells: Sequence[Path], do: Callable[[str], T]) -> list[tuple[Path, T]]:
    """What `do` makes of each run of a sweep; a line for each that it cannot read. Raises RunError if that is all of them."""
    made = []
    for cell in cells:
        try:
            made.append((cell, do(str(cell))))
        except (RunError, SpecError, BadSpec, click.ClickException) as error:
            lines = error.lines if isinstance(error, BadSpec) else str(error).splitlines()
            told = lines[0] if len(lines) == 1 else f"{lines[0]} (and {len(lines) - 1} more)"
            say(told if str(cell) in told else f"{cell}: {told}")
    if not made:
        raise RunError(f"{cells[0].parent.parent}: none of its {len(cells)} runs could be used")
    return made


def in_sweep(cell: Path) -> str:
    """The values of a run of a sweep, as its folder tells them."""
    return cell.name.rpartition("_")[0] or cell.name


by_whom = click.option(
    "--average/--plain",
    default=None,
    help="By the moving average of the generator, or by its plain weights.  [default: the average, where the run keeps one]",
)
"""For commands that draw: `average`, as `Game.drawn_by` takes it."""


at_step = click.option(
    "--step",
    "at",
    type=AtStep(),
    default="last",
    show_default=True,
    help="The checkpoint: of a step, the best (outputs.best), or the last one.",
)
"""For commands that look at a checkpoint: `at`, as `open_run` takes it."""


which_repeat = click.option(
    "--repeat", type=click.IntRange(0), default=0, show_default=True, help="Which one, where a run has several, from 0."
)
"""For commands that look at one repeat: `repeat`, as `open_one` takes it."""


def refuse_repeat(experiment: Experiment, repeat: int) -> None:
    """Raises UsageError where there is no such repeat."""
    if repeat >= experiment.repeats:
        known = "one repeat" if experiment.repeats == 1 else f"repeats 0 to {experiment.repeats - 1}"
        raise click.UsageError(f"--repeat {repeat}: this run has {known}")


def restore(run: Run, trained: Trained, at: int | str, repeats: int) -> list[int] | None:
    """Take it to the checkpoint `at`: a step, best or last. Returns the step of each repeat, or None where there is none.

    The screen is told by what the best is the best. Raises RunError where the one that is asked for is not there.
    """
    if at == "last":
        step = run.restore(trained, say=say)
        return None if step is None else [step] * repeats
    steps, told = run.restore_at(trained, repeats, None if at == "best" else int(at))
    if told:
        known = [(s, v) for s, v in zip(told["steps"], told["values"], strict=True) if v is not None]
        of = f"step {steps[0]:,}" if len(steps) == 1 else f"steps {', '.join(f'{s:,}' for s, _ in known[:8])}"
        more = f", ... of {len(known)} repeats" if len(known) > 8 else ""
        values = f" ({known[0][1]:.4g})" if len(told["steps"]) == 1 and known else ""
        say(f"the best checkpoint by {told['metric']}{values} is of {of}{more}")
    return steps


class _OneOf:
    """One of several repeats, built alone: what a checkpoint of all is put into. Raises what Experiment.restore does."""

    def __init__(self, experiment: Experiment, repeat: int, repeats: int):
        self.experiment, self.repeat, self.repeats = experiment, repeat, repeats

    def expects(self) -> dict[str, Any]:
        """With as many replicates as all have; they take no memory."""
        own = self.experiment.expects()
        return {name: np.broadcast_to(a[:1], (self.repeats, *a.shape[1:])) if a.ndim else a for name, a in own.items()}

    def restore(self, step: int, arrays: dict[str, Any], state: dict[str, Any], gone: Set[int]) -> None:
        """The part of this one; numbers without a replicate axis are the same for all."""
        mine = slice(self.repeat, self.repeat + 1)
        own = {name: a[mine] if a.ndim else a for name, a in arrays.items()}
        streams = {name: each[mine] for name, each in streams_of(state, self.repeats).items()}
        self.experiment.restore(step, own, state | {"streams": streams}, {0} & {r - self.repeat for r in gone})


def drawn_by(experiment: Experiment, average: bool | None) -> str:
    """Whose weights draw, in words, where there is a choice. Raises UsageError where there is none."""
    try:
        return experiment.game.drawn_by(average)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def open_run(
    text: str, runs_dir: Path, to_draw: bool = False, at: int | str = "last", repeat: int = 0
) -> tuple[Run, Experiment, int]:
    """A saved run with a checkpoint restored: the run, the experiment and the step, that of one repeat: each has its own best.

    The screen is told of a newer one than the last that cannot be used. to_draw: the data may be missing; at: as `restore` says
    """
    run = Run.find(text, runs_dir)
    experiment, _ = load_alone(run, to_draw)
    _refuse_lost(run, experiment, to_draw)
    steps = restore(run, experiment, at, experiment.repeats)
    if steps is None:
        raise _nothing_trained(run)
    return run, experiment, steps[repeat if repeat < len(steps) else 0]


class One(NamedTuple):
    """A repeat of a run, by itself. step: that of its checkpoint; repeats: how many the run has"""

    run: Run
    experiment: Experiment
    step: int
    repeat: int
    repeats: int

    @property
    def title(self) -> str:
        """Of a picture."""
        return of_one(self.experiment.name, self.repeats, self.repeat)

    @property
    def about(self) -> dict[str, int]:
        """For JSON: which repeat it is, where there are several."""
        return {"repeat": self.repeat} if self.repeats > 1 else {}


def open_one(text: str, runs_dir: Path, at: int | str = "last", repeat: int = 0) -> One:
    """One repeat of a saved run, to draw or to be taken out: built alone, equal to the run of its seed. Data may be missing.

    Repeats that train in processes of their own have newer checkpoints than the run, until they are put together. Raises
    RunError or UsageError.
    """
    run = Run.find(text, runs_dir)
    experiment, spec = load_alone(run, to_draw=True, repeat=repeat)
    repeats = spec["repeats"]
    _refuse_lost(run, experiment, to_draw=True)
    apart = _apart(run, repeat, at)
    steps = restore(apart, experiment, at, 1) if apart else restore(run, _OneOf(experiment, repeat, repeats), at, repeats)
    if steps is None:
        raise _nothing_trained(run)
    return One(run, experiment, steps[0 if apart else repeat], repeat, repeats)


def _apart(run: Run, repeat: int, at: int | str) -> Run | None:
    """The folder of a repeat that trains by itself, where it has what is asked for and the run has it not, or an older one."""
    own = Run(run.path / "repeats" / f"{repeat:04d}")
    if own.path not in folders(run.path, "repeats"):
        return None
    if at == "best":
        return None if (run.checkpoints / BEST).exists() or not (own.checkpoints / BEST).exists() else own
    there, apart = run.checkpoint_steps(), own.checkpoint_steps()
    return own if (apart[-1:] > there[-1:] if at == "last" else at in apart and at not in there) else None


def _nothing_trained(run: Run) -> RunError:
    if folders(run.path, "repeats"):
        where = f"draw, find, directions and export take one of them (--repeat), all commands {run.path / 'repeats' / '0000'}"
        return RunError(f"{run.path} holds no checkpoint of all its repeats, which train apart: {where}")
    return RunError(f"{run.path} holds no checkpoint: nothing was trained")


def _refuse_lost(run: Run, experiment: Experiment, to_draw: bool) -> None:
    """Raises RunError where its data, or its judge, are not here and are needed. The screen is told of another judge."""
    classes = run.info().get("data_classes", [])
    if experiment.split.missing and not (to_draw and _can_do_without(experiment, classes)):
        where = f"dessine train --resume {shlex.quote(str(run.path))} data.path=FOLDER"
        raise RunError(
            f"{run.path}: its data are not here ({experiment.split.missing}), and this needs them: `{where}` says where they "
            "are now; draw, diagnose and runs report do without"
        )
    if experiment.no_judge and not to_draw:
        where = f"dessine train --resume {shlex.quote(str(run.path))} scores.judge=PATH"
        raise RunError(
            f"{run.path}: its judge cannot be read ({experiment.no_judge}): `{where}` says where it is now; draw and "
            "diagnose do without"
        )
    if not to_draw and (other := another_judge(run, experiment)):
        say(other)
