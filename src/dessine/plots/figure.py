"""A figure becomes a file that is either whole or not there. How all figures look stands here, what is drawn elsewhere.

Figures are made without pyplot, so that no window is ever opened and no backend of the user's is asked for.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any

from dessine.plots.fonts import fallback, plain
from dessine.plots.library import library

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#7F7F7F", "#999933", "#332288")
"""C0 to C9, told apart by colour-blind eyes (Okabe and Ito 2008, and three of Tol's); C7 is grey."""
STYLE: dict[str, Any] = {
    "text.parse_math": False,  # a name with two dollars is no formula
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": "medium",
    "figure.titlesize": "large",
    "grid.alpha": 0.3,
    "legend.fontsize": "small",
    "legend.edgecolor": "none",
    "lines.linewidth": 1.8,
    "font.size": 11.0,
    "image.interpolation": "nearest",
}
"""What all pictures share, on top of matplotlib's own defaults."""


@contextmanager
def picture(
    path: Path,
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (8, 4.5),
    dpi: int = 110,
    fitted: bool = True,
    **axes: Any,
) -> Iterator[tuple[Any, Any]]:
    """A figure of `size` inches and its axes, an array of (rows, columns) of them. At the end of the block it is written.

    It is written beside `path` and renamed. fitted: whether axes make room for each other's texts, which takes seconds where
    they are many; else `subplots_adjust` places them. axes: options of matplotlib's `subplots`.
    """
    plt = library()
    from matplotlib.figure import Figure

    beside = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    with plt.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that no font has are shown as boxes, without a word
        plt.rcdefaults()
        plt.rcParams.update(STYLE, **{"axes.prop_cycle": plt.cycler(color=COLOURS)})
        figure = Figure(figsize=size, layout="constrained" if fitted else None)
        yield figure, figure.subplots(rows, columns, squeeze=False, **axes)
        for one in figure.axes:
            _steps(one)
            _tell_empty(one)
        _spell(figure)
        _fit_titles(figure)
        if (layout := figure.get_layout_engine()) is not None:
            figure.set_dpi(dpi)
            layout.execute(figure)  # here, once: `savefig` would draw the whole figure one time more for it, unseen
            figure.set_layout_engine(None)
        try:
            figure.savefig(beside, dpi=dpi)
            os.replace(beside, path)
        except OSError as error:
            if error.errno is not None and error.filename in (None, str(beside)):
                error.filename = str(path)  # the other name means nothing to a user, and what could not be written has none
            raise
        finally:
            beside.unlink(missing_ok=True)


def _steps(axes: Any) -> None:
    """Along an axis of steps stand whole numbers, with commas; a run of one step has no others."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if axes.get_xlabel() in ("step", "turns", "examples learnt") and axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))


def _tell_empty(axes: Any) -> None:
    """Curves of a run that has diverged at once have no place: the picture says so, in place of ticks that mean nothing."""
    if axes.axison and axes.has_data() and not math.isfinite(axes.dataLim.x0):
        axes.tick_params(length=0, labelbottom=False, labelleft=False)
        axes.grid(visible=False)
        axes.text(0.5, 0.5, "no finite numbers to draw", transform=axes.transAxes, ha="center", va="center")


def _fit_titles(figure: Any) -> None:
    """Titles take another line before they leave the sheet, or run into each other."""
    across = [(text, 1) for text in figure.texts]
    for axes in figure.axes:
        place = axes.get_subplotspec()
        across += [(axes.title, place.get_gridspec().ncols)] if place is not None else []
    for text, columns in across:
        letters = int(0.97 * figure.get_figwidth() / columns * 72 / (0.6 * text.get_fontsize()))
        text.set_text("\n".join(fill(line, letters) for line in text.get_text().split("\n")))


def _spell(figure: Any) -> None:
    """Every text in letters that can be drawn: by the fonts of the system where matplotlib's own has none."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedLocator

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_locator(), FixedLocator):  # named ticks are given their text anew at each drawing
                axis.set_ticklabels([_lines(label.get_text()) for label in axis.get_majorticklabels()])
    texts = figure.findobj(Text)
    for text in texts:
        text.set_text(_lines(text.get_text()))
    if extra := fallback("".join(text.get_text() for text in texts)):
        for text in texts:
            text.set_fontfamily(["DejaVu Sans", *(name for name, *_ in extra)])


def _lines(text: str) -> str:
    return "\n".join(map(plain, text.split("\n")))


def heading(name: str, told: str, width: int = 90) -> str:
    """The title of a picture: the user's name for it, then what is seen, in lines of at most `width` letters."""
    return fill(f"{plain(name)}: {told}", width)


def shades(count: int, name: str = "viridis") -> list[Any]:
    """So many colours in order that can be told apart, the palest of them still seen on paper."""
    colours = library().colormaps[name]
    return [colours(0.82 * i / max(count - 1, 1)) for i in range(count)]


def legend_below(figure: Any, *axes: Any, width: int = 100, place: str = "lower center") -> None:
    """What the lines of all axes mean, below the picture, where it hides none of them, in rows of about `width` letters.

    place: where there, for one of two legends
    """
    handles = {label: one for panel in axes for one, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    letters = [len(label) + 7 for label in handles]  # a sign takes the room of some letters
    columns = 1
    for n in range(2, min(len(letters), 5) + 1):
        rows = -(-len(letters) // n)  # filled column by column
        if sum(max(letters[i : i + rows]) for i in range(0, len(letters), rows)) <= width:
            columns = n
    figure.legend(handles.values(), handles.keys(), loc=f"outside {place}", ncols=columns, frameon=False)


def logarithmic(axes: Any, way: str = "y") -> None:
    """A logarithmic scale with plain numbers at its ticks: 0.2 and 500, no powers. After all has been drawn."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    (axes.set_xscale if way == "x" else axes.set_yscale)("log")
    low, high = sorted(axes.get_xlim() if way == "x" else axes.get_ylim())
    axis = axes.xaxis if way == "x" else axes.yaxis
    few = MaxNLocator(6) if high < 8 * low else LogLocator(subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,))
    axis.set_major_locator(few)
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_formatter(NullFormatter())


def nearly_logarithmic(axes: Any, even: float) -> None:
    """A scale for values of both signs, even up to `even` and logarithmic beyond, with plain numbers at its ticks."""
    from matplotlib.ticker import FuncFormatter

    axes.set_yscale("symlog", linthresh=even)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))  # its own writes powers as formulas
