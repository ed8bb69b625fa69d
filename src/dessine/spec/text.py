"""YAML as plain data that knows its lines, and plain data as YAML. Which file extends which belongs to `reading.py`.

PyYAML makes the tree of nodes; what its words mean is decided here, because YAML 1.1 makes a number of 12:30, true of on,
text of 1e-3, and keeps the last of two equal keys without a word.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from dessine.registry import Path as KeyPath
from dessine.registry import dotted, quoted
from dessine.spec.document import BadSpec, Document, Fault, Place

MOST_NODES = 100_000
DEEPEST = 50
LARGEST = 2**63 - 1


class _Loader(yaml.SafeLoader):
    """Every unquoted word stays text, for `scalar` to read."""

    yaml_implicit_resolvers: dict = {}


INT = re.compile(r"[-+]?[0-9][0-9_]*")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS = {"": None, "~": None} | {
    spelled: meaning
    for word, meaning in {"null": None, "true": True, "false": False}.items()
    for spelled in (word, word.capitalize(), word.upper())
}
LIMITS = {
    sign + spelled: float(sign + word)
    for word, signs in {"inf": ("", "+", "-"), "nan": ("",)}.items()
    for sign in signs
    for spelled in (f".{word}", f".{word.capitalize()}", f".{word.upper()}")
} | {".NaN": float("nan")}


def scalar(text: str) -> Any:
    """What an unquoted word means. Raises ValueError for a whole number beyond 64 bits."""
    if text in WORDS:
        return WORDS[text]
    if text in LIMITS:
        return LIMITS[text]
    if INT.fullmatch(text):
        digits = text.replace("_", "")
        if len(digits) > 40 or abs(int(digits)) > LARGEST:
            raise ValueError(f"{quoted(text)[1:-1]} is too large: whole numbers end at {LARGEST}")
        return int(digits)
    return float(text.replace("_", "")) if FLOAT.fullmatch(text) else text


def compose(text: str) -> yaml.Node | None:
    """The tree of nodes. Raises SyntaxError with a message and, where it is known, a line, counted from 1."""
    try:
        return yaml.compose(text, Loader=_Loader)
    except RecursionError:
        raise SyntaxError("nested too deeply") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SyntaxError(f"the character {chr(int(error.character))!r} is not allowed", ("", line, 0, "")) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = str(error.problem or error.context)
        if "another document" in said:
            said = "a second document begins with '---'; a config is one document"
        elif r"'\t'" in said:
            said = "a tab; YAML indents with spaces"
        elif error.context_mark and error.context and mark and error.context_mark.line != mark.line:
            said = f"{said} ({error.context} that begins in line {error.context_mark.line + 1})"
        raise SyntaxError(said, ("", mark.line + 1 if mark else 0, 0, "")) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # escapes such as \UFFFFFFFF are left to chr()
        raise SyntaxError(str(error).split("\n")[0]) from None


def parse(text: str, file: str) -> Document:
    """The document in `text`. Raises BadSpec where it is no mapping in YAML; smaller faults are kept in it."""
    try:
        tree = compose(text)
    except SyntaxError as error:
        raise BadSpec([f"{Place(file, error.lineno or 0)}: not YAML: {error.msg}"]) from None
    if tree is None:
        raise BadSpec([f"{file}: is empty: expects a mapping with data, game and training"])
    if not isinstance(tree, yaml.MappingNode):
        what = "a list" if isinstance(tree, yaml.SequenceNode) else quoted(tree.value)
        raise BadSpec([f"{file}:{tree.start_mark.line + 1}: expects a mapping with data, game and training, got {what}"])
    builder = Builder(file)
    data = builder.build(tree)
    return Document(data, text, builder.places, builder.faults)


class Builder:
    """A tree of nodes as plain data, with the place of every key and the faults on the way."""

    def __init__(self, file: str):
        self.file, self.count = file, 0
        self.places: dict[KeyPath, Place] = {}
        self.faults: list[Fault] = []

    def build(self, node: yaml.Node, at: KeyPath = (), inside: tuple[yaml.Node, ...] = ()) -> Any:
        """The plain value of `node`, which stands at the key path `at` below the nodes `inside`."""
        self.places.setdefault(at, self._place(node))
        self.count += 1
        if self.count > MOST_NODES:
            raise BadSpec([f"{self._place(node)}: more than {MOST_NODES:,} values: do aliases multiply?"])
        if any(node is above for above in inside):
            return self._say(node, "an alias stands inside what it names", at)
        if len(inside) > DEEPEST:
            return self._say(node, f"nested more than {DEEPEST} deep", at)
        if node.tag != PLAIN[type(node)]:
            return self._say(node, f"the tag {quoted(node.tag.replace('tag:yaml.org,2002:', '!!'))} is not accepted", at)
        inside = (*inside, node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*at, i), inside) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at, inside)
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, at)

    def _scalar(self, node: yaml.ScalarNode, at: KeyPath) -> Any:
        strange = next((c for c in node.value if (c < " " and c not in "\t\n\r") or "\ud800" <= c <= "\udfff"), None)
        if strange is not None:
            return self._say(node, f"the character {strange!r} is not allowed", at)
        if node.style is not None:
            return node.value
        try:
            return scalar(node.value)
        except ValueError as error:
            return self._say(node, str(error), at)

    def _mapping(self, node: yaml.MappingNode, at: KeyPath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merges = [(key, value) for key, value in node.value if _is_merge(key)]
        for key, value in node.value:
            if _is_merge(key):
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._say(key, "a key must be a word")
                continue
            name, line = key.value, key.start_mark.line + 1
            if name in lines:
                self._say(key, f"{dotted((*at, name))} is given twice (first in line {lines[name]})")
                continue
            lines[name] = line
            self.places[(*at, name)] = self._place(key)
            made[name] = self.build(value, (*at, name), inside)
        for key, value in merges:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            if not all(isinstance(source, yaml.MappingNode) for source in sources):
                self._say(key, "<< expects the alias of a mapping, or a list of them")
                continue
            for source in sources:  # the earlier ones win, and the mapping's own keys before all
                made = self._under(source, at, inside) | made
        return made

    def _under(self, source: yaml.Node, at: KeyPath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        """A mapping to merge; what is placed already keeps its place."""
        known = dict(self.places)
        value = self.build(source, at, inside)
        self.places |= known
        return value if isinstance(value, dict) else {}

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column)

    def _say(self, node: yaml.Node, text: str, at: KeyPath = ()) -> None:
        where = f"{dotted(at)}: " if at else ""
        self.faults.append(Fault(self._place(node), where + text, at))


PLAIN = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}
"""The tags that only say what is there anyway."""


def _is_merge(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.style is None


class _Dumper(yaml.SafeDumper):
    """Writes words as `scalar` reads them: no tags, and quotes around text that would be read as something else."""

    yaml_implicit_resolvers: dict = {}


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    plain = not (value in WORDS or value in LIMITS or FLOAT.fullmatch(value) or value == "<<")
    style = None if plain and value.isprintable() else "'" if value.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    text = repr(value) if math.isfinite(value) else repr(value).replace("inf", ".inf").replace("nan", ".nan")
    if "." not in text:
        text = text.replace("e", ".0e")  # other readers of YAML take 1e-08 for text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


def _word(dumper: yaml.SafeDumper, value: int | bool | None) -> yaml.Node:
    text = "null" if value is None else str(value).lower()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
for _kind in (int, bool, type(None)):
    _Dumper.add_representer(_kind, _word)
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]


def dump(data: dict[str, Any]) -> str:
    """YAML that `parse` gives back as it was."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120)


def inline(data: Any) -> str:
    """`data` in one line, such that the value of an override gives it back as it was."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=10**9).removesuffix("...\n").strip()
