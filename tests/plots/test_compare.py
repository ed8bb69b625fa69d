"""Settings side by side: each over what it has learnt from, on the same axes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.plots import compare


@pytest.fixture
def figures(figures_of: Callable[[Any], list[Any]]) -> list[Any]:
    return figures_of(compare)


def test_each_setting_stands_over_its_own_real_points(tmp_path: Path, figures: list[Any]) -> None:
    real = {"ring": np.array([[0.0, 1], [2, 3]]), "grid": np.array([[5.0, 5], [6, 6], [7, 7]])}
    drawn = {"ring": np.zeros((4, 2)), "grid": np.array([[1.0, 1], [np.nan, 2]])}
    compare.save_points(tmp_path / "points.png", drawn, real, "comparison: samples")
    for axes, name, count in zip(figures[0].axes, real, (4, 1), strict=True):
        first, second = axes.get_lines()[:2]
        np.testing.assert_array_equal(np.transpose(first.get_data()), real[name])
        assert len(second.get_xdata()) == count  # without what is no number
        assert axes.get_xlim()[1] > 7


@pytest.mark.parametrize("numbers", [1, 2, 3])
def test_points_are_drawn_without_real_ones_too(tmp_path: Path, figures: list[Any], numbers: int) -> None:
    drawn = np.random.default_rng(0).normal(size=(20, numbers))
    compare.save_points(tmp_path / "points.png", {"": drawn}, {"": np.empty((0, numbers))}, "lost, step 1")
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["generated"]


def test_a_score_is_told_in_words_above_its_curves(tmp_path: Path, figures: list[Any]) -> None:
    curve = {"a": (np.arange(3.0), np.arange(3.0)[None])}
    compare.save_comparison(tmp_path / "c.png", {"scores.modes": curve, "loss.generator": curve}, "comparison")
    assert [axes.get_title() for axes in figures[0].axes] == ["modes found (more is better)", ""]
