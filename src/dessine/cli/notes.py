"""`dessine runs note` and `tag`: what people say of a run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from dessine.cli.named import find_any
from dessine.cli.paths import RUN, json_option, runs_option
from dessine.letters import harmless
from dessine.runs.files import finite
from dessine.runs.notes import Notes, change, notes_of


@click.command(epilog='Example: dessine runs note last "blobs until step 800, then digits"')
@click.argument("run", type=RUN)
@click.argument("text", required=False)
@click.option("--clear", is_flag=True, help="Forget every note of this run first.")
@json_option
@runs_option
def note(run: str, text: str | None, clear: bool, as_json: bool, runs_dir: Path) -> None:
    """Write TEXT to the notes of RUN, or of a sweep; without TEXT, tell them.

    They stand in lists and on the run's page. `dessine runs list WORD` finds them, and so does 'note=*two words*'.
    """
    folder = find_any(run, runs_dir)

    def write(known: Notes) -> None:
        if clear:
            known.notes.clear()
        if text is not None:
            known.say(text)

    known = change(folder, write) if clear or text is not None else notes_of(folder)
    _tell(folder, known, as_json)


@click.command(epilog="Example: dessine runs tag last lesson good")
@click.argument("run", type=RUN)
@click.argument("tags", nargs=-1, metavar="[TAG ...]")
@click.option("--remove", is_flag=True, help="Take these tags away.")
@json_option
@runs_option
def tag(run: str, tags: tuple[str, ...], remove: bool, as_json: bool, runs_dir: Path) -> None:
    """Give RUN, or a sweep, a TAG or several; without TAG, tell them.

    A tag is one word. `dessine runs list tags=TAG` finds those that have it; a word alone, such as `dessine runs list lesson`,
    is also sought in names and notes.
    """
    folder = find_any(run, runs_dir)
    if remove and not tags:
        raise click.UsageError(f"which tags? {folder.name} has: {', '.join(notes_of(folder).tags) or 'none'}")
    known = notes_of(folder)
    if tags:
        known = change(folder, lambda known: known.untag([*tags]) if remove else known.tag([*tags]))
    _tell(folder, known, as_json)


def _tell(folder: Path, known: Notes, as_json: bool) -> None:
    if as_json:
        told = {"path": os.fspath(folder), "tags": known.tags, "notes": known.notes}
        click.echo(json.dumps(finite(told), indent=1))
        return
    if known.tags:
        click.echo(f"tags: {', '.join(map(harmless, known.tags))}")
    for one in known.notes:
        when = one["time"][:16].replace("T", " ")
        for i, line in enumerate(one["text"].split("\n")):
            click.echo(f"{when if i == 0 else '':{len(when)}}  {harmless(line)}")
    if not known.tags and not known.notes:
        click.echo(f"{folder.name}: no notes, no tags", err=True)
