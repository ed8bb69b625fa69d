"""Examples: how many fit into memory as floats."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data import Examples, Split, dataset
from dessine.data.dataset import ROOM
from dessine.scores.bench import Bench


def of_side(side: int, n: int = 1) -> Examples:
    return Examples(np.broadcast_to(np.zeros(1, np.uint8), (n, side, side, 1)), None)


@pytest.mark.parametrize(("side", "most"), [(28, 10_000), (1_000, 64), (20_000, 1)])
def test_memory_is_counted_in_bytes_not_in_images(side: int, most: int) -> None:
    assert of_side(side).at_once(10_000, np.float32) == most
    assert most * side * side * 4 <= max(ROOM, side * side * 4)


def test_large_images_are_scored_in_smaller_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROOM", 4 * 36 * 7)
    data = Split(of_side(6, 50), of_side(6, 20))
    assert Bench(data, np.float32, 10_000, 0, None).n == 7
    distance, which = Bench(data, np.float32, 10_000, 0, None).nearest(np.zeros((3, 6, 6, 1), np.float32))
    assert (distance.tolist(), which.tolist()) == ([0, 0, 0], [0, 0, 0])


def test_scattered_examples_are_the_same_ones_from_anywhere() -> None:
    whole = Examples(np.zeros((50, 2)), np.arange(50) // 25)
    some = whole.scattered(20)
    np.testing.assert_array_equal(some, whole.scattered(20))
    assert len(np.unique(some)) == 20
    assert set(whole.some(some).y) == {0, 1}  # type: ignore[arg-type]
    np.testing.assert_array_equal(whole.scattered(50), np.arange(50))
    np.testing.assert_array_equal(whole.scattered(80), np.arange(50))
