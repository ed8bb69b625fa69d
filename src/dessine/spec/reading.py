"""A config file, what it extends, and what the command line changes, as one document."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dessine.registry import Path as KeyPath
from dessine.schema import shown
from dessine.shipped import configs, named
from dessine.spec.document import BadSpec, Document, Fault
from dessine.spec.overrides import put
from dessine.spec.text import Budget, parse

LARGEST_FILE = 500_000
"""Bytes: what is larger is no config, and would take minutes to read."""
MOST_ANCESTORS = 20
MOST_FILES = 100
"""That one config extends, each counted as often as it is extended: two parents each, on ten levels, are 2,000."""


def read(path: Path, overrides: Sequence[str] = (), alone: bool = False) -> Document:
    """Read a config, what it extends, and overrides.

    alone: a resolved config, as it lies in a run's folder, extends nothing: whoever wrote that it does asks for other files
    Raises BadSpec where nothing can be made of it; smaller faults stay in the document for `check_document` to tell with
    everything else.
    """
    left = Reading()
    text = _text_of(path, left)
    document = parse(text, str(path), left.values) if alone else _read(path, (), left, text)
    document.alone = alone
    document.faults += put(document, overrides)
    return document


def read_text(text: str, overrides: Sequence[str] = ()) -> Document:
    """The same of a config that lies in no file: what it extends is looked for in the working directory."""
    left = Reading()
    document = _read(Path(NO_FILE), (), left, text)
    document.faults += put(document, overrides)
    return document


NO_FILE = "<config>"
"""In place of the file's name, where a config is text alone."""


@dataclass
class Reading:
    """What reading one config may still cost, all that it extends included."""

    files: int = MOST_FILES
    bytes: int = LARGEST_FILE
    values: Budget = field(default_factory=Budget)


def _read(path: Path, above: tuple[Path, ...], left: Reading, text: str) -> Document:
    """The file, which holds `text`, with its parents below it; `above` are the files that extend it."""
    document = parse(text, str(path), left.values)
    wrote = "extends" in document.data
    extends = document.data.pop("extends", [])
    names = [extends] if isinstance(extends, str) else extends
    if wrote and (not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names)):
        if not any(fault.path[:1] == ("extends",) for fault in document.faults):
            text = f"extends: expects a file, or a list of files, beside this one, got {shown(extends)}"
            document.faults.append(Fault(document.place(("extends",)), text))
        names = [n for n in names if isinstance(n, str) and n] if isinstance(names, list) else []
    merged = Document({}, document.source)
    lost: list[Fault] = []
    for i, name in enumerate(names):
        place = document.place(("extends", i) if isinstance(extends, list) else ("extends",))
        target = path.parent / os.path.expanduser(name)
        left.files -= 1
        chain = [*above, path]
        same = [i for i, file in enumerate(chain) if _same(file, target)]
        if same:
            lost.append(Fault(place, f"extends: in a circle: {' -> '.join(map(str, [*chain[same[0] :], target]))}"))
        elif len(chain) > MOST_ANCESTORS:
            lost.append(Fault(place, f"extends: more than {MOST_ANCESTORS} files above each other"))
        elif left.files < 0:
            raise BadSpec([f"{place}: extends: more than {MOST_FILES} files in all"])
        elif not os.path.isfile(target):
            lost.append(Fault(place, f"extends: {_missing(target)}"))
        else:
            _merge(merged, _read(target, (*above, path), left, _text_of(target, left)))
    if lost:  # what the parents would have given cannot be missed one by one
        document.faults += lost
        raise BadSpec(document.lines())
    _merge(merged, document)
    return merged


def _text_of(path: Path, left: Reading) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(left.bytes + 1)
    except FileNotFoundError:
        raise BadSpec([_missing(path)]) from None
    except (OSError, ValueError) as error:
        raise BadSpec([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from None
    if len(raw) > left.bytes:
        raise BadSpec([f"{path}: is larger than a config can be, with what it extends ({LARGEST_FILE:,} bytes)"])
    left.bytes -= len(raw)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw[:4]:
        raise BadSpec([f"{path}: is UTF-16 or UTF-32: save it as UTF-8"])
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadSpec([f"{path}:{line}: is not UTF-8 text (the byte 0x{raw[error.start]:02x})"]) from None


def _missing(path: Path) -> str:
    """That there is no such file, and which one may be meant."""
    text = f"{path}: no such file"
    try:
        if os.path.isdir(path):
            return f"{path}: is a folder: expects a file"
        os.stat(path)
        return f"{path}: is no ordinary file"  # a pipe
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        return f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
    offer, shipped = "", named(path)
    if shipped:
        offer = f"; `dessine new {shipped}` copies the one that comes with dessine into this folder"
    elif alike := get_close_matches(path.stem, configs(), n=1, cutoff=0.8):
        offer = f"; did you mean {alike[0]}? `dessine new {alike[0]}` copies the one that comes with dessine into this folder"
    try:
        there = sorted(p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml"))
    except (OSError, ValueError):
        return text + offer
    twin = path.with_suffix(".yml" if path.suffix == ".yaml" else ".yaml").name
    stems = {Path(name).stem: name for name in there}  # every name ends in .yaml: that is no likeness
    near = [twin] if twin in there else [stems[stem] for stem in get_close_matches(path.stem, stems, n=1) if not shipped]
    return text + (f"; did you mean '{path.parent / near[0]}'?" if near else offer)


def _same(a: Path, b: Path) -> bool:
    return os.path.realpath(a) == os.path.realpath(b)


def _merge(base: Document, child: Document) -> None:
    """The child wins; mappings of one type merge, everything else is replaced."""
    replaced: list[KeyPath] = []
    _merge_below(child.data, base.data, (), replaced)
    base.forget(*replaced)
    base.places |= child.places
    base.words |= child.words
    base.faults += child.faults


def _merge_below(child: dict[str, Any], base: dict[str, Any], at: KeyPath, replaced: list[KeyPath]) -> None:
    for key, value in child.items():
        old = base.get(key)
        if isinstance(old, str) and isinstance(value, dict) and "type" not in value:
            old = base[key] = {"type": old}  # a bare name is short for {type: name}
        if isinstance(old, dict) and isinstance(value, dict) and value.get("type", old.get("type")) == old.get("type"):
            _merge_below(value, old, (*at, key), replaced)
        else:
            replaced.append((*at, key))
            base[key] = value
