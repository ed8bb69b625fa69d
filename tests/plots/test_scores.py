"""Where scores stand on their common scale."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dessine.plots.scores import _places, save_along, save_strips


def row(value: float, ceiling: float, floor: float, collapsed: float, error: float = 0.1) -> dict[str, float]:
    return {"value": value, "ceiling": ceiling, "floor": floor, "collapsed": collapsed, "standard_error": error}


def places(numbers: dict[str, float], better: str) -> dict[str, float]:
    return {key: pytest.approx(x) for key, x, _ in _places(numbers, better)}


def test_the_worse_baseline_is_0_and_the_ceiling_1():
    assert places(row(6, 10, 2, 1), "higher") == {"value": 5 / 9, "floor": 1 / 9, "collapsed": 0}
    assert places(row(6, 0, 12, 3), "lower") == {"value": 0.5, "floor": 0, "collapsed": 0.75}
    assert places(row(1.5, 1, 2, 0.5), "near 1") == {"value": 0.5, "floor": 0, "collapsed": 0.5}


def test_bars_are_two_standard_errors():
    ((_, _, around),) = [one for one in _places(row(5, 10, 0, 0, 0.5), "higher") if one[0] == "value"]
    np.testing.assert_allclose(around, [0.4, 0.6])


def test_there_is_no_scale_where_no_baseline_is_worse_or_numbers_are_missing():
    assert _places(row(5, 1, 1, 1), "higher") == []
    assert _places(row(5, np.nan, 1, 0), "higher") == []
    assert places(row(np.nan, 10, 0, 0), "higher") == {"floor": 0, "collapsed": 0}
    assert places(row(5, 10, 0, np.inf), "higher") == {"value": 0.5, "floor": 0}


def test_pictures_take_null_and_infinity(tmp_path):
    scores = {"a": row(1, 2, 0, 0) | {"better": "higher"}, "b": row(np.inf, 1, np.nan, 0) | {"better": "lower"}}
    scores["c"] = dict.fromkeys(scores["a"]) | {"better": "near 1"}
    Image.open(save_strips(tmp_path / "scores.png", scores, "made")).verify()
    checkpoints = [{"step": 1, "loss": 1.0, "a": 2.0}, {"step": 2, "loss": 0.5, "a": None}]
    Image.open(save_along(tmp_path / "along.png", checkpoints, "made", {"a": "lower"})).verify()


def test_panels_of_the_checkpoints_do_not_hide_each_other(tmp_path, monkeypatch):
    from contextlib import contextmanager

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from dessine.plots import scores
    from dessine.plots.figure import picture

    drawn = []

    @contextmanager
    def kept(*args, **options):
        with picture(*args, **options) as (figure, grid):
            drawn.append(figure)
            yield figure, grid

    monkeypatch.setattr(scores, "picture", kept)
    names = [f"score {i}" for i in range(7)]
    scores.save_along(tmp_path / "a.png", [{"step": 10 * i, **dict.fromkeys(names, i)} for i in range(3)], "run", {})
    renderer = FigureCanvasAgg(drawn[0]).get_renderer()
    boxes = [axes.get_tightbbox(renderer) for axes in drawn[0].axes if axes.get_title()]
    assert len(boxes) == 7
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
