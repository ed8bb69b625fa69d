"""Curves of a run, from the records of metrics.jsonl. Repeats are drawn thin, with their mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np

from dessine.plots.figure import heading, legend_below, logarithmic, nearly_logarithmic, picture, shades
from dessine.plots.fonts import plain

Array = np.ndarray
Records = list[dict[str, Any]]


def save_losses(folder: Path, records: Records, title: str, ignorant: Mapping[str, float]) -> Path:
    """losses.png: the loss of each player, smoothed. ignorant: what it is where D cannot tell the two sides apart."""
    with picture(folder / "losses.png") as (figure, ((axes,),)):
        steps = _steps(records)
        for i, player in enumerate(_names(records, "loss")):
            values, colour = _values(records, "loss", player), f"C{i}"
            axes.plot(steps, values, color=colour, lw=0.5, alpha=0.5)
            _curve(axes, steps, _smoothed(_mean(values)[:, None]), player, colour)
            if player in ignorant:
                axes.axhline(ignorant[player], color=colour, ls="--", lw=1)
        if ignorant:
            known = ", ".join(f"{value:.2f}" for value in ignorant.values())
            axes.plot([], [], color="grey", ls="--", lw=1, label=f"where D cannot tell the two apart: {known}")
        told = "losses" + ", smoothed" * (len(steps) >= 20) + _thin(values)
        told += ". They say who is ahead; GAN losses rank no samples"
        axes.set(title=heading(title, told), xlabel="step", ylabel="loss (mean over the batch)")
        legend_below(figure, axes)
    return folder / "losses.png"


def save_discriminator(folder: Path, records: Records, title: str, probability: bool = True) -> Path:
    """discriminator.png: D(x) and D(G(z)), with their spread over the batch."""
    with picture(folder / "discriminator.png") as (figure, ((axes,),)):
        steps = _steps(records)
        for i, (key, label) in enumerate((("d_real", "D(x), real"), ("d_generated", "D(G(z)), generated"))):
            mean, std = _values(records, key, "mean"), _values(records, key, "std")
            _curve(axes, steps, mean, label, f"C{i}")
            if mean.shape[1] == 1:
                axes.fill_between(steps, (mean - std)[:, 0], (mean + std)[:, 0], color=f"C{i}", alpha=0.2, lw=0)
        note = _thin(mean) or " (band: ± 1 standard deviation over the batch)"
        said = "probability of real" if probability else "output (no probability)"
        axes.set(title=heading(title, f"what D says{note}"), xlabel="step", ylabel=said)
        if probability:
            axes.axhline(0.5, color="grey", ls="--", lw=1)
            axes.set_ylim(-0.05, 1.05)
        legend_below(figure, axes)
    return folder / "discriminator.png"


def save_estimate(folder: Path, records: Records, title: str) -> list[Path]:
    """w_estimate.png: the critic's estimate of W, where there is one."""
    values = _values(records, "w_estimate")
    if not np.isfinite(values).any():
        return []
    with picture(folder / "w_estimate.png") as (figure, ((axes,),)):
        _curve(axes, _steps(records), values, "E f(x) - E f(G(z))", "C0")
        axes.axhline(0, color="grey", ls="--", lw=1)
        told = "the critic's estimate of the distance W (lower is better, within this run; below 0 the critic is behind)"
        told += _thin(values)
        axes.set(title=heading(title, told), xlabel="step", ylabel="W times the critic's Lipschitz constant")
        legend_below(figure, axes)
    return [folder / "w_estimate.png"]


ERROR = "_error"
"""What the name of a score's standard error ends in."""


class Shown(NamedTuple):
    """How a score is titled, and what its axis always covers, so that two runs can be laid side by side.

    log: a logarithmic axis; even: the same, but up to here, and below 0, an even one; whole: it counts something
    """

    title: str
    low: float = inf
    high: float = -inf
    log: bool = False
    even: float = 0
    whole: bool = False


SCORES = {
    "modes": Shown("modes found (more is better)", 0, whole=True),
    "high_quality": Shown("share of samples near a mode (more is better)", 0, 1),
    "reverse_kl": Shown("unevenness of the modes: reverse KL, nats (less is better)", 0),
    "digit_entropy": Shown("entropy of the digits drawn (more is better; 2.30: all ten equally often)", 0, 2.303),
    "digit_confidence": Shown("how sure the judge is of each digit (more is better)", 0, 1),
    "kernel_distance": Shown("kernel distance (KID) in the judge's features (0 is best)", 0, even=10),
    "class_entropy": Shown("entropy of the classes drawn (more is better)", 0),
    "class_confidence": Shown("how sure the judge is of each class (more is better)", 0, 1),
    "random_kernel_distance": Shown("kernel distance (KID) in random features (0 is best)", 0, even=1),
    "frechet": Shown("Frechet distance in the judge's features (less is better)", log=True),
    "obedience": Shown("share of samples that are read as what was asked for (more is better)", 0, 1),
    "region_share": Shown("share of the data's regions that samples visit (more is better)", 0, 1),
    "near_real": Shown("share of samples as near to real examples as these are (more is better)", 0, 1),
    "diversity": Shown("distance between samples / between real ones (1 is best)", 0, 1.1),
}


def save_scores(
    folder: Path,
    records: Records,
    title: str,
    count: int,
    known: Mapping[str, Mapping[str, float]] = {},
    drawn_by: str = "",
) -> list[Path]:
    """scores.png: each score of the samples over time, beside those of a moving average that of the plain generator.

    A score whose standard error is among the metrics, such as kernel_distance_error, has a band, if there is one repeat.
    count: samples that were scored; known: what real examples, noise and the like get, by score, as lines; drawn_by: whose
    samples they are, where that needs saying
    """
    names = [name for name in _names(records, "scores") if not name.endswith(ERROR)]
    if not names:
        return []
    rows, note, averaged = -(-len(names) // 2), "", bool(_names(records, "plain_scores"))
    with picture(folder / "scores.png", rows, 2, (11, 3.1 * rows + 0.6)) as (figure, grid):
        for axes, name in zip(grid.flat, names, strict=False):
            for group, label, ink in (("scores", drawn_by or "generator", "C1"), ("plain_scores", "plain weights", "C3")):
                values = _values(records, group, name)
                if np.isfinite(values).any():
                    _curve(axes, _steps(records), values, label, ink)
                    note = _thin(values)
                error = _values(records, group, name + ERROR)
                if np.isfinite(error).any() and values.shape[1] == 1:
                    ends = (values - error)[:, 0], (values + error)[:, 0]
                    axes.fill_between(_steps(records), *ends, color=ink, alpha=0.2, lw=0)
            shown = SCORES.get(name, Shown(name))
            lines = {label: one[name] for label, one in known.items() if np.isfinite(one.get(name, np.nan))}
            for (label, at), (colour, style) in zip(lines.items(), LINES, strict=False):
                axes.axhline(at, color=colour, ls=style, lw=1.2, label=label)
            if shown.log:
                logarithmic(axes)
            if shown.even:
                nearly_logarithmic(axes, shown.even)
            if shown.whole:
                axes.locator_params(axis="y", integer=True)
            _cover(axes, [shown.low, shown.high, *lines.values()])
            axes.set(title=fill(shown.title, 58), xlabel="step")
        for axes in list(grid.flat)[len(names) :]:
            axes.set_axis_off()
        if averaged or known:
            legend_below(figure, *grid.flat, width=150)
        figure.suptitle(heading(title, f"scores of {count} samples{note}", 100))
    return [folder / "scores.png"]


LINES = (("C0", "--"), ("grey", ":"), ("C2", "-."))


def _cover(axes: Any, values: Iterable[float]) -> None:
    """The axis shows these values, too, with a little room."""
    axes.update_datalim([(axes.get_xlim()[0], v) for v in values if np.isfinite(v)], updatex=False)
    axes.autoscale_view(scalex=False)


def save_rotation(folder: Path, records: Records, title: str) -> list[Path]:
    """rotation.png: how much the joint gradient field turns, with the standard error of its measurement."""
    if not _names(records, "rotation"):
        return []
    share, error = _values(records, "rotation", "share"), _values(records, "rotation", "standard_error")
    with picture(folder / "rotation.png") as (figure, ((axes,),)):
        steps = _steps(records)
        _curve(axes, steps, share, "share of the Jacobian that is antisymmetric", "C0")
        if share.shape[1] == 1:
            axes.fill_between(steps, (share - error)[:, 0], (share + error)[:, 0], color="C0", alpha=0.2, lw=0)
        note = _thin(share) or " (band: ± 1 standard error)"
        told = heading(title, f"how much the gradient field turns{note}")
        axes.set(title=told, xlabel="step", ylabel="0: descent, 1: rotation", ylim=(-0.05, 1.05))
        legend_below(figure, axes)
    return [folder / "rotation.png"]


def save_critic_moves(folder: Path, records: Records, title: str) -> list[Path]:
    """critic_moves.png: moves of the critic in a turn, where their number is not always the same."""
    moves = _values(records, "critic_moves")
    if not np.isfinite(moves).any() or len(np.unique(moves[np.isfinite(moves)])) == 1:
        return []
    with picture(folder / "critic_moves.png") as (_, ((axes,),)):
        _curve(axes, _steps(records), moves, "moves of the critic", "C0")
        axes.set(title=heading(title, "moves of the critic in the turn that was logged"), xlabel="step", ylabel="moves")
        axes.set_ylim(bottom=0)
    return [folder / "critic_moves.png"]


def save_gap(folder: Path, records: Records, title: str) -> list[Path]:
    """critic_gap.png: what the discriminator says of examples that it learns from, beside those that it has never seen, and
    how much of what it tells apart it knows by heart."""
    if not _names(records, "critic_gap"):
        return []
    steps, share = _steps(records), _values(records, "critic_gap", "share")
    with picture(folder / "critic_gap.png", 1, 2, (12, 4.5)) as (figure, (left_and_right,)):
        left, right = left_and_right
        for key, label, colour in GAP:
            values = _values(records, "critic_gap", key)
            _curve(left, steps, values, label, colour)
            error = _values(records, "critic_gap", "error")
            if key == "held_out" and values.shape[1] == 1:
                left.fill_between(steps, (values - error)[:, 0], (values + error)[:, 0], color=colour, alpha=0.2, lw=0)
        note = _thin(share) or " (band: ± 1 standard error)"
        left.set(title=f"what D says, mean{note}", xlabel="step", ylabel="output, as it is")
        _curve(right, steps, share, "(training - held-out) / (training - generated)", "C0")
        for at, told in ((0, "0: it says the same of both"), (1, "1: to it, what it has not learnt from is generated")):
            right.axhline(at, color="grey", ls="--" if at else ":", lw=1.2, label=told)
        right.set(title="share that it knows by heart", xlabel="step", ylim=(-0.3, 1.3))
        legend_below(figure, left, width=60, place="lower left")
        legend_below(figure, right, width=60, place="lower right")
        figure.suptitle(heading(title, "does D know its training examples by heart?", 100))
    return [folder / "critic_gap.png"]


GAP = (
    ("train", "training examples", "C0"),
    ("held_out", "held-out examples, which it has not learnt from", "C2"),
    ("generated", "generated", "C1"),
)


def save_augment(folder: Path, records: Records, title: str, target: float) -> list[Path]:
    """augment.png: the share of images that are changed for the discriminator, where it adapts itself to a target."""
    if not _names(records, "augment"):
        return []
    p, sign = _values(records, "augment", "p"), _values(records, "augment", "sign")
    with picture(folder / "augment.png") as (figure, ((axes,),)):
        _curve(axes, _steps(records), sign, "mean sign of what D says of real examples; 1: it takes all of them for real", "C0")
        axes.axhline(target, color="C0", ls="--", lw=1.2, label=f"target {target:g}: above it p rises, below it p falls")
        _curve(axes, _steps(records), p, "p: share of images that are shifted, flipped or cut for D", "C2")
        told = f"how many images are changed, so that D learns none by heart{_thin(p)}"
        axes.set(title=heading(title, told), xlabel="step", ylim=(min(-0.05, 1.05 * np.nanmin(sign, initial=0)), 1.05))
        legend_below(figure, axes)
    return [folder / "augment.png"]


def save_slopes(folder: Path, records: Records, title: str, target: float | None = None) -> list[Path]:
    """critic_gradient.png: mean norm of the gradient of the critic's output by its input, at three kinds of points, and the
    largest of all. target: what a penalty holds the norm to."""
    kinds = _names(records, "critic_gradient")
    if not kinds:
        return []
    with picture(folder / "critic_gradient.png") as (figure, ((axes,),)):
        steps, means = _steps(records), [_values(records, "critic_gradient", kind, "mean") for kind in kinds]
        for i, (kind, mean) in enumerate(zip(kinds, means, strict=True)):
            _curve(axes, steps, mean, f"mean, at {kind} points", f"C{i}")
        every = np.concatenate([_values(records, "critic_gradient", kind, "max") for kind in kinds], 1)
        largest = np.where(np.isfinite(every).any(1), np.where(np.isfinite(every), every, -np.inf).max(1), np.nan)
        axes.plot(steps, largest, color="grey", ls=":", lw=1.2, label="largest, anywhere")
        if target:
            axes.axhline(target, color="grey", ls="--", lw=1, label=f"what the constraint asks for: {target:g}")
        axes.set(title=heading(title, f"how steep the critic is{_thin(means[0])}"), xlabel="step")
        axes.set_ylabel("norm of the gradient by the input")
        if any((mean > 0).any() for mean in means):
            logarithmic(axes)
        legend_below(figure, axes)
    return [folder / "critic_gradient.png"]


def save_gradients(folder: Path, records: Records, title: str) -> list[Path]:
    """gradients.png: gradient norm and relative size of the update, of each layer of each player."""
    players = _names(records, "layers")
    if not players:
        return []
    note = ""
    with picture(folder / "gradients.png", 2, len(players), (7 * len(players), 7)) as (figure, grid):
        for column, player in enumerate(players):
            layers = _names([r.get("layers", {}) for r in records], player)
            for row, (key, label) in enumerate((("grad_norm", "gradient norm"), ("update_ratio", "|update| / |weights|"))):
                axes, positive = grid[row][column], False
                for layer, colour in zip(layers, shades(len(layers)), strict=True):
                    values = _values(records, "layers", player, layer, key)
                    _curve(axes, _steps(records), values, layer, colour)
                    note, positive = _thin(values), positive or bool((values > 0).any())
                if positive:
                    logarithmic(axes)
                axes.set(title=f"{player}: {label} of each layer", xlabel="step", ylabel=label)
                if row == 0:  # beside the curves, which it would hide; the row below has the same colours
                    axes.legend(title="layer", loc="upper left", bbox_to_anchor=(1, 1))
        figure.suptitle(heading(title, f"how each layer learns{note}", 60 * len(players)))
    return [folder / "gradients.png"]


MOST_NAMED = 32
"""Classes whose names stand below their bars; of more, every second, third ..."""


def save_classes(path: Path, names: list[str], real: Array, drawn: Array, count: int, title: str) -> Path:
    """The share of each class among the examples drawn beside that among real ones: the picture of a collapse.

    real, drawn: (classes,), summing to 1; count: examples drawn
    """
    with picture(path, size=(max(6.0, min(14.0, 0.5 * len(names) + 2.5)), 4.2)) as (figure, ((axes,),)):
        x = np.arange(len(names))
        axes.bar(x - 0.2, 100 * real, 0.4, color="C0", label="real examples")
        axes.bar(x + 0.2, 100 * drawn, 0.4, color="C1", label=f"{count:,} generated")
        axes.set(title=heading(title, "what is drawn, and how often", 70), ylabel="share (%)", ylim=(0, None))
        shared = "mode" if all(name.startswith("mode ") for name in names) else ""
        called = [plain(name.removeprefix("mode ") if shared else name, 20) for name in names]
        slanted = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if max(map(len, called)) > 5 else {}
        some = slice(None, None, -(-len(names) // MOST_NAMED))
        axes.set_xticks(x[some], called[some], **slanted)
        axes.set_xlabel(shared)
        axes.grid(axis="x", visible=False)
        legend_below(figure, axes)
    return path


def _steps(records: Records) -> Array:
    return np.array([r["step"] for r in records])


def _names(records: Records, key: str) -> list[str]:
    return list(dict.fromkeys(name for r in records for name in (r.get(key) or {})))


def _values(records: Records, *keys: str) -> Array:
    """(records, repeats); what is missing or null is NaN."""
    rows = []
    for value in records:
        found: Any = value
        for key in keys:
            found = (found or {}).get(key)
        rows.append(found if isinstance(found, list) else [found])
    width = max((len(row) for row in rows), default=1)
    return np.array([[np.nan if v is None else v for v in row] + [np.nan] * (width - len(row)) for row in rows], float)


def _curve(axes: Any, steps: Array, values: Array, label: str, colour: Any) -> None:
    if values.shape[1] > 1:
        axes.plot(steps, values, color=colour, lw=0.4, alpha=0.5)
    axes.plot(steps, _mean(values), color=colour, lw=1.4, label=label, marker=mark(steps))


def mark(x: Array) -> str | None:
    """A few points shall be seen as such."""
    return "." if len(x) < 12 else None


def possible(axes: Any, values: Array) -> None:
    """The interval of few seeds may reach below 0, or above 1, where no value can be: the axis does not follow it there."""
    x = values[np.isfinite(values)]
    low, high = axes.get_ylim()
    if len(x) and x.min() >= 0:
        axes.set_ylim(max(low, -0.03 * x.max()), min(high, 1.03) if x.max() <= 1 else high)


def _mean(values: Array) -> Array:
    """(records,): over the repeats that have a number."""
    there = np.isfinite(values)
    return np.where(there.any(1), np.where(there, values, 0).sum(1) / np.maximum(there.sum(1), 1), np.nan)


def _smoothed(values: Array) -> Array:
    """(records, 1): each the mean of its neighbours, over a tenth of the run; shorter at the ends, as they are if few."""
    half = len(values) // 20
    return np.array([[np.mean(values[max(0, i - half) : i + half + 1])] for i in range(len(values))])


def _thin(values: Array) -> str:
    """How single repeats are drawn, where there are several."""
    return f" ({values.shape[1]} repeats thin, their mean bold)" if values.shape[1] > 1 else ""
