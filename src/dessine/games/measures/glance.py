"""Quick scores of a few samples, at each line of metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.scores.panel import Panel


def glance(panel: Panel, x: Array) -> dict[str, Array]:
    """The panel's quick scores of (R, N, *shape); NaN for replicates that are not finite."""
    found = [panel.glance(one) if np.isfinite(one).all() else {} for one in x]
    names = dict.fromkeys(name for scores in found for name in scores)
    return {name: np.array([scores.get(name, np.nan) for scores in found]) for name in names}


def scores(pair: Pair, drawn: Array) -> dict[str, Any]:
    """`scores` of whatever draws, and the `judge` who has read them; beside those of a moving average the `plain_scores` of the
    generator that plays.

    drawn: (R, N, *shape) by the generator that plays, `pair.scored` or more
    """
    if not pair.scored:
        return {}
    plain, told = glance(pair.panel, drawn[:, : pair.scored]), {"judge": pair.panel.judged} if pair.panel.judged else {}
    if pair.average is None:
        return {"scores": plain} | told
    with pair.average.worn():
        return {"scores": glance(pair.panel, pair.drawn(pair.scored, pair.fixed())), "plain_scores": plain} | told
