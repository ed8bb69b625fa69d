"""What the training loop needs of any game: turns, state, and how it is shown."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from dessine.data import Split
from dessine.games.player import Player
from dessine.registry import Node, Registry
from dessine.streams import Streams

Array = np.ndarray
games: Registry[Game] = Registry("game")


class Game(Node):
    """Players, and the rule of one turn."""

    registry = games
    players: dict[str, Player]
    streams: Streams
    goals: ClassVar[dict[str, str]] = {}  # metric -> "min" or "max", for summary.json

    def build(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        """Allocate networks and data order. Raises SpecError where they do not fit."""
        raise NotImplementedError

    def turn(self, measure: bool = False) -> dict[str, Any]:
        """One round. Returns {"loss": {player: (R,)}}, and every other metric if `measure`."""
        raise NotImplementedError

    def turns_per_epoch(self) -> float:
        """How many turns see the training set once."""
        raise NotImplementedError

    def state(self) -> dict[str, Array]:
        """Arrays of a checkpoint; streams are saved beside them."""
        raise NotImplementedError

    def restore(self, state: dict[str, Array]) -> None:
        """Go back to what `state()` returned."""
        raise NotImplementedError
