"""The example of the README's section "From Python" runs as it stands, in about a second, and does what it says."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[2] / "README.md"


def block(text: str) -> str:
    """The first Python block below the heading."""
    section = re.search(r"^## From Python$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section, "README.md has no section '## From Python'"
    code = re.search(r"^```python\n(.*?)^```$", section[1], re.M | re.S)
    assert code, "the section '## From Python' of README.md has no python block"
    return code[1]


@pytest.fixture(scope="module")
def played() -> tuple[dict, str]:
    """The example's variables, and what it printed."""
    text, names, printed = README.read_text(encoding="utf-8"), {}, StringIO()
    assert text.strip()
    with redirect_stdout(printed):
        exec(compile(block(text), str(README), "exec"), names)
    return names, printed.getvalue()


def test_example_of_the_readme_learns_what_it_was_told(played: tuple[dict, str]) -> None:
    names, _ = played
    y, target = names["network"](names["x"]), np.asarray(names["target"])
    middle = (target.min() + target.max()) / 2
    threshold = 0 if "logits" in names else middle
    np.testing.assert_array_equal(y > threshold, target > middle)


def test_example_of_the_readme_shows_its_result(played: tuple[dict, str]) -> None:
    assert played[1].strip()


def test_example_of_the_readme_is_short(played: tuple[dict, str]) -> None:
    lines = [line for line in block(README.read_text(encoding="utf-8")).splitlines() if line.strip()]
    assert len(lines) <= 20
