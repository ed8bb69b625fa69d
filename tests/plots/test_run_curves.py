"""Curves of a run: what is drawn is what was measured, and its legend says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.plots import curves


@pytest.fixture
def figures(figures_of: Callable[[Any], list[Any]]) -> list[Any]:
    return figures_of(curves)


GAP = [
    {
        "step": step,
        "critic_gap": {"train": [1.0], "held_out": [1.0 - gap], "generated": [-1.0], "error": [0.1], "share": [share]},
    }
    for step, gap, share in ((1, 0.0, 0.0), (2, 1.0, 0.5), (3, 3.0, None))
]


def lines(axes: Any) -> dict[str, list[float]]:
    return {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in axes.get_lines()}


def test_what_the_discriminator_knows_by_heart_stands_beside_what_it_says(tmp_path: Path, figures: list[Any]) -> None:
    assert curves.save_gap(tmp_path, GAP, "few") == [tmp_path / "critic_gap.png"]
    left, right = figures[0].axes
    assert lines(left)["training examples"] == [1, 1, 1]
    assert lines(left)["held-out examples, which it has not learnt from"] == [1, 0, -2]
    np.testing.assert_array_equal(lines(right)["(training - held-out) / (training - generated)"], [0, 0.5, np.nan])


def test_the_share_of_changed_images_stands_beside_the_sign_that_it_follows(tmp_path: Path, figures: list[Any]) -> None:
    records = [{"step": step, "augment": {"p": [step / 10], "sign": [-0.9]}} for step in range(3)]
    assert curves.save_augment(tmp_path, records, "few", 0.6) == [tmp_path / "augment.png"]
    (axes,) = figures[0].axes
    drawn = lines(axes)
    assert drawn["p: share of images that are shifted, flipped or cut for D"] == [0, 0.1, 0.2]
    assert [0.6, 0.6] in drawn.values()
    assert axes.get_ylim()[0] < -0.9


def test_a_run_without_them_has_no_such_pictures(tmp_path: Path) -> None:
    records = [{"step": 1, "loss": {"generator": [0.5]}}]
    assert curves.save_gap(tmp_path, records, "plain") == []
    assert curves.save_augment(tmp_path, records, "plain", 0.6) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "names",
    [
        [f"mode {i}" for i in range(25)],
        [f"mode {i}" for i in range(100)],
        ["left-standing-horned", "box"] * 5,
        list("0123456789"),
    ],
    ids=["25 modes", "100 modes", "long", "digits"],
)
def test_names_of_classes_do_not_hide_each_other(tmp_path: Path, figures: list[Any], names: list[str]) -> None:
    share = np.full(len(names), 1 / len(names))
    curves.save_classes(tmp_path / "classes.png", names, share, share, 1000, "many")
    (axes,) = figures[0].axes
    labels = [label for label in axes.get_xticklabels() if label.get_text()]
    starts = [label.get_window_extent().x1 if label.get_rotation() else label.get_window_extent().x0 for label in labels]
    wide = [12 if label.get_rotation() else label.get_window_extent().width for label in labels]
    assert all(b - a >= w for a, b, w in zip(starts, starts[1:], wide, strict=False))


def test_the_palest_shade_is_seen_on_paper() -> None:
    from dessine.plots.figure import shades

    for count in (1, 2, 5, 30):
        r, g, b, _ = shades(count)[-1]
        assert 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.75
