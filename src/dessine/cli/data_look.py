"""`dessine data look`: what lies at a path, before anyone trains."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml

from dessine.cli.errors import say
from dessine.cli.paths import FILE, PATH, json_option
from dessine.data.images import KINDS
from dessine.data.look import Looked, look, proposed
from dessine.data.picture import Fit, Wanted
from dessine.letters import harmless
from dessine.paths import absolute, shown
from dessine.plots.fonts import plain
from dessine.plots.grid import save_grid
from dessine.spec import inline

SIDE = 28
"""Of the pictures that the shipped configs draw."""
MOST_LINES, MOST_CLASSES, COLUMNS = 20, 30, 8
PIXELS = {"1": "black and white", "L": "grey", "LA": "grey with transparency", "P": "of a palette"}
PIXELS |= {"RGB": "in colour", "RGBA": "in colour with transparency"}
"""Pillow's words for channels, in plain ones; rarer modes keep its own."""


@click.command("look", epilog="Example: dessine data look ~/photos --color rgb")
@click.argument("path", type=PATH)
@click.option("--size", type=click.IntRange(1, 4096), default=SIDE, show_default=True, help="Height and width to show.")
@click.option(
    "--fit", type=click.Choice(["crop", "pad", "stretch"]), default="crop", show_default=True, help="How to get there."
)
@click.option("--color", type=click.Choice(["grey", "rgb"]), help="Grey or in colour.  [default: as they are]")
@click.option("--invert", is_flag=True, help="Black for white.")
@click.option("--out", type=FILE, help="The picture, FILE.png.  [default: look.png beside PATH]")
@json_option
def command(path: Path, size: int, fit: Fit, color: str | None, invert: bool, out: Path | None, as_json: bool) -> None:
    """Say what is in PATH, a folder, an archive or a file of pictures, and draw some of them with their mean.

    It reads every picture, names those that cannot be read, and proposes a `data:` block to train with.

    The last line of stdout is the picture's path.
    """
    whole = absolute(path)
    out = out or whole.parent / "look.png"
    if out.suffix.lower() != ".png":
        raise click.UsageError(f"--out {out}: expects a name ending in .png")
    if not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        raise click.UsageError(f"{shown(out)} cannot be written: --out FILE.png says where the picture shall be")
    looked = look(path, Wanted((size, size), 1 if color == "grey" else 3, fit, False))
    if not looked.count:
        lines = [f"{shown(Path(name))} {why}" for name, why in list(looked.broken.items())[:MOST_LINES]]
        say(f"{shown(path)}: none of {len(looked.broken):,} pictures can be read", *lines)
        raise click.exceptions.Exit(2)
    given = {"color": color, "fit": None if fit == "crop" else fit, "invert": invert or None}
    block = proposed(_in_config(whole, looked), looked, {"size": size} | {key: value for key, value in given.items() if value})
    draw(looked, out, f"{shown(path)}: {looked.count:,} pictures at {size} x {size}", invert)
    if as_json:
        click.echo(json.dumps(_plain(looked, str(whole), block, str(out)), indent=2))
        return
    for line in [*told(looked, shown(path)), "", *commands(looked, block, size), "", str(out)]:
        click.echo(harmless(shown(Path(line)) if line == str(out) else line))


def _in_config(path: Path, looked: Looked) -> str:
    """The path as a config can hold it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        looked.notes.append("its path is no UTF-8, and no config can hold it: rename it, or start in that folder")
        return "."
    return str(path)


def draw(looked: Looked, out: Path, title: str, invert: bool) -> None:
    """The grid of some pictures, and below it the mean of all, and of each class."""
    means = {"all": looked.mean, **(looked.means if len(looked.means) > 1 else {})}
    images, below = looked.sample / 255, np.array(list(means.values())[:COLUMNS]) / 255
    if invert:
        images, below = 1 - images, 1 - below
    each = "each class" if len(means) <= COLUMNS else f"{COLUMNS - 1} of {len(means) - 1} classes"
    foot = "their mean" + f", and that of {each}" * (len(means) > 1)
    save_grid(out, images, COLUMNS, title, below, foot, [plain(name, 14) for name in means])


def told(looked: Looked, name: str) -> Iterator[str]:
    """What was found, line by line."""
    yield f"{name}: {looked.count:,} pictures ({looked.kind})"
    if len(looked.classes) > 1:
        each = [f"{called} {count:,}" for called, count in looked.classes.items()]
        more = ", ..." if len(each) > MOST_CLASSES else ""
        yield f"  classes   {len(each)}: {', '.join(each[:MOST_CLASSES])}{more}"
    else:
        yield "  classes   none: all lie in one folder" if looked.kind in ("folder", "zip", "tar") else "  classes   none"
    if any(looked.parts):
        yield f"  parts     {_counts(looked.parts)}"
    yield f"  sizes     {_sizes(looked.sizes)}"
    yield f"  files     {_counts(looked.formats)}"
    yield f"  pixels    {_counts(Counter({PIXELS.get(mode, mode): count for mode, count in looked.modes.items()}))}"
    known = {"coloured": "are in colour", **KINDS}
    for kind, words in known.items():
        if looked.kinds[kind]:
            yield f"  of these  {looked.kinds[kind]:,} {words}"
    if looked.copies:
        yield f"  of these  {looked.copies:,} are exact copies of others: the test may hold what was learnt"
    for note in looked.notes:
        yield f"  note      {note}"
    if looked.broken:
        yield f"  broken    {len(looked.broken):,}:"
        yield from (f"    {shown(Path(broken))} {why}" for broken, why in looked.broken.items())


def _counts(counter: Counter[str], most: int = 8) -> str:
    parts = [f"{name} {count:,}" for name, count in counter.most_common(most)]
    return ", ".join(parts) + (", ..." if len(counter) > most else "")


def _sizes(sizes: Counter[tuple[int, int]]) -> str:
    if len(sizes) == 1:
        return f"all {_times(next(iter(sizes)))} (width x height)"
    least, most = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
    common = ", ".join(f"{count:,} of {_times(size)}" for size, count in sizes.most_common(3))
    return f"{len(sizes)}, from {_times(least)} to {_times(most)} (width x height): {common}{', ...' * (len(sizes) > 3)}"


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def commands(looked: Looked, block: dict[str, Any], size: int) -> Iterator[str]:
    """What to paste."""
    yield "In a config:"
    yield ""
    yield from yaml.safe_dump({"data": block}, sort_keys=False, allow_unicode=True, width=10**6).rstrip().splitlines()
    if size != SIDE:
        return
    training = looked.count * 3 // 4
    smaller = {batch: [f"training.batch_size={max(1, min(8, training))}"] * (training < batch) for batch in (32, 128)}
    data = shlex.quote(f"data={inline(block)}")
    colour = [shlex.quote("game.generator.layers[-1].channels=3")] * (block.get("color") == "rgb")
    yield ""
    yield "Or at once, a generator of such pictures:"
    yield ""
    yield " ".join(["  dessine train configs/gan_mnist.yaml", data, *colour, *smaller[32]])
    if len(looked.classes) > 1:
        units = shlex.quote(f"game.network.layers[-1].units={len(looked.classes)}")
        yield ""
        yield "and a network that tells the classes apart:"
        yield ""
        yield " ".join(["  dessine train configs/mnist_modern.yaml", data, units, *smaller[128]])


def _plain(looked: Looked, path: str, block: dict[str, Any], out: str) -> dict[str, Any]:
    return {
        "path": path,
        "kind": looked.kind,
        "pictures": looked.count,
        "classes": dict(looked.classes) if len(looked.classes) > 1 else {},
        "parts": dict(looked.parts) if any(looked.parts) else {},
        "sizes": {_times(size): count for size, count in looked.sizes.most_common()},
        "formats": dict(looked.formats),
        "modes": dict(looked.modes),
        **{kind: looked.kinds[kind] for kind in ("coloured", *KINDS)},
        "copies": looked.copies,
        "ignored": dict(looked.ignored),
        "broken": [{"file": shown(Path(name)), "why": why} for name, why in looked.broken.items()],
        "notes": looked.notes,
        "data": block,
        "picture": out,
    }
