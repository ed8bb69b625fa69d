"""Panels drawn point by point: where things stand, and what cannot be drawn."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dessine.plots.canvas import BANDS, BLACK, GENERATED, LEVELS, PALETTE, PAPER, REAL, UNKNOWN, Canvas, Panel, ticks


def panel(side: int = 100) -> Panel:
    return Panel(Canvas(side + 20, side + 20), (10, 10, side, side), (-1, -1), (1, 1))


def seen(one: Panel) -> np.ndarray:
    left, top, wide, high = one.box
    return np.asarray(one.canvas.image)[top : top + high, left : left + wide]


def test_every_colour_has_a_place_and_a_band_for_each_step_between_levels():
    assert len(PALETTE) == BANDS + len(LEVELS) + 1
    assert len(set(PALETTE)) == len(PALETTE)


def test_a_field_is_the_lowest_row_first_in_bands():
    one = panel()
    values = np.full((4, 4), -0.7)
    values[2:] = 3.0
    one.field(values)
    assert seen(one)[10, 50] == BANDS + 8  # between 2 and 4
    assert seen(one)[90, 50] == BANDS + 3  # between -1 and -0.5
    assert (seen(one) == BLACK).any(1).sum() == 1  # where it is 0


def test_what_is_not_known_of_a_field_is_grey():
    one = panel()
    one.field(np.full((3, 3), np.nan))
    assert (seen(one) == UNKNOWN).all()


def test_points_that_are_outside_or_no_numbers_are_not_drawn():
    one = panel()
    one.points(np.array([[0, 0], [5, 0], [np.nan, 0], [np.inf, -np.inf], [1e300, 0]]), REAL)
    assert (seen(one) == REAL).sum() == 4
    assert seen(one)[49:52, 49:52].max() == REAL


def test_lines_break_where_there_is_no_number():
    one = panel()
    one.lines([np.array([[-0.5, 0], [-0.2, 0], [np.nan, 0], [0.2, 0], [0.5, 0]])], GENERATED)
    columns = np.flatnonzero((seen(one) == GENERATED).any(0))
    assert columns.min() > 20
    assert columns.max() < 80
    assert not set(range(42, 58)) & set(columns)


def test_arrows_of_no_length_or_no_number_are_not_drawn():
    one = panel()
    one.arrows(np.zeros((3, 2)), np.array([[0, 0], [np.nan, 1], [np.inf, 0]]), BLACK)
    assert (seen(one) == PAPER).all()
    one.arrows(np.zeros((1, 2)), np.array([[0, 1e-9]]), BLACK)
    assert (seen(one)[:50] == BLACK).any()  # upwards, the longest of them
    assert (seen(one)[55:] == PAPER).all()


def test_ticks_are_round_and_few():
    assert ticks(-1.48, 1.48) == [-1, 0, 1]
    assert ticks(0, 1000) == [0, 500, 1000]
    assert ticks(1, 1) == []
    assert ticks(0, np.inf) == []
    assert all(len(ticks(0, span)) <= 6 for span in np.geomspace(1e-9, 1e9, 200))


def test_a_sheet_is_a_png_of_few_colours(tmp_path):
    one = panel()
    one.points(np.zeros((1, 2)), REAL)
    one.frame("a title $x$", "below")
    with Image.open(one.canvas.save(tmp_path / "a.png")) as image:
        assert image.mode == "P"
        assert PALETTE[REAL] in {colour for _, colour in image.convert("RGB").getcolors()}
