"""Samples of several settings in one picture, each row a setting, from the same latents. Used by `dessine runs compare`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dessine.cli.errors import say
from dessine.runs.comparison import Setting
from dessine.runs.files import RunError

MOST_SETTINGS, COLUMNS, POINTS = 12, 10, 1000
SEED = 0
"""Of the latents."""


class _Drawn(NamedTuple):
    label: str
    x: np.ndarray  # images (N, H, W, C) in [0, 1], or points (N, n)
    latent: Any
    real: np.ndarray


def save_samples_of(path: Path, every: Sequence[Setting], title: str) -> Path | None:
    """What the first run of each setting that has a generator draws. Nothing where none has one."""
    with_generator = [one for one in every if "generator" in (one.tracks[0].row.spec.get("game") or {})]
    if not with_generator:
        return None
    if len(with_generator) > MOST_SETTINGS:
        say(f"samples of the first {MOST_SETTINGS} of {len(with_generator)} settings are drawn")
    drawn = [made for one in with_generator[:MOST_SETTINGS] if (made := _draw(one))]
    if not drawn:
        return None
    most, _ = Counter(one.x.shape[1:] for one in drawn).most_common(1)[0]
    for one in drawn:
        if one.x.shape[1:] != most:
            wrong, right = (" x ".join(map(str, shape)) for shape in (one.x.shape[1:], most))
            say(f"{one.label}: its samples are {wrong}, not {right} like the others: they are not in the picture")
    drawn = [one for one in drawn if one.x.shape[1:] == most]
    same = len({str(one.latent) for one in drawn}) == 1
    whose = "each run" if all(len(one.tracks) == 1 for one in every) else "the first run of each setting"
    told = f"{title}: samples of {whose}, " + ("from the same latents" if same else "their latents differ in size or kind")
    if len(most) == 1:
        from dessine.plots.compare import save_points

        return save_points(path, {one.label: one.x for one in drawn}, {one.label: one.real for one in drawn}, told)
    from dessine.plots.grid import save_table

    told += " in each column" if same else ""
    return save_table(path, [one.x for one in drawn], [_lines(one.label) for one in drawn], [""] * COLUMNS, told)


def _draw(one: Setting) -> _Drawn | None:
    """None, and a line that says why, where its run cannot draw."""
    from dessine.cli.draw import draw_images
    from dessine.cli.loading import open_one
    from dessine.registry import SpecError
    from dessine.spec import BadSpec

    path = one.tracks[0].row.path
    try:
        experiment = open_one(str(path), path.parent).experiment
        game: Any = experiment.game
        points = len(experiment.split.train.shape) == 1
        x = draw_images(experiment, POINTS if points else COLUMNS, SEED)
        if not points and x.ndim == 3:
            x = x[..., None]
        real = experiment.split.behind(POINTS) if points else x[:0]
        latent = (game.latent.size, game.latent.distribution, game.latent.limit)
    except (RunError, SpecError, BadSpec) as error:
        lines = error.lines if isinstance(error, BadSpec) else str(error).splitlines()
        say(lines[0] if str(path) in lines[0] else f"{path}: {lines[0]}")
        return None
    return _Drawn(one.label, x, latent, real)


def _lines(label: str) -> str:
    """A label in lines of one value each."""
    return "\n".join(label.split(", ")[:4])
