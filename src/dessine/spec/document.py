"""A config as plain data that remembers where each key stood. What keys mean belongs to the schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dessine.registry import Node, Problem, SpecError, dotted
from dessine.registry import Path as KeyPath
from dessine.schema import Schema, check

MOST_NODES = 100_000


class BadSpec(Exception):
    """Mistakes in a config; `lines` says each, with its file and line."""

    def __init__(self, lines: list[str]):
        self.lines = lines
        super().__init__("\n".join(lines))


class _Loader(yaml.SafeLoader):
    """YAML's core scalars only: on, 010, 12:30, dates are not what YAML 1.1 makes of them, and 1e-3 is a number."""

    yaml_implicit_resolvers: dict = {}


INT = re.compile(r"[-+]?[0-9][0-9_]*$")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
WORDS = {"": None, "~": None, "null": None, "Null": None, "true": True, "True": True, "false": False, "False": False}
LIMITS = {".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}


def scalar(text: str) -> Any:
    """What an unquoted word means."""
    if text in WORDS:
        return WORDS[text]
    if text in LIMITS:
        return LIMITS[text]
    if INT.match(text):
        return int(text.replace("_", ""))
    return float(text.replace("_", "")) if FLOAT.match(text) else text


@dataclass
class Document:
    """data: plain; source: the user's text; places: where each key path stood."""

    data: dict[str, Any]
    source: str
    places: dict[KeyPath, str] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """`file:line` of the nearest key that is written somewhere."""
        for n in range(len(path), -1, -1):
            if path[:n] in self.places:
                return self.places[path[:n]]
        return "config"

    def describe(self, problem: Problem) -> str:
        """One line: where, and what."""
        where = dotted(problem.path)
        return f"{self.place(problem.path)}: {where + ': ' if where else ''}{problem.message}"


def check_document(document: Document, cls: type[Node]) -> Schema:
    """Check against `cls`. Raises BadSpec with every mistake."""
    try:
        return check(cls, document.data)
    except SpecError as error:
        raise BadSpec(sorted({document.describe(p) for p in error.problems}, key=_line_number)) from None


def _line_number(line: str) -> tuple[int, str]:
    found = re.search(r":(\d+): ", line)
    return int(found[1]) if found else 0, line


def read(path: Path, overrides: Sequence[str] = ()) -> Document:
    """Read a config, what it extends, and overrides. Raises BadSpec."""
    document = _read(path, ())
    change(document, overrides)
    return document


def change(document: Document, overrides: Sequence[str]) -> None:
    """Put each `KEY=VALUE` into `document`. Raises BadSpec."""
    wrong = []
    for override in overrides:
        try:
            _override(document, override)
        except SpecError as error:
            wrong.append(f"command line: {override}: {error}")
    if wrong:
        raise BadSpec(wrong)


def value(text: str) -> Any:
    """What stands behind the `=` of an override, as plain data. Raises SpecError."""
    try:
        tree = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError:
        raise SpecError("the value is not YAML") from None
    wrong: list[str] = []
    new = None if tree is None else _Builder(Path("value"), {}, wrong).build(tree, (), ())
    if wrong:
        raise SpecError(wrong[0])
    return new


def _read(path: Path, above: tuple[Path, ...]) -> Document:
    if path.resolve() in above:
        raise BadSpec([f"{path}: extends itself"])
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        other = path.with_suffix(".yml" if path.suffix == ".yaml" else ".yaml")
        raise BadSpec([f"{path}: no such file" + (f"; did you mean '{other}'?" if other.is_file() else "")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpec([f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}"]) from None
    document = Document({}, text)
    try:
        tree = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise BadSpec([f"{path}{line}: not YAML: {getattr(error, 'problem', None) or error}"]) from None
    if not isinstance(tree, yaml.MappingNode):
        raise BadSpec([f"{path}: expects a mapping such as `name: my_run`"])
    wrong: list[str] = []
    document.data = _Builder(path, document.places, wrong).build(tree, (), ())
    if wrong:
        raise BadSpec(wrong)
    parents = document.data.pop("extends", [])
    merged = Document({}, text)
    for parent in [parents] if isinstance(parents, str) else parents or []:
        below = _read(path.parent / str(parent), (*above, path.resolve()))
        _merge(merged.data, below.data)
        merged.places |= below.places
    _merge(merged.data, document.data)
    merged.places |= document.places
    return merged


def _merge(base: dict[str, Any], child: dict[str, Any]) -> None:
    """The child wins; mappings of one type merge, everything else is replaced."""
    for key, value in child.items():
        old = base.get(key)
        same = isinstance(old, dict) and isinstance(value, dict) and value.get("type", old.get("type")) == old.get("type")
        if same:
            _merge(old, value)  # type: ignore[arg-type]
        else:
            base[key] = value


class _Builder:
    """YAML's node tree as plain data."""

    def __init__(self, path: Path, places: dict[KeyPath, str], wrong: list[str]):
        self.path, self.places, self.wrong, self.count = path, places, wrong, 0

    def _say(self, node: yaml.Node, text: str) -> None:
        self.wrong.append(f"{self.path}:{node.start_mark.line + 1}: {text}")

    def build(self, node: yaml.Node, at: KeyPath, inside: tuple[int, ...]) -> Any:
        self.count += 1
        self.places.setdefault(at, f"{self.path}:{node.start_mark.line + 1}")
        if id(node) in inside or self.count > MOST_NODES:
            if self.count <= MOST_NODES + 1:
                self._say(node, "an alias contains itself, or aliases multiply without end")
            return None
        inside = (*inside, id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*at, i), inside) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at, inside)
        assert isinstance(node, yaml.ScalarNode)
        if node.tag not in ("tag:yaml.org,2002:str", "!"):
            self._say(node, f"tag {node.tag} is not accepted")
        return scalar(node.value) if node.style is None and node.tag != "!" else node.value

    def _mapping(self, node: yaml.MappingNode, at: KeyPath, inside: tuple[int, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._say(key, "a key must be a word")
                continue
            name, line = key.value, key.start_mark.line + 1
            if name == "<<":
                merged = self.build(value, at, inside)
                for parent in merged if isinstance(merged, list) else [merged]:
                    made = {**(parent if isinstance(parent, dict) else {}), **made}
                continue
            if name in lines:
                self._say(key, f"{dotted((*at, name))} is given twice (first in line {lines[name]})")
            lines[name] = line
            self.places[(*at, name)] = f"{self.path}:{line}"
            made[name] = self.build(value, (*at, name), inside)
        return made


def _override(document: Document, text: str) -> None:
    key, equals, written = text.partition("=")
    path: KeyPath = tuple(int(p) if p.isdigit() else p for p in re.sub(r"\[(\d+)\]", r".\1", key).split("."))
    if not equals or not key or "" in path:
        raise SpecError("expects KEY=VALUE, such as training.steps=100")
    _set(document.data, path, value(written))
    for n in range(1, len(path) + 1):
        if n == len(path) or path[:n] not in document.places:
            document.places[path[:n]] = f"command line {text}"


def _set(holder: Any, path: KeyPath, new: Any) -> None:
    for n, key in enumerate(path):
        last = n == len(path) - 1
        if isinstance(holder, list):
            if not isinstance(key, int) or key >= len(holder):
                raise SpecError(f"{dotted(path[:n])} is a list of {len(holder)}: there is no [{key}]")
        elif isinstance(holder, dict):
            key = str(key)
            if not last:
                holder.setdefault(key, {})
        else:
            raise SpecError(f"{dotted(path[:n])} is not a mapping")
        if last:
            holder[key] = new
        else:
            if isinstance(holder[key], str):  # a bare name is short for {type: name}
                holder[key] = {"type": holder[key]}
            elif holder[key] is None:
                holder[key] = {}
            holder = holder[key]


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    plain = isinstance(scalar(value), str) and value != "<<"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else "'")


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    text = repr(value)
    if "." not in text:
        text = text.replace("e", ".0e")  # PyYAML puts a tag before a float that YAML 1.1 does not know, such as 1e-08
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]


def dump(data: dict[str, Any]) -> str:
    """YAML that `read` gives back as it was."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120)


def inline(data: Any) -> str:
    """`data` in one line, such that `value` gives it back as it was."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=10**9).removesuffix("...\n").strip()
