"""Sample grids: every image in its place, in its colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dessine.plots import grid
from dessine.plots.grid import (
    BAR,
    FEWEST_FRAMES,
    FOOT,
    GAP,
    HEADER,
    LAST_FRAMES,
    MOST_BYTES,
    MOST_FRAMES,
    SMALLEST,
    _smaller,
    save_gif,
    save_grid,
    save_labelled,
    save_pairs,
)


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


def test_rows_have_their_names_beside_them(tmp_path: Path) -> None:
    save_grid(tmp_path / "named.png", np.ones((4, 56, 56)), 2, "", np.ones((2, 56, 56)), rows=["zero", "one"])
    named = np.asarray(Image.open(tmp_path / "named.png").convert("L"))
    left = int(np.flatnonzero((named == 255).any(0))[0])
    assert left > 3 * GAP
    beside = (named[HEADER:, :left] < 200).any(1)
    assert beside[:59].any()
    assert beside[59:118].any()
    assert not beside[118:].any()


def test_small_images_are_enlarged_without_blurring(tmp_path: Path) -> None:
    images = np.zeros((1, 28, 28, 3))
    images[0, 0, 0] = [1, 0.6, 0]
    save_grid(tmp_path / "a.png", images, 1, "")
    (cell,) = cells(tmp_path / "a.png", 1, 56, 1)
    assert cell[:2, :2].reshape(-1, 3).tolist() == [[255, 153, 0]] * 4
    assert cell.sum() == 4 * (255 + 153)


@pytest.mark.parametrize(("side", "zoom"), [(8, 7), (28, 2), (32, 2), (56, 1), (64, 1)])
def test_every_image_is_large_enough_to_be_seen(tmp_path: Path, side: int, zoom: int) -> None:
    save_grid(tmp_path / "a.png", np.zeros((64, side, side)), 8, "")
    assert Image.open(tmp_path / "a.png").size[0] == 8 * (side * zoom + GAP) + GAP


def test_real_examples_have_a_row_of_their_own(tmp_path: Path) -> None:
    save_grid(tmp_path / "a.png", np.zeros((4, 56, 56)), 2, "", real=np.ones((10, 56, 56)))
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert (picture[-GAP - 56 : -GAP, GAP : GAP + 56] == 255).all()
    assert picture.shape[0] == HEADER + 2 * (56 + GAP) + GAP + FOOT + 56 + 2 * GAP


def test_pairs_stand_side_by_side(tmp_path: Path) -> None:
    save_pairs(tmp_path / "a.png", np.zeros((2, 56, 56, 1)), np.ones((2, 56, 56, 1)), 1, "")
    row = np.asarray(Image.open(tmp_path / "a.png").convert("L"))[HEADER + 20]
    assert (row[2 * GAP : 2 * GAP + 112] == [0] * 56 + [255] * 56).all()


def test_long_labels_and_captions_make_room(tmp_path: Path) -> None:
    save_labelled(tmp_path / "a.png", np.zeros((2, 28, 28, 1)), ["sneaker → sandal"] * 2, 2, "word " * 60)
    wide, high = Image.open(tmp_path / "a.png").size
    assert wide > 2 * 100
    assert high > HEADER + 56 + FOOT + 2 * 18


def test_a_gif_has_a_bar_for_the_time_and_room_for_every_frame(tmp_path: Path) -> None:
    frames = [tmp_path / f"{i}.png" for i in range(3)]
    for frame, high in zip(frames, (40, 60, 40), strict=True):
        Image.new("RGB", (100, high)).save(frame)
    with Image.open(save_gif(tmp_path / "a.gif", frames)) as gif:
        assert (gif.n_frames, gif.size) == (3, (100, 60))
        ends = []
        for i in range(3):
            gif.seek(i)
            bar = np.asarray(gif.convert("RGB"), int)[58]
            ends.append(int((np.abs(bar - BAR).sum(-1) < 30).sum()))
    assert ends[0] <= 1
    assert abs(ends[1] - 50) <= 1
    assert ends[2] >= 99


def test_of_many_frames_some_are_chosen(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "1.png")
    frames = [tmp_path / f"{i % 2}.png" for i in range(2 * MOST_FRAMES)]
    with Image.open(save_gif(tmp_path / "a.gif", frames)) as gif:
        assert gif.n_frames <= MOST_FRAMES


def test_the_bar_of_a_gif_runs_as_the_steps_do(tmp_path):
    frames = [tmp_path / f"{i}.png" for i in range(3)]
    for i, frame in enumerate(frames):
        image = Image.new("P", (200, 40 + 20 * i), 1)  # of a palette, and a caption may take a line more
        image.putpalette([0, 0, 0, 255, 255, 255, *BAR, 10 * i, 200, 0])
        image.putpixel((3, 3), 3)
        image.save(frame)
    with Image.open(save_gif(tmp_path / "a.gif", frames, [0, 10, 100])) as gif:
        assert gif.n_frames == 3
        assert gif.size == (200, 80)
        gif.seek(1)
        row = np.asarray(gif.convert("RGB"))[78]
        assert (row[:20] == BAR).all()
        assert (row[22:] == 255).all()


def restless(folder: Path, count: int, size: tuple[int, int], mode: str) -> list[Path]:
    """Pictures of which half is noise; the palette is white, red and 14 greys more."""
    rng, frames = np.random.default_rng(0), [folder / f"{i:03}.png" for i in range(count)]
    for frame in frames:
        pixels = np.zeros((size[1], size[0]), np.uint8)
        pixels[: size[1] // 2] = rng.integers(0, 16, (size[1] // 2, size[0]))
        image = Image.fromarray(pixels)
        image.putpalette([255, 255, 255, 255, 0, 0, *(c for i in range(14) for c in (16 * i,) * 3)])
        image.convert(mode).save(frame)
    return frames


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_a_gif_that_would_be_large_has_fewer_frames_and_smaller_ones(tmp_path: Path, mode: str) -> None:
    frames = restless(tmp_path, 80, (250, 200), mode)
    assert sum(frame.stat().st_size for frame in frames) > MOST_BYTES
    path = save_gif(tmp_path / "a.gif", frames)
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as gif:
        assert FEWEST_FRAMES <= gif.n_frames < 80
        assert SMALLEST < gif.width / 250 < 1


@pytest.mark.parametrize("mode", ["P", "RGB"])
@pytest.mark.parametrize(("count", "size", "kept"), [(70, (700, 700), LAST_FRAMES), (3, (2600, 2600), 3)])
def test_no_frames_are_so_large_that_a_gif_takes_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, count: int, size: tuple[int, int], kept: int
) -> None:
    monkeypatch.setattr(grid, "MOST_BYTES", MOST_BYTES // 50)  # and all sides a seventh: as quick as it may be
    frames = restless(tmp_path, count, (size[0] // 7, size[1] // 7), mode)
    path = save_gif(tmp_path / "a.gif", frames, [i**2 for i in range(count)])
    assert path.stat().st_size <= MOST_BYTES // 50
    with Image.open(path) as gif:
        assert kept <= gif.n_frames < FEWEST_FRAMES
        assert gif.width < size[0] / 7
        gif.seek(gif.n_frames - 1)
        bar = np.asarray(gif.convert("RGB"))[-2]
        assert (bar == bar[0]).all()  # it is at its end: the last one is there


def test_smaller_frames_keep_thin_lines_whole_and_letters_smooth(tmp_path: Path) -> None:
    image = Image.new("P", (100, 100))
    image.putpalette([255, 255, 255, 200, 0, 0, 128, 128, 128, 0, 0, 0])
    image.paste(1, (0, 37, 100, 38))  # a red line, and a grey that becomes paler
    image.paste(3, (51, 0, 52, 20))
    small = np.asarray(_smaller(image, (70, 70)).convert("RGB"))
    assert (small == (200, 0, 0)).all(-1).any(0).all()
    assert set(map(tuple, small[:10].reshape(-1, 3).tolist())) == {(255, 255, 255), (128, 128, 128)}


def test_a_full_disk_is_told_with_the_file_s_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left") as caught:
        save_grid(tmp_path / "samples.png", np.zeros((1, 4, 4, 1)), columns=1, caption="")
    assert caught.value.filename == str(tmp_path / "samples.png")
    assert not list(tmp_path.iterdir())
