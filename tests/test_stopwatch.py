"""A stopwatch counts the time of the innermost part alone."""

from __future__ import annotations

import pytest

from dessine.stopwatch import Part, Stopwatch, matrix_rate


def test_a_part_inside_another_counts_alone():
    watch = Stopwatch()
    outer, inner = Part("rest"), Part("losses")
    watch.enter(outer)
    assert watch.timed(inner, sum)([1, 2]) == 3
    watch.leave()
    assert (watch.shares[outer].calls, watch.shares[inner].calls, watch.stack) == (1, 1, [])
    with pytest.raises(ZeroDivisionError):
        watch.timed(inner, lambda: 1 / 0)()
    assert watch.stack == []


def test_the_machine_has_a_rate():
    assert matrix_rate(seconds=0.01) > 1e8
