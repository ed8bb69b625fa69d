"""Tables for a paper or a page: Markdown, LaTeX, CSV; and a mean with its interval as people write it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Sequence
from typing import Any

LATEX = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "–": "--",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
}
"""What LaTeX would take for its own, or does not have in every font."""


def rounded(told: dict[str, Any]) -> tuple[str, str]:
    """The mean, and its interval, of what `summarise_repeats` tells: two digits of the interval, or three of the mean.

    "0.951" and "± 0.012"; "[0.93, 1]" where the interval is cut off at what the number can be; nothing where there is none.
    """
    if not told["count"]:
        return "–", ""
    mean, (low, high) = told["mean"], told["interval"]
    if low != low:
        return f"{mean:.4g}", ""
    half = (high - low) / 2
    digits = max(1 - math.floor(math.log10(half)), 2 - math.floor(math.log10(abs(mean))) if mean else 0) if half > 0 else 4
    if digits > 6:  # 0.0000120 is counted, not read
        return f"{mean:.4g}", f"± {half:.2g}" if _even(mean, low, high) else f"[{low:.4g}, {high:.4g}]"
    places = max(digits, 0)
    mean, low, high, half = (round(v, digits) for v in (mean, low, high, half))
    if _even(*(told["mean"], *told["interval"])):
        return f"{mean:.{places}f}", f"± {half:.{places}f}"
    return f"{mean:.{places}f}", f"[{low:.{places}f}, {high:.{places}f}]"


def _even(mean: float, low: float, high: float) -> bool:
    """Whether the interval is as long on either side: it was not cut where no value can be."""
    return abs(low + high - 2 * mean) <= 1e-6 * (high - low)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """As GitHub, Pandoc and notebooks read it. right: columns of numbers."""
    lines = [heads, ["---:" if i in right else "---" for i in range(len(heads))], *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    plain = " ".join(text.split())
    for sign in ("\\", "|", "*", "_", "`", "<", "["):
        plain = plain.replace(sign, f"\\{sign}")
    return plain


def latex(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """A tabular with the rules of the package booktabs. right: columns of numbers."""
    columns = "".join("r" if i in right else "l" for i in range(len(heads)))
    lines = [" & ".join(map(escaped, line)) + r" \\" for line in (heads, *rows)]
    lines = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    return "\n".join(["% needs \\usepackage{booktabs}", f"\\begin{{tabular}}{{{columns}}}", *lines, r"\end{tabular}"])


def escaped(text: str) -> str:
    """As LaTeX shows it; a minus before a number as one."""
    plain = " ".join(text.split())
    first, space, rest = ("".join(LATEX.get(c, c) for c in part) for part in plain.partition(" "))
    if _negative(plain):
        first = f"${first}$"
    elif plain[:1] == "[":  # after a row's end it would be taken for an option of that
        first = f"{{{first}}}"
    return first + space + rest


def _negative(text: str) -> bool:
    first = text.split(" ", 1)[0]
    try:
        return float(first) < 0
    except ValueError:
        return False


def comma_separated(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """As spreadsheets and `pandas.read_csv` read it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([heads, *rows])
    return text.getvalue().removesuffix("\n")


__all__ = ["comma_separated", "escaped", "latex", "markdown", "rounded"]
