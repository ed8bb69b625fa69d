"""Figures: nothing of the user's matplotlib is seen, names are shown as they are, and what fails costs nothing else."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dessine.plots import Pictures
from dessine.plots.figure import heading, legend_below, logarithmic, nearly_logarithmic, picture
from dessine.plots.fonts import LONGEST, fallback, own_font, plain
from dessine.plots.grid import save_grid

NAMES = [
    "a$x_$b",
    "50 $",
    r"\frac{",
    "a_b^c",
    "100 %",
    "{}",
    "$$",
    "日本",
    "a\nb",
    "\x00\x1b[31m",
    "\udcff",
    "é" * 5000,
    "🙂",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is(tmp_path, name):
    with warnings.catch_warnings(), picture(tmp_path / "a.png") as (_, ((axes,),)):
        axes.plot([1, 2], [1, 2], label=name or "x")
        axes.set(title=heading(name, "losses"), xlabel=name, ylabel=name)
        axes.set_xticks([1], [name])
        axes.legend()
    Image.open(tmp_path / "a.png").verify()
    save_grid(tmp_path / "b.png", np.full((1, 1, 1), 0.5), 1, name)
    Image.open(tmp_path / "b.png").verify()


def test_a_dollar_is_no_formula(tmp_path):
    with picture(tmp_path / "a.png") as (figure, ((axes,),)):
        axes.set_title("a$x_$b")
        figure.draw_without_rendering()
        assert axes.title.get_text() == "a$x_$b"
        assert not axes.title.get_parse_math()


def test_names_are_one_line_and_no_longer_than_a_picture_can_show():
    assert plain("a\nb\tc") == "a b c"
    assert plain("\x00") == "\ufffd"
    assert len(plain("x" * 5000)) == LONGEST
    assert plain("日本 é $") == "日本 é $"


def test_fonts_of_the_system_are_asked_for_rare_letters_only():
    assert fallback("Größe → µ") == []
    for name, path, letters in fallback("日本\U0001f642"):
        assert Path(path).is_file()
        assert letters <= set("日本\U0001f642")
        assert "Last Resort" not in name, "it has a box for every letter there is"
    assert Path(own_font()).is_file()


def test_logarithmic_ticks_are_plain_numbers(tmp_path):
    with picture(tmp_path / "a.png") as (figure, ((axes,),)):
        axes.plot([1, 2, 3], [0.3, 4, 60])
        logarithmic(axes)
        figure.draw_without_rendering()
        assert {"1", "10"} <= {label.get_text() for label in axes.get_yticklabels()}


@pytest.mark.parametrize(("low", "high"), [(0.5, 1.9), (1.4, 6), (0.36, 6), (1, 1000), (1e-9, 1e9)])
def test_every_logarithmic_axis_has_some_numbers(tmp_path, low, high):
    with picture(tmp_path / "a.png") as (_, ((axes,),)):
        axes.plot([low, high])
        logarithmic(axes)
    inside = [v for v in axes.get_yticks() if axes.get_ylim()[0] <= v <= axes.get_ylim()[1]]
    assert 3 <= len(inside) <= 12


def test_steps_are_whole_numbers_even_where_there_is_one(tmp_path):
    with picture(tmp_path / "a.png", 1, 2) as (_, ((left, right),)):
        left.plot([1], [0.5], ".")
        right.plot([0, 6000], [0, 1])
        for axes in (left, right):
            axes.set_xlabel("step")
    low, high = left.get_xlim()
    assert [label.get_text() for label in left.get_xticklabels() if low <= label.get_position()[0] <= high] == ["1"]
    assert "2,000" in [label.get_text() for label in right.get_xticklabels()]


def test_a_panel_without_a_finite_number_says_so(tmp_path):
    with picture(tmp_path / "a.png", 1, 2, sharey=True) as (_, ((left, right),)):
        left.plot([1, 2], [np.nan, np.inf])
        left.axhline(0.5)
        right.plot([1, 2], [0, 1])
    assert [text.get_text() for text in left.texts] == ["no finite numbers to draw"]
    assert not right.texts
    assert any(label.get_visible() for label in right.get_xticklabels())


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_no_title_leaves_the_sheet_or_meets_its_neighbour(tmp_path, columns):
    long = "mnist: test_success of the validation set (more is better), mean over the seeds and all of the other axes"
    with picture(tmp_path / "a.png", 1, columns, (2 + 3.5 * columns, 4)) as (figure, ((*every,),)):
        for axes in every:
            axes.set_title(long)
        figure.suptitle(long)
    boxes = [axes.title.get_window_extent() for axes in every]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert figure.texts[0].get_window_extent().x0 >= 0


def test_a_legend_hides_no_curve(tmp_path):
    with picture(tmp_path / "a.png") as (figure, ((axes,),)):
        axes.plot([0, 1], label="x" * 50)
        axes.plot([1, 0], label="y" * 50)
        legend_below(figure, axes)
    (legend,) = figure.legends
    assert legend.get_window_extent().y1 < axes.get_window_extent().y0
    assert legend.get_window_extent().x0 >= 0


def test_ticks_of_a_scale_with_both_signs_are_plain_numbers(tmp_path):
    with picture(tmp_path / "a.png") as (figure, ((axes,),)):
        axes.plot([1, 2, 3], [-0.3, 4, 160])
        nearly_logarithmic(axes, 1)
        figure.draw_without_rendering()
        assert {"0", "10", "100"} <= {label.get_text() for label in axes.get_yticklabels()}


def test_what_the_process_has_set_is_not_seen_and_not_changed(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"figure.facecolor": "red", "savefig.facecolor": "red", "font.size": 3}):
        with picture(tmp_path / "a.png") as (_, ((axes,),)):
            axes.plot([0, 1])
        assert matplotlib.rcParams["figure.facecolor"] == "red"
    assert Image.open(tmp_path / "a.png").convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_figure_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), picture(tmp_path / "a.png"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


DRAW = """
from pathlib import Path
from dessine.plots.figure import picture
with picture(Path("out.png")) as (_, ((axes,),)):
    axes.set_title("日本")
    axes.plot([0, 1])
"""


def test_no_setting_of_the_user_reaches_a_picture(tmp_path):
    """A backend that is not there, rc files that are wrong, not UTF-8 or ugly, and no place for a cache, all at once."""
    (tmp_path / "matplotlibrc").write_bytes(b"figure.facecolor: red\nbackend: nonsense\nno.such.key: \xff\n")
    (tmp_path / "own.rc").write_text("text.usetex: True\nfigure.facecolor: red\n")
    (tmp_path / "file").touch()
    hostile = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": "own.rc", "MPLCONFIGDIR": "file/none"}
    env = os.environ | hostile | {"HOME": "/nowhere", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", DRAW], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Image.open(tmp_path / "out.png").convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def fail(path: Path) -> Path:
    raise OSError(28, "No space left on device", str(path))


def test_each_cause_is_told_once_and_other_pictures_are_drawn(tmp_path):
    told: list[str] = []
    pictures = Pictures(told.append)
    assert pictures.draw(fail, tmp_path / "a.png") == pictures.draw(fail, tmp_path / "b.png") == []
    assert pictures.draw(lambda: tmp_path / "c.png") == [tmp_path / "c.png"]
    assert pictures.draw(lambda: None) == []
    assert len(told) == 1
    assert "No space left on device" in told[0]
    assert "a.png" in told[0]


def test_a_picture_within_another_call_takes_its_time_once(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("dessine.plots.pictures.time.perf_counter", lambda: next(clock))
    pictures = Pictures()
    pictures.draw(lambda: pictures.draw(lambda: None))
    assert pictures.seconds == 3  # of the outer one, in which the inner one took 1


def test_a_key_of_the_user_ends_drawing():
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pictures().draw(stop)


def test_matplotlib_keeps_quiet():
    assert logging.getLogger("matplotlib").level == logging.CRITICAL
