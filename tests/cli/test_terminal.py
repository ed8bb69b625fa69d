import pytest

from dessine.cli.terminal import progress_line, table
from dessine.letters import clipped, cut, letters_wide


def test_letters_of_two_columns_and_marks_of_none_are_counted():
    assert [letters_wide(text) for text in ("abc", "絵文字", "e\u0301", "ｱ", "")] == [3, 6, 1, 1, 0]
    assert (cut("絵文字", 5), cut("e\u0301te\u0301", 1), clipped("絵文字", 5)) == ("絵文", "e\u0301", "絵文…")


@pytest.mark.parametrize("width", range(20, 90, 3))
def test_a_line_of_progress_omits_whole_parts_the_least_important_first(width):
    parts = [(2, " 12%"), (0, "step 1,200/10,000"), (3, "loss D 0.52"), (4, "D(x) 0.61"), (1, "00:34 left"), (9, "312 steps/s")]
    line = progress_line(0.12, parts, width, lambda share, n: "#" * n)
    words = [text for _, text in parts]
    there = [text for text in words if text.strip() in line]
    left = line
    for text in there:
        left = left.replace(text, "", 1)
    assert left.strip(" #|") == ""
    assert letters_wide(line) <= width
    assert "step 1,200/10,000" in there
    order = [text for _, text in sorted(parts)]
    assert there == words if width > 80 else order[0] in there


@pytest.mark.parametrize("width", range(20, 120, 7))
def test_tables_fit_and_lose_nothing_without_saying_so(width):
    rows = [["絵文字のリング", "1,000", "a word or two"], ["plain", "2", "averyveryveryveryverylongword that goes on"]]
    lines = table(("name", "count", "about"), rows, width, right=(1,), text=(2,), optional=(1,))
    assert max(map(letters_wide, lines)) <= max(width, 20)
    whole = "".join("".join(lines).split())
    assert "averyveryveryveryverylongword" in whole or width < 45
    assert "1,000" in whole or "omitted" in whole


def test_a_pipe_has_room_for_all():
    lines = table(("name", "about"), [["x", "word " * 100]], None, text=(1,))
    assert len(lines) == 2


def test_a_table_cuts_no_word_while_a_column_can_be_omitted():
    rows = [["2026-11-26_01-45-14_gan_ring", "completed", "reverse_kl 0.0344  high_quality 0.904"]]
    lines = table(("name", "status", "results"), rows, 46, text=(2,), optional=(1,))
    assert "(omitted at this width: status)" in lines
    assert sum("high_quality" in line for line in lines) == 1
