"""`dessine new`: a shipped config, with its comments, as a file of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from dessine.cli.completion import words
from dessine.cli.paths import PATH, json_option
from dessine.cli.terminal import room, table
from dessine.registry import SpecError, did_you_mean
from dessine.runs.files import beside
from dessine.shipped import SCHEMA, Shipped, configs, folder


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return words(configs(), incomplete)


@click.command(epilog="Example: dessine new gan_mnist")
@click.argument("name", required=False, shell_complete=_names)
@click.argument("target", required=False, type=PATH)
@click.option("--force", is_flag=True, help="Put it in place of a file that is there.")
@json_option
def command(name: str | None, target: Path | None, force: bool, as_json: bool) -> None:
    """Copy a shipped config, with its comments; without NAME, list them, each with what it shows and how long it takes.

    TARGET is a file or a folder; without one, NAME.yaml in this folder. What the config extends is copied, too. A sweep, like
    sweeps/xor_eta, keeps its folder sweeps/ beside the config that it builds on.
    """
    known = configs()
    if name is None:
        _list(known, as_json)
        return
    plain = Path(name).with_suffix("").as_posix() if name.endswith((".yaml", ".yml")) else name
    plain = plain.removeprefix("configs/")
    if plain not in known:
        raise click.UsageError(
            f"no shipped config is called '{name}'{did_you_mean(plain, known)} (`dessine new` alone lists them)"
        )
    made = _copy(known[plain], target, force)
    if as_json:
        click.echo(json.dumps({"name": plain, "config": str(made[0]), "files": [str(path) for path in made]}, indent=2))
        return
    for path in made[1:]:
        click.echo(f"{path}, which it builds on", err=True)
    click.echo(str(made[0]))


def _copy(config: Shipped, target: Path | None, force: bool) -> list[Path]:
    """Every file that was written, the config itself first. None is, if any may not."""
    here = config.path.resolve().relative_to(folder().resolve())
    needed = config.needed()
    top = target or Path()
    renamed = target is not None and target.suffix in (".yaml", ".yml") and not target.is_dir()
    if renamed:
        if here.parent != Path():
            raise SpecError(f"{target}: a sweep is copied into a folder, beside what it builds on: expects a folder")
        top = top.parent
    places = {top / path if path != here or not renamed else Path(str(target)): source for path, source in needed.items()}
    texts = {place: _text(source) for place, source in places.items()}
    if top.exists() and not top.is_dir():
        raise SpecError(f"{top} is no folder: expects one, or the name of a file that ends in .yaml")
    for place, text in texts.items():
        if place.is_dir():
            raise SpecError(f"{place} is a folder: move it away, or name another place")
        if (place.exists() or place.is_symlink()) and not force and not _holds(place, text):
            raise SpecError(f"{place} is there already: --force puts the shipped one in its place")
    for place, text in texts.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        with beside(place) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(texts)


def _holds(place: Path, text: str) -> bool:
    try:
        return place.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _text(source: Path) -> str:
    """Of the copy: its schema is where this installation has it, so that an editor goes on completing keys."""
    first, _, rest = source.read_text(encoding="utf-8").partition("\n")
    if not first.startswith(SCHEMA):
        return f"{first}\n{rest}"
    return f"{SCHEMA}{(source.parent / first.removeprefix(SCHEMA)).resolve().as_posix()}\n{rest}"


def _list(known: dict[str, Shipped], as_json: bool) -> None:
    if as_json:
        rows = [{"name": c.name, "about": c.first, "time": c.time, "path": str(c.path)} for c in known.values()]
        click.echo(json.dumps(rows, indent=2))
        return
    for line in table(["name", "time", "what it shows"], [[c.name, c.time, c.first] for c in known.values()], room(), text=[2]):
        click.echo(line)
