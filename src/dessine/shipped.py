"""The configs that come with dessine: in the checkout or in the installed package, where a wheel puts them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = Path(__file__).parent
SCHEMA = "# yaml-language-server: $schema="
"""How the first line of a shipped config begins: what follows is where its schema lies, as seen from there."""
TOLD = re.compile(r"^[^a-z0-9]*(?:extends|base): *([^\s#]+\.yaml) *(?:#.*)?$", re.MULTILINE)
"""A config that another one builds on, in the one way in which the shipped configs name it."""
TIME = re.compile(r"^# Time: *(.*?)(?: on 2 cores.*)?\.?$", re.MULTILINE)
"""How long a config takes, as its comment tells it."""


def folder() -> Path:
    """Where they are: in a checkout the top's configs, which a wheel puts into the package."""
    checkout = PACKAGE.parents[1] / "configs"
    return checkout if checkout.is_dir() else PACKAGE / "configs"


def tables() -> dict[str, Path]:
    """Name -> the sweep of a published table, in the order of their names. Those they build on stand in a folder below."""
    return {path.stem: path for path in sorted((folder() / "published").glob("*.yaml"))}


@dataclass(frozen=True)
class Shipped:
    """A config, or a sweep, as it came."""

    name: str  # gan_ring, or sweeps/xor_eta
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def comment(self) -> str:
        """What it says before it begins, on one line."""
        lines = [line for line in self.text.splitlines() if not line.startswith(SCHEMA)]
        head = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
        head = [line for line in head if not TIME.match(line)]
        return " ".join(line.removeprefix("#").strip() for line in head)

    @property
    def first(self) -> str:
        """What it is about: the first sentence, without what is in brackets."""
        plain = re.sub(r" \([^()]*\)", "", self.comment)
        return re.split(r"(?<=[.?!])\s", plain, maxsplit=1)[0].rstrip(".")

    @property
    def time(self) -> str:
        """How long it takes, such as "80 s"; empty where it does not say."""
        found = TIME.search(self.text)
        return found[1] if found else ""

    def needed(self) -> dict[Path, Path]:
        """The file and all that it builds on: its place in a user's folder -> where it lies here."""
        found: dict[Path, Path] = {}
        left = [self.path]
        while left:
            path = left.pop()
            found[path.resolve().relative_to(folder().resolve())] = path
            left += [path.parent / name for name in TOLD.findall(path.read_text(encoding="utf-8"))]
        return found


def configs() -> dict[str, Shipped]:
    """Name -> config: first what `train` takes, then what `sweep` takes."""
    top = folder()
    found = [*sorted(top.glob("*.yaml")), *sorted((top / "sweeps").glob("*.yaml"))]
    return {name: Shipped(name, path) for path in found if (name := path.relative_to(top).with_suffix("").as_posix())}


def named(path: Path) -> str:
    """The name of the shipped config that `path`, which is not there, may mean; empty if none is called so.

    What is copied loses its folder configs/, so that this is left out of the name, too.
    """
    stem = path.stem if path.suffix in ("", ".yaml", ".yml") else path.name
    sought = f"sweeps/{stem}" if path.parent.name == "sweeps" else stem
    known = configs()
    return next((name for name in (sought, f"sweeps/{stem}") if name in known), "")
