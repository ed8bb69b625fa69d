"""Pictures of a sweep: curves of its settings, heat maps of two axes, the main effect of each axis, a search's progress."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from dessine.intervals import mean_interval
from dessine.plots import Pictures
from dessine.plots.curves import mark, possible
from dessine.plots.figure import heading, legend_below, library, logarithmic, picture
from dessine.sweeps.results import Axis, Result, Results, distinct, main_effect, samples, within

Array = np.ndarray
MOST_CURVES, MOST_BANDS, MOST_POINTS, MOST_TICKS, MOST_PLANES = 10, 4, 300, 24, 60


def save_pictures(
    results: Results, folder: Path, title: str, trials: Sequence[Sequence[str]] = (), pictures: Pictures | None = None
) -> list[Path]:
    """Every picture that the results allow. trials: of a search, names of their run folders. Returns their paths."""
    made: list[Path] = []
    draw = (pictures or Pictures()).draw
    for metric, way in results.metrics.items():
        slug = re.sub(r"[^\w.-]+", "_", metric)
        settings = results.settings()
        if not any(samples(rows, metric) for rows in settings.values()):
            continue
        if trials:
            made += draw(save_search, results, folder / f"search_{slug}.png", title, metric, way, trials)
        made += draw(save_curves, settings, folder / f"curves_{slug}.png", title, metric, way)
        if axes := [a for a in results.axes if len(a.points) > 1]:
            made += draw(save_effects, results, axes, folder / f"effects_{slug}.png", title, metric, way)
        if grid := [a for a in axes if not a.drawn and len(a.points) <= MOST_TICKS]:
            made += draw(save_heat, results, grid, folder / f"heat_{slug}.png", title, metric, way)
    return made + draw(save_planes, results, folder / "planes.png", title)


def better(way: str) -> str:
    """In brackets, behind the name of a metric."""
    return " (more is better)" if way == "max" else " (less is better)"


def save_curves(settings: dict[str, list[Result]], path: Path, title: str, metric: str, way: str) -> list[Path]:
    """The mean over seeds of each setting, with its 95 % interval; of many settings the best stand out."""
    found = {}
    for label, rows in settings.items():
        curves = [(*row.curve(metric), new) for row, new in distinct(rows)]
        steps, values = _aligned([(steps, values[:, new]) for steps, values, new in curves if len(steps)])
        if len(steps):
            found[label] = (steps, values)
    if not found:
        return []
    ends = {label: float(np.nanmean(values[:, -1])) for label, (_, values) in found.items()}
    ranked = sorted(ends, key=lambda label: ends[label], reverse=way == "max")
    shown = ranked[:MOST_CURVES]
    lines = [label for label in found if label in shown]
    named = [f"{_short(label)} (n = {len(found[label][1])})" for label in lines]
    columns = 2 if max(map(len, named)) <= 52 else 1
    with picture(path, size=(8.5, 4.8 + 0.22 * -(-len(lines) // columns))) as (figure, ((axes,),)):
        for label in ranked[MOST_CURVES:]:
            steps, values = found[label]
            axes.plot(steps, mean_interval(values)[0], color="silver", lw=0.7, zorder=1)
        for i, (label, name) in enumerate(zip(lines, named, strict=True)):
            steps, values = found[label]
            mean, low, high = mean_interval(values)
            axes.plot(steps, mean, color=f"C{i}", lw=1.5, label=name, marker=mark(steps), zorder=3)
            if label in ranked[:MOST_BANDS]:
                axes.fill_between(
                    steps, *np.clip((low, high), *within(settings[label], metric)), color=f"C{i}", alpha=0.15, lw=0, zorder=2
                )
        told = "one seed: no intervals"
        if max(len(v) for _, v in found.values()) > 1:
            told = "mean over seeds, band: 95 % interval"
            told += f" of the best {MOST_BANDS}" if len(lines) > MOST_BANDS else ""
        if len(found) > MOST_CURVES:
            told += f"; best {MOST_CURVES} of {len(found)} settings, the others grey"
        axes.set(xlabel="step", ylabel=metric)
        means = [mean_interval(values)[0] for _, values in found.values()]
        if _spans_decades(np.concatenate(means), way):
            logarithmic(axes)
        else:
            _zoom(axes, means)
            possible(axes, np.concatenate(means))
        figure.suptitle(f"{heading(title, metric + better(way))}\n{told}", fontsize="medium")
        figure.legend(loc="outside lower center", ncols=columns, frameon=False)
    return [path]


def _aligned(curves: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Steps (n,), and values (runs * repeats, n), NaN where a run has none; thinned to what a picture can show."""
    steps = np.unique(np.concatenate([s for s, _ in curves])) if curves else np.array([])
    if len(steps) > MOST_POINTS:
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, MOST_POINTS).round().astype(int))]
    rows = []
    for own, values in curves:
        place = {s: i for i, s in enumerate(own.tolist())}
        index = [place.get(s, -1) for s in steps.tolist()]
        there = np.array([i >= 0 for i in index])
        for column in values.T:
            rows.append(np.where(there, column[index], np.nan))
    return steps, np.array(rows)


def save_heat(results: Results, axes: Sequence[Axis], path: Path, title: str, metric: str, way: str) -> list[Path]:
    """A map for each pair of the first axes: the mean over seeds and over all other axes."""
    pairs = list(combinations(axes, 2))[:6]
    if not pairs:
        return []
    maps = [_map(results, metric, a, b) for a, b in pairs]
    everything = np.concatenate([m[np.isfinite(m)] for m in maps])
    if not len(everything):
        return []
    columns = min(len(pairs), 3)
    rows = -(-len(pairs) // columns)
    wide = max(4.5, min(11.0, 1.6 + 0.75 * max(len(a.points) for a, _ in pairs)))
    high = max(3.6, min(9.0, 1.6 + 0.55 * max(len(b.points) for _, b in pairs)))
    with picture(path, rows, columns, (wide * columns + 1, high * rows + 0.5)) as (figure, grid):
        colours = library().colormaps["viridis" if way == "max" else "viridis_r"].with_extremes(bad="0.92")
        between = library().colors.LogNorm if _spans_decades(everything, way) else library().colors.Normalize
        scale = between(everything.min(), everything.max())
        image: Any = None
        for axes_, (a, b), values in zip(grid.flat, pairs, maps, strict=False):
            image = axes_.imshow(values, cmap=colours, aspect="auto", norm=scale, origin="lower")
            axes_.set_xticks(range(len(a.points)), [a.name(p) for p in a.points], **_turned(a))
            axes_.set_yticks(range(len(b.points)), [b.name(p) for p in b.points])
            axes_.set(xlabel=a.label, ylabel=b.label)
            axes_.grid(visible=False)
            if values.size <= 144:
                for (j, i), v in np.ndenumerate(values):
                    if np.isfinite(v):
                        dark = sum(image.cmap(image.norm(v))[:3]) < 1.5
                        axes_.text(i, j, f"{v:.3g}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
        for left in list(grid.flat)[len(pairs) :]:
            left.set_visible(False)
        figure.colorbar(image, ax=grid, label=metric, format=lambda v, _: f"{v:g}")  # a logarithmic one writes raw formulas
        figure.suptitle(
            heading(title, f"{metric}{better(way)}, mean over seeds" + " and the other axes" * (len(axes) > 2), 60 * columns)
        )
    return [path]


def _map(results: Results, metric: str, a: Axis, b: Axis) -> Array:
    """(points of b, points of a): means over all runs that stand there."""
    found: dict[tuple[str, str], list[float]] = {}
    for rows in results.settings().values():
        place = b.point(rows[0].values), a.point(rows[0].values)
        found.setdefault(place, []).extend(samples(rows, metric).values())
    cells = [[found.get((b.point(q), a.point(p))) for p in a.points] for q in b.points]
    return np.array([[np.mean(v) if v else np.nan for v in row] for row in cells])


def save_effects(results: Results, axes: Sequence[Axis], path: Path, title: str, metric: str, way: str) -> Path:
    """One panel per axis: every run as a dot, means over all else with 95 % intervals over seeds where values were chosen."""
    columns = min(len(axes), 3)
    rows = -(-len(axes) // columns)
    size = (max(7.5, 4.4 * columns + 0.6), 3.9 * rows + 0.6)
    with picture(path, rows, columns, size, sharey=True) as (figure, grid):
        for panel, axis in zip(grid.flat, axes, strict=False):
            numbers = axis.numbers
            if axis.drawn or (numbers and len(numbers) > MOST_TICKS):
                _scatter(panel, results, axis, metric)
            else:
                _means(panel, results, axis, metric)
            panel.set_xlabel(axis.label)
            panel.grid(axis="x", visible=False)
        for left in list(grid.flat)[len(axes) :]:
            left.set_visible(False)
        found = np.array([v for row in results.done for v in samples([row], metric).values()])
        for panel in grid[:, 0]:
            panel.set_ylabel(metric)
            if _spans_decades(found, way):
                panel.set_ylim(np.nanmin(found) / 3, 3 * np.nanmax(found))
                logarithmic(panel)
            else:
                possible(panel, found)
        told = (
            "each dot a run" if all(a.drawn for a in axes) else "each dot a run; mean over all else, 95 % interval over seeds"
        )
        figure.suptitle(f"{heading(title, f'{metric} along each axis{better(way)}')}\n{told}", fontsize="medium")
    return path


def _means(panel: Any, results: Results, axis: Axis, metric: str) -> None:
    """The means at each point of an axis, beside all that they are of."""
    from matplotlib.transforms import ScaledTranslation

    effect, numbers = main_effect(results, axis, metric), axis.numbers
    evenly = bool(numbers and _even(numbers))
    x = np.array(numbers) if numbers and evenly else np.arange(len(axis.points))
    place = {axis.point(p): at for p, at in zip(axis.points, x, strict=True)}
    dots = [(place[axis.point(row.values)], v) for row in results.done for v in samples([row], metric).values()]
    beside = panel.transData + ScaledTranslation(-0.12, 0, panel.figure.dpi_scale_trans)  # inches: the bar would hide them
    panel.scatter(*zip(*dots, strict=True), s=16, color="C1", alpha=0.6, lw=0, zorder=2, transform=beside)
    there = np.isfinite(effect.low)
    panel.plot(x, effect.mean, color="C0", lw=1.2 if numbers else 0, marker="o", ms=5, zorder=3)
    bars = np.where(there, effect.high - effect.mean, 0)
    panel.errorbar(x[there], effect.mean[there], bars[there], fmt="none", color="C0", capsize=4, zorder=3)
    if evenly and numbers:
        _log(panel, numbers)
    else:
        panel.set_xlim(-0.5, len(axis.points) - 0.5)
    if not evenly or len(axis.points) <= 8:
        panel.set_xticks(x, [axis.name(p) for p in axis.points], **_turned(axis))
        panel.minorticks_off()


def _scatter(panel: Any, results: Results, axis: Axis, metric: str) -> None:
    key = axis.keys[0]
    points = [(row.values.get(key), v) for row in results.done for v in row.last.get(metric, []) if np.isfinite(v)]
    panel.scatter([x for x, _ in points], [y for _, y in points], s=14, alpha=0.6, color="C0")
    if axis.log:
        logarithmic(panel, "x")
    else:
        _log(panel, axis.numbers or [])
    _zoom(panel, [np.array([y for _, y in points])])


def save_search(results: Results, path: Path, title: str, metric: str, way: str, trials: Sequence[Sequence[str]]) -> Path:
    """Each trial's value in the order tried, and the best so far."""
    done = {row.run.path.name: row for row in results.done}
    found = [list(samples([done[name] for name in names if name in done], metric).values()) for names in trials]
    at = np.array([i for i, values in enumerate(found) if values])
    values = np.array([np.mean(v) for v in found if v])
    best = np.maximum.accumulate(values) if way == "max" else np.minimum.accumulate(values)
    with picture(path) as (figure, ((axes,),)):
        axes.scatter(at + 1, values, s=18, color="C0", alpha=0.7, label="trial (mean over seeds)")
        axes.step(at + 1, best, where="post", color="C1", label="best so far")
        axes.set(
            title=heading(title, f"{metric} of each trial{better(way)}"), xlabel="trial, in the order tried", ylabel=metric
        )
        axes.locator_params(axis="x", integer=True)
        _zoom(axes, [values])
        legend_below(figure, axes)
    return path


def save_planes(results: Results, path: Path, title: str) -> list[Path]:
    """The way of each setting, of its first seed, in the plane of a game of two numbers."""
    ways = {}
    for rows in results.settings().values():
        if not {"theta", "psi"} <= rows[0].last.keys():
            continue
        (_, theta), (_, psi) = (rows[0].curve(name) for name in ("theta", "psi"))
        if theta.shape == psi.shape:
            ways["\n".join(axis.name(rows[0].values) for axis in results.axes) or "base"] = (theta[:, 0], psi[:, 0], rows[0])
    if not ways:
        return []
    shown = list(ways.items())[:MOST_PLANES]
    last = len(results.axes[-1].points) if results.axes else 1
    columns = min(len(shown), last if 1 < last <= 4 else 4)
    count = -(-len(shown) // columns)
    with picture(path, count, columns, (2.9 * columns + 0.4, 3.1 * count + 0.6)) as (figure, grid):
        for axes, (label, (theta, psi, row)) in zip(grid.flat, shown, strict=False):
            axes.plot(theta, psi, color="C0", lw=1)
            axes.plot(theta[:1], psi[:1], "o", color="C0", ms=5)
            axes.plot(theta[-1:], psi[-1:], "s", color="C1", ms=5)
            far = row.last.get("distance")
            told = f"\nends at distance {far[0]:.3g}" if far else ""
            axes.set_title(f"{label}{told}", fontsize="small")
            axes.set_aspect("equal", adjustable="datalim")
            axes.locator_params(nbins=4)
        for left in list(grid.flat)[len(shown) :]:
            left.set_visible(False)
        few = f"; the first {len(shown)} of {len(ways)} settings" if len(ways) > len(shown) else ""
        figure.suptitle(heading(title, f"theta and psi, from the dot to the square{few}", 22 * columns))
    return [path]


def _even(numbers: Sequence[float]) -> bool:
    """Whether the points stand well on a linear or logarithmic scale; else they are drawn side by side."""
    if len(numbers) < 3 or sorted(numbers) != list(numbers):
        return False
    for x in (np.array(numbers), np.log(numbers) if min(numbers) > 0 else None):
        if x is not None and np.diff(x).min() > 0.3 * np.diff(x).max():
            return True
    return False


def _log(panel: Any, numbers: Sequence[float]) -> None:
    if numbers and min(numbers) > 0 and max(numbers) >= 20 * min(numbers):
        logarithmic(panel, "x")


def _spans_decades(values: Array, way: str) -> bool:
    """Whether values, of which less is better, are so far apart that one scale shows the best of them as 0."""
    x = values[np.isfinite(values)]
    return way != "max" and len(x) > 0 and x.min() > 0 and x.max() >= 1000 * x.min()


def _zoom(axes: Any, curves: Sequence[Array]) -> None:
    """A few runs that went far off shall not flatten all others."""
    values = np.concatenate([c[np.isfinite(c)] for c in curves])
    if len(values) < 20:
        return
    low, high = np.percentile(values, [1, 97])
    if high > low and values.max() - values.min() > 4 * (high - low):
        axes.set_ylim(low - 0.1 * (high - low), high + 0.15 * (high - low))


def _turned(axis: Axis) -> dict[str, Any]:
    """Long names on an x axis are written slantwise."""
    letters = sum(len(axis.name(p)) for p in axis.points)
    return {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if letters > 34 else {}


def _short(label: str) -> str:
    return label if len(label) <= 90 else label[:87] + "..."
