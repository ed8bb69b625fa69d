"""A game of so few parameters that all of it can be looked at: its field, where it rests, and its turn linearised there.

Nothing is derived by hand. Copies of the game, with the same players and rules, are put where one wants to know, all at once as
the replicates of one game, and are asked for their gradients or made to play. The game itself is never touched.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from functools import cached_property
from typing import Any

import numpy as np

from dessine.data import Split
from dessine.games.game import Array
from dessine.games.pair import Pair
from dessine.nn.network import parameters
from dessine.streams import Streams

MOST = 2
"""Parameters of a player, in a game that is small."""
LOOKED, LOOKED_CLOSELY = 1_000, 20_000
"""Examples, at least, that a field is a mean over, and a linearised one: if they are drawn, it is off by 3 %, and by 0.7 %."""
NEWTON = 50
"""Steps in which Newton's method finds a point of rest, or none."""
OWN = ("generator", "discriminator", "update", "labels", "instance_noise", "unrolled", "critic_moves")
"""What a turn changes, the present values of schedules among it."""
STEP = 1e-4
"""Of differences, in float64: what they leave out is about its square, and rounding adds 1e-12."""


class Alike(Streams):
    """Streams of which every replicate draws the same."""

    def _bits(self, purpose: str) -> list[np.random.PCG64]:
        return [Streams(self.seed)._bits(purpose)[0] for _ in range(self.replicates)]


class Small:
    """What can be known of a small game. Points are (K, P): the generator's parameters, theta, then the discriminator's, psi.

    start: (R, P) where the game begins
    Numbers that have a schedule are those of the first turn.
    names: of the generator's parameters, and of the discriminator's
    """

    def __init__(self, pair: Pair):
        """pair: an adversarial game, outlined, whose networks are not made yet."""
        self._options: Any = copy(pair)
        self._options.decay = self._options.average = None  # which do not play
        self._players = deepcopy(self._own(pair))
        self.seed = pair.streams.seed
        begun = self._copy(Streams(self.seed, pair.streams.replicates), 1, pair.dtype)
        self.start = point(begun).astype(np.float64)
        self.names = [_names(player.network.parameters()) for player in (begun.generator, begun.discriminator)]
        self.sizes = [player.network.theta.shape[1] for player in (begun.generator, begun.discriminator)]

    @staticmethod
    def is_one(pair: Pair) -> bool:
        """Whether a game, outlined, is small, and can be put anywhere: what its optimizers move are its parameters."""
        players = pair.generator, pair.discriminator
        free = all(player.constraint is None or player.constraint.type != "spectral_norm" for player in players)
        few = all(0 < parameters(player.declared) <= MOST for player in players)
        return few and free and pair.critic_moves.until is None and pair.kinds is None and pair.auxiliary is None

    def field(self, points: Array) -> Array:
        """Where descent would lead from each of the points, minus both gradients, (K, P): penalties and remedies are in it."""
        return self._field(points, LOOKED)

    @cached_property
    def rest(self) -> Array | None:
        """(R, P) where the field is 0, found by Newton's method from a discriminator of zeros, the generator being where it
        starts; without instance noise. None where it finds none."""

        def field(points: Array) -> Array:
            return self._field(points, LOOKED, noisy=False)

        at = self.start.copy()
        at[:, self.sizes[0] :] = 0
        for _ in range(NEWTON):
            at, v = _rounder(field, at)
            if not np.abs(v).max() >= 1e-12:
                break
            j = _differences(field, at)
            if not np.isfinite(j).all():
                break
            at = at - (np.linalg.pinv(j, rcond=1e-9) @ v[..., None])[..., 0]
        return at + 0.0 if np.abs(v).max() < 1e-9 else None

    @cached_property
    def eigenvalues(self) -> Array | None:
        """(P,) of the field linearised where replicate 0 rests; None where it has a kink, or does not rest.

        By the imaginary parts it turns, by the real ones it comes nearer, if they are under 0.
        """
        found = None if self.rest is None else _linear(lambda x: self._field(x, LOOKED_CLOSELY), self.rest[:1])
        return None if found is None else _sorted(np.linalg.eigvals(found))

    @cached_property
    def turn(self) -> Array | None:
        """(S, S) one turn linearised where replicate 0 rests, by all that it goes on from: the P parameters, then what the
        optimizers and the rule of play keep. None where it has a kink, or does not rest."""
        if self.rest is None:
            return None
        first = self._copy(Alike(self.seed), LOOKED_CLOSELY)
        _put(first, self.rest[:1])
        first.turn()
        whole = first.state()
        kept = [name for name in _kept(whole) if not name.endswith(".theta")]
        here = np.concatenate([self.rest[:1], *[whole[name].reshape(1, -1) for name in kept]], 1)
        here[:, self.rest.shape[1] :] = 0  # where it rests, nothing moves
        return _linear(lambda x: self._played(x, kept, whole), here)

    @cached_property
    def turn_eigenvalues(self) -> Array | None:
        """(S,) of the turn."""
        return None if self.turn is None else _sorted(np.linalg.eigvals(self.turn))

    @property
    def radius(self) -> float | None:
        """The largest modulus of them: the factor by which a turn comes nearer, or goes away, in the end."""
        return None if self.turn_eigenvalues is None else float(np.abs(self.turn_eigenvalues).max())

    def orbit(self, turns: int) -> Array | None:
        """(turns + 1, P) the way from where replicate 0 starts by the linearised turn: the theory's circle or spiral."""
        if self.turn is None or self.rest is None:
            return None
        z = np.zeros(len(self.turn))
        p = self.rest.shape[1]
        z[:p], made = self.start[0] - self.rest[0], []
        for _ in range(turns + 1):
            made.append(z[:p])
            z = self.turn @ z
        return self.rest[0] + np.array(made)

    def _field(self, points: Array, count: int, noisy: bool = True) -> Array:
        made = self._copy(Alike(self.seed, len(points)), count)
        if not noisy:
            made.instance_noise = None
        _put(made, points)
        made.done = 1
        for look in made.field():
            look.gradient()
        return -np.concatenate([made.generator.network.grad, made.discriminator.network.grad], 1)

    def _played(self, points: Array, kept: list[str], whole: dict[str, Array]) -> Array:
        """All that a turn goes on from, after one from each of the points. whole: a state after a turn, kept: names in it."""
        made = self._copy(Alike(self.seed, len(points)), LOOKED_CLOSELY)
        _put(made, points[:, : sum(self.sizes)])
        state, at = made.state() | {name: whole[name] for name in whole if whole[name].ndim == 0}, sum(self.sizes)
        for name in kept:
            shape = whole[name].shape[1:]
            state[name] = points[:, at : (at := at + int(np.prod(shape)))].reshape(len(points), *shape)
        made.restore({name: np.array(value) for name, value in state.items()})
        made.turn()
        after = made.state()
        return np.concatenate([point(made), *[after[name].reshape(len(points), -1) for name in kept]], 1)

    def _copy(self, streams: Streams, count: int, dtype: Any = np.float64) -> Any:
        """The game, built, as many replicates of it as the streams have, with batches of `count` examples, or a few more."""
        made = copy(self._options)
        for name, value in deepcopy(self._players).items():
            setattr(made, name, value)
        made.players = {"discriminator": made.discriminator, "generator": made.generator}
        examples = made.examples.some(slice(max(count, made.pack)))
        whole = made.pack * -(-count // (made.pack * len(examples)))
        tiled = examples.some(np.tile(np.arange(len(examples)), whole))
        made.outline(Split(tiled, tiled), len(tiled), streams, dtype)
        made.allocate(Split(tiled, tiled))
        return made

    @staticmethod
    def _own(pair: Any) -> dict[str, Any]:
        """What a copy must not share with the game."""
        return {name: getattr(pair, name) for name in OWN}


def point(pair: Pair) -> Array:
    """(R, P) where the players stand."""
    return np.concatenate([pair.generator.network.theta, pair.discriminator.network.theta], 1)


def _put(pair: Pair, points: Array) -> None:
    theta, psi = np.split(points, [pair.generator.network.theta.shape[1]], 1)
    pair.generator.network.theta[...], pair.discriminator.network.theta[...] = theta, psi


def _rounder(f: Callable[[Array], Array], points: Array) -> tuple[Array, Array]:
    """The points, or the round numbers beside them where f is no larger, and f: 1e-17 beside a kink it is."""
    both = np.stack([points, points.round(9)])
    v = f(both.reshape(-1, points.shape[1])).reshape(both.shape)
    best = (np.abs(v[1]).max(-1) <= np.abs(v[0]).max(-1)).astype(int)
    rows = np.arange(len(points))
    return both[best, rows], v[best, rows]


def _names(parameters: dict[str, Array]) -> list[str]:
    """Of each number, such as 0.dense.w."""
    named = [(name, one[0].size) for name, one in parameters.items()]
    return [name if size == 1 else f"{name}.{i}" for name, size in named for i in range(size)]


def _sorted(values: Array) -> Array:
    """From the largest modulus on, of two conjugate ones the upper first."""
    return values[np.lexsort((-values.imag, -np.abs(values).round(9)))]


def _kept(state: dict[str, Array]) -> list[str]:
    """Names of the arrays of real numbers of each replicate."""
    return [name for name, value in state.items() if value.ndim > 1 and value.dtype.kind == "f" and value.size]


def _differences(f: Callable[[Array], Array], at: Array, step: float = STEP) -> Array:
    """(K, n, n) derivatives of f, (K, n) -> (K, n), at each of the points, by central differences; all in one call."""
    k, n = at.shape
    moves = step * np.concatenate([np.eye(n), -np.eye(n)])
    there = f((at[:, None] + moves).reshape(-1, n)).reshape(k, 2, n, -1)
    return np.asarray(((there[:, 0] - there[:, 1]) / (2 * step)).swapaxes(1, 2))


def _linear(f: Callable[[Array], Array], at: Array) -> Array | None:
    """(n, n) of f at one point, (1, n); None where a tenth of the step tells something else: there is a kink."""
    with np.errstate(all="ignore"):  # of an optimizer that keeps squares some would be under 0
        far, near = _differences(f, at)[0], _differences(f, at, STEP / 10)[0]
    if not np.isfinite(far).all() or np.abs(far - near).max() > 1e-4 * max(1.0, np.abs(far).max()):
        return None
    return far
