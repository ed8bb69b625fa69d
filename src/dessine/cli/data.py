"""`dessine data`: fetch, list."""

from __future__ import annotations

import json

import click


@click.group(epilog="Example: dessine data fetch mnist")
def command() -> None:
    """Fetch and list data sets."""


@command.command(epilog="Example: dessine data fetch mnist")
@click.argument("name", type=click.Choice(["mnist"]))
def fetch(name: str) -> None:
    """Get the full data set NAME into the cache folder."""
    from dessine.data.fetch import FetchError, fetch_mnist

    try:
        click.echo(str(fetch_mnist()))
    except FetchError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(1) from None


@command.command("list", epilog="Example: dessine data list --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_data(as_json: bool) -> None:
    """What is there, where, and how many examples."""
    from dessine.data.fetch import available

    rows = available()
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    for row in rows:
        click.echo("  ".join(f"{value}" for value in row.values()))
