"""What the training loop and the commands need of any game: turns, state, and how it is shown and scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dessine.data import Split
from dessine.games.player import Player
from dessine.machine import amount, memory
from dessine.nn import Mode, Network
from dessine.node import Node
from dessine.plots import Pictures
from dessine.registry import Registry, SpecError
from dessine.schedules import Scheduled
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled
from dessine.streams import Streams
from dessine.threads import one_blas_thread

Array = np.ndarray
games: Registry[Game] = Registry("game")

FIXED_SEED = 2**32
"""Added to the seed of a run for what must look the same at every step: latents of the sample grids, noise in tests."""
LOOKED_REPEATS = 20
"""Repeats of which samples are looked at, from the first: more would take minutes."""
NO_GENERATOR = "this run has no generator"


@dataclass(frozen=True)
class Probe:
    """A network with a loss of its own, for finite differences: `loss(mode, True)` returns (R,) and adds to the gradients.

    With False it need not: of most losses that is half of the work.
    """

    name: str
    network: Network
    loss: Callable[[Mode, bool], Array]


@dataclass(frozen=True)
class Context:
    """What pictures are labelled with, and who draws them.

    title: the experiment's name
    seed: of the run
    step: turns made
    grid: rows and columns of a sample grid
    pictures: so that none of them can end a run
    """

    title: str
    seed: int
    step: int
    grid: tuple[int, int] = (8, 8)
    pictures: Pictures = field(default_factory=Pictures)


def refuse_beyond_memory(needs: Mapping[str, float]) -> None:
    """needs: what for -> bytes. Raises SpecError where this machine has less than all of it."""
    total, there = sum(needs.values()), memory()
    if total > there:
        parts = ", ".join(f"{what} {amount(count)}" for what, count in needs.items() if count > total / 100)
        text = f"needs about {amount(total)} of memory ({parts}), this machine has {amount(there)}"
        raise SpecError(f"{text}: take smaller layers, fewer repeats or a smaller batch")


class Game(Node):
    """Players, and the rule of one turn."""

    registry = games
    players: dict[str, Player]
    streams: Streams
    batch_size: int
    metrics_period: int = 50  # steps between two lines of metrics, for means over what lies between them
    goals: Mapping[str, str]  # known once built: metric -> "min" or "max", for summary.json
    draws: ClassVar[bool] = False  # whether there are samples, for a judge to read
    moves_fast: bool = False  # so that pictures of the beginning are worth having
    headline: ClassVar[dict[str, str]] = {}  # metric -> its short label on the progress line, what matters most first

    def outline(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        """See what all is going to be, without taking memory for it. Raises SpecError where things do not fit."""
        raise NotImplementedError

    def build(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        """Outline it, then allocate networks and data order. Raises SpecError."""
        raise NotImplementedError

    def about(self) -> dict[str, Any]:
        """What run.json says of it beside its spec."""
        return {}

    def turn(self, measure: bool = False) -> dict[str, Any]:
        """One round. Returns {"loss": {player: (R,)}}, and every other metric if `measure`.

        Whether a turn is measured must not change what the game does next.
        """
        raise NotImplementedError

    def scheduled(self) -> Iterator[tuple[str, Scheduled]]:
        """Whose numbers may move from turn to turn, by name."""
        for name, player in self.players.items():
            yield from ((f"{name}.{part}" if part else name, one) for part, one in player.scheduled())

    def to_turn(self, turn: int) -> None:
        """Give all of them the values of turn `turn`, from 1 on."""
        for _, one in self.scheduled():
            one.to_turn(turn)

    def begin(self, turn: int) -> None:
        """What comes before turn `turn`: numbers move, and after a line of metrics one counts anew."""
        self.to_turn(turn)
        if (turn - 1) % self.metrics_period == 0:
            for player in self.players.values():
                player.count_anew()

    def optimizing(self) -> dict[str, Any]:
        """Metrics of how the players learn, where their options ask for them.

        `scheduled`, whose -> name -> (R,): the numbers that have a schedule, as they are in this turn.
        `limited`, player -> (R,): with optimizer.limit, the share of steps since the last line whose gradient was too long.
        """
        told: dict[str, dict[str, Array]] = {}
        for whose, one in self.scheduled():
            for name in one.schedules:
                told.setdefault(whose, {})[name] = np.full(self.streams.replicates, getattr(one, name))
        limited = {
            name: player.limited / max(player.counted, 1)
            for name, player in self.players.items()
            if player.optimizer.limit is not None
        }
        return ({"scheduled": told} if told else {}) | ({"limited": limited} if limited else {})

    def turns(self, n: int, measure: bool = False) -> dict[str, Any]:
        """n rounds; what the last one returns."""
        with one_blas_thread():
            for _ in range(n - 1):
                self.turn()
            return self.turn(measure)

    def report(self) -> dict[str, Any]:
        """Metrics that are taken between turns, when a line is logged; changes nothing."""
        return {}

    def directions(self, data: Split) -> dict[str, str]:
        """By what one state can be better than another: metric -> "min", "max" or "near 1"."""
        return {}

    def is_on_lines(self, metric: str) -> bool:
        """Whether every line of metrics has this one of `directions`; else `score` takes it."""
        return True

    def score(self, metric: str) -> Array:
        """(R,) one that lines of metrics do not have, as the players are now; changes nothing."""
        raise NotImplementedError

    def tested(self) -> dict[str, Any]:
        """Metrics by the test part, where on the way a validation part was looked at: once, when the last step is made."""
        return {}

    def period(self) -> int:
        """Steps between two lines of metrics, where the outputs do not say."""
        return 50

    def sample_period(self) -> int:
        """Steps between two pictures, where the outputs do not say."""
        return 500

    def checkpoint_period(self) -> int:
        """Steps between two checkpoints, where the outputs do not say."""
        return 1000

    def turns_per_epoch(self) -> float:
        """How many turns see the training set once."""
        raise NotImplementedError

    def state(self) -> dict[str, Array]:
        """Arrays of a checkpoint; streams are saved beside them."""
        raise NotImplementedError

    def restore(self, state: dict[str, Array]) -> None:
        """Go back to what `state()` returned."""
        raise NotImplementedError

    def summary(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        """What summary.json says beyond the last and the best of the metrics."""
        return {}

    def reference(self, data: Split) -> Reference:
        """What the data let be reached, for the verdict on a run."""
        return Reference.of(data)

    def show(self, path: Path, context: Context) -> None:
        """Draw into `path`, a .png, what the players can do now."""

    def save_plots(self, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
        """Curves and pictures of a whole run. Returns their paths."""
        return []

    def evaluate(
        self,
        count: int,
        seed: int,
        folder: Path,
        context: Context,
        only: Sequence[str] | None = None,
        average: bool | None = None,
        repeat: int = 0,
    ) -> dict[str, Any]:
        """Scores of the trained players, on `count` examples at most, or those named in `only`; pictures go to `folder`.

        average: as in `drawn_by`; repeat: whose, where each draws its own
        """
        raise NotImplementedError

    def looked(
        self, count: int, seed: int, average: bool | None, steps: Sequence[int], go_back: Callable[[], bool]
    ) -> list[Sampled]:
        """What `count` samples of the first repeats show, whose turns were `steps`; nothing where no player draws.

        go_back: to an earlier checkpoint, if there is one, whose samples of the same latents stand beside these
        """
        return []

    def drawn_by(self, average: bool | None = None) -> str:
        """Whose weights draw, in words, where there is a choice; else nothing.

        average: the moving average of the generator (True), its own weights (False), or the average where the game keeps one
        (None): so it is wherever samples are drawn, scored or shown. Raises ValueError where there is nothing to choose from.
        """
        if average is not None:
            raise ValueError(NO_GENERATOR)
        return ""

    def draw(self, count: int, streams: Streams, replicate: int = 0, average: bool | None = None) -> Array:
        """(count, *shape) new examples in the data's own scale. average: as in `drawn_by`.

        Raises ValueError where no player draws, or there is no average.
        """
        raise ValueError(NO_GENERATOR)

    def draw_each(self, count: int, streams: Streams, average: bool | None = None) -> Array:
        """(R, count, *shape): the same of every replicate."""
        return np.stack([self.draw(count, streams, r, average) for r in range(streams.replicates)])

    def asking(self, data: Split) -> Split:
        """The data, which know for what classes the generator is asked, if it is."""
        return data

    def asked(self, count: int, streams: Streams, repeat: int = 0) -> Array | None:
        """(count,) for which of these `draw` asks, with equal streams; None where it asks for none."""
        return None

    def probes(self) -> list[Probe]:
        """What `check-grad` compares with finite differences."""
        raise NotImplementedError
