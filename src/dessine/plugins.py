"""Plugins: a Python file that a config names, or an installed package, that registers layers, losses, data sets or scores.

A plugin is a program: what it does when it is loaded, it does as the user. So whoever loads one asks `trusted` first where
the config is no word of the user's own, as that in a run's folder; which config that is, `spec/document.py` knows.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from dessine.installed import package as package_of
from dessine.installed import points
from dessine.paths import shown, unreadable
from dessine.registry import LEDGER, Described, SpecError
from dessine.schema import annotation

TRUST = "--trust-plugins"
"""What a command is told, to load those of a run's folder."""
LARGEST = 1_000_000
"""Bytes of a plugin."""
_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


class Plugin(NamedTuple):
    """A file as it was loaded. hash: SHA-256 of its bytes"""

    path: Path
    hash: str
    source: bytes

    @property
    def copy(self) -> str:
        """The name of its text in a run's folder, where no Python finds it."""
        return copy_name(self.path, self.hash)


_at: dict[str, Plugin] = {}
"""What was loaded for each path that a config names."""
_entries: dict[str, list[Any]] = {}
"""By its hash, what each plugin that is loaded has registered."""
_files: set[str] = set()
"""Every file that a plugin's code came from."""


def copy_name(path: Path, digest: str) -> str:
    """Under which a run keeps the text of the plugin at `path`."""
    return f"{path.stem}_{digest[:12]}.py.txt"


def trusted() -> bool:
    """Whether the user has said that plugins may be loaded which a run's folder names."""
    return _trusted.get()


@contextmanager
def trusting(yes: bool = True) -> Iterator[None]:
    """Inside it they may be."""
    before = _trusted.set(yes or trusted())
    try:
        yield
    finally:
        _trusted.reset(before)


def read(path: Path) -> Plugin:
    """The file, not run. Raises SpecError where it cannot be read."""
    try:
        no_file = path.exists() and not path.is_file()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if no_file:
        raise SpecError(f"{shown(path)} is no file: expects a Python file")
    try:
        with path.open("rb") as file:
            source = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise SpecError(f"{shown(path)}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if len(source) > LARGEST:
        raise SpecError(f"{shown(path)} has more than {LARGEST:,} bytes: that is no plugin")
    return Plugin(path, hashlib.sha256(source).hexdigest(), source)


def load(path: Path, named: Path | None = None) -> Plugin:
    """Run the file, so that it registers what it has; once, until it changes: then what it had registered goes first.

    named: the path that the config names, where this is only a copy of that file
    Raises SpecError with the file and the line where it fails; then nothing of it stays.
    """
    plugin = read(path)
    _at[str(named or path)] = plugin
    if plugin.hash in _entries:
        return plugin
    for old in [other for other in _entries if other in _replaced(plugin, named or path)]:
        LEDGER.take_back(_entries.pop(old))
    before, name = len(LEDGER.entries), f"dessine_plugin_{plugin.hash[:12]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses look for their module
    _files.add(str(path))
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of a command's answer
            exec(compile(plugin.source, str(path), "exec", dont_inherit=True), module.__dict__)
        _check(LEDGER.entries[before:])
    except BaseException as error:
        LEDGER.take_back(LEDGER.entries[before:])
        sys.modules.pop(name, None)
        if isinstance(error, KeyboardInterrupt):
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        raise SpecError(blamed(error) or (text if str(path) in text else f"{shown(path)}: {text}")) from None
    _entries[plugin.hash] = LEDGER.entries[before:]
    _home[plugin.hash] = named or path
    return plugin


_home: dict[str, Path] = {}
"""The path for which each was loaded."""


def _replaced(plugin: Plugin, path: Path) -> list[str]:
    """Versions of the same file that were loaded before."""
    return [other for other, home in _home.items() if home == path and other != plugin.hash]


def _check(entries: list[Any]) -> None:
    """Raises SpecError where the constructor of something says too little of its options."""
    for made, _ in entries:
        if isinstance(made, type) and issubclass(made, Described):
            code = made.__init__.__code__ if hasattr(made.__init__, "__code__") else None
            try:
                annotation(made)
            except Exception as error:
                what = f"the option {error} has no type" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
                where = f"{code.co_filename}:{code.co_firstlineno}: " if code else f"{sys.modules[made.__module__].__file__}: "
                raise SpecError(f"{where}{made.__name__}: {' '.join(what.split())}: write each option as name: type") from None


def at(path: str) -> Plugin:
    """What was loaded for the path that a config names."""
    return _at[path]


def hashes(paths: list[str]) -> list[str]:
    """Of what was loaded for each."""
    return [_at[path].hash for path in paths]


@cache
def installed() -> tuple[dict[str, str], ...]:
    """Load what is installed, once: name, package and version of each; a line of the log for each that fails."""
    return tuple(found for point in points() if (found := _installed(point)))


def _installed(point: EntryPoint) -> dict[str, str] | None:
    before, package = len(LEDGER.entries), package_of(point)
    try:
        with redirect_stdout(sys.stderr):  # as of a file
            point.load()
        _check(LEDGER.entries[before:])
    except (Exception, SystemExit) as error:
        LEDGER.take_back(LEDGER.entries[before:])
        logging.getLogger("dessine").warning(
            "the plugin %s of the package %s cannot be loaded (%s: %s)", point.name, package, type(error).__name__, error
        )
        return None
    file = getattr(sys.modules.get(point.module), "__file__", None)
    _files.update([file] if file else [])
    return {"name": point.name, "package": package}


def blamed(error: BaseException) -> str:
    """Where in a plugin an error came from, and what it says, in one line; empty if it came from no plugin."""
    if isinstance(error, SyntaxError) and error.filename in _files:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in _files]
    if not frames:
        return ""
    text = " ".join(str(error).split())
    if isinstance(error, SpecError):
        return text if any(text.startswith(file) for file in _files) else f"{frames[-1].filename}:{frames[-1].lineno}: {text}"
    return f"{frames[-1].filename}:{frames[-1].lineno}: {type(error).__name__}{f': {text}' if text else ''}"
