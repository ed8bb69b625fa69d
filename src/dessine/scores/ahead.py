"""Which of the two players is ahead: what the settings of a run say of it, and what its lines of metrics do.

What to do about it stands in `advice.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dessine.scores.gan_rules import paid, undecided_loss
from dessine.scores.lines import Lines, kind

Game = Mapping[str, Any]
PLAYERS = ("generator", "discriminator")
PACE = 3.0  # times as fast by the settings
MOVED = 10.0  # times as large a share of the weights
LEVEL, WON = 0.95, 0.2  # of the loss of a discriminator that knows nothing


def behind(game: Game, lines: Lines) -> str:
    """Why one may think that the discriminator cannot follow the generator; empty if nothing says so."""
    pace = paces(game)
    if pace and pace[0] >= PACE * pace[1]:
        return f"the discriminator learns {_times(pace[0] / pace[1])} slower than the generator, and cannot follow it"
    moved = [lines.end(_largest_step(lines, player)) for player in PLAYERS]
    if moved[0] >= MOVED * moved[1] > 0:
        return f"a move changes {_times(moved[0] / moved[1])} less of the discriminator than of the generator"
    if _share_of_loss(game, lines) >= LEVEL:
        return "the discriminator pays what one pays that knows nothing: it does not see what is wrong"
    return ""


def ahead(game: Game, lines: Lines) -> str:
    """Why one may think that the discriminator has run away from the generator; empty if nothing says so."""
    pace = paces(game)
    if pace and pace[1] >= PACE * pace[0]:
        return f"the discriminator learns {_times(pace[1] / pace[0])} faster than the generator"
    if _share_of_loss(game, lines) <= WON:
        return "the discriminator is hardly ever wrong, so that it tells the generator little"
    return ""


def paces(game: Game) -> tuple[float, float] | None:
    """How fast generator and discriminator learn by their settings; None where these cannot be compared."""
    own = [game[player].get("optimizer") for player in PLAYERS]
    if not all(isinstance(one, Mapping) and largest(one.get("eta")) for one in own) or kind(own[0]) != kind(own[1]):
        return None
    moves: Any = game.get("moves")
    turns = [1, largest(game.get("n_critic", 1))]
    if isinstance(moves, Mapping):
        count = [moves.get(name, 0) for name in ("real", "shared", "generated", "alone")]
        turns = [count[1] + count[3], sum(count[:3])]
    pace = [n * largest(one["eta"]) / (1 - (largest(one.get("momentum")) or 0)) for n, one in zip(turns, own, strict=True)]
    return pace[0], pace[1]


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.2g} times"


def largest(number: Any) -> float:
    """That it ever is, if it has a schedule; 0 for what is no number."""
    ends = [number.get("from"), number.get("to")] if isinstance(number, Mapping) else [number]
    return max([float(one) for one in ends if isinstance(one, int | float)], default=0.0)


def _largest_step(lines: Lines, player: str) -> np.ndarray:
    """(lines,) the share of its weights that a move changes, of the layer that changes most."""
    ratios = lines.layers(player, "update_ratio")
    return ratios.max(1) if ratios.size else np.full(len(lines.steps), np.nan)


def _share_of_loss(game: Game, lines: Lines) -> float:
    """Of what one that knows nothing pays; NaN where the loss has no such scale."""
    undecided = undecided_loss(game)
    return np.nan if undecided is None else lines.end(paid(lines)) / undecided
