"""`dessine watch`: runs in a browser, while they train."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import webbrowser
from pathlib import Path
from urllib.parse import quote

import click

from dessine.cli.errors import explain, say
from dessine.cli.named import find_any, spec_in
from dessine.cli.paths import RUN, runs_option
from dessine.live.server import Server
from dessine.live.shelf import Shelf
from dessine.live.site import LOOPBACK, Site
from dessine.runs.run import is_unbegun

EVERYWHERE = ("0.0.0.0", "::")
EPILOG = """\b
Examples:
  dessine watch
  dessine watch last --open
  dessine watch --port 8000
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=RUN, required=False, metavar="[RUN | FOLDER]")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page.  [default: a free one]")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Who may look: other than this machine's own with a token."
)
@runs_option
def command(run: str | None, port: int, opens: bool, host: str, runs_dir: Path) -> None:
    """Show runs in a browser while they train. Without RUN, all of those in the folder, and those to come.

    Samples under a slider that follows the newest, curves that grow, the verdict so far, config and log; two runs side by side;
    the runs of a sweep as a grid that fills. The page is read from the files of the runs, and changes nothing.

    The first line of stdout is its address. Ctrl-C ends the watch, with exit code 0.
    """
    shelf = _shelf(run, runs_dir)
    if not host.strip():
        raise click.UsageError("--host: expects a name or an address of this machine, or 0.0.0.0 for all of them")
    alone = host in LOOPBACK
    token = None if alone else secrets.token_urlsafe(24)
    hosts = () if alone else (host, platform.node(), f"{platform.node()}.local")
    try:
        server = Server(host, port, Site(shelf, hosts, token))
    except (socket.gaierror, UnicodeError):
        raise click.UsageError(
            f"--host {host}: no such machine; expects 127.0.0.1, 0.0.0.0 or an address of this one"
        ) from None
    except OSError as error:
        raise click.UsageError(f"cannot listen at {host}, port {port}: {explain(error)}; try another --port") from None
    shown = platform.node() if host in EVERYWHERE else host
    shown = f"[{shown}]" if ":" in shown else shown
    address = f"http://{shown}:{server.server_port}/{f'?token={quote(token)}' if token else ''}"
    with server:
        try:
            click.echo(address)
            what = shelf.only or shelf.folder
            say(f"watches {what}; Ctrl-C ends it" + ("" if alone else "; whoever has this address sees all of it"))
            if opens and not webbrowser.open(address):
                say("no browser was found: open the address by hand")
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            say("the watch has ended")


def _shelf(text: str | None, runs_dir: Path) -> Shelf:
    """What is watched: a folder of runs, be it empty or still to come, or one run or sweep. Raises RunError."""
    if text is None:
        return Shelf(runs_dir, read_spec=spec_in)
    path = Path(text)
    if path == runs_dir or (os.path.isdir(path) and not _is_begun(path)) or (text.endswith(os.sep) and not path.exists()):
        return Shelf(path, read_spec=spec_in)
    if os.path.isdir(path):
        path = path.absolute()
        return Shelf(path.parent, path, spec_in)
    found = find_any(text, runs_dir).absolute()
    return Shelf(found.parent, found, spec_in)


def _is_begun(path: Path) -> bool:
    """Whether it is the folder of a run or of a sweep, or of one that is just being made."""
    if any((path / name).is_file() for name in ("config.yaml", "sweep.yaml", "run.json")):
        return True
    return any(path.iterdir()) and is_unbegun(path)
