"""Files that are either whole or not there: written beside, then renamed; and inside their folder, or not written at all."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dessine.mistakes import Told


class RunError(Told, Exception):
    """A run that cannot be found, made, opened or written to."""


def own(folder: Path, name: str) -> Path:
    """`folder`/`name`, such as samples/step_0000100.png: where a file may be read or written, whether it is there or not.

    A folder may come from a stranger: what a link in it leads to is not ours, and a pipe is waited for without end. The folder
    itself may be a link: whoever named it has chosen where it leads. Raises RunError.
    """
    *above, last = name.split("/")
    for part in above:
        folder = _own(folder / part, stat.S_ISDIR, "is no folder")
    return _own(folder / last, stat.S_ISREG, "is no file")


def own_folder(folder: Path, name: str) -> Path:
    """The folder `name` of `folder`, likewise; made if it is not there yet. Raises RunError."""
    path = _own(folder / name, stat.S_ISDIR, "is no folder")
    path.mkdir(exist_ok=True)
    return path


def _own(path: Path, fits: Callable[[int], bool], otherwise: str) -> Path:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return path
    if stat.S_ISLNK(mode):
        raise RunError(f"{path} is a link: nothing is read or written where it leads; put a copy in its place")
    if not fits(mode):
        raise RunError(f"{path} {otherwise}: move it away")
    return path


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Where to write what shall become `path`: renamed if all goes well, removed if not.

    A reader sees the old file or the new one, never half of it. An error of the system without a file's name gets `path`.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        with naming(path, temporary):
            temporary.unlink(missing_ok=True)  # left by a process of our number; or a link that a stranger has put there
            yield temporary
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """The system tells which file could not be opened, but not which could not be written: say it.

    temporary: a name that means nothing to a user, for whom it is `path`
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` with `content`."""
    with beside(path) as temporary, temporary.open("wb") as file:
        file.write(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON; what is not a number becomes null."""
    write_atomically(path, json.dumps(finite(value), indent=2) + "\n")


def append(path: Path, line: str) -> None:
    """Add a line; what a killed process has written before stays readable."""
    with naming(path), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(line + "\n")


def finite(value: Any) -> Any:
    """NaN and infinities as None, all the way down, and bytes of a file's name that are no letters by their numbers.

    JSON has no word for them.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {finite(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and value - value != 0 else value
