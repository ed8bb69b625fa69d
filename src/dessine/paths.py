"""Paths as people write them: `~` and `~user` are homes wherever a path is given, for no shell expands them after a `=`."""

from __future__ import annotations

import os
from pathlib import Path

from dessine.registry import SpecError


def expanded(text: str | os.PathLike[str]) -> Path:
    """`text` with its home written out. Raises SpecError where there is no such user, or the system takes no such path."""
    path = os.path.expanduser(text)
    if path.startswith("~"):
        user = path[1:].split(os.sep)[0]
        missing = f"there is no user '{user}'" if user else "no home folder is known"
        raise SpecError(f"{path}: {missing} (what is called {path[: len(user) + 1]} itself is written ./{path})")
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # whether it should be there is known to who asks
    except (OSError, ValueError) as error:  # too long, a link to itself, a null character
        shown = path if len(path) <= 100 else f"{path[:97]}..."
        raise SpecError(f"{shown}: {getattr(error, 'strerror', None) or error}") from None
    return Path(path)
