"""Points of more than two numbers are seen along their principal axes, and every picture says so."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dessine.plots import compare, paths
from dessine.plots.view import view_of

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(300, 4)) * [0.1, 3.0, 0.2, 1.0] + 5


def test_two_numbers_stay_what_they_are():
    for n in (1, 2):
        x = RNG.normal(size=(5, 3, n))
        view = view_of(REAL[:, :n], n)
        assert view.of(x) is x
        assert view.told == ""


def test_more_are_seen_where_the_real_ones_differ_most():
    view = view_of(REAL, 4)
    seen = view.of(REAL)
    assert seen.shape == (300, 2)
    np.testing.assert_allclose(seen.std(0), REAL.std(0)[[1, 3]], rtol=0.05)
    assert np.corrcoef(seen[:, 0], REAL[:, 1])[0, 1] > 0.99  # and not upside down
    share = round(100 * seen.var(0).sum() / REAL.var(0).sum())
    assert view.told == f"\n(two principal axes of 4 numbers: {share} % of the variance)"
    np.testing.assert_allclose(view.of(REAL.reshape(3, 100, 4)), seen.reshape(3, 100, 2))


@pytest.mark.parametrize("real", [np.zeros((0, 4)), np.ones((9, 4)), REAL[:2]])
def test_without_real_ones_that_differ_the_first_two_numbers_are_seen(real):
    view = view_of(real, 4)
    assert view.told == "\n(the first two of 4 numbers)"
    np.testing.assert_array_equal(view.of(REAL), REAL[:, :2])


def test_every_picture_of_points_takes_them(tmp_path, monkeypatch):
    told = []
    suptitle = Figure.suptitle
    monkeypatch.setattr(Figure, "suptitle", lambda figure, text: told.append(text) or suptitle(figure, text))
    way = REAL[:20]
    for name in ("way.png", "way.gif"):
        paths.save_path(tmp_path / name, REAL, way, [0, 19], ["a", "b"], "caption")
    paths.save_ways(tmp_path / "ways.png", REAL, np.stack([way, way[::-1]]), np.linspace(-3, 3, 20), ["a", "b"], "caption")
    compare.save_points(tmp_path / "points.png", {"": way}, {"": REAL}, "caption")
    assert [text.splitlines()[-1] for text in told] == [view_of(REAL, 4).told.strip()] * 4
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert picture.width > 300
