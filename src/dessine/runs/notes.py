"""What people say of a run or of a sweep: notes and tags, in its own notes.json."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dessine.registry import SpecError
from dessine.runs.documents import read_notes
from dessine.runs.files import RunError, own, write_json
from dessine.runs.inside import FORBIDDEN
from dessine.runs.lock import locked
from dessine.runs.naming import composed

LONGEST_NOTE, MOST_NOTES = 10_000, 1000
LONGEST_TAG, MOST_TAGS = 50, 100
TAG = re.compile(r"[\w.+#-]+")
"""Letters, numbers and what cannot be mistaken for a filter."""


@dataclass
class Notes:
    """notes: each with its `time` and `text`, the oldest first; tags: in the order of their names"""

    notes: list[dict[str, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All notes, as one text that can be searched."""
        return "\n".join(note["text"] for note in self.notes)

    def say(self, text: str) -> None:
        """One note more. Raises SpecError."""
        text = composed(text.strip())
        if not text:
            raise SpecError("an empty note says nothing")
        if len(text) > LONGEST_NOTE:
            raise SpecError(f"a note has at most {LONGEST_NOTE:,} letters, not {len(text):,}")
        if len(self.notes) >= MOST_NOTES:
            raise SpecError(f"{MOST_NOTES:,} notes are there already")
        self.notes.append({"time": datetime.now().astimezone().isoformat(timespec="seconds"), "text": text})

    def tag(self, tags: list[str]) -> None:
        """More tags; one that is there already changes nothing. Raises SpecError."""
        made = [tag_of(text) for text in tags]
        every = sorted({*self.tags, *made})
        if len(every) > MOST_TAGS:
            raise SpecError(f"a run has at most {MOST_TAGS} tags")
        self.tags = every

    def untag(self, tags: list[str]) -> None:
        """Fewer tags. Raises SpecError for one that is not there."""
        gone = [composed(text) for text in tags]
        for one in gone:
            if one not in self.tags:
                has = f"its tags: {', '.join(self.tags)}" if self.tags else "it has none"
                raise SpecError(f"no tag '{one}' ({has})")
        self.tags = [one for one in self.tags if one not in gone]


def tag_of(text: str) -> str:
    """A tag as it is kept. Raises SpecError where it can be none."""
    text = composed(text)
    if not TAG.fullmatch(text) or len(text) > LONGEST_TAG:
        expected = f"expects one word of at most {LONGEST_TAG} letters, numbers, '.', '-', '_', '+' or '#'"
        raise SpecError(f"'{text[:LONGEST_TAG]}' can be no tag: {expected}")
    return text


def notes_of(folder: Path) -> Notes:
    """Those of the run or sweep in `folder`; none where there is no such file. Raises RunError."""
    known: dict[str, Any] = read_notes(folder)
    return Notes(known.get("notes", []), known.get("tags", []))


def change(folder: Path, how: Callable[[Notes], None]) -> Notes:
    """Change them, also while the run is trained, and while others change them, too. Raises RunError, or what `how` raises."""
    try:
        with locked(own(folder, ".notes.lock"), wait=True):
            known = notes_of(folder)
            how(known)
            write_json(own(folder, "notes.json"), {"tags": known.tags, "notes": known.notes})
    except OSError as error:
        if error.errno in FORBIDDEN:
            raise RunError(f"{folder} cannot be written to ({error.strerror}): nothing was noted") from None
        raise
    return known
