"""What a game has to show, one picture or one kind of picture a file: a game's own numbers, handed to `dessine.plots`."""

from __future__ import annotations


def of_one(title: str, repeats: int, repeat: int = 0) -> str:
    """The title of a picture that shows one repeat only: the first, or `repeat`."""
    return f"{title}, repeat {repeat} of {repeats}" if repeats > 1 else title
