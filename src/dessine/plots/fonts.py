"""Letters: DejaVu Sans, which comes with matplotlib, has those of Europe; for others the fonts of the system are asked."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dessine.plots.library import library

LONGEST = 100
COMMON = set(map(chr, range(0x20, 0x250))) | set("–—…→←×±≤≥σμηλ≈∞′“”’")
"""Letters of DejaVu Sans, known without opening it."""


def plain(text: str, longest: int = LONGEST) -> str:
    """One line of letters that can be drawn: no line break, no control or half of a character, at most `longest` of them."""
    line = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


@cache
def own_font() -> str:
    """Path of DejaVu Sans; it is found without loading matplotlib."""
    spec = find_spec("matplotlib")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return str(Path(*folders[:1]) / "mpl-data/fonts/ttf/DejaVuSans.ttf")


@cache
def _letters(font: str) -> frozenset[int]:
    """Codes of the characters that a font file has."""
    from matplotlib.font_manager import get_font

    try:
        return frozenset(get_font(font).get_charmap())
    except (OSError, RuntimeError):  # no font, or of a kind that FreeType cannot read
        return frozenset()


def fallback(text: str) -> list[tuple[str, str, set[str]]]:
    """Of as few fonts of the system as have what DejaVu Sans lacks of `text`: family, path, and the letters it is there for.

    Letters that no font has are not among them.
    """
    if not set(text) - COMMON:
        return []
    library()
    from matplotlib.font_manager import fontManager

    missing = {ord(c) for c in set(text) - COMMON if c.isprintable()} - _letters(own_font())
    faces: dict[str, Any] = {}
    shipped = Path(own_font()).parent  # one of these has a box for every letter there is
    for face in sorted(fontManager.ttflist, key=lambda f: (f.style != "normal", f.weight != 400, f.name)):
        if Path(face.fname).parent != shipped:
            faces.setdefault(face.name, face)
    found = []
    while missing and faces:
        best = max(faces.values(), key=lambda f: len(missing & _letters(f.fname)))
        if not (here := missing & _letters(best.fname)):
            break
        missing -= here
        found.append((best.name, best.fname, set(map(chr, here))))
    return found
