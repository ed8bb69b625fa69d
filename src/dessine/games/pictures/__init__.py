"""What a game has to show, one picture or one kind of picture a file: a game's own numbers, handed to `dessine.plots`."""

from __future__ import annotations


def of_first(title: str, repeats: int) -> str:
    """The title of a picture that shows the first repeat only."""
    return f"{title}, repeat 0 of {repeats}" if repeats > 1 else title
