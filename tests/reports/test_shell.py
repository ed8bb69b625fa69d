"""The parts of every page: all text is escaped, and nothing can be fetched."""

from __future__ import annotations

import ast
import base64
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

import dessine
from dessine.reports import facts, figure, page, prose, section, table

EVIL = """<script>alert("x")</script>&'"""


def test_text_is_escaped_everywhere(tmp_path):
    picture = tmp_path / "x.png"
    Image.new("RGB", (2, 2)).save(picture)
    for made in (
        page(EVIL, ""),
        section(EVIL, "<p>x</p>"),
        figure(picture, EVIL),
        table([EVIL, EVIL], [[EVIL, EVIL]], EVIL),
        facts({EVIL: EVIL}),
        prose(f"say `{EVIL}` {EVIL}"),
    ):
        assert "<script>" not in made
        assert "&lt;script&gt;" in made
        assert '="&#x27;' not in made


@pytest.mark.parametrize("made", [section("h", EVIL), page("t", EVIL), page("t", "", EVIL), table(["a"], [[EVIL]], EVIL)])
def test_text_in_the_place_of_html_is_text(made):
    assert "<script>alert" not in made


SOURCE = Path(dessine.__file__).parent
MODULES = [*(SOURCE / "reports").glob("*.py"), *(SOURCE / "live").glob("*.py"), SOURCE / "sweeps/page.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_only_constants_become_html_so_that_nobody_can_forget_to_escape(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Markup")]
    assert all(isinstance(arg, ast.Constant) for call in calls for arg in (*call.args, *call.keywords))
    assert "unescape" not in ast.unparse(tree)


def test_a_page_runs_its_own_script_and_no_other():
    made = page("t", "<p>b</p>", "let x = 1;")
    digest = base64.b64encode(sha256(b"let x = 1;").digest()).decode()
    assert f"script-src 'sha256-{digest}'" in made
    assert "default-src 'none'" in made
    assert "<script>let x = 1;</script>" in made
    assert "script-src 'none'" in page("t", "")


def test_a_figure_holds_its_picture(tmp_path):
    picture = tmp_path / "x.png"
    Image.new("RGB", (2, 2)).save(picture)
    assert base64.b64encode(picture.read_bytes()).decode() in figure(picture, "c")
    assert 'alt="c"' in figure(picture, "c")


def test_a_table_shows_numbers_and_what_is_missing():
    made = table(["a", "b", "c"], [["x", 0.123456, None], ["y", float("nan"), 3]], best=[1])
    assert '<td class="n">0.1235</td>' in made
    assert made.count("–") == 2
    assert '<tr class="best"><th scope="row">y' in made


def test_what_is_empty_is_left_out():
    assert section("h", "", "") == ""
    assert facts({"a": None, "b": ""}) == ""
    assert "b" not in facts({"a": 0, "b": None})


def test_what_is_to_be_typed_stands_out_in_a_sentence():
    assert prose("ask `dessine draw` and `a < b` now") == "ask <code>dessine draw</code> and <code>a &lt; b</code> now"
    assert prose("one ` alone") == "one ` alone"
