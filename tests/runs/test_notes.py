"""What people say of runs: kept beside them, sought with them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dessine.registry import SpecError
from dessine.runs.collection import Filter, Row, read_row, select
from dessine.runs.files import RunError
from dessine.runs.notes import Notes, change, notes_of, tag_of


def test_notes_and_tags_are_kept(tmp_path: Path) -> None:
    change(tmp_path, lambda known: known.say("  blue\nlines  "))
    change(tmp_path, lambda known: known.tag(["lesson", "good", "lesson"]))
    known = notes_of(tmp_path)
    assert (known.text, known.tags) == ("blue\nlines", ["good", "lesson"])
    change(tmp_path, lambda known: known.untag(["good"]))
    assert notes_of(tmp_path).tags == ["lesson"]
    assert set(json.loads((tmp_path / "notes.json").read_text())) == {"tags", "notes"}


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: change(tmp_path, lambda known: known.tag([f"t{i:02}"])), range(24)))
    assert notes_of(tmp_path).tags == [f"t{i:02}" for i in range(24)]


@pytest.mark.parametrize("text", ["", " ", "a b", "a=b", "a,b", "-" * 51, "<b>", "a\n"])
def test_what_can_be_no_tag(text: str) -> None:
    with pytest.raises(SpecError, match="can be no tag"):
        tag_of(text)


def test_accents_are_the_same_however_they_are_typed() -> None:
    known = Notes()
    known.tag(["e\u0301te\u0301"])
    known.untag(["\u00e9t\u00e9"])
    assert known.tags == []


def test_bounds_and_what_is_not_there() -> None:
    with pytest.raises(SpecError, match="at most 10,000"):
        Notes().say("x" * 10_001)
    with pytest.raises(SpecError, match="says nothing"):
        Notes().say(" \n")
    with pytest.raises(SpecError, match=r"no tag 'x' \(it has none\)"):
        Notes().untag(["x"])


@pytest.mark.parametrize(
    "text", ["[]", '{"tags": "a"}', '{"tags": [1], "notes": []}', "{", '{"tags": [], "notes": [{"text": "x"}]}']
)
def test_a_damaged_file_is_named_and_hides_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.json").write_text(text)
    with pytest.raises(RunError, match=r"notes\.json cannot be read"):
        notes_of(tmp_path)
    with pytest.raises(RunError, match=r"notes\.json cannot be read"):
        change(tmp_path, lambda known: known.say("x"))
    assert (tmp_path / "notes.json").read_text() == text
    (tmp_path / "config.yaml").write_text("name: x\n")
    row = read_row(tmp_path, "x")
    assert row is not None
    assert row.tags == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("{}")
    run = tmp_path / "run"
    run.mkdir()
    (run / "notes.json").symlink_to(tmp_path / "theirs")
    with pytest.raises(RunError, match="is a link"):
        change(run, lambda known: known.say("x"))
    assert (tmp_path / "theirs").read_text() == "{}"


ROWS = [Row(Path("a"), "a_ring", tags=["lesson"], note="all modes\nat last"), Row(Path("b"), "b_ring"), Row(Path("c"), "last")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tags=lesson", ["a_ring"]),
        ("tags=les*", ["a_ring"]),
        ("tags!=lesson", ["b_ring", "last"]),
        ("note=*modes*", ["a_ring"]),
        ("note!=", ["a_ring"]),
    ],
)
def test_filters_know_them(text: str, found: list[str]) -> None:
    made = Filter.parse(text)
    assert made is not None
    assert [row.name for row in select(ROWS, [made])] == found


@pytest.mark.parametrize(
    ("word", "found"), [("lesson", ["a_ring"]), ("last", ["a_ring", "last"]), ("ring", ["a_ring", "b_ring"])]
)
def test_a_word_is_sought_in_names_tags_and_notes(word: str, found: list[str]) -> None:
    assert [row.name for row in select(ROWS, [Filter.word(word)])] == found
