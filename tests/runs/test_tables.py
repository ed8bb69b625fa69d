"""Tables for papers: what LaTeX and Markdown would take for their own is escaped, numbers have the digits worth reading."""

from __future__ import annotations

import csv

import pytest

from dessine.intervals import SHARE, summarise_repeats
from dessine.runs.tables import comma_separated, escaped, latex, markdown, rounded


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1.0, 2.0, 3.0], ("2.00", "± 2.48")),
        ([0.51, 0.52, 0.53], ("0.520", "± 0.025")),
        ([100.0, 300.0, 200.0], ("200", "± 248")),
        ([10_000.0, 30_000.0, 20_000.0], ("20000", "± 24800")),
        ([-1.0, -1.5, -1.25], ("-1.25", "± 0.62")),
        ([1e-9, 3e-9, 2e-9], ("2e-09", "± 2.5e-09")),
        ([0.0, 0.0], ("0", "")),
        ([0.123456], ("0.1235", "")),
        ([float("nan")], ("–", "")),
    ],
)
def test_a_mean_has_the_digits_that_its_interval_makes_worth_reading(values, wanted):
    assert rounded(summarise_repeats(values)) == wanted


def test_an_interval_that_was_cut_is_told_by_its_ends():
    mean, interval = rounded(summarise_repeats([0.99, 1.0], SHARE))
    assert (mean, interval) == ("0.995", "[0.931, 1.000]")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("test_success", r"test\_success"),
        ("50 % & more #1 {a} $x$", r"50 \% \& more \#1 \{a\} \$x\$"),
        ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("-0.5 ± 0.1", r"$-0.5$ $\pm$ 0.1"),
        ("-x", "-x"),
        ("[1, 2]", "{[1,} 2]"),
        ("two\nlines", "two lines"),
    ],
)
def test_latex_shows_what_is_there(text, wanted):
    assert escaped(text) == wanted


def test_tables_have_their_rules():
    heads, rows = ["a|b", "n"], [["x_1", "2"]]
    assert markdown(heads, rows, (1,)).splitlines() == ["| a\\|b | n |", "| --- | ---: |", "| x\\_1 | 2 |"]
    lines = latex(heads, rows, (1,)).splitlines()
    assert lines[1:3] == [r"\begin{tabular}{lr}", r"\toprule"]
    assert lines[3:] == [
        r"a\textbar{}b & n \\",
        r"\midrule",
        r"x\_1 & 2 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert list(csv.reader(comma_separated(["a,b", "c"], [['q"', 1.5]]).splitlines())) == [["a,b", "c"], ['q"', "1.5"]]
