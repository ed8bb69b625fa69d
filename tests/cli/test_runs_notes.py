"""`runs note` and `runs tag`, and where they are shown."""

import json
from pathlib import Path


def test_told_listed_and_on_the_page(dessine, trained) -> None:
    run = trained("name=noted")
    assert dessine("runs", "tag", run, "lesson").out == "tags: lesson\n"
    assert dessine("runs", "note", run, "all <b>modes</b>\nfound").out.splitlines()[1].endswith("  all <b>modes</b>")
    listed = dessine("runs", "list", "lesson", "--runs-dir", run.parent).out
    assert "all <b>modes</b> / found" in listed
    (row,) = json.loads(dessine("runs", "list", "tags=lesson", "--json", "--runs-dir", run.parent).out)
    assert (row["tags"], row["note"]) == (["lesson"], "all <b>modes</b>\nfound")
    page = dessine("runs", "report", run)
    assert "all &lt;b&gt;modes&lt;/b&gt;" in Path(page.out.strip()).read_text(encoding="utf-8")
    told = json.loads(dessine("runs", "note", run, "--json").out)
    assert [note["text"] for note in told["notes"]] == ["all <b>modes</b>\nfound"]
    assert dessine("runs", "note", run, "--clear").out == "tags: lesson\n"
    assert dessine("runs", "tag", run, "lesson", "--remove").err.endswith("no notes, no tags\n")


def test_mistakes_are_one_line(dessine, trained) -> None:
    run = trained("name=noted_wrongly")
    for args, said in (
        (("tag", run, "a b"), "'a b' can be no tag: expects one word"),
        (("tag", run, "--remove"), "which tags?"),
        (("tag", run, "x", "--remove"), "no tag 'x' (it has none)"),
        (("note", run, " "), "an empty note says nothing"),
        (("note", "no_such_run", "x"), "no run 'no_such_run'"),
    ):
        done = dessine("runs", *args)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
    assert not (run / "notes.json").exists()
