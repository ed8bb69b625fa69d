"""Whatever is done to a shipped config, it is accepted, or every line of the answer names a place."""

import copy
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dessine.experiment import Experiment
from dessine.spec import BadSpec, change, check_document, dump, read
from dessine.spec.text import parse

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(p for p in CONFIGS.rglob("*.y*ml") if "sweeps" not in p.parts and p.parent.name != "published")

PLACE = re.compile(r"(config\.yaml(:\d+)?|command line [^\n]+?): \S")
WORDS = [
    "type",
    "units",
    "lr",
    "eta",
    "layers",
    "extends",
    "<<",
    "on",
    "1e-3",
    "010",
    "12:30",
    "dense",
    "adam",
    "",
    "~",
    "é",
    "a b",
]
VALUES = [None, True, False, 0, -1, 1, 2.5, 1e300, float("nan"), float("inf"), "", "dense", [], {}, [None], {"type": None}]
VALUES += [
    {"type": []},
    {"type": "dense"},
    {"type": {"type": "adam"}},
    [[[[1]]]],
    "x" * 200,
    "a\nb",
    "0",
    {"": 1},
    {"type": "adam", "lr": 1},
]
SCRAPS = [
    "\t",
    ":",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "!!float ",
    "!x ",
    "'",
    '"',
    "#",
    "---\n",
    "...\n",
    "? ",
    "| ",
    "\x00",
]
SCRAPS += [
    "9" * 60,
    "\ufeff",
    "\r\n",
    "\x85",
    '"\\0"',
    '"\\ud800"',
    "%",
    "@",
    "`",
    "<<: *a\n",
    "&a [*a]",
    "é",
    "🎨",
    "null",
    "-1",
    "1e999",
]


def spots(data, at=()):
    """Every key path in `data`."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*at, key)
        yield from spots(value, (*at, key))


def damage_tree(data, rng):
    """Delete, rename, retype, nest or copy something somewhere in `data`."""
    everywhere = list(spots(data))
    if not everywhere:
        return
    *way, last = rng.choice(everywhere)
    holder = data
    for key in way:
        holder = holder[key]
    kind = rng.randrange(5)
    if kind == 0:
        del holder[last]
    elif kind == 1 and isinstance(holder, dict):
        word = rng.choice([*WORDS, last[:-1], last + last[-1:], last.upper()])
        holder[word] = holder.pop(last)
    elif kind == 2:
        holder[last] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 3:
        holder[last] = rng.choice([[holder[last]], {"type": holder[last]}, {rng.choice(WORDS): holder[last]}])
    else:
        value = data
        for key in rng.choice(everywhere):
            value = value[key]
        value = copy.deepcopy(value)
        holder[last] = rng.choice([value, [value, value], str(value)])


def damage_text(text, rng):
    """Drop, repeat, shift or spoil a line of `text`."""
    lines = text.split("\n")
    i = rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(i, lines[i])
    elif kind == 2:
        lines[i] = " " * rng.randrange(1, 5) + lines[i]
    elif kind == 3:
        lines[i] = lines[i].lstrip()
    elif kind == 4:
        at = rng.randrange(len(lines[i]) + 1)
        lines[i] = lines[i][:at] + rng.choice(SCRAPS) + lines[i][at:]
    else:
        at = rng.randrange(len(lines[i]) + 1)
        lines[i] = lines[i][:at] + lines[i][at + 1 :]
    return "\n".join(lines)


def damaged(rng):
    """The text of a shipped config after up to twelve mishaps."""
    text = rng.choice(SHIPPED).read_text("utf-8")
    if rng.random() < 0.6:
        data = parse(text, "config.yaml").data
        for _ in range(rng.randrange(1, 13)):
            damage_tree(data, rng)
        text = dump(data)
    for _ in range(rng.randrange(3)):
        text = damage_text(text, rng)
    return text


def answer(text):
    """The lines said of the config `text`; none if it is accepted, and then also as it is written out."""
    try:
        resolved = check_document(parse(text, "config.yaml"), Experiment).model_dump()
    except BadSpec as error:
        return error.lines or [""]
    again = parse(dump(resolved), "config.yaml")
    assert again.data == resolved
    assert check_document(again, Experiment).model_dump() == resolved
    return []


def assert_names_places(lines):
    for line in lines:
        assert PLACE.match(line), line
        assert "\n" not in line
        assert not re.search(r"got (None|True|False)\b|pydantic|Input should|function-", line), line


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(st.integers(0, 2**32))
def test_damaged_configs_are_answered_in_lines(seed):
    rng = random.Random(seed)
    text = damaged(rng)
    assert_names_places(answer(text))


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(st.integers(0, 2**32))
def test_odd_overrides_are_answered_in_lines(seed):
    rng = random.Random(seed)
    text = rng.choice(SHIPPED).read_text("utf-8")
    document = parse(text, "config.yaml")
    keys = [".".join(map(str, path)) for path in spots(document.data)]
    values = ["1", "x", "", "{a: 1}", "[1, 2]", "{", "!!int 1", "9" * 60, "a=b", "\x00", "*x", "- 1", "null", ".nan", "1e-3"]
    overrides = [
        rng.choice([*keys, "", "a..b", "layers[0]", "a[99999999999]", *WORDS]) + "=" + rng.choice(values) for _ in "abc"
    ]
    lines = [""]
    try:
        change(document, overrides)
        check_document(document, Experiment)
    except BadSpec as error:
        lines = error.lines
    assert lines
    assert_names_places(filter(None, lines))


def test_a_hundred_faults_give_a_hundred_lines():
    layers = "\n".join(f"      - {{type: dense, units: -{i}}}" for i in range(1, 101))
    text = (CONFIGS / "gan_ring.yaml").read_text("utf-8")
    start, end = text.index("      - {type: dense"), text.index("    optimizer:")
    lines = answer(text[:start] + layers + "\n" + text[end:])
    assert len(lines) == 100
    numbers = [int(line.split(":")[1]) for line in lines]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 100


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_configs_are_good_and_survive_being_written_out(path):
    document = read(path)
    resolved = check_document(document, Experiment).model_dump()
    again = parse(dump(resolved), "config.yaml")
    assert again.data == resolved
    assert check_document(again, Experiment).model_dump() == resolved
