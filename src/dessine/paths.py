"""Paths as people write them, and as messages show them."""

from __future__ import annotations

import os
from pathlib import Path

from dessine.registry import SpecError

LONGEST_NAME = 255
"""Letters of an experiment's name."""


def expanded(text: str | os.PathLike[str]) -> Path:
    """`text` with its home written out: no shell expands the `~` after a `=`.

    Raises SpecError where it is no text (from Python), there is no such user, or the system takes no such path.
    """
    if not isinstance(text, str | os.PathLike):
        raise SpecError(f"expects a path, got {text!r:.60}")
    path = os.fsdecode(os.path.expanduser(text))
    if path.startswith("~"):
        user = path[1:].split(os.sep)[0]
        missing = f"there is no user '{user}'" if user else "no home folder is known"
        raise SpecError(f"{path}: {missing} (what is called {path[: len(user) + 1]} itself is written ./{path})")
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # whether it should be there is known to who asks
    except (OSError, ValueError) as error:  # too long, a link to itself, a null character
        short = path if len(path) <= 100 else f"{path[:97]}..."
        raise SpecError(f"{short}: {getattr(error, 'strerror', None) or error}") from None
    return Path(path)


def absolute(path: Path) -> Path:
    """From the root, without `..` where that leads to the same place: behind a link to a folder it may not."""
    plain = os.path.abspath(path)
    same = not os.path.exists(path) or (os.path.exists(plain) and os.path.samefile(plain, path))
    return Path(plain) if same else path.absolute()


def shown(path: Path) -> str:
    """On one line, and as it can be printed, whatever bytes are in it."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is one, or a link to one. No other entry of a large folder costs a question to the system, and a link to
    itself is no folder: `entry.is_dir()` raises for it, and hides all the others.
    """
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def mode(path: Path) -> int:
    """What stands at `path`, as `stat` tells it; 0 for nothing. Raises SpecError if the system does not say."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> SpecError:
    """What the system says of a path that cannot be read."""
    return SpecError(f"{shown(path)} cannot be read: {getattr(error, 'strerror', None) or error}")


def listing(folder: Path) -> str:
    """What lies in a folder, in a few words, such as "a.txt, b, ..."; "nothing" where it is empty."""
    found = sorted(os.listdir(folder))
    return ", ".join(shown(Path(name)) for name in found[:6]) + (", ..." if len(found) > 6 else "") if found else "nothing"


def name_after(path: Path) -> str:
    """What a config without a name is called: as its file, bytes that are no letters by their numbers."""
    return os.fsencode(path.stem).decode("utf-8", "backslashreplace")[:LONGEST_NAME]
