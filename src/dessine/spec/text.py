"""YAML as plain data that knows its lines, and plain data as YAML. Which file extends which belongs to `reading.py`.

PyYAML makes the tree of nodes; what its words mean is decided here, because YAML 1.1 makes a number of 12:30, true of on,
text of 1e-3, and keeps the last of two equal keys without a word.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

import yaml

from dessine.letters import QUOTES, invisible, lookalikes, meant, named
from dessine.registry import Path as KeyPath
from dessine.registry import dotted, quoted
from dessine.spec.document import BadSpec, Document, Fault, Place

MOST_NODES = 30_000
"""Values of one config, with what it extends: far beyond any that is meant, and read in about a second."""
DEEPEST = 50
LARGEST = 2**63 - 1


class _Loader(yaml.SafeLoader):
    """Every unquoted word stays text, for `scalar` to read; tabs part words, as YAML 1.2 says; endless documents end.

    PyYAML knows no tabs outside of quotes. A tab may stand wherever a space does, but not before a key or a dash of a block:
    what is nested there, and how deep, is told by spaces alone.
    """

    yaml_implicit_resolvers: dict = {}

    def __init__(self, text: str, budget: Budget):
        super().__init__(text)
        self.budget = budget

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.budget.spend(written=1)
        return super().compose_node(parent, index)

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.peek() == "\t":
            self.allow_simple_key = self.allow_simple_key and bool(self.flow_level)
            self.forward()
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: int, start_mark: yaml.Mark) -> list[str] | None:
        length = 0
        while self.peek(length) in " \t":
            length += 1
        blank = self.prefix(length)
        self.forward(length)
        if self.peek() not in "\r\n":
            return [blank] if blank else []
        chunks: list[str] | None = super().scan_plain_spaces(indent, start_mark)
        while chunks and self.peek() in " \t":
            self.forward()
        return chunks

    def scan_block_scalar_ignored_line(self, start_mark: yaml.Mark) -> None:
        while self.peek() in " \t":
            self.forward()
        super().scan_block_scalar_ignored_line(start_mark)


class Spent(Exception):
    """A config has more values than can be meant."""


class Budget:
    """How many values were written, and made of them by aliases, in a config and all that it extends."""

    def __init__(self) -> None:
        self.written = self.made = 0

    def spend(self, written: int = 0, made: int = 0) -> None:
        """Raises Spent where they are too many."""
        self.written, self.made = self.written + written, self.made + made
        if max(self.written, self.made) > MOST_NODES:
            raise Spent(f"more than {MOST_NODES:,} values, too many for a config: do aliases multiply, or what is extended?")


class SpelledInt(int):
    """A whole number that remembers how it was written, such as 0123: where text is wanted, those are its letters."""

    word: str

    def __new__(cls, value: int, word: str) -> SpelledInt:
        made = super().__new__(cls, value)
        made.word = word
        return made

    def __getnewargs__(self) -> tuple[int, str]:  # type: ignore[override]
        return int(self), self.word

    def __repr__(self) -> str:
        return self.word


class SpelledFloat(float):
    """The same of any other number, such as 3e563."""

    word: str

    def __new__(cls, value: float, word: str) -> SpelledFloat:
        made = super().__new__(cls, value)
        made.word = word
        return made

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]
        return float(self), self.word

    def __repr__(self) -> str:
        return self.word


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
    """What an unquoted word means. A number too large for 64 bits is infinite: only where text is wanted will it do."""
    if text in WORDS:
        return WORDS[text]
    if text in LIMITS:
        return LIMITS[text]
    digits = text.replace("_", "")
    if INT.fullmatch(text) and len(digits) <= 40 and abs(int(digits)) <= LARGEST:
        whole = int(digits)
        return whole if str(whole) == text else SpelledInt(whole, text)
    if INT.fullmatch(text):
        return SpelledFloat(math.copysign(math.inf, -1 if text[0] == "-" else 1), text)
    if FLOAT.fullmatch(text):
        number = float(digits)
        return number if _spelled(number) == text else SpelledFloat(number, text)
    return text


def compose(text: str, budget: Budget | None = None) -> yaml.Node | None:
    """The tree of nodes. Raises SyntaxError with a message and, where it is known, a line, counted from 1; or BadSpec."""
    if stray := re.search("[\x85\u2028\u2029]", text):  # PyYAML would end the line there, an editor does not
        line = text.count("\n", 0, stray.start()) + 1
        raise SyntaxError(f"{named(stray[0])} is not allowed: take an ordinary end of line", ("", line, 0, ""))
    loader = None
    try:
        loader = _Loader(text, budget or Budget())
        return loader.get_single_node()
    except RecursionError:
        raise SyntaxError("nested too deeply") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SyntaxError(f"the character {chr(int(error.character))!r} is not allowed", ("", line, 0, "")) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = str(error.problem or error.context)
        lines = text.split("\n")
        written = lines[mark.line] if mark else ""
        tab = written.find("\t")
        indent = written[: len(written) - len(written.lstrip())]
        if "another document" in said:
            said = "a second document begins with '---'; a config is one document"
        elif mark and -1 < tab < mark.column and ("\t" in indent or "not allowed here" in said):
            said = f"a tab in column {tab + 1}; YAML indents with spaces"
        elif r"'\t'" in said:
            said = f"a tab in column {tab + 1}: take a space"
        elif error.context_mark and error.context and mark and error.context_mark.line != mark.line:
            said = f"{said} ({error.context} that begins in line {error.context_mark.line + 1})"
        near = "".join(lines[max(mark.line - 1, 0) : mark.line + 1]) if mark else ""
        raise SyntaxError(said + lookalikes(near), ("", mark.line + 1 if mark else 0, 0, "")) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # escapes such as \UFFFFFFFF are left to chr()
        raise SyntaxError(str(error).split("\n")[0]) from None
    finally:
        if loader is not None:
            loader.dispose()


def parse(text: str, file: str, budget: Budget | None = None) -> Document:
    """The document in `text`. Raises BadSpec where it is no mapping in YAML; smaller faults are kept in it."""
    budget = budget or Budget()
    try:
        tree = compose(text, budget)
        if tree is None or (isinstance(tree, yaml.ScalarNode) and tree.style is None and not tree.value):  # such as '---' alone
            raise BadSpec([f"{file}: is empty: expects a mapping with data, game and training"])
        if not isinstance(tree, yaml.MappingNode):
            what = "a list" if isinstance(tree, yaml.SequenceNode) else quoted(tree.value)
            text = f"{file}:{tree.start_mark.line + 1}: expects a mapping with data, game and training, got {what}"
            raise BadSpec([text + lookalikes(what)])
        builder = Builder(file, budget)
        data = builder.build(tree)
    except SyntaxError as error:
        raise BadSpec([f"{Place(file, error.lineno or 0)}: not YAML: {error.msg}"]) from None
    except Spent as error:
        raise BadSpec([f"{file}: {error}"]) from None
    return Document(data, text, builder.places, builder.faults, builder.words)


class Builder:
    """A tree of nodes as plain data, with the place of every key and the faults on the way.

    words: how what is no text was written, for where text is wanted
    """

    def __init__(self, file: str, budget: Budget):
        self.file, self.budget = file, budget
        self.places: dict[KeyPath, Place] = {}
        self.words: dict[KeyPath, str] = {}
        self.faults: list[Fault] = []

    def build(self, node: yaml.Node, at: KeyPath = (), inside: tuple[yaml.Node, ...] = ()) -> Any:
        """The plain value of `node`, which stands at the key path `at` below the nodes `inside`. Raises Spent."""
        self.places.setdefault(at, self._place(node))
        self.budget.spend(made=1)
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
        strange = next(
            (c for c in node.value if (c < " " and c not in "\t\n\r") or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff"),
            None,
        )
        if strange is not None:
            return self._say(node, f"the character {strange!r} is not allowed", at)
        if node.style is not None:
            return node.value
        if (hidden := _hidden(node.value)) is not None:
            return self._say(node, f"{hidden} (text that needs it stands in quotes)", at)
        read = scalar(node.value)
        if not isinstance(read, str) and node.value:
            self.words.setdefault(at, node.value)
        return read

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
            if key.style is None and (hidden := _hidden(name) or _misread(name)) is not None:
                self._say(key, f"{dotted((*at, name))}: {hidden}", path=(*at, name))
                continue
            if name in lines:
                self._say(key, f"{dotted((*at, name))} is given twice (first in line {lines[name]})")
                continue
            lines[name] = line
            self.places.setdefault((*at, name), self._place(key))  # of what is merged, the first place stays, as its value does
            made[name] = self.build(value, (*at, name), inside)
        for key, value in merges:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            if not all(isinstance(source, yaml.MappingNode) for source in sources):
                self._say(key, "<< expects the alias of a mapping, or a list of them")
                continue
            for source in sources:  # the earlier ones win, and the mapping's own keys before all
                merged = self.build(source, at, inside)
                for name in merged if isinstance(merged, dict) else ():
                    made.setdefault(name, merged[name])
        return made

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column)

    def _say(self, node: yaml.Node, text: str, at: KeyPath = (), path: KeyPath = ()) -> None:
        where = f"{dotted(at)}: " if at else ""
        self.faults.append(Fault(self._place(node), where + text, at or path))


def _hidden(word: str) -> str | None:
    """What is wrong with the letters of a word without quotes; None if all of them are meant.

    A no-break space between two words may be; one at an end may not, and is hard to find.
    """
    ends = word[:1] + word[-1:]
    char = next((c for c in word if invisible(c) and (c in ends or unicodedata.category(c) != "Zs")), None)
    if char is not None:
        return f"there is {named(char)}, take it away"
    if word[:1] and word[0] in QUOTES:
        return f"{named(word[0])} is no quotation mark of YAML: take {meant(word[0])}"
    return None


def _misread(key: str) -> str | None:
    """What in a key is not what it looks like."""
    char = next((c for c in key if invisible(c) or meant(c)), None)
    return None if char is None else lookalikes(key).removeprefix("; ")


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


def _spelled(value: float) -> str:
    text = repr(value) if math.isfinite(value) else repr(value).replace("inf", ".inf").replace("nan", ".nan")
    return text if "." in text else text.replace("e", ".0e")  # other readers of YAML take 1e-08 for text


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", _spelled(value))


def _word(dumper: yaml.SafeDumper, value: int | bool | None) -> yaml.Node:
    text = "null" if value is None else str(value).lower()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
for _kind in (int, bool, type(None)):
    _Dumper.add_representer(_kind, _word)
for _number_kind in (SpelledInt, SpelledFloat):
    _Dumper.add_representer(_number_kind, lambda dumper, v: dumper.represent_scalar("tag:yaml.org,2002:str", repr(v)))
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]


def dump(data: dict[str, Any]) -> str:
    """YAML that `parse` gives back as it was."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120)


def inline(data: Any) -> str:
    """`data` in one line, such that the value of an override gives it back as it was."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=10**9).removesuffix("...\n").strip()
