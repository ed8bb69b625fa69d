import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dessine.experiment import Experiment
from dessine.spec import BadSpec, check_document, dump, inline, value
from dessine.spec.text import parse


def data(text):
    document = parse(text, "c.yaml")
    assert not document.faults
    return document.data


def faults(text):
    return [str(fault) for fault in parse(text, "c.yaml").faults]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-3", 0.001),
        ("010", 10),
        ("1_000", 1000),
        ("-3", -3),
        (".5", 0.5),
        ("1.", 1.0),
        ("12:30", "12:30"),
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        (".inf", math.inf),
        ("0..1", "0..1"),
        ("-1..1", "-1..1"),
    ],
)
def test_words_mean_what_a_reader_expects(written, meant):
    found = data(f"key: {written}")["key"]
    assert found == meant
    assert isinstance(found, type(meant))


def test_nan_is_read_as_nan():
    assert math.isnan(data("key: .nan")["key"])


def test_a_key_given_twice_names_both_lines():
    assert faults("a:\n  b: 1\n  c: 2\n  b: 3\n") == ["c.yaml:4: a.b is given twice (first in line 2)"]


def test_merge_keys_give_way_to_own_keys_and_to_earlier_sources():
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  c: 3\n  <<: [*x, *y]\n"
    document = parse(text, "c.yaml")
    assert document.data["z"] == {"a": 1, "b": 1, "c": 3}
    assert document.place(("z", "c")).line == 4
    assert document.place(("z", "b")).line == 1


def test_a_merge_of_something_else_is_told():
    assert faults("a: 1\n<<: 5\n") == ["c.yaml:2: << expects the alias of a mapping, or a list of them"]
    assert data("'<<': 5") == {"<<": 5}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &a [*a]", "c.yaml:1: a[0]: an alias stands inside what it names"),
        ("? [a]\n: b", "c.yaml:1: a key must be a word"),
        ("a: !!python/name:os.system x", "c.yaml:1: a: the tag '!!python/name:os.system' is not accepted"),
        ('a: "\\0"', "c.yaml:1: a: the character '\\x00' is not allowed"),
        ('a: "\\ud800"', "c.yaml:1: a: the character '\\ud800' is not allowed"),
    ],
)
def test_values_that_cannot_be_are_told_with_their_line(text, line):
    assert faults(text) == [line]


@pytest.mark.parametrize("written", ["9" * 30, "9" * 10_000, "1e400", "3e563"])
def test_a_number_too_large_is_told_where_a_number_is_wanted(written):
    document = parse(f"seed: {written}", "c.yaml")
    with pytest.raises(BadSpec) as error:
        check_document(document, Experiment)
    line = next(line for line in error.value.lines if "seed" in line)
    assert line.startswith("c.yaml:1: seed: expects a whole number of at least 0, got " + written[:20])
    assert "which is too large a number" in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "c.yaml: is empty"),
        ("# nothing\n", "c.yaml: is empty"),
        ("---\n", "c.yaml: is empty"),
        ("- a\n", "c.yaml:1: expects a mapping with data, game and training, got a list"),
        ("word", "c.yaml:1: expects a mapping with data, game and training, got 'word'"),
        ("a: 1\n---\nb: 1\n", "c.yaml:2: not YAML: a second document begins"),
        ("a:\n\tb: 1\n", "c.yaml:2: not YAML: a tab"),
        ("a: 1\nb: \x00\n", "c.yaml:2: not YAML: the character '\\x00' is not allowed"),
        ("a: *b\n", "c.yaml:1: not YAML: found undefined alias 'b'"),
        ("a: " + "[" * 500, "c.yaml: not YAML: nested too deeply"),
        ('a: "\\UFFFFFFFF"', "c.yaml: not YAML"),
    ],
)
def test_what_is_no_config_is_answered_in_one_line(text, line):
    with pytest.raises(BadSpec) as error:
        parse(text, "c.yaml")
    assert len(error.value.lines) == 1
    assert error.value.lines[0].startswith(line)


def test_deep_nesting_within_what_yaml_takes_is_a_fault():
    assert faults("a: " + "[" * 60 + "]" * 60)[0].endswith("nested more than 50 deep")


def test_an_alias_bomb_is_stopped():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
    )
    with pytest.raises(BadSpec, match="aliases multiply"):
        parse(bomb, "c.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "a: [" + "1," * 100_000 + "1]",
        "b: &b {" + ",".join(f"k{i}: 1" for i in range(500)) + "}\na:\n  <<: [" + "*b," * 15_000 + "*b]",
        "b: &b {x: 1}\na:\n  <<: [" + "*b," * 60_000 + "*b]",
        "\n".join(f"k{i}: 1" for i in range(40_000)),
        "k: 1\n" * 40_000,
    ],
    ids=["list", "wide merge", "many merges", "keys", "equal keys"],
)
def test_bombs_say_the_bound(text):
    with pytest.raises(BadSpec, match=r"more than 30,000 values"):
        parse(text, "c.yaml")


def test_many_mistakes_are_told_up_to_a_bound():
    document = parse("k: 1\n" * 3_000, "c.yaml")
    lines = document.lines()
    assert len(lines) == 201
    assert lines[-1] == "c.yaml:1: and 2,799 more mistakes"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("name:\tring", {"name": "ring"}),
        ("name: \t ring", {"name": "ring"}),
        ("name: ring\t# mine\nb: 1", {"name": "ring", "b": 1}),
        ("name: ring\t\nb: 1\t\n", {"name": "ring", "b": 1}),
        ("name\t: ring", {"name": "ring"}),
        ("name: a\tb", {"name": "a\tb"}),
        ("name: 'a'\t# c", {"name": "a"}),
        ('{\n\t"a": [\n\t\t1,\t2\n\t],\n\t"b":\t{"c":\ttrue}\n}', {"a": [1, 2], "b": {"c": True}}),
        ("a:\n  - x\n  -\ty\n", {"a": ["x", "y"]}),
        ("\t# a comment\na: 1\n\t\nb: 2\n", {"a": 1, "b": 2}),
        ("a: | \t# c\n  text\tx\n", {"a": "text\tx\n"}),
        ("a: one\n  \ttwo\nb: 1", {"a": "one two", "b": 1}),
        ("a:\t\n  b:\t1", {"a": {"b": 1}}),
        ("a: &x\t{b: 1}\nc:\t*x", {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_tabs_part_words_where_yaml_allows_it(text, meant):
    assert data(text) == meant


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a:\n\tb: 1\n", "c.yaml:2: not YAML: a tab in column 1; YAML indents with spaces"),
        ("a:\n  \tb: 1\n", "c.yaml:2: not YAML: a tab in column 3; YAML indents with spaces"),
        ("a:\n  b: 1\n\tc: 1\n", "c.yaml:3: not YAML: a tab in column 1; YAML indents with spaces"),
        ("a:\n\t- b\n", "c.yaml:2: not YAML: a tab in column 1; YAML indents with spaces"),
        ("a: |\t\n  b\n", "c.yaml:1: not YAML: a tab in column 5: take a space"),
        ("a:\n-\tb: 1\n", "c.yaml:2: not YAML: a tab in column 2; YAML indents with spaces"),
    ],
)
def test_tabs_that_would_indent_are_named(text, line):
    with pytest.raises(BadSpec) as error:
        parse(text, "c.yaml")
    assert error.value.lines == [line]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "a: 1\ngame\u00a0: x",
            "c.yaml:2: 'game\\xa0': there is the invisible character U+00A0 (no-break space), take it away",
        ),
        ("a: 1\n\u00a0\u00a0b: x", "invisible character U+00A0 (no-break space)"),
        ("a: 1\u200b", "c.yaml:1: a: there is the invisible character U+200B (zero width space), take it away"),
        ("a: 1\nb: \ufeffx", "c.yaml:2: b: there is the invisible character U+FEFF"),
        ("a: 1\n\ufeffb: x", "U+FEFF"),
        ("a: so\u00adft", "U+00AD (soft hyphen)"),
        ("a: \u202eabc", "U+202E (right-to-left override)"),
        ("a: “x”", 'the character “ U+201C (left double quotation mark) is no quotation mark of YAML: take "'),
        ("a: {b：1}", "there is the character ： U+FF1A (fullwidth colon): take :"),
    ],
)
def test_letters_that_are_not_what_they_look_like_are_named(text, says):
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith("c.yaml:")
    assert says in found[0]


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
def test_line_ends_that_no_editor_shows_are_named(char):
    with pytest.raises(BadSpec, match=rf"c\.yaml:2: not YAML: the invisible character U\+{ord(char):04X}"):
        parse(f"a: 1\nb: x # y{char}c: 2\n", "c.yaml")


def test_a_fullwidth_colon_is_named_where_it_breaks_the_document():
    with pytest.raises(BadSpec, match=r"U\+FF1A \(fullwidth colon\): take :"):
        parse("training：\n  steps: 3\n", "c.yaml")


@pytest.mark.parametrize("name", ["à la carte\u00a0!", "नमस्ते", "👩\u200d🔬", "می\u200cخواهم", "実験：一", "l’été", "a–b"])
def test_letters_that_are_meant_stay(name):
    assert data(f"name: {name}")["name"] == name
    assert data(f"name: '{name}\u00ad'")["name"] == f"{name}\u00ad"


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc")))
    | st.sampled_from(
        ["1e-3", "010", "true", "null", "<<", "~", "", "a: b", "- a", "# a", "0..1", "1_0", ".nan", "a\nb", "=", "@"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé -:1", min_size=1), inner, max_size=3),
    max_leaves=8,
)


def typed(data):
    """With each scalar's type beside it: 1, 1.0 and True are equal otherwise."""
    if isinstance(data, dict):
        return {key: typed(value) for key, value in data.items()}
    return [typed(value) for value in data] if isinstance(data, list) else (type(data), data)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(st.dictionaries(st.text("abc1<~", min_size=1), PLAIN, min_size=1, max_size=4))
def test_dump_is_read_back_as_it_was(plain):
    assert typed(data(dump(plain))) == typed(plain)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(PLAIN)
def test_inline_is_one_line_and_read_back_as_it_was(plain):
    text = inline(plain)
    assert "\n" not in text
    assert typed(value(text)) == typed(plain)


def test_other_readers_take_small_floats_for_numbers_too():
    assert yaml.safe_load(dump({"epsilon": 1e-8})) == {"epsilon": 1e-8}
