"""Installed packages that offer plugins: which there are, and whether they have changed. Loading them belongs to `plugins.py`.

It must be quick: the Tab key waits for it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

GROUP = "dessine.plugins"
"""Of entry points: packages that register something when they are imported."""


def points() -> list[EntryPoint]:
    """All there are."""
    return list(entry_points(group=GROUP))


def package(point: EntryPoint) -> str:
    """Its package, and which version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module


def stamps() -> list[tuple[str, str, str, list[int]]]:
    """What tells whether they are still the same, without loading any: name, module, package, times of its files."""
    return [(point.name, point.value, package(point), _times(point)) for point in points()]


def _times(point: EntryPoint) -> list[int]:
    """When each file of the package was changed, or of the single module: somebody may be writing it."""
    try:
        spec = find_spec(point.module.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    folders = list(spec.submodule_search_locations or ())
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))] or [Path(spec.origin or "")]
    return [path.stat().st_mtime_ns for path in files if path.is_file()]
