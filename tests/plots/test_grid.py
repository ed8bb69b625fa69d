"""Sample grids: every image in its place, in its colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dessine.plots.grid import GAP, HEADER, save_grid


def cells(path: Path, columns: int, side: int, n: int) -> list[np.ndarray]:
    """The pixels of the images in a grid."""
    picture = np.asarray(Image.open(path).convert("RGB"))
    corners = [(HEADER + GAP + i // columns * (side + GAP), GAP + i % columns * (side + GAP)) for i in range(n)]
    return [picture[top : top + side, left : left + side] for top, left in corners]


def test_red_green_and_blue_stay_what_they_are_row_by_row(tmp_path: Path) -> None:
    images = np.zeros((3, 56, 56, 3), np.float32)
    for i in range(3):
        images[i, ..., i] = 1
    save_grid(tmp_path / "a.png", images, 2, "")
    for i, cell in enumerate(cells(tmp_path / "a.png", 2, 56, 3)):
        assert np.unique(cell.reshape(-1, 3), axis=0).tolist() == [[255 * (c == i) for c in range(3)]]


@pytest.mark.parametrize("shape", [(1, 56, 56), (1, 56, 56, 1)])
def test_one_channel_is_grey(tmp_path: Path, shape: tuple[int, ...]) -> None:
    save_grid(tmp_path / "a.png", np.full(shape, 0.2), 1, "")
    (cell,) = cells(tmp_path / "a.png", 1, 56, 1)
    assert np.unique(cell).tolist() == [51]


def test_values_beyond_the_range_are_cut_and_nan_is_black(tmp_path: Path) -> None:
    images = np.full((1, 56, 56, 3), [2.0, -1.0, np.nan])
    save_grid(tmp_path / "a.png", images, 1, "")
    (cell,) = cells(tmp_path / "a.png", 1, 56, 1)
    assert np.unique(cell.reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]


def test_small_images_are_enlarged_without_blurring(tmp_path: Path) -> None:
    images = np.zeros((1, 28, 28, 3))
    images[0, 0, 0] = [1, 0.6, 0]
    save_grid(tmp_path / "a.png", images, 1, "")
    (cell,) = cells(tmp_path / "a.png", 1, 56, 1)
    assert cell[:2, :2].reshape(-1, 3).tolist() == [[255, 153, 0]] * 4
    assert cell.sum() == 4 * (255 + 153)
