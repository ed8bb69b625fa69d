"""Where numbers stop being finite. The watch looks now and then; only when it sees trouble does it look closely."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from dessine.games.game import Array, Game
from dessine.nn import Mode
from dessine.nn.layer import Backward, Layer

Finding = dict[str, Any]
"""Where one replicate went wrong: step, repeat, player, layer (None for a loss), and what was not finite."""


class Watch:
    """Holds the last finite state of a game; from there the turns that led to trouble are played again, layer by layer.

    step: the turns the game has made
    found: what is known of replicates that have gone already
    """

    def __init__(self, game: Game, step: int, found: list[Finding]):
        self.game, self.found = game, list(found)
        self.gone = np.zeros(game.streams.replicates, bool)
        for one in found:
            self.gone[one["repeat"]] = True
        self.arrays: dict[str, Array] = {}
        self._keep(step)

    def look(self, step: int, seen: dict[str, Any]) -> list[Finding]:
        """After turn `step`, which returned `seen`: a finding for each replicate that has gone since the last look."""
        bad = _not_finite(self.game, seen) & ~self.gone
        new = self._replay(step, seen, bad) if bad.any() else []
        self.found += new
        self.gone |= bad
        self._keep(step)
        return new

    def _keep(self, step: int) -> None:
        self.step, self.streams = step, self.game.streams.state()
        for name, value in self.game.state().items():
            held = self.arrays.get(name)
            if held is None or held.shape != np.shape(value):
                self.arrays[name] = np.array(value)
            else:
                np.copyto(held, value)

    def _replay(self, step: int, seen: dict[str, Any], bad: Array) -> list[Finding]:
        game, found, left = self.game, [], bad.copy()
        now = {name: np.array(value) for name, value in game.state().items()}, game.streams.state()
        game.restore(self.arrays)
        game.streams.restore(self.streams)
        for at in range(self.step + 1, step + 1):
            first: dict[int, tuple[str, str, str]] = {}
            with _traced(game, first):
                played = game.turns(1, measure=True)  # as they were made, in compiled stretches or not
            for r in map(int, np.flatnonzero(_not_finite(game, played) & left)):
                player, layer, what = first.get(r) or _after(game, played, r)
                found.append({"step": at, "repeat": r, "player": player, "layer": layer, "what": what})
                left[r] = False
            if not left.any():
                break
        game.restore(now[0])
        game.streams.restore(now[1])
        for r in map(int, np.flatnonzero(left)):  # something from outside the game: all that is known is where it is now
            player, layer, what = _after(game, seen, r)
            found.append({"step": step, "repeat": r, "player": player, "layer": layer, "what": what})
        return found


def told(finding: Finding, repeats: int) -> str:
    """A finding in words."""
    layer = f", layer {finding['layer']}" if finding["layer"] else ""
    repeat = f", repeat {finding['repeat']}" if repeats > 1 else ""
    return f"non-finite numbers began at step {finding['step']}{repeat}: {finding['player']}{layer} ({finding['what']})"


def _not_finite(game: Game, seen: dict[str, Any]) -> Array:
    """(R,) whose loss or parameters are not finite."""
    bad = np.zeros(game.streams.replicates, bool)
    for player in game.players.values():
        bad |= ~np.isfinite(player.network.theta).all(-1)
    for loss in seen["loss"].values():
        bad |= ~np.isfinite(loss)
    return bad


def _after(game: Game, seen: dict[str, Any], r: int) -> tuple[str, str | None, str]:
    """What is not finite in replicate r after a turn in which every output was: gradients, parameters or the loss."""
    for name, player in game.players.items():
        norms = seen.get("layers", {}).get(name, {})
        # Gradients run backwards: the last layer is the first to have one.
        for key in reversed(player.network.slices):
            if key in norms and not np.isfinite(norms[key]["grad_norm"][r]):
                return name, key, "gradient"
        for key, part in player.network.slices.items():
            if not np.isfinite(player.network.theta[r, part]).all():
                return name, key, "parameters"
    return next(name for name, loss in seen["loss"].items() if not np.isfinite(loss[r])), None, "loss"


@contextmanager
def _traced(game: Game, first: dict[int, tuple[str, str, str]]) -> Iterator[None]:
    """Note in `first`, for each replicate, the first output or gradient of a layer that is not finite."""
    plain: list[tuple[list[Layer], list[Layer]]] = []
    for name, player in game.players.items():

        def tell(x: Array, key: str, what: str, name: str = name) -> None:
            for r in map(int, np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(-1))):
                first.setdefault(r, (name, key, what))

        for start, row in player.network.rows.items():
            plain.append((row, list(row)))
            row[:] = [_Traced(layer, f"{start}{i}.{layer.type}", tell) for i, layer in enumerate(row)]
    try:
        yield
    finally:
        for row, layers in plain:
            row[:] = layers


class _Traced(Layer):
    """A layer that tells of all that leaves it, on both ways."""

    def __init__(self, layer: Layer, key: str, tell: Callable[[Array, str, str], None]):
        self.layer, self.key, self.tell = layer, key, tell
        self.mixes_examples, self.draws, self.path = layer.mixes_examples, layer.draws, layer.path

    @property
    def itself(self) -> Layer:
        """What derivatives along a direction go by: they look into a layer, and there it is not traced."""
        return self.layer

    def forward(self, x: Array, mode: Mode) -> tuple[Array, Backward]:
        y, back = self.layer.forward(x, mode)
        self.tell(y, self.key, "output")

        def backward(dy: Array, params: bool = True, inputs: bool = True) -> Array | None:
            dx = back(dy, params=params, inputs=inputs)
            if dx is not None:
                self.tell(dx, self.key, "gradient")
            return dx

        return y, backward
