"""Decision maps: each class in its colour, and a line where the network changes its mind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dessine.plots.canvas import BANDS, BLACK, CLASSES, GENERATED, REAL
from dessine.plots.figure import COLOURS
from dessine.plots.maps import save_map

CORNERS = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1], [-0.5, 0], [0.5, 0]])


def colours(path: Path) -> set[int]:
    with Image.open(path) as picture:
        return set(np.unique(np.asarray(picture)).tolist())


def test_one_output_is_drawn_in_bands_with_points_of_both_classes(tmp_path: Path) -> None:
    slope = np.broadcast_to(np.linspace(-1, 1, 21), (2, 21, 21))
    path = save_map(tmp_path / "map.png", slope, CORNERS, np.array([0, 0, 1, 1, 0, 1]), 2, "two", ["-1", "1"], (-1, 1))
    assert set(range(BANDS, BANDS + 10)) | {BLACK, REAL, GENERATED} <= colours(path)


def test_of_several_classes_each_has_its_own_colour_and_its_points_a_darker_one(tmp_path: Path) -> None:
    named = np.repeat([[0], [1], [2]], 7, 0) * np.ones((1, 21, 21))
    classes = np.array([0, 1, 2, 2, 1, 0])
    path = save_map(tmp_path / "map.png", named, CORNERS, classes, 1, "three", ["a", "b", "c"], (0, 1))
    seen = colours(path)
    assert {CLASSES + i for i in range(3)} <= seen
    assert CLASSES + 3 not in seen
    assert {CLASSES + len(COLOURS) + i for i in (1, 0)} <= seen  # those of class 2 stand on the edge


def test_more_classes_than_colours_begin_again(tmp_path: Path) -> None:
    named = np.full((1, 11, 11), 11)
    path = save_map(tmp_path / "map.png", named, CORNERS, np.arange(6) + 6, 1, "twelve", [f"{i}" for i in range(12)], (0, 1))
    assert CLASSES + 1 in colours(path)


def test_twenty_maps_are_a_small_file(tmp_path: Path) -> None:
    slope = np.broadcast_to(np.linspace(-1, 1, 101), (20, 101, 101))
    path = save_map(tmp_path / "map.png", slope, CORNERS, np.arange(6) % 2, 20, "many", ["0", "1"], (0, 1))
    assert path.stat().st_size < 100_000
