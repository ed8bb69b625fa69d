"""`dessine reproduce`: run what a published table needs, and hold theirs against ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from dessine.cli import sweep
from dessine.cli.errors import say
from dessine.cli.evaluate import measure
from dessine.cli.paths import PATH, json_option
from dessine.cli.published_table import Table, is_folder, open_table, options
from dessine.cli.runs import finite
from dessine.cli.terminal import room, table
from dessine.cli.trust import trust_plugins
from dessine.runs.files import write_atomically
from dessine.runs.inside import FORBIDDEN
from dessine.shipped import tables
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.judging import Judgement, Order, judge
from dessine.sweeps.launchers import LauncherError
from dessine.sweeps.ours import load_values, measured, save_values, unmeasured
from dessine.sweeps.places import launcher
from dessine.sweeps.published_page import HEADS, counted, markdown, overview, reasons, save_page, told

EPILOG = """\b
Examples:
  dessine reproduce
  dessine reproduce lecun_1998
  dessine reproduce lecun_1998 --folder runs/SWEEP --json
  dessine reproduce pacgan_ring training.steps=20000"""
COLOURS = {"match": "green", "match, weakly": "yellow", "miss": "red", "order": "cyan"}


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of the shipped tables."""
    return [CompletionItem(name) for name in tables() if name.startswith(incomplete)]


@click.command(epilog=EPILOG)
@click.argument("name", required=False, shell_complete=names)
@click.argument("words", nargs=-1, metavar="[KEY=VALUES ...]")
@click.option("--folder", type=PATH, help="Judge the runs of this sweep's folder; start nothing.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Runs at once.  [default: cores]")
@click.option("--threads", type=click.IntRange(1), help="BLAS threads of each run.  [default: cores / jobs]")
@click.option("--runs-dir", type=PATH, default=Path("runs"), help="Where the sweep's folder is made or found.")
@click.option("--retry-failed", is_flag=True, help="Go on with the runs that failed, too.")
@click.option("--docs", type=PATH, help="Keep our numbers in DOCS/published/NAME.csv, and write DOCS/published.md of all.")
@click.option("--quiet", is_flag=True, help="Print only failures and the table.")
@trust_plugins
@json_option
def command(name: str | None, words: tuple[str, ...], as_json: bool, **o: Any) -> None:
    """Run what a published table needs, and say row by row: theirs, ours, and whether they meet.

    NAME is a table that comes with dessine, a sweep's YAML with a block `published`, or the folder of such a sweep, which is
    judged as it is. Without NAME: which tables there are.

    Only what is missing is run, and an interrupted run goes on, as with dessine sweep. KEY=VALUES change the runs, as there;
    training.steps=1000 makes them shorter, and the table says so.

    \b
    match           their interval and ours meet (95 %: Student's over seeds)
    match, weakly   they meet, but one of them is wider than half of its figure
    miss            they do not
    not comparable  because not enough has been run, or the paper tells too little
    order           only the order of the rows is compared (Spearman)

    Exit codes: 0 judged, whatever the verdicts; 1 some run failed, 2 usage or config, 130 interrupted.
    """
    try:
        if name is None:
            _all(as_json, o)
            return
        _one(name, words, as_json, o)
    except LauncherError as error:
        raise click.ClickException(str(error)) from None


def _one(name: str, words: Sequence[str], as_json: bool, o: dict[str, Any]) -> None:
    it = open_table(name, words, o)
    complete = True if o["folder"] or is_folder(name) else _run(it, o)
    values = it.values()
    judged, orders = judge(it.published, values, it.meant)
    if it.folder:
        _keep_page(it, it.folder, judged, orders, o["quiet"])
    if o["docs"]:
        (o["docs"] / "published").mkdir(parents=True, exist_ok=True)
        save_values(values, o["docs"] / "published" / f"{it.name}.csv")
        _write_docs(o["docs"], o, it)
    if as_json:
        click.echo(json.dumps(finite(_plain(it, judged, orders)), indent=1))
    else:
        _show(it, judged, orders)
    if not complete:
        raise click.exceptions.Exit(1)


def _run(it: Table, o: dict[str, Any]) -> bool:
    """Run and measure what is missing; whether all is done then."""
    plan, complete = it.runs, True
    done = [c for c in plan.cells if it.folder and it.folder.state(c) == "completed"]
    if len(done) < len(plan.cells):
        plan.check(done, look=it.check_metrics)
        with closing(launcher("local", {})) as where:
            it.folder, complete = sweep.run(plan, where, None, options(o), lambda _: None)
    for (path, repeat), missing in (unmeasured(it.published, it.folder) if it.folder else {}).items():
        if not o["quiet"]:
            say(f"measures {', '.join(missing)} of {path.name}{f', repeat {repeat}' * (repeat > 0)} ...")
        measure(path, missing, repeat)
    return complete


def _keep_page(it: Table, folder: SweepFolder, judged: Sequence[Judgement], orders: Sequence[Order], quiet: bool) -> None:
    """Beside the runs; those of a colleague, or on a read-only disk, are judged without it."""
    page = folder.path / "published.html"
    try:
        save_page(it.published, judged, orders, page, it.name, f"dessine reproduce {it.name}")
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise
        say(f"{page} cannot be written ({error.strerror}): there is no page")
        return
    if not quiet:
        say(f"page: {page}")


def _plain(it: Table, judged: Sequence[Judgement], orders: Sequence[Order]) -> dict[str, Any]:
    p = it.published
    head = {"name": it.name, "source": p.source, "table": p.table, "differs": p.differs, "time": p.time, "notes": p.notes}
    where = {"folder": str(it.folder.path) if it.folder else None}
    return head | where | {"rows": [j.plain() for j in judged], "orders": [asdict(order) for order in orders]}


def _show(it: Table, judged: Sequence[Judgement], orders: Sequence[Order]) -> None:
    click.echo(f"{it.published.source}: {it.published.table}")
    for line in table(HEADS, told(judged), room(), right=(4, 5), text=(6,), optional=(4, 5), colours={6: COLOURS}):
        click.echo(line)
    for text in (*reasons(judged), *(order.told for order in orders)):
        click.echo(text)
    for text in it.published.differs:
        click.echo(f"differs: {text}")
    for text in it.published.notes:
        click.echo(f"note: {text}")
    click.echo(f"{it.name}: {counted(judged, orders)}")


def _all(as_json: bool, o: dict[str, Any]) -> None:
    """Which tables there are, and how far each has been run here."""
    if o["folder"]:
        raise click.UsageError("--folder: of which table? dessine reproduce NAME --folder FOLDER")
    if o["docs"]:
        _write_docs(o["docs"], o)
    rows, plain = [], []
    for name in tables():
        it = open_table(name, (), o)
        states = [it.folder.state(cell) if it.folder else "missing" for cell in it.runs.cells]
        done, p = states.count("completed"), it.published
        where = f"{done} of {len(states)} runs" if it.folder else "not run here yet"
        rows.append((name, f"{p.source}: {p.table}", p.time, where))
        runs = {"completed": done, "of": len(states)}
        folder = str(it.folder.path) if it.folder else None
        plain.append({"name": name, "source": p.source, "table": p.table, "time": p.time, "runs": runs, "folder": folder})
    if as_json:
        click.echo(json.dumps(plain, indent=1))
        return
    for line in table(("name", "table", "time", "here"), rows, room(), text=(1, 2)):
        click.echo(line)


TOP = """# Published tables beside ours

Written by `dessine reproduce --docs docs` from the numbers in docs/published; do not edit it. `dessine reproduce NAME` runs a
table anew. A figure of theirs stands with its 95 % interval: from the error that is printed, or else what rounds to the printed
digits. Ours is the mean over seeds with Student's interval. *match*: the two meet; *weakly*, where one of them is wider than
half of its figure, so that it says little. *miss*: they do not. *not comparable*: not enough has been run, or the paper tells
too little; why stands below the table. *order*: only the order of the rows is compared.
"""


def _write_docs(docs: Path, o: dict[str, Any], own: Table | None = None) -> None:
    """published.md, of every table whose numbers are in `docs`/published; of the others, that they have not been run.

    own: a table that may not be one of those that come with dessine
    """
    there = {name: open_table(name, (), o | {"folder": None}) for name in tables() if own is None or name != own.name}
    there |= {own.name: own} if own else {}
    parts, verdicts = list[str](), dict[str, str]()
    for name, it in sorted(there.items()):
        file = docs / "published" / f"{name}.csv"
        values = load_values(file) if file.is_file() else measured(it.published, None, it.behind, {})
        judged, orders = judge(it.published, values, it.meant)
        parts.append(markdown(name, it.published, judged, orders, f"dessine reproduce {name}"))
        verdicts[name] = counted(judged, orders)
    docs.mkdir(parents=True, exist_ok=True)
    write_atomically(docs / "published.md", "\n".join([TOP, overview(verdicts), *parts]))
    if not o["quiet"]:
        say(f"written: {docs / 'published.md'}")
