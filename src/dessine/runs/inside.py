"""Reading files of a folder that may be damaged or come from a stranger: never what a link leads to, and never without bounds.

Where a file may be at all is told by `own` in `files.py`; what the files say belongs to `documents.py`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from dessine.paths import is_folder
from dessine.runs.files import RunError, own

LARGEST = 1 << 30
"""Bytes of a file that is read whole: a long run of many repeats writes some hundred million."""
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors that say that a folder may be read only: a run of a colleague, of a read-only disk."""


def checked(folder: Path, name: str, largest: int = LARGEST) -> Path:
    """The regular file `name`, such as samples/step_0000100.png, of `folder`. Raises FileNotFoundError or RunError."""
    path = folder / name
    try:
        size = own(folder, name).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"no file {path}") from None
    except OSError as error:
        raise _cannot(path, error) from None
    if size > largest:
        raise RunError(f"{path} cannot be read: it is larger than such a file can be ({largest:,} bytes)")
    return path


def read(folder: Path, name: str, largest: int = LARGEST) -> bytes:
    """The contents of such a file. Raises FileNotFoundError or RunError."""
    path = checked(folder, name, largest)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _cannot(path, error) from None


def read_text(folder: Path, name: str, largest: int = LARGEST) -> str:
    """The same as text, whatever its bytes are; empty if it is not there or cannot be read."""
    try:
        return read(folder, name, largest).decode("utf-8", errors="replace")
    except (FileNotFoundError, RunError):
        return ""


def tail(folder: Path, name: str, most: int = 1 << 16) -> tuple[str, bool]:
    """The last `most` bytes of a file as text, from a whole line on, and whether that is all of it; empty likewise."""
    try:
        with checked(folder, name).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            text = file.read(most).decode("utf-8", errors="replace")
    except (OSError, RunError):
        return "", True
    return (text, True) if size <= most else (text.partition("\n")[2], False)


def files(folder: Path, part: str, pattern: str) -> list[Path]:
    """The regular files in `folder`/`part` whose whole name fits the regular expression `pattern`, in the order of their names.

    None where there is no such part, or it is a link. What others put beside our files, such as backups, has other names.
    """
    fits = re.compile(pattern).fullmatch
    try:
        at = folder
        for name in part.split("/"):
            at = at / name
            if not stat.S_ISDIR(os.lstat(at).st_mode):
                return []
        with os.scandir(folder / part) as entries:
            names = sorted(e.name for e in entries if fits(e.name) and e.is_file(follow_symlinks=False))
    except OSError:
        return []
    return [folder / part / name for name in names]


def folders(folder: Path, part: str) -> list[Path]:
    """The folders in `folder`/`part`, likewise: neither hidden nor links."""
    return [] if (folder / part).is_symlink() else subfolders(folder / part)


def subfolders(folder: Path, links: bool = False) -> list[Path]:
    """The folders in `folder` that are not hidden; none if it cannot be read. links: whether those that are links count."""
    try:
        with os.scandir(folder) as entries:
            shown = [e for e in entries if not e.name.startswith(".")]
            return [folder / e.name for e in shown if (is_folder(e) if links else e.is_dir(follow_symlinks=False))]
    except OSError:
        return []


def _cannot(path: Path, error: OSError) -> RunError:
    return RunError(f"{path} cannot be read: {error.strerror}")
