"""`dessine runs`: list, compare, diff, rm, report, export."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from dessine.cli.completion import filters
from dessine.cli.drawn_together import save_samples_of
from dessine.cli.errors import say
from dessine.cli.named import find_any, rows_in, spec_in
from dessine.cli.notes import note as note_command
from dessine.cli.notes import tag as tag_command
from dessine.cli.paths import FILE, PATH, RUN, json_option, runs_option
from dessine.cli.terminal import room, table
from dessine.cli.trust import trust_plugins
from dessine.letters import clipped
from dessine.plots import Pictures
from dessine.registry import SpecError
from dessine.runs import elsewhere, tables
from dessine.runs.collection import Filter, Row, duration, in_order, read_row, select, survey
from dessine.runs.comparison import (
    Setting,
    apart,
    count_of,
    differences,
    each_drawing,
    metrics_of,
    name_of,
    settings,
    shown,
)
from dessine.runs.files import finite, own
from dessine.runs.inside import FORBIDDEN
from dessine.runs.naming import called
from dessine.runs.removal import is_ours, refusal, remove, size
from dessine.runs.run import RunError

COLOURS = {"running": "cyan", "completed": "green", "failed": "red", "broken": "red", "lost": "yellow", "interrupted": "yellow"}


class Seconds(click.ParamType):
    """A time such as 7d, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return duration(str(value))
        except SpecError as error:
            self.fail(str(error), param, ctx)


@click.group(epilog="Example: dessine runs list status=failed game.loss=quadratic")
def command() -> None:
    """List, compare, remove, annotate and report runs.

    RUN is a path, a unique beginning of a run's name, with its time or without, or `last`.
    """


command.add_command(note_command)
command.add_command(tag_command)


@command.command("list", epilog="Example: dessine runs list xor status=completed 'test_success>0.9'")
@click.argument("filters", nargs=-1, metavar="[KEY=VALUE | WORD ...]", shell_complete=filters)
@click.option("--sort", metavar="KEY", help="From smallest to largest by a column, a result or a key of the spec.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--all", "every", is_flag=True, help="The runs of each sweep, instead of one line for the whole.")
@click.option("-n", "--limit", type=click.IntRange(1), help="At most so many lines.")
@json_option
@runs_option
def list_runs(
    filters: tuple[str, ...], sort: str | None, reverse: bool, every: bool, limit: int | None, as_json: bool, runs_dir: Path
) -> None:
    """What is there, newest first. Results are those at the end, or so far: means over repeats.

    KEY is a column (name, kind, status, reason, step, seed, repeats, age, seconds, tags, note), a result (test_success) or a
    key of the spec (game.loss, or its end, loss, as it stands under "changed": what the command line changed in the config).
    Between KEY and VALUE stands =, !=, <, <=, > or >= (in quotes, for the shell). Text may hold * and ?. A WORD alone is a
    status, or a part of a name, a tag or a note. Several filters must all fit.

    A sweep is one line: its status is that of its worst run, its spec that of its base.
    """
    rows = choose(rows_in(runs_dir, every), filters, sort, reverse)[:limit]
    if as_json:
        click.echo(json.dumps(finite([row.plain() for row in rows]), indent=1))
        return
    if not rows:
        click.echo(f"no run in {runs_dir}{' fits' if filters else ''}", err=True)
        return
    heads = ["name", "status", "step", "seed", "age", "changed", "tags", "note", "results"]
    lines = [
        [
            *(r.name, r.status, _steps(r), "" if r.seed is None else str(r.seed), _age(r.age), " ".join(r.changed())),
            *(" ".join(r.tags), clipped(" / ".join(r.note.split("\n")), 80), _results(r)),
        ]
        for r in rows
    ]
    for head in ("note", "tags", "changed"):  # what no run has takes no room
        at = heads.index(head)
        if not any(line[at] for line in lines):
            for line in (heads, *lines):
                del line[at]
    _table(heads, lines, right=(2, 3, 4), text=range(5, len(heads)), optional=(3, 4, 2), status=1)


def choose(rows: list[Row], filters: Sequence[str], sort: str | None = None, reverse: bool = False) -> list[Row]:
    """Those that fit every filter, in order. Raises UsageError or SpecError."""
    rows = select(rows, [Filter.word(text) if Filter.is_word(text) else _filter(text) for text in filters])
    if sort:
        return in_order(rows, sort, reverse)
    return rows[::-1] if reverse else rows


@command.command(epilog="Example: dessine runs compare 2026-11-23 runs/2026-11-24_sweep_xor --metrics test_success")
@click.argument("runs", nargs=-1, required=True, type=RUN, metavar="RUN...")
@click.option("--metrics", default="", metavar="NAME,...", help="What is compared.  [default: the goals of the game]")
@click.option(
    "--against", type=click.Choice(["step", "epoch", "examples"]), default="step", show_default=True, help="What is across."
)
@click.option("--out", type=FILE, help="FILE.png  [default: comparison.png beside the runs]")
@click.option("--html", "page", type=FILE, help="FILE.html: one page of it all, which opens without a network.")
@click.option("--samples/--no-samples", default=True, help="Whether samples are drawn, too, where there are generators.")
@click.option(
    "--format",
    "how",
    type=click.Choice(["markdown", "latex", "csv"]),
    help="The table for a paper or a page, and nothing else.",
)
@trust_plugins
@json_option
@runs_option
def compare(
    runs: tuple[str, ...],
    metrics: str,
    against: str,
    out: Path | None,
    page: Path | None,
    samples: bool,
    how: str | None,
    as_json: bool,
    runs_dir: Path,
) -> None:
    """Compare runs, or whole sweeps. Shows what differs in their specs, what they reached, and a picture of the curves.

    Runs that differ only in their seed are one setting: its values are means over seeds and repeats, with their 95 %
    interval. Where all are of one setting, each has a line of its own, too. Of a sweep only the completed runs are taken.
    The last line of stdout is the picture, or the page of --html.

    Where there are generators, a second picture shows what the first run of each setting draws, from the same latents:
    comparison_samples.png.

    With --format stdout is the table alone: `dessine runs compare A B --format latex > table.tex`.
    """
    if out is not None and out.suffix != ".png":
        raise click.UsageError(f"--out {out}: expects a name ending in .png")
    if page is not None and page.suffix not in (".html", ".htm"):
        raise click.UsageError(f"--html {page}: expects a name ending in .html")
    if how and as_json:
        raise click.UsageError("--json and --format: give one of the two")
    rows = [row for text in runs for row in _rows(text, runs_dir)]
    rows = list({row.path.resolve(): row for row in rows}.values())
    if not rows:
        raise RunError("none of these runs can be compared")
    every, notes = settings(rows)
    for note in (*notes, *(fault for one in every for track in one.tracks for fault in track.faults)):
        say(note)
    names = metrics_of(every, [name.strip() for name in metrics.split(",") if name.strip()])
    if not names:
        raise RunError("nothing to compare: these runs have no metrics yet")
    drawn, shown_too = _pictures(every, names, against, out or runs_dir / "comparison.png", samples)
    pages = [_page(page, every, names, shown_too)] if page is not None else []
    if as_json:
        told = {"settings": [_setting(one, names) for one in every], "picture": drawn[0] if drawn else None}
        told |= {"samples": shown_too[0] if shown_too else None} | ({"page": pages[0]} if pages else {})
        click.echo(json.dumps(finite(told), indent=1))
    elif how:
        click.echo(_written(apart(every), names, how))
        for made in (*shown_too, *drawn, *pages):
            say(made)
    else:
        _compared(apart(every), names)
        for made in (*shown_too, *drawn, *pages):
            click.echo(made)
    if out is not None and not drawn:
        raise click.exceptions.Exit(1)


def _page(path: Path, every: list[Setting], names: list[str], samples: list[str]) -> str:
    from dessine.reports.compare_page import save_comparison_page

    path.parent.mkdir(parents=True, exist_ok=True)
    told = {name: [_summary(one, name) for one in apart(every)] for name in names}
    return str(save_comparison_page(path, every, names, told, map(Path, samples)))


def _pictures(every: list[Setting], names: list[str], against: str, path: Path, samples: bool) -> tuple[list[str], list[str]]:
    """The curves, in `path`, and what is drawn, beside it: the pictures that were made of each."""
    from dessine.plots.compare import save_comparison

    panels = {name: {one.label: one.curve(name, against) for one in apart(every)} for name in names}
    runs = len(every[0].tracks)
    title = "comparison" if len(every) > 1 else every[0].tracks[0].name if runs == 1 else f"{runs} runs of {name_of(every[0])}"

    def draw() -> Path:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return save_comparison(path, panels, title, against, _modes(every))
        except OSError as error:
            error.filename = str(path)  # the temporary one means nothing to a user
            raise

    pictures = Pictures(partial(click.echo, err=True))
    curves = [str(made) for made in pictures.draw(draw)]
    beside = path.with_name(f"{path.stem}_samples.png")
    return curves, [str(made) for made in pictures.draw(save_samples_of, beside, each_drawing(every), title)] if samples else []


@command.command(epilog="Example: dessine runs diff last configs/xor.yaml")
@click.argument("first", type=RUN, metavar="RUN")
@click.argument("second", type=RUN, metavar="RUN")
@json_option
@runs_option
def diff(first: str, second: str, as_json: bool, runs_dir: Path) -> None:
    """How the spec of one RUN differs from another's. In place of a run, a config may stand, or a sweep: its base."""
    specs = [_any_spec(text, runs_dir) for text in (first, second)]
    found = differences(specs)
    if as_json:
        click.echo(json.dumps({key: {"first": a, "second": b} for key, (a, b) in found.items()}, indent=1))
        return
    if not found:
        click.echo("the same spec", err=True)
        return
    names = (Path(first).name, Path(second).name)  # short, unless they are the same
    _table(
        ("key", *(names if names[0] != names[1] else (first, second))),
        [(key, shown(a), shown(b)) for key, (a, b) in found.items()],
        text=(0, 1, 2),
    )


@command.command(epilog="Example: dessine runs rm status=failed --older-than 7d")
@click.argument("runs", nargs=-1, type=RUN, metavar="[RUN | KEY=VALUE ...]")
@click.option("--failed", is_flag=True, help="Only those that failed.")
@click.option("--older-than", type=Seconds(), help="Only those begun longer ago than 7d, 12h, 30m ...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also those of which nobody can tell whether they run: where there are no locks.")
@runs_option
def rm(runs: tuple[str, ...], failed: bool, older_than: float | None, yes: bool, force: bool, runs_dir: Path) -> None:
    """Remove runs, or whole sweeps. Asks first; takes those named, or all that fit the filters of `dessine runs list`.

    A run that is being trained stays, and so does any folder that is not a run's.
    """
    paths = [text for text in runs if os.path.exists(text) or Filter.parse(text) is None or called(text, runs_dir, sweeps=True)]
    filters = [_filter(text) for text in runs if text not in paths]
    if failed:
        filters.append(_filter("status=failed"))
    if older_than is not None:
        filters.append(Filter("age", ">", older_than, "--older-than"))
    if not paths and not filters:
        raise click.UsageError("which runs? Example: dessine runs rm --failed --older-than 7d")
    if paths:
        found = [_broken(text, runs_dir) or find_any(text, runs_dir) for text in paths]
        rows = [read_row(path, path.name, spec_in) or Row(path, path.name) for path in found]
        rows = list({row.path.resolve(): row for row in rows}.values())
    else:
        rows = rows_in(runs_dir)
    chosen = select(rows, filters)
    refused = [(row, reason) for row in chosen if (reason := refusal(row.path, force))]
    for row, reason in refused:
        say(f"{row.path} {reason}")
    chosen = [row for row in chosen if row not in [r for r, _ in refused]]
    if chosen:
        _ask_and_remove(chosen, yes, force)
    elif not refused:
        click.echo("no run fits: nothing was removed", err=True)
    if refused and (paths or not chosen):
        raise click.exceptions.Exit(1)


def _ask_and_remove(chosen: list[Row], yes: bool, force: bool) -> None:
    what = "1 run" if len(chosen) == 1 else f"{len(chosen):,} runs"
    if not yes:
        lines = [(r.name, r.status, _steps(r), _age(r.age), _results(r)) for r in chosen[:20]]
        _table(
            ("name", "status", "step", "age", "results"), lines, right=(2, 3), text=(4,), optional=(3, 2), status=1, err=True
        )
        if len(chosen) > 20:
            click.echo(f"... and {len(chosen) - 20:,} more", err=True)
        try:
            sure = click.confirm(f"Remove {what} ({_bytes(sum(size(r.path) for r in chosen))})?", err=True)
        except click.Abort:
            click.echo("", err=True)
            if sys.stdin.isatty():
                raise
            raise click.UsageError("nobody answered: nothing was removed; say --yes to remove without being asked") from None
        if not sure:
            click.echo("nothing was removed", err=True)
            raise click.exceptions.Exit(1)
    told: dict[str, None] = {}
    for row in chosen:
        remove(row.path, force, lambda text: told.setdefault(text.split(":")[0]))
    for text in told:
        click.echo(text, err=True)
    click.echo(f"removed {what}", err=True)


@command.command(epilog="Example: dessine runs report last")
@click.argument("run", type=RUN)
@click.option("--out", type=FILE, help="FILE.html  [default: RUN/report.html]")
@runs_option
def report(run: str, out: Path | None, runs_dir: Path) -> None:
    """Write one HTML page of RUN. It tells results, samples over time, curves, scores, config, and where they come from.

    The page holds all it shows: it opens without a network. The last line of stdout is its path.
    """
    from dessine.reports.run_page import save_run_page

    path = find_any(run, runs_dir)
    if (path / "sweep.yaml").is_file():
        raise click.UsageError(
            f"{path} is a sweep: its page is {path / 'report.html'}, which `dessine sweep {shlex.quote(str(path))} --collect` "
            f"writes anew; for a page of one run, give its folder in {path / 'cells'}"
        )
    if out is not None and out.suffix not in (".html", ".htm"):
        raise click.UsageError(f"--out {out}: expects a name ending in .html")
    try:
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
        page = save_run_page(_row(path, path.name), out or own(path, "report.html"))
    except OSError as error:
        if out is not None or error.errno not in FORBIDDEN:
            raise
        raise RunError(f"{path} cannot be written ({error.strerror}): say where the page goes with --out FILE.html") from None
    click.echo(str(page))


@command.command(epilog="Example: dessine runs export last --to tensorboard")
@click.argument("runs", nargs=-1, required=True, type=RUN, metavar="RUN...")
@click.option("--to", "way", required=True, type=click.Choice([*elsewhere.WAYS]), help="Where to.")
@click.option("--out", type=PATH, help="FILE.csv, or a FOLDER.  [default: metrics.csv, tensorboard/ or mlflow/ in this folder]")
@json_option
@runs_option
def export(runs: tuple[str, ...], way: str, out: Path | None, as_json: bool, runs_dir: Path) -> None:
    """Give the metrics of runs, or of whole sweeps, to other programs; each repeat is a run there.

    \b
    csv          a line for each line of metrics, beside what differs in specs
    tensorboard  scalars, samples, the config: pip install 'dessine[tensorboard]'
    mlflow       metrics, parameters, notes, tags: pip install 'dessine[mlflow]'

    What was exported before to the same place is replaced. The last line of stdout is where it went.
    """
    save, default = elsewhere.WAYS[way]
    out = out or Path(default)
    if way == "csv" and out.suffix != ".csv":
        raise click.UsageError(f"--out {out}: expects a name ending in .csv")
    if way != "csv" and out.exists() and not out.is_dir():
        raise click.UsageError(f"--out {out}: is no folder")
    rows = [row for text in runs for row in _rows(text, runs_dir, unfinished=True)]
    rows = list({row.path.resolve(): row for row in rows}.values())
    if not rows:
        raise RunError("none of these runs can be exported")
    every = elsewhere.told(rows, say)
    save(out, every)
    if as_json:
        lines = sum(len(one.metrics) for one in every)
        click.echo(
            json.dumps({"to": way, "path": str(out), "runs": len(rows), "repeats": len(every), "lines": lines}, indent=1)
        )
        return
    if way in OPENED:
        say(f"look at it with: {OPENED[way].format(shlex.quote(str(out)))}")
    click.echo(str(out))


OPENED = {
    "tensorboard": "tensorboard --logdir {}",
    "mlflow": "cd {}; mlflow ui --backend-store-uri sqlite:///mlflow.db",
}


def _filter(text: str) -> Filter:
    try:
        made = Filter.parse(text)
    except SpecError as error:
        raise click.UsageError(str(error)) from None
    if made is None:
        raise click.UsageError(
            f"'{text}' is no filter: expects KEY=VALUE, such as status=failed, 'name=2026-11-*', 'test_loss<1'"
        )
    return made


def _broken(text: str, runs_dir: Path) -> Path | None:
    """The folder of exactly that name, if it is what is left of a run."""
    there = [path for path in (Path(text), runs_dir / text) if os.path.isdir(path) and is_ours(path)]
    whole = any((path / name).is_file() for path in there for name in ("sweep.yaml", "config.yaml"))
    return there[0] if there and not whole else None


def _row(path: Path, name: str) -> Row:
    row = read_row(path, name, spec_in)
    if row is None:
        raise RunError(f"{path} is not a run folder: it has no config.yaml")
    return row


def _rows(text: str, runs_dir: Path, unfinished: bool = False) -> list[Row]:
    """One run, or the completed runs of a sweep. unfinished: or all that have begun"""
    path = find_any(text, runs_dir)
    if not (path / "sweep.yaml").is_file():
        return _comparable([_row(path, path.name)])
    cells = [row for row in survey(path / "cells", read_spec=spec_in) if row.kind == "run"]
    done = sorted((row for row in cells if unfinished or row.status == "completed"), key=lambda row: row.name)
    if len(done) < len(cells):
        missing = f"{len(cells) - len(done)} of {len(cells)} runs are not completed, and omitted"
        say(f"{path.name}: {missing}")
    return _comparable(done)


def _comparable(rows: list[Row]) -> list[Row]:
    """Those that are not broken; a line for each of the others."""
    good = []
    for row in rows:
        if row.status == "broken" or not row.spec:
            why = row.reason or "its config.yaml cannot be read"
            say(f"{row.path} is omitted: {why}")
            continue
        row.seed = row.spec.get("seed", 0) if row.seed is None else row.seed
        row.repeats = row.spec.get("repeats", 1) if row.repeats is None else row.repeats
        good.append(row)
    return good


def _any_spec(text: str, runs_dir: Path) -> dict[str, Any]:
    """The resolved spec of a run, of a sweep's base, or of a config."""
    from dessine.spec import check_document, read

    if not os.path.isfile(text):
        path = find_any(text, runs_dir)
        sweep = (path / "sweep.yaml").is_file()
        return read(own(path, "base.yaml" if sweep else "config.yaml"), alone=True).data
    from dessine.experiment import Experiment
    from dessine.paths import name_after

    document = read(Path(text))
    document.data.setdefault("name", name_after(Path(text)))
    return check_document(document, Experiment).model_dump()


def _summary(one: Setting, metric: str) -> dict[str, Any]:
    """Of a metric over the repeats of a setting."""
    from dessine.intervals import limits, summarise_repeats

    return summarise_repeats(one.ends(metric), limits(metric, _modes([one])))


def _modes(every: Sequence[Setting]) -> float:
    """How many there are to be found in the data of these settings at most."""
    from dessine.data import modes_of

    return max(modes_of(one.tracks[0].row.spec) for one in every)


def _compared(every: Sequence[Setting], names: Sequence[str]) -> None:
    """One row per setting; where more differs than there are settings, one column per setting."""
    keys = list(every[0].values)
    heads = [*keys, "runs", "n", *names]
    rows = []
    for one in every:
        told = [_mean(_summary(one, name)) for name in names]
        rows.append(
            [*(clipped(shown(v), 60) for v in one.values.values()), count_of(one.statuses()), str(len(one.repeats)), *told]
        )
    if len(keys) <= max(3, len(every)):
        _table(heads, rows, right=range(len(keys) + 1, len(heads)), text=range(len(keys)))
    else:
        columns = [str(i) if len(one.label) > 24 else one.label for i, one in enumerate(every, 1)]
        _table(["", *columns], [[head, *(row[i] for row in rows)] for i, head in enumerate(heads)], text=range(len(every) + 1))


def _written(every: Sequence[Setting], names: Sequence[str], how: str) -> str:
    """The table of settings for a paper or a page; a CSV has the ends of an interval in columns of their own."""
    keys = list(every[0].values)
    rows = [[*map(shown, one.values.values()), str(len(one.repeats))] for one in every]
    told = [[_summary(one, name) for name in names] for one in every]
    if how == "csv":
        heads = [f"{name}{end}" for name in names for end in ("", "_low", "_high", "_std")]
        numbers = [[v for t in row for v in (t["mean"], *t["interval"], t["std"])] for row in told]
        plain = [["" if v != v else repr(float(v)) for v in row] for row in numbers]
        return tables.comma_separated([*keys, "n", *heads], [[*row, *more] for row, more in zip(rows, plain, strict=True)])
    cells = [[" ".join(tables.rounded(t)).strip() for t in row] for row in told]
    write = tables.markdown if how == "markdown" else tables.latex
    right = range(len(keys), len(keys) + 1 + len(names))
    return write([*keys, "n", *names], [[*row, *more] for row, more in zip(rows, cells, strict=True)], right)


def _setting(one: Setting, names: Sequence[str]) -> dict[str, Any]:
    runs = [{"path": str(t.row.path), "status": t.row.status, "seed": t.seed, "repeats": t.repeats} for t in one.tracks]
    return {
        "values": one.values,
        "label": one.label,
        "runs": runs,
        "metrics": {name: _summary(one, name) for name in names},
    }


def _mean(told: dict[str, Any]) -> str:
    if not told["count"]:
        return "–"
    low, high = told["interval"]
    if low != low:
        return f"{told['mean']:.4g}"
    if abs(low + high - 2 * told["mean"]) > 1e-6 * (high - low):  # cut where no value can be
        return f"{told['mean']:.4g} [{low:.4g}, {high:.4g}]"
    return f"{told['mean']:.4g} ± {(high - low) / 2:.2g}"


def _steps(row: Row) -> str:
    if row.step is None:
        return ""
    unfinished = row.steps is not None and row.steps != row.step
    return f"{row.step:,}/{row.steps:,}" if unfinished else f"{row.step:,}"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"


def _results(row: Row) -> str:
    """The results; without any, why there are none."""
    told = "  ".join(f"{name.removeprefix('scores.')} {v:.4g}" for name, v in row.results.items())
    if row.kind == "sweep":
        told = f"sweep: {count_of(row.cells) or 'no runs yet'}"
    return "  ".join(part for part in (told, row.reason) if part)


def _bytes(n: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"


def _table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
    text: Sequence[int] = (),
    optional: Sequence[int] = (),
    status: int = -1,
    err: bool = False,
) -> None:
    """status: the column that is coloured"""
    stream = sys.stderr if err else sys.stdout
    click.echo("\n".join(table(heads, rows, room(stream), right, text, optional, {status: COLOURS})), err=err)
