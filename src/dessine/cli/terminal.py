"""What a screen has room for: its width, tables that fit it, one line of progress. What they say belongs to the commands."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import Any, TextIO

import click

from dessine.letters import clipped, cut, letters_wide

GAP = "  "
NARROWEST = 20
"""Columns below which nothing is made to fit."""
SLIMMEST = 14
"""Columns below which no text is wrapped."""
LONGEST = 20
"""Letters of a word above which it may be cut to wrap its text."""


def room(stream: TextIO | None = None) -> int | None:
    """Columns of the screen behind `stream`, stdout if none is given: what COLUMNS says, else the terminal's.

    None where the text goes into a pipe or a file, which are as wide as they must be.
    """
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return max(int(told), NARROWEST)
    stream = stream or sys.stdout
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, NARROWEST) if stream.isatty() else None
    except (OSError, ValueError, AttributeError):  # no file behind it, or a terminal that does not say
        return None


def text_width(stream: TextIO | None = None, widest: int = 100) -> int:
    """Columns for running text: no line is longer than one reads with ease."""
    return min(room(stream) or widest, widest)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a line there can be written over."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    right: Collection[int] = (),
    text: Sequence[int] = (),
    optional: Sequence[int] = (),
    colours: dict[int, dict[str, str]] | None = None,
    bold: bool = True,
) -> list[str]:
    """A table of at most `width` columns, the head first.

    Where it is too wide, its columns of `text` are wrapped; where that is not enough, it loses its `optional` columns, the
    first of them first, and says so at its end; at the last each row becomes a line with its values below.

    right: columns of numbers; colours: of a column, by what stands in it
    """
    clean = [[clipped(cell, 10_000) for cell in row] for row in (heads, *rows)]
    kept, waiting, dropped = list(range(len(heads))), list(optional), list[int]()
    while (widths := _widths(clean, kept, text, width)) is None and waiting:
        dropped.append(waiting.pop(0))
        kept.remove(dropped[-1])
    lines = list[str]()
    if widths is None:
        kept = sorted([*kept, *dropped])
        return [line for row in clean[1:] for line in _folded(clean[0], row, width or NARROWEST)]
    for i, row in enumerate(clean):
        cells = [_wrapped(row[j], widths[j]) for j in kept]
        for parts in zip_longest(*cells, fillvalue=""):
            told = [_padded(part, widths[j], j in right) for j, part in zip(kept, parts, strict=True)]
            last = len(told) - 1
            told[last] = told[last].rstrip()
            styled = [
                click.style(cell, fg=colours[j].get(part)) if i and colours and j in colours else cell
                for cell, part, j in zip(told, parts, kept, strict=True)
            ]
            line = GAP.join(styled).rstrip()
            lines.append(line if i or not bold else click.style(line, bold=True))
    if dropped:
        names = ", ".join(clean[0][j] for j in sorted(dropped))
        lines += wrap(f"(omitted at this width: {names})", width or 80)
    return lines


def _widths(clean: list[list[str]], kept: list[int], text: Sequence[int], width: int | None) -> dict[int, int] | None:
    """Of each column; those of text share what the others leave. None where that is too little."""
    widths = {j: max(letters_wide(row[j]) for row in clean) for j in kept}
    if not width:
        return widths
    left = width - sum(wide for j, wide in widths.items() if j not in text) - len(GAP) * (len(kept) - 1)
    for n, j in enumerate(order := sorted((j for j in kept if j in text), key=lambda j: widths[j])):  # the slim ones first
        widths[j] = min(widths[j], max(left, 0) // (len(order) - n))
        left -= widths[j]
        words = [letters_wide(word) for row in clean for word in row[j].split(" ")]
        if widths[j] < max(min(SLIMMEST, max(letters_wide(row[j]) for row in clean)), min(LONGEST, max(words))):
            return None
    return widths if left >= 0 else None


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * max(0, width - letters_wide(cell))
    return space + cell if right else cell + space


def _wrapped(text: str, width: int) -> list[str]:
    """Where parts are set off by two spaces at those, else at spaces; a longer word is cut, at no half of a wide letter."""
    lines = [""]

    def add(piece: str, space: str) -> bool:
        joined = f"{lines[-1]}{space}{piece}" if lines[-1] else piece
        if letters_wide(joined) <= width:
            lines[-1] = joined
        elif letters_wide(piece) <= width:
            lines.append(piece)
        else:
            return False
        return True

    for part in text.split(GAP):
        space = GAP
        for word in () if add(part, GAP) else part.split(" "):
            while word and not add(word, space):
                head = cut(word, width)
                lines.append(head)
                word = word[len(head) :]
                space = ""
            space = " "
    return lines if lines[0] or len(lines) == 1 else lines[1:]


def _folded(heads: list[str], row: list[str], width: int) -> list[str]:
    """The first cell, and below it the others with their heads."""
    made, line = _wrapped(row[0], width), ""
    for head, cell in zip(heads[1:], row[1:], strict=True):
        if not cell or cell == "-":
            continue
        part = f"{head} {cell}"
        if line and letters_wide(line) + len(GAP) + letters_wide(part) + 2 > width:
            made.append("  " + line)
            line = ""
        line = f"{line}{GAP}{part}" if line else part
        *full, line = _wrapped(line, width - 2) if letters_wide(line) + 2 > width else [line]
        made += ["  " + one for one in full]
    return [*made, *(["  " + line] if line else [])]


def progress_line(share: float, parts: Sequence[tuple[int, str]], width: int, bar: Any = None) -> str:
    """The parts in their order, as many as fit, the most important first; the bar has what is left.

    share: of what is done, 0 to 1; parts: (importance, text), the smaller the more important
    bar: makes a bar of a share and a number of columns
    """
    chosen: list[int] = []
    used = 0
    for i in sorted(range(len(parts)), key=lambda i: parts[i][0]):
        wide = letters_wide(parts[i][1])
        if wide and used + wide + len(GAP) * bool(chosen) <= width:
            chosen.append(i)
            used += wide + len(GAP) * (len(chosen) > 1)
    texts = [parts[i][1] for i in sorted(chosen)]
    left = width - used - len(GAP) - 2
    if bar is not None and left >= 8 and texts:
        texts.insert(1, f"|{bar(share, min(left, 30))}|")
    return GAP.join(texts)


def screen_lines() -> int:
    """Of the terminal."""
    return shutil.get_terminal_size().lines
