"""Characters that nobody sees, or that look like those YAML needs: named, so that one can find and replace them.

Those that a terminal obeys instead of showing them never reach one from a file: whoever wrote it may be a stranger.
"""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"
"""They change letters of Persian and Hindi, and join emoji: part of the text."""
QUOTES = "“”„‟‘’‚‛"
DASHES = "−–—‐‑"


def named(char: str) -> str:
    """U+00A0 -> "the invisible character U+00A0 (no-break space)"."""
    kind = "invisible character" if invisible(char) else f"character {char}"
    return f"the {kind} U+{ord(char):04X} ({unicodedata.name(char, 'without a name').lower()})"


def invisible(char: str) -> bool:
    """Whether an editor shows nothing, or what looks like a space."""
    if char in " \t\n" or char in JOINERS or 0xE0020 <= ord(char) <= 0xE007F:  # the last are part of some flags
        return False
    return unicodedata.category(char) in ("Zs", "Zl", "Zp", "Cf", "Cc")


def meant(char: str) -> str:
    """The character of ASCII that `char` looks like; empty if there is none."""
    if char.isascii():
        return ""
    if char in QUOTES:
        return "'" if char in "‘’‚‛" else '"'
    if char in DASHES:
        return "-"
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 and "!" <= plain <= "~" else ""


def lookalikes(text: str) -> str:
    """The end of an error message about `text`: what in it is not what it looks like, or nothing."""
    char = next((c for c in text if invisible(c) or meant(c)), None)
    if char is None:
        return ""
    return f"; there is {named(char)}" + (f": take {meant(char)}" if meant(char) else ", take it away")


STEERING = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Escape and its kind, which move the cursor, colour, rename the window; marks that turn the direction of text."""


def harmless(text: str) -> str:
    """`text` with a ? for every character that would steer a terminal; line breaks and tabs stay."""
    return STEERING.sub("?", text)


def letters_wide(text: str) -> int:
    """Columns of a terminal that `text` takes: two for a letter of Chinese, Japanese or Korean, none for a mark above one."""
    return len(text) if text.isascii() else sum(map(_wide, text))


def _wide(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """The beginning of `text` that fits into `columns`, with the marks of its last letter; at least one letter."""
    used = 0
    for i, char in enumerate(text):
        used += _wide(char)
        if used > columns and i:
            return text[:i]
    return text


def clipped(text: str, longest: int) -> str:
    """At most `longest` columns, without line breaks or what else would spoil a terminal."""
    plain = text if text.isprintable() else "".join(c if c.isprintable() or c in JOINERS else "?" for c in text)
    return plain if letters_wide(plain) <= longest else cut(plain, longest - 1) + "…"
