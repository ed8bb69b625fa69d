"""Curves as SVG: what stands where, what is left out, and that no number breaks one."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from dessine.reports.curves import MOST_LINES, MOST_POINTS, History, Series, panel


def series(values, steps=None) -> Series:
    made = Series()
    for step, v in zip(steps or range(len(values)), values, strict=False):
        made.add(step, v if isinstance(v, list) else [v])
    return made


def points(made: str) -> list[tuple[float, float]]:
    found = re.search(r'<polyline[^>]* points="([^"]*)"', made)
    return [tuple(map(float, pair.split(","))) for pair in found[1].split()] if found else []


def test_a_higher_value_stands_higher_and_a_later_step_further_right():
    (x0, y0), (x1, y1), (x2, y2) = points(panel("t", {"a": series([1.0, 3.0, 2.0])}))
    assert x0 < x1 < x2
    assert y1 < y2 < y0


def test_a_panel_tells_in_words_what_it_draws():
    made = panel("loss", {"generator": series([1.0, 0.25], [0, 2000])})
    assert 'aria-label="loss over steps 0 to 2,000: generator 0.25 at step 2,000"' in made


def test_repeats_are_a_mean_within_their_range_and_what_is_not_finite_does_not_count():
    one = series([[1.0, 3.0], [float("nan"), 4.0], [float("nan"), float("nan")]])
    assert (one.steps, one.mean, one.low, one.high) == ([0, 1], [2.0, 4.0], [1.0, 4.0], [3.0, 4.0])
    assert "<polygon" in panel("t", {"a": one})


def test_a_long_curve_is_thinned_without_losing_its_peak_and_does_not_flicker_as_it_grows():
    values = [0.0] * 5000
    values[1234] = 9.0
    thin, longer = series(values).thinned(), series([*values, 1.0]).thinned()
    assert len(thin.steps) <= MOST_POINTS
    assert max(thin.high) == 9.0
    assert thin.steps[-1] == 4999
    assert longer.steps[: len(thin.steps) - 1] == thin.steps[:-1]


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [5.0, 5.0],
        [1e308, 1.0, -1e308],
        [5e-324, 0.0],
        [1e-300, 2e-300],
        [1e20, 1e20 + 16384],
        [-9e299, 9e299],
        [float("inf"), 1.0],
    ],
)
def test_no_number_breaks_a_panel(values):
    made = panel("t", {"a": series(values)})
    ET.fromstring(f"<div>{made}</div>")
    assert not re.search(r"nan|inf\b", made)


def test_goals_come_first_then_losses_and_the_rest_is_apart():
    history = History()
    names = ("momentum_cosine.generator", "loss.generator", "loss.discriminator", "d_real.mean", "d_real.std", "scores.modes")
    for step in range(3):
        history.add(step, {name: [float(step)] for name in names})
    first, rest = history.panels(["scores.modes"])
    assert [re.search("<h3>(.*?)</h3>", one)[1] for one in first] == ["modes", "loss", "discriminator"]
    assert [re.search("<h3>(.*?)</h3>", one)[1] for one in rest] == ["momentum cosine", "discriminator: spread"]


def test_many_metrics_of_one_kind_are_split_and_names_become_no_tags():
    history = History()
    history.add(1, {f"x.<b>{i}": [1.0] for i in range(MOST_LINES + 1)} | {"nothing": [float("nan")]})
    first, rest = history.panels()
    assert (first, len(rest)) == ([], 2)
    assert "<b>" not in "".join(rest)


def test_a_score_says_what_it_is_and_which_way_is_better() -> None:
    history = History()
    history.add(10, {"scores.modes": [3.0], "scores.own": [1.0], "loss.generator": [0.7]})
    drawn = "".join(one for part in history.panels(["scores.modes", "scores.own"]) for one in part)
    assert "modes found (more is better)" in drawn
    assert "who is ahead" in drawn
