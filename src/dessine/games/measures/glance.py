"""Quick scores of a few samples, at each line of metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.scores.panel import Panel
from dessine.scores.table import is_asked


def glance(panel: Panel, x: Array) -> dict[str, Array]:
    """The panel's quick scores of (R, N, *shape); NaN for replicates that are not finite."""
    found = [panel.glance(one) if np.isfinite(one).all() else {} for one in x]
    names = dict.fromkeys(name for scores in found for name in scores)
    return {name: np.array([scores.get(name, np.nan) for scores in found]) for name in names}


def scores(pair: Pair, drawn: Array) -> dict[str, Any]:
    """`scores` of whatever draws, and the `judge` who has read them; beside those of a moving average the `plain_scores` of the
    generator that plays. `class_obedience`, (R, K), where classes are asked for and the judge knows them.

    drawn: (R, N, *shape) by the generator that plays, `pair.scored` or more
    """
    if not pair.scored:
        return {}
    plain, told = glance(pair.panel, drawn[:, : pair.scored]), pair.panel.told
    if pair.average is None:
        return _obeyed(pair, drawn[:, : pair.scored], {"scores": plain} | told)
    with pair.average.worn():
        drawn = pair.drawn(pair.scored, pair.fixed())
        return _obeyed(pair, drawn, {"scores": glance(pair.panel, drawn), "plain_scores": plain} | told)


def _obeyed(pair: Pair, drawn: Array, told: dict[str, Any]) -> dict[str, Any]:
    """And how well (R, N, *shape) are what was asked for: all, and of each class."""
    if not is_asked(pair.panel.data):
        return told
    asked = pair.classes_of(pair.fixed(), drawn.shape[1])
    assert asked is not None
    nothing = np.full(len(pair.panel.data.asked), np.nan)
    found = np.stack(
        [pair.panel.obeyed(x, own) if np.isfinite(x).all() else nothing for x, own in zip(drawn, asked, strict=True)]
    )
    counts = np.stack([np.bincount(own, minlength=len(nothing)) for own in asked])
    share = (np.where(counts > 0, found, 0) * counts).sum(1) / counts.sum(1)
    return told | {"scores": told["scores"] | {"obedience": share}, "class_obedience": found}
