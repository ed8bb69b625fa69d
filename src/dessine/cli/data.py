"""`dessine data`: fetch, list, look."""

from __future__ import annotations

import json
import sys

import click

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


@command.command(epilog="Example: DESSINE_DATA=~/data dessine data fetch mnist")
@click.argument("name", type=click.Choice(["mnist", "cifar10"]))
def fetch(name: str) -> None:
    """Get the full data set NAME into the cache folder.

    That is $DESSINE_DATA, or the system's own place for caches.

    The last line of stdout is the folder.
    """
    from dessine.data.fetch import FetchError, fetch_cifar10, fetch_mnist

    fetch_it = {"mnist": fetch_mnist, "cifar10": fetch_cifar10}[name]
    try:
        folder = fetch_it(lambda text: click.echo(text, err=True), progress=sys.stderr.isatty())
    except FetchError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(1) from None
    click.echo(str(folder))


@command.command("list", epilog="Example: dessine data list --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
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
