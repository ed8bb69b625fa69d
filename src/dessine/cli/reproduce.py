"""`dessine reproduce`: run what a published table needs, and hold theirs against ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from dessine.cli import sweep
from dessine.cli.errors import say
from dessine.cli.evaluate import measure
from dessine.cli.paths import PATH, json_option
from dessine.cli.runs import finite
from dessine.cli.sweep_plan import Plan
from dessine.cli.terminal import room, table
from dessine.registry import SpecError, did_you_mean
from dessine.runs.files import write_atomically
from dessine.runs.run import RunError
from dessine.shipped import folder as shipped_folder
from dessine.shipped import tables
from dessine.spec import BadSpec
from dessine.sweeps.folder import SweepFolder
from dessine.sweeps.judging import Judgement, Order, Value, check_rows, judge, load_values, measured, save_values, unmeasured
from dessine.sweeps.launchers import LauncherError
from dessine.sweeps.places import launcher
from dessine.sweeps.published import Published
from dessine.sweeps.published_page import HEADS, counted, markdown, save_page, told

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


@dataclass
class Table:
    """A published table with what is known of our runs of it."""

    name: str
    published: Published
    plan: Plan
    folder: SweepFolder | None

    def values(self) -> list[Value]:
        return measured(self.published, self.folder, self.plan.cells, self.plan.steps)


def _options(o: dict[str, Any]) -> dict[str, Any]:
    """What `dessine sweep` would be told."""
    return dict.fromkeys(str(param.name) for param in sweep.command.params) | {"executor": "local"} | o


def _open(name: str, words: Sequence[str], o: dict[str, Any]) -> Table:
    """The table of that name, or in that file or folder. Raises BadSpec or RunError where there is none."""
    judged, given = o.get("folder"), _is_folder(name)
    if given and judged:
        raise click.UsageError(f"--folder: {name} is a folder already")
    judged = Path(name) if given else judged
    if judged and not SweepFolder.is_one(judged):
        raise RunError(f"{judged} is not the folder of a sweep")
    if judged and words:
        raise click.UsageError("KEY=VALUES change runs, and the runs of a folder are only judged")
    config = judged / "sweep.yaml" if given and judged else _config(name)
    plan = Plan(config, words, _options(o))
    published = plan.sweep.published
    if published is None:
        raise BadSpec([f"{config}: has no block `published`: theirs to hold the runs against"])
    runs = Plan(judged / "sweep.yaml", (), _options(o)) if judged and not given else plan
    try:
        check_rows(published, runs.cells)
    except SpecError as error:
        raise BadSpec([f"{config}: {error}"]) from None
    found = SweepFolder(judged) if judged else SweepFolder.find(o["runs_dir"], plan.identity)
    return Table(plan.name, published, runs, found)


def _is_folder(name: str) -> bool:
    """A table that comes with dessine is meant before a folder of the same name, which ./NAME is."""
    return name not in tables() and Path(name).is_dir()


def _config(name: str) -> Path:
    known, path = tables(), Path(name)
    if name in known:
        return known[name]
    if path.suffix in (".yaml", ".yml"):
        return path
    listed = ", ".join(known) or f"none in {shipped_folder() / 'published'}"
    raise BadSpec([f"no published table '{name}'{did_you_mean(name, known)} (known: {listed}; or a sweep's YAML or folder)"])


def _one(name: str, words: Sequence[str], as_json: bool, o: dict[str, Any]) -> None:
    it = _open(name, words, o)
    complete = True
    if not o["folder"] and not _is_folder(name):
        plan = it.plan
        done = [c for c in plan.cells if it.folder and it.folder.state(c) == "completed"]
        if len(done) < len(plan.cells):
            plan.check(done)
            with closing(launcher("local", {})) as where:
                it.folder, complete = sweep.run(plan, where, None, _options(o), lambda _: None)
        for (path, repeat), missing in (unmeasured(it.published, it.folder) if it.folder else {}).items():
            if not o["quiet"]:
                say(f"measures {', '.join(missing)} of {path.name}{f', repeat {repeat}' * (repeat > 0)} ...")
            measure(path, missing, repeat)
    values = it.values()
    judged, orders = judge(it.published, values, it.plan.cells)
    if it.folder:
        again = f"dessine reproduce {it.name}"
        made = save_page(it.published, judged, orders, it.folder.path / "published.html", it.name, again)
        if not o["quiet"]:
            say(f"page: {made}")
    if o["docs"]:
        (o["docs"] / "published").mkdir(parents=True, exist_ok=True)
        save_values(values, o["docs"] / "published" / f"{it.name}.csv")
        _write_docs(o["docs"], o)
    if as_json:
        click.echo(json.dumps(finite(_plain(it, judged, orders)), indent=1))
    else:
        _show(it, judged, orders)
    if not complete:
        raise click.exceptions.Exit(1)


def _plain(it: Table, judged: Sequence[Judgement], orders: Sequence[Order]) -> dict[str, Any]:
    p = it.published
    head = {"name": it.name, "source": p.source, "table": p.table, "differs": p.differs, "time": p.time, "notes": p.notes}
    where = {"folder": str(it.folder.path) if it.folder else None}
    return head | where | {"rows": [j.plain() for j in judged], "orders": [asdict(order) for order in orders]}


def _show(it: Table, judged: Sequence[Judgement], orders: Sequence[Order]) -> None:
    click.echo(f"{it.published.source}: {it.published.table}")
    for line in table(HEADS, told(judged), room(), right=(4, 5), text=(6,), optional=(4, 5), colours={6: COLOURS}):
        click.echo(line)
    for order in orders:
        click.echo(order.told)
    for text in it.published.differs:
        click.echo(f"differs: {text}")
    for text in it.published.notes:
        click.echo(f"note: {text}")
    click.echo(f"{it.name}: {counted(judged)}")


def _all(as_json: bool, o: dict[str, Any]) -> None:
    """Which tables there are, and how far each has been run here."""
    if o["folder"]:
        raise click.UsageError("--folder: of which table? dessine reproduce NAME --folder FOLDER")
    if o["docs"]:
        _write_docs(o["docs"], o)
    rows, plain = [], []
    for name in tables():
        it = _open(name, (), o)
        states = [it.folder.state(cell) if it.folder else "missing" for cell in it.plan.cells]
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
too little. *order*: only the order of the rows is compared.
"""


def _write_docs(docs: Path, o: dict[str, Any]) -> None:
    """published.md, of every table whose numbers are in `docs`/published; of the others, that they have not been run."""
    parts = [TOP]
    for name in tables():
        it = _open(name, (), o | {"folder": None})
        file = docs / "published" / f"{name}.csv"
        values = load_values(file) if file.is_file() else measured(it.published, None, it.plan.cells, {})
        parts.append(markdown(name, it.published, *judge(it.published, values, it.plan.cells), f"dessine reproduce {name}"))
    docs.mkdir(parents=True, exist_ok=True)
    write_atomically(docs / "published.md", "\n".join(parts))
    if not o["quiet"]:
        say(f"written: {docs / 'published.md'}")
