"""`dessine data`: fetch, list, look."""

from __future__ import annotations

import json
import sys

import click

from dessine.cli.paths import json_option
from dessine.cli.terminal import room, table


class _Group(click.Group):
    """`look` is loaded when it is called: it brings Pillow."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "look"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "look":
            from dessine.cli.data_look import command as look

            return look
        return super().get_command(ctx, name)


@click.group(cls=_Group, epilog="Example: dessine data fetch mnist")
def command() -> None:
    """Fetch, list and look at data sets."""


@command.command(epilog="Examples: dessine data fetch fashion_mnist\n\n  dessine data fetch quickdraw sheep 'hot air balloon'")
@click.argument("name", type=click.Choice(["mnist", "cifar10", "fashion_mnist", "kmnist", "emnist", "quickdraw"]))
@click.argument("parts", nargs=-1, metavar="[PART]...")
@click.option("--from", "source", metavar="URL", help="Ask this address, in place of the public mirrors.")
@click.option("--accept", is_flag=True, help="Of quickdraw: take a file that has changed since it was fetched first.")
def fetch(name: str, parts: tuple[str, ...], source: str | None, accept: bool) -> None:
    """Get the full data set NAME into the cache folder.

    That is $DESSINE_DATA, or the system's own place for caches.

    PART is what of it: a split of emnist (balanced, letters, digits, mnist, byclass
    or bymerge), things of quickdraw (sheep, cat, 'hot air balloon').

    The last line of stdout is the folder, or the file if one thing of quickdraw was asked for.
    """
    from dessine.data import fetch, mirrors

    wanted = {"emnist": 1, "quickdraw": 1000}.get(name, 0)
    if len(parts) > wanted:
        raise click.UsageError(f"{name} has no parts" if not wanted else f"one split at a time: {', '.join(parts)}")
    if name == "quickdraw" and not parts:
        raise click.UsageError(f"say which of its 345 things, such as sheep: {mirrors.CATEGORIES}")
    if name == "emnist" and parts and parts[0] not in mirrors.SPLITS:
        raise click.UsageError(f"EMNIST has no split '{parts[0]}'; it has {', '.join(mirrors.SPLITS)}")
    if source and name in ("mnist", "cifar10"):
        raise click.UsageError(f"--from is not for {name}: give its folder as data.path")

    def say(text: str) -> None:
        click.echo(text, err=True)

    progress = sys.stderr.isatty()
    try:
        if name == "quickdraw":
            got = mirrors.fetch_quickdraw(parts, say, progress, source, accept)
        elif name == "emnist":
            got = mirrors.fetch_emnist(parts[0] if parts else mirrors.SPLITS[0], say, progress, source)
        elif name in mirrors.SETS:
            got = mirrors.fetch_set(name, say, progress, source)
        else:
            got = {"mnist": fetch.fetch_mnist, "cifar10": fetch.fetch_cifar10}[name](say, progress)
    except fetch.FetchError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(1) from None
    click.echo(str(got))


@command.command("list", epilog="Example: dessine data list --json")
@json_option
def list_data(as_json: bool) -> None:
    """What is there, where, and how many examples."""
    from dessine.data import datasets

    rows = [row for _, member in sorted(datasets.members.items()) for row in member.available()]
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=2))
        return
    lines = [(r.name, r.source, f"{r.train:,}", f"{r.test:,}", r.where or "-") for r in rows]
    click.echo("\n".join(table(("name", "source", "training", "test", "where"), lines, room(), right=(2, 3), text=(4,))))
    if not any(r.name == "mnist" and r.source == "full" for r in rows):
        click.echo("\nThe full MNIST, 60,000 and 10,000 images: dessine data fetch mnist", err=True)
    if not any(r.name == "cifar10" for r in rows):
        click.echo("CIFAR-10, 50,000 and 10,000 images: dessine data fetch cifar10", err=True)
