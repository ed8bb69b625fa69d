"""Dessine from Python: train, load and list runs. The commands and these functions call the same ones, so a run is the same.

A user's mistake raises `SpecError`, with the lines that the command would print; a folder that cannot be used `RunError`; a
training that could not go on, and a file that cannot be written, `Failed`. Nothing here ends the program. What the commands
print on the way goes to stderr.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from traceback import walk_tb
from typing import Any

import click
import numpy as np

from dessine import plugins
from dessine.cli.asking import Wish
from dessine.cli.diagnose import command as diagnose_command
from dessine.cli.diagnose import diagnosed
from dessine.cli.draw import ask_images, draw_images
from dessine.cli.draw import command as draw_command
from dessine.cli.errors import explain
from dessine.cli.evaluate import Question, measured
from dessine.cli.evaluate import command as eval_command
from dessine.cli.latents import playing
from dessine.cli.loading import built, drawn_by, load_run, open_one, open_run
from dessine.cli.named import rows_in, spec_in
from dessine.cli.progress import Line
from dessine.cli.runs import choose
from dessine.cli.train import Progress, begin, go_on, remarks_of
from dessine.experiment import Experiment
from dessine.games import Adversarial
from dessine.letters import harmless
from dessine.mistakes import Told
from dessine.nn import Network
from dessine.paths import expanded, name_after
from dessine.registry import Problem, SpecError
from dessine.reports.shell import Markup
from dessine.runs.collection import Row, read_row
from dessine.runs.documents import read_summary
from dessine.runs.files import RunError, own
from dessine.runs.metrics import flat
from dessine.runs.run import Run
from dessine.scores.diagnosis import verdict
from dessine.scores.table import ALL
from dessine.spec import BadSpec, Document, dump, inline, read, read_text
from dessine.stopping import Failed, Stopped

Array = np.ndarray
Follow = Callable[[int, dict[str, Any]], Any]


class Interrupted(Told, KeyboardInterrupt):
    """A training was asked to stop, by Ctrl-C or the notebook's Interrupt, and has saved: `run` is it, `run.resume()` goes on.

    It is a KeyboardInterrupt, so that a notebook that runs all of its cells stops here, too.
    """

    def __init__(self, text: str, run: SavedRun):
        super().__init__(text)
        self.run = run


def train(
    config: str | os.PathLike[str] | Mapping[str, Any],
    *,
    runs_dir: str | os.PathLike[str] = "runs",
    run_dir: str | os.PathLike[str] | None = None,
    progress: bool | Follow = True,
    **changes: Any,
) -> SavedRun:
    """Train what `config` describes, as `dessine train` does: the same run folder, and the same numbers to the last bit.

    config: the path of a config; or its YAML as text, of more than one line; or the same as a dict
    runs_dir: where the run's folder is made
    run_dir: the folder itself, instead of a timestamped one
    progress: a line that moves in a notebook or a terminal, lines elsewhere; False for none; or what is called several times a
        second with the step and the line of metrics, which is empty but where one is written; its KeyboardInterrupt ends the
        training as Ctrl-C does
    changes: in place of what the config says: `seed=3`, `training__steps=100`, or `**{"training.steps": 100}`

    Returns the run. Raises `SpecError` before anything is made, `Failed` where it could not go on, be it for a full disk or for
    want of memory, and `Interrupted` where it was asked to stop; what was done until then stays. In a thread it works as
    well, only that signals reach the main one.
    """
    overrides = _overrides(changes)
    with _command():
        document = _document(config, overrides)
        loaded = built(document)
        make = partial(_follower(progress), **({"follow": progress} if callable(progress) else {}))
        remarks = remarks_of(loaded)
        for line in remarks if progress is True else ():
            click.echo(line, err=True)
        parent, name = expanded(runs_dir), loaded[0].name
        run = Run.create(parent, name) if run_dir is None else Run.create_at(expanded(run_dir))
        what = str(config) if document.source and not isinstance(config, Mapping) and "\n" not in str(config) else "..."
        called = f"dessine.train({', '.join([repr(what), *(repr(one) for one in overrides)])})"
        return _trained(run, partial(begin, run, loaded, called, overrides, remarks, make))


def load(
    run: str | os.PathLike[str] | SavedRun = "last",
    *,
    runs_dir: str | os.PathLike[str] = "runs",
    trust_plugins: bool = False,
) -> SavedRun:
    """A run that was trained before.

    run: its folder, its name or a beginning of it, or `last`, as the commands take it
    trust_plugins: whether Python files may be loaded that the run's config names: they may do whatever you may

    Raises `RunError` where there is no such run, or several.
    """
    if isinstance(run, SavedRun):
        return run
    return SavedRun(Run.find(str(expanded(run)), expanded(runs_dir)).path, trust_plugins)


def runs(*filters: str, runs_dir: str | os.PathLike[str] = "runs", cells: bool = True, trust_plugins: bool = False) -> Runs:
    """The runs of a folder, newest first, as `dessine runs list` filters them; in a notebook, a table.

    filters: such as `"status=completed"`, `"test_loss<1"`, `"game.loss=hinge"`, or a word of the name; all must fit
    cells: whether the runs of sweeps are among them

    Raises `SpecError` for a filter that no run could fit, and `RunError` where there is no such folder; the usual one, `runs`,
    is there with the first run.
    """
    for one in filters:
        if not isinstance(one, str):
            raise SpecError(
                f"{one!r:.60} is no filter: expects text, such as 'status=completed'; several are several arguments"
            )
    with _command():
        rows = choose([row for row in rows_in(expanded(runs_dir), cells) if row.kind == "run"], filters)
    return Runs(SavedRun(row.path, trust_plugins, row) for row in rows)


class SavedRun:
    """One run, from its folder: what it was to learn, how that went, and what it can draw.

    What it needs is read when it is asked for. In a notebook it shows itself: its last picture, and a table.
    """

    def __init__(self, path: Path, trust_plugins: bool = False, row: Row | None = None):
        self.path = path
        self._run, self._trust, self._row = Run(path), trust_plugins, row
        self._open: tuple[Any, Experiment] | None = None

    def __repr__(self) -> str:
        row = self._told
        made = f"step {row.step:,}" if row.step is not None else "no step"
        return f"<run {self.path}: {row.status}, {made}{''.join(f', {k} {v:.4g}' for k, v in row.results.items())}>"

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.path.name

    @property
    def _told(self) -> Row:
        """What run.json says, checked."""
        row = read_row(self.path, self.name, spec_in)
        if row is None:
            raise RunError(f"{self.path} is not a run folder: it has no config.yaml")
        return row

    @property
    def status(self) -> str:
        """queued, running, completed, interrupted, failed, lost or broken."""
        return self._told.status

    @property
    def step(self) -> int:
        """The last one made."""
        return self._told.step or 0

    @property
    def results(self) -> dict[str, float]:
        """What ranks it, at the end or so far: means over repeats."""
        return dict(self._told.results)

    @property
    def info(self) -> dict[str, Any]:
        """run.json: how it came about, with which versions, and what has become of it."""
        return self._run.info()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config with every default written out; `dessine.train(run.config)` trains it again."""
        with _command(self._trust):
            return read(own(self.path, "config.yaml"), alone=True).data

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json: the last and the best of its metrics, and the verdict on it; empty until it has ended."""
        return read_summary(self.path)

    @property
    def metrics(self) -> Any:
        """Its lines of metrics by dotted name, such as `run.metrics["loss.generator"]`: a pandas DataFrame where pandas is
        there, else a dict of arrays; NaN where a line has no such number.

        Of several repeats, arrays are (lines, repeats), and a DataFrame has columns such as `loss.generator[0]`.
        """
        arrays = self.metrics_arrays()
        if find_spec("pandas") is None:
            return arrays
        columns = {
            name if a.ndim == 1 else f"{name}[{r}]": a if a.ndim == 1 else a[:, r]
            for name, a in arrays.items()
            for r in range(1 if a.ndim == 1 else a.shape[1])
        }
        return import_module("pandas").DataFrame(columns)

    def metrics_arrays(self) -> dict[str, Array]:
        """The same as a dict of arrays, whether pandas is there or not."""
        records, repeats = self._run.metrics(), self.config.get("repeats", 1)
        told = [flat(line, repeats) | _of_layers(line, repeats) for line in records]
        missing = [np.nan] * repeats
        found = {key: np.array([line[key] for line in records]) for key in ("step", "epoch") if all(key in r for r in records)}
        for name in dict.fromkeys(name for line in told for name in line):
            values = np.array([line.get(name, missing) for line in told])
            found[name] = values[:, 0] if repeats == 1 else values
        return found

    def draw(
        self,
        count: int = 64,
        *,
        seed: int = 0,
        label: str | int | None = None,
        labels: Sequence[str | int] | None = None,
        latents: Array | None = None,
        truncate: float | None = None,
        average: bool | None = None,
        step: int | str = "last",
        repeat: int = 0,
    ) -> Array:
        """What its generator draws, the very same as `dessine draw` with this seed.

        Images are float32 in [0, 1], (count, H, W) or, in colour, (count, H, W, 3); points are as they are, (count, 2).
        label: `count` images of this class, by its name or number
        labels: one image of each of these
        latents: (N, size) to draw from, in place of the seed's
        truncate: the bound of each number of a gaussian latent
        average: by the moving average of the generator (True), its own weights (False), or the average where there is one
        step: of the checkpoint; or best, or last
        repeat: which one, where the run has several, from 0
        """
        with _command(self._trust):
            _take(draw_command, count=count, seed=seed, repeat=repeat, truncate=truncate, at=step)
            experiment = self._opened(step, repeat)
            drawn_by(experiment, average)
            wish = Wish.of(None if label is None else str(label), None if labels is None else [*map(str, labels)], None)
            z = None if latents is None else _latents(experiment, latents)
            if z is not None:
                count = len(z)
            if wish:
                return ask_images(experiment, wish, count, seed, average, truncate, z).x
            return draw_images(experiment, count, seed, average, truncate, z)

    def scores(
        self,
        count: int = 10_000,
        *,
        seed: int = 0,
        only: Sequence[str] | None = None,
        slow: bool = False,
        average: bool | None = None,
        step: int | str = "last",
        repeat: int = 0,
    ) -> Scores:
        """Measure it, as `dessine eval` does, whose files in the run's folder are written as well.

        Returns score -> row: value, standard_error, interval, better, ceiling, floor, collapsed, n. Of a classification,
        success and loss: mean, std, count. Raises `Failed` where the files cannot be written.
        count: examples of each side, at most
        only: these scores alone
        slow: the slow ones, too
        """
        with _command(self._trust):
            _take(eval_command, count=count, seed=seed, repeat=repeat, at=step)
            ask = Question(count, seed, [ALL] if slow else list(only) if only else None, False, average, step, repeat)
            return Scores(measured(str(self.path), self.path.parent, ask, None))

    def diagnose(self, count: int = 2000, *, seed: int = 0, average: bool | None = None, step: int | str = "last") -> Diagnosis:
        """What is the matter with it, why one may think so, and what to try, as `dessine diagnose` has it; print it.

        A dict: verdict, words, evidence, advice, notes. count: samples to look at
        """
        with _command(self._trust):
            _take(diagnose_command, count=count, seed=seed, at=step)
            return Diagnosis(*diagnosed(str(self.path), self.path.parent, count, seed, average, step))

    @property
    def generator(self) -> Network:
        """The network that draws, filled from the last checkpoint: of a run with a moving average, that.

        `run.generator(z)` takes latents (repeats, batch, size); what it gives is in the range of the data.
        """
        return self._player("generator")

    @property
    def discriminator(self) -> Network:
        """The network that judges, filled from the last checkpoint: examples (repeats, batch, *shape) -> (repeats, batch, 1),
        before any sigmoid.
        """
        return self._player("discriminator")

    @property
    def network(self) -> Network:
        """Of a classification, filled from the last checkpoint."""
        return self._player("network")

    @cached_property
    def _players(self) -> dict[str, Network]:
        with _command(self._trust):
            game = open_run(str(self.path), self.path.parent, to_draw=True)[1].game  # its own: nobody else wears its weights
            if isinstance(game, Adversarial) and game.average is not None:
                network = game.generator.network
                network.theta[...], network.buffers[...] = game.average.theta, game.average.buffers
        return {name: player.network for name, player in game.players.items()}

    def _player(self, name: str) -> Network:
        if name not in self._players:
            raise SpecError(f"{self.path}: this game has no {name} (it has: {', '.join(self._players)})")
        return self._players[name]

    def resume(self, *, progress: bool | Follow = True, restart: bool = False, **changes: Any) -> SavedRun:
        """Go on with it, as `dessine train` does with `--resume`: `run.resume(training__steps=2000)`.

        restart: begin again at step 0; what is there is put aside. Raises as `train`.
        """
        overrides = _overrides(changes)
        with _command(self._trust):
            self._run.check()
            loaded = load_run(self._run, overrides)
            remarks = remarks_of(loaded, self._run)
            for line in remarks if progress is True else ():
                click.echo(line, err=True)
            make = partial(_follower(progress), **({"follow": progress} if callable(progress) else {}))
            called = f"dessine.load({str(self.path)!r}).resume({', '.join(map(repr, overrides))})"
            with self._run.lock():
                return _trained(self._run, partial(go_on, self._run, loaded, called, make, restart), self._trust)

    def _opened(self, step: int | str, repeat: int) -> Experiment:
        """One repeat, built, at a checkpoint; the last one that was asked for is kept, until the run has gone on."""
        key = (step, repeat, self._run.checkpoint_steps()[-1:])
        if self._open is None or self._open[0] != key:
            self._open = key, open_one(str(self.path), self.path.parent, step, repeat).experiment
        return self._open[1]

    def _repr_html_(self) -> str:
        row, summary = self._told, self.summary
        told = {"run": str(self.path), "status": row.status, "step": f"{row.step or 0:,} of {row.steps or 0:,}"}
        told |= {name: f"{value:.4g}" for name, value in row.results.items()}
        if summary.get("diagnosis", {}).get("verdict"):
            told["verdict"] = verdict(summary["diagnosis"])
        table = _table([(name, text) for name, text in told.items()])
        pictures = list(self._run.pictures().values()) if (self.path / "samples").is_dir() else []
        return str(table + _picture(pictures[-1]) if pictures else table)


class Runs(list[SavedRun]):
    """Several runs; in a notebook, a table."""

    def _repr_html_(self) -> str:
        rows = [run._row or run._told for run in self]
        names = list(dict.fromkeys(name for row in rows for name in row.results))
        heads = ["name", "status", "step", "seed", *names]
        lines = [
            (r.name, r.status, f"{r.step or 0:,}", r.seed, *(f"{r.results[n]:.4g}" if n in r.results else "" for n in names))
            for r in rows
        ]
        return str(_table(lines, heads))


class Scores(dict[str, Any]):
    """What was measured, score -> row; `document` is all of it, as `dessine eval --json` prints it."""

    def __init__(self, document: dict[str, Any]):
        own = {name: row for name, row in document.items() if isinstance(row, dict) and "mean" in row}
        super().__init__(document.get("scores") or own)
        self.document = document

    def _repr_html_(self) -> str:
        keys = ("value", "standard_error", "mean", "std", "better", "ceiling", "floor", "collapsed", "n", "count")
        heads = [key for key in keys if any(key in row for row in self.values())]
        return str(_table([(name, *(_number(row.get(key)) for key in heads)) for name, row in self.items()], ["score", *heads]))


class Diagnosis(dict[str, Any]):
    """The verdict on a run; as text, what `dessine diagnose` prints."""

    def __init__(self, document: dict[str, Any], lines: Sequence[str]):
        super().__init__(document)
        self.lines = list(lines)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return str(Markup("<pre>{}</pre>").format(str(self)))


class _Silent(Progress):
    """Nobody is told where the run is, as whoever called gets it; log.txt has its lines all the same."""

    def __init__(self, experiment: Experiment, run: Run, quiet: bool = True):
        super().__init__(experiment, run, quiet)

    def ended(self) -> None:
        pass


class _Lines(_Silent):
    """As the command shows it: a line that moves in a terminal, else one now and then."""

    def __init__(self, experiment: Experiment, run: Run):
        super().__init__(experiment, run, quiet=False)


class _Called(_Silent):
    """Hands every step on."""

    def __init__(self, experiment: Experiment, run: Run, follow: Follow):
        super().__init__(experiment, run)
        self.follow = follow

    def step(self, step: int, record: dict[str, Any]) -> None:
        super().step(step, record)
        self.hand_on(step, record)

    def hand_on(self, step: int, record: dict[str, Any]) -> None:
        self.follow(step, record)


class _Notebook(_Lines):
    """A line of text below the cell that is replaced by the next: it needs no widgets, and a page made of the notebook keeps
    the last one.
    """

    def line(self, step: int) -> Line | None:
        return _CellLine(total=self.steps, initial=step, mininterval=0.5)


class _CellLine(Line):
    """The same line as in a terminal, shown by the notebook."""

    shown: Any = None

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Put it in place of the one before."""
        told = {"text/plain": str(self)}
        if self.shown is None:
            self.shown = import_module("IPython.display").display(told, raw=True, display_id=True)
        else:
            self.shown.update(told, raw=True)

    def above(self, text: str) -> None:
        """A line among what the cell prints."""
        click.echo(harmless(text), err=True)

    def close(self) -> None:
        """Leave the last line as it is."""
        if not self.disable:
            self.display()
            self.disable = True
            self._decr_instances(self)  # type: ignore[attr-defined]  # its stubs lack it


def _follower(progress: bool | Follow) -> Any:
    if callable(progress):
        return _Called
    return _Silent if not progress else _Notebook if _in_notebook() else _Lines


def _in_notebook() -> bool:
    """Whether a kernel runs this, and no terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def _trained(run: Run, do: Callable[[], None], trust: bool = True) -> SavedRun:
    """The run, once it has ended; its plugins, which were trained with, may be loaded again."""
    saved = SavedRun(run.path, trust)
    try:
        do()
    except Stopped as stopped:
        raise Interrupted(f"{stopped}; saved in {run.path}, where run.resume() goes on", saved) from None
    except KeyboardInterrupt:
        if not (run.path / "config.yaml").is_file():  # nothing had begun
            raise
        text = f"stopped at once; {run.path} is what was saved, where run.resume() goes on from its last checkpoint"
        raise Interrupted(text, saved) from None
    return saved


@contextmanager
def _command(trust: bool = False) -> Iterator[None]:
    """As within a command: one thread of the BLAS, so that the bits are the same, and mistakes in the command's own words.

    What the system refuses, such as room on a full disk, is Failed; what a function raises that the user handed in stays so.
    """
    try:
        with click.Context(click.Command("dessine")), plugins.trusting(trust):
            yield
    except BadSpec as error:
        raise SpecError([Problem((), line) for line in error.lines]) from None
    except click.ClickException as error:
        raise SpecError(error.format_message()) from None
    except (OSError, MemoryError) as error:
        if any(frame.f_code is _Called.hand_on.__code__ for frame, _ in walk_tb(error.__traceback__)):
            raise
        raise Failed(plugins.blamed(error) or explain(error)) from None


def _document(config: str | os.PathLike[str] | Mapping[str, Any], overrides: Sequence[str]) -> Document:
    if isinstance(config, Mapping):
        try:
            plain = _plain(config)
        except RecursionError:
            raise SpecError("the config holds itself, or is too deep: expects numbers, text, lists and mappings") from None
        return read_text(dump(plain), overrides)
    if not isinstance(config, str | os.PathLike):
        raise SpecError(f"expects a config: its path, its YAML as text, or a dict; got {config!r:.60}")
    text = os.fspath(config)
    if isinstance(config, str) and ("\n" in text or text.lstrip().startswith("{")):
        return read_text(text, overrides)
    path = expanded(text)
    document = read(path, overrides)
    document.data.setdefault("name", name_after(path))
    return document


def _take(command: click.Command, **given: Any) -> None:
    """Options as the command takes them, with its bounds. Raises SpecError with the option that is wrong."""
    known = {param.name: param for param in command.params}
    for name, value in given.items():
        if value is None and name == "truncate":  # none is asked for
            continue
        called = "step" if name == "at" else name
        of_numbers = isinstance(known[name].type, click.IntRange)
        if isinstance(value, bool) or (of_numbers and not isinstance(value, int | np.integer)):
            raise SpecError(f"{called}: expects a whole number, got {value!r:.60}")
        try:
            known[name].type.convert(value if of_numbers else str(value), None, None)
        except click.BadParameter as error:
            raise SpecError(f"{called}: {error.message}") from None


def _overrides(changes: Mapping[str, Any]) -> list[str]:
    return [f"{key.replace('__', '.')}={inline(_plain(value))}" for key, value in changes.items()]


def _plain(value: Any) -> Any:
    """What YAML can write: of arrays, paths and tuples, too."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise SpecError(f"a config holds numbers, text, lists and mappings, no {type(value).__name__}: {value!r:.60}")


def _of_layers(line: dict[str, Any], repeats: int) -> dict[str, list[float]]:
    """What lists of many runs leave out: norms of each layer."""
    return {f"layers.{name}": values for name, values in flat(line.get("layers", {}), repeats).items()}


def _latents(experiment: Experiment, latents: Array) -> Array:
    """(N, size). Raises SpecError for anything else."""
    game = playing(experiment)
    try:
        z = np.asarray(latents)
    except ValueError:
        raise SpecError(f"latents: expects N x {game.latent.size} finite numbers, got rows of unequal lengths") from None
    z = z[None] if z.ndim == 1 else z
    if z.ndim != 2 or z.shape[1] != game.latent.size or z.dtype.kind not in "fiu" or not len(z) or not np.isfinite(z).all():
        shape = " x ".join(map(str, z.shape))
        raise SpecError(f"latents: expects N x {game.latent.size} finite numbers, got {shape} of {z.dtype}")
    return z.astype(game.dtype)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _table(rows: Sequence[Sequence[Any]], heads: Sequence[str] = ()) -> Markup:
    """Text is escaped by itself."""

    def line(cells: Sequence[Any], tag: str) -> Markup:
        one = Markup("<th>{}</th>" if tag == "th" else '<td style="text-align:left">{}</td>')
        return Markup("<tr>{}</tr>").format(Markup("").join(one.format("" if cell is None else cell) for cell in cells))

    head = line(heads, "th") if heads else Markup("")
    return Markup("<table>{}{}</table>").format(head, Markup("").join(line(row, "td") for row in rows))


def _picture(path: Path) -> Markup:
    data = base64.b64encode(path.read_bytes()).decode()
    return Markup('<img alt="{}" src="data:image/png;base64,{}" style="max-width:32em">').format(path.name, data)


__all__ = ["Diagnosis", "Failed", "Interrupted", "RunError", "Runs", "SavedRun", "Scores", "SpecError", "load", "runs", "train"]
