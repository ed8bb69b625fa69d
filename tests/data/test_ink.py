"""Points of a picture's ink: they lie where it is dark, as often as it is, and what is transparent is never ink."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dessine.data import Dataset, Split
from dessine.registry import SpecError

CONFIGS = Path(__file__).parents[2] / "configs"


def picture(folder: Path, pixels: list[list[int]], mode: str = "L", name: str = "p.png") -> str:
    Image.fromarray(np.array(pixels, np.uint8), mode=None if mode == "L" else mode).save(folder / name)
    return str(folder / name)


def points(path: str, **node: object) -> Split:
    return Dataset.of({"type": "picture", "path": path, "points": 4000, "test_points": 500, **node}).load()


def test_points_are_where_the_ink_is_as_often_as_it_is_dark(tmp_path: Path) -> None:
    x = points(picture(tmp_path, [[0, 255, 255, 255], [255, 255, 255, 127]])).train.x
    assert (x.min(0) >= [-1, -0.5]).all()
    assert (x.max(0) <= [1, 0.5]).all()
    left, right = x[x[:, 0] < 0], x[x[:, 0] >= 0]
    assert (left[:, 1] > 0).all()  # the first row of a picture is above
    assert (right[:, 1] < 0).all()
    assert len(left) / len(x) == pytest.approx(255 / (255 + 128), abs=0.03)
    assert np.histogram(left[:, 0], 4, (-1, -0.5))[0].min() > 500  # evenly within the pixel


def test_light_is_ink_if_asked_and_the_extent_may_be_chosen(tmp_path: Path) -> None:
    x = points(picture(tmp_path, [[0, 255], [0, 0]]), invert=True, extent=3.0).train.x
    assert (x > 0).all()
    assert x.max() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("invert", [False, True])
def test_what_is_transparent_is_no_ink(tmp_path: Path, invert: bool) -> None:
    ink = 255 if invert else 0
    grey = np.full((2, 2, 2), [ink, 0], np.uint8)
    grey[0, 1, 1] = 255
    Image.fromarray(grey).save(tmp_path / "p.png")
    x = points(str(tmp_path / "p.png"), invert=invert).train.x
    assert (x > 0).all()


def test_faint_pixels_below_the_threshold_are_paper(tmp_path: Path) -> None:
    path = picture(tmp_path, [[0, 240], [255, 255]])
    assert (points(path).train.x[:, 0] < 0).all()
    assert (points(path, threshold=0).train.x[:, 0] > 0).any()


def test_the_density_is_that_of_the_points_and_sums_to_one(tmp_path: Path) -> None:
    path = picture(tmp_path, [[0, 255, 90], [255, 100, 255]])
    axis = np.arange(-2, 2, 0.02) + 0.01
    at = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    for sigma in (0.0, 0.1):
        split = points(path, sigma=sigma)
        assert split.known is not None
        share = np.exp(split.known.log_density(at)) * 0.02**2
        assert share.sum() == pytest.approx(1, abs=0.03 if not sigma else 1e-6)
        assert np.isfinite(split.known.log_density(split.train.x)).all()
        inside = at[:, 0] < -0.2
        assert share[inside].sum() == pytest.approx((split.train.x[:, 0] < -0.2).mean(), abs=0.03)


def test_a_large_picture_is_reduced_with_its_ink(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.uint8([[0] * 50 + [255] * 50]), (40, 1))).save(tmp_path / "p.png")
    split = points(str(tmp_path / "p.png"), size=10)
    assert split.known.shares.shape == (4, 10)  # type: ignore[union-attr]
    assert (split.train.x[:, 0] < 0).all()


def test_the_picture_that_is_shipped_is_a_sheep_that_the_program_draws() -> None:
    drawn = Dataset.of({"type": "sheep", "images": 1, "test_images": 1, **SHIPPED}).load().train.x[0, ..., 0]
    with Image.open(CONFIGS / "sheep.png") as image:
        np.testing.assert_array_equal(np.asarray(image), drawn)


SHIPPED = {"size": 128, "classes": ["right-standing-plain"], "seed": 1}


def test_what_is_no_picture_or_has_no_ink_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("a sheep")
    white = picture(tmp_path, [[255, 255]], name="white.png")
    for path, told in (
        (str(tmp_path / "none.png"), "none.png cannot be read"),
        (str(tmp_path / "text.png"), "text.png is text, no picture"),
        (white, "has no ink.*invert: true"),
    ):
        with pytest.raises(SpecError, match=told):
            points(path)
