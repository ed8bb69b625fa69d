"""Compiled loops are kept, and nothing that may be wrong with the place where they are kept is more than a compilation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

PROGRAM = """
import numpy as np
from dessine.optimizers import Adam
theta = np.ones((1, 20_000), np.float32)
Adam().step(theta, theta.copy())
print(theta[0, 0])
"""
NOTICE = "compiles its loops"


def run(cache: Path, program: str = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program, with the user's cache folder there."""
    home = {"HOME": str(cache), "XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache), "PATH": ""}
    return subprocess.run(
        [sys.executable, "-c", program], env=home | environment, capture_output=True, text=True, check=True, timeout=120
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the program prints where nothing is compiled."""
    done = run(tmp_path_factory.mktemp("plain"), DESSINE_COMPILED="0")
    assert done.stderr == ""
    return done.stdout


def test_a_loop_is_compiled_once_and_told_so(tmp_path: Path, plain: str) -> None:
    first = run(tmp_path)
    assert first.stderr.count(NOTICE) == 1
    kept = [path for path in tmp_path.rglob("*.nb?") if path.is_file()]
    assert kept
    second = run(tmp_path)
    assert second.stderr == ""
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    damaged = run(tmp_path)
    assert NOTICE in damaged.stderr
    assert run(tmp_path).stderr == ""  # it was mended
    assert {first.stdout, second.stdout, damaged.stdout} == {plain}


def test_a_loop_kept_under_the_name_of_another_is_compiled_again(tmp_path: Path) -> None:
    program = """
import numpy as np
from dessine.compiled.pairs import add_up
for dtype in ("float32", "float64"):
    total = np.zeros((1, 2, 3), dtype)
    add_up(np.ones((1, 1, 3), dtype), total)
    print(total, total.dtype)
"""
    first = run(tmp_path, program)
    one, other = sorted(tmp_path.rglob("*.nbc"))
    other.write_bytes(one.read_bytes())  # as two processes may leave it that compile at once
    mixed = run(tmp_path, program)
    assert mixed.stdout == first.stdout
    assert NOTICE in mixed.stderr
    assert run(tmp_path, program).stderr == ""


def test_a_cache_that_cannot_be_made_costs_nothing_but_time(tmp_path: Path, plain: str) -> None:
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file").stdout == plain


def test_a_part_of_loops_is_refused_where_python_calls_it() -> None:
    from dessine.compiled.loops import loop, within

    @within
    def next_to(x: float) -> float:
        return x + 1

    @loop
    def twice(x: float) -> float:
        return 2 * float(next_to(x))

    assert twice(3.0) == 8
    with pytest.raises(TypeError, match="next_to is a part of loops"):
        next_to(3.0)
