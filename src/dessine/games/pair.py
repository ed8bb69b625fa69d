"""Generator and discriminator as they meet: what one makes, how the other is shown it, and what each loses by what is said.

A look is taken here; who learns from which look, and when, is a rule of play (`play/`). What is measured of the two stands in
`measures/`, what is drawn of them in `pictures/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any

import numpy as np

from dessine.data import Examples
from dessine.data.batches import Batches
from dessine.games.critic_moves import CriticMoves
from dessine.games.game import FIXED_SEED, Array
from dessine.games.latent import Latent
from dessine.games.look import Look
from dessine.games.player import Player
from dessine.games.remedies import Average, FeatureMatching, InstanceNoise, Labels, Unrolled, packed, unpacked
from dessine.losses import GameLoss
from dessine.nn import Mode
from dessine.nn.layer import size
from dessine.schedules import MovingDecay, Schedule
from dessine.scores.panel import Panel
from dessine.streams import Streams

PORTION = 100
"""Examples that pass a network together outside training: convolutions hold many numbers of each."""
PLAIN = "plain weights"
AHEAD = 500_000
"""Numbers that a generator makes, layer by layer, in one pass for several moves of the discriminator."""


class Pair:
    """Two players, the data that one of them is to imitate, and all that stands between them.

    critic_moves: how often the discriminator moves in one turn
    panel: what samples are worth; scored: of how many that is looked at, 0 for none
    done: turns that have begun
    """

    generator: Player
    discriminator: Player
    loss: GameLoss
    latent: Latent
    critic_moves: CriticMoves
    labels: Labels
    instance_noise: InstanceNoise | None
    pack: int
    feature_matching: FeatureMatching | None
    unrolled: Unrolled | None
    decay: MovingDecay | None  # of the moving average
    average: Average | None
    begins_at_mean: bool
    panel: Panel
    scored: int
    examples: Examples
    test: Examples
    watched: Examples  # what is looked at on the way: the validation part, or the test part where there is none
    batches: Batches
    streams: Streams
    dtype: np.dtype[Any]
    batch_size: int
    done: int

    def batch(self) -> Batch:
        """What a look is taken at: fresh examples and latents."""
        return Batch(self)

    def batches_ahead(self, n: int) -> Iterator[Batch]:
        """n batches, one after the other, while the generator stands still: it makes several of them in one pass."""
        most = self.ahead()
        for i in range(0, n, most):
            some = [self.batch() for _ in range(min(most, n - i))]
            made = self.made(np.concatenate([batch.latent for batch in some], 1)) if len(some) > 1 else some[0].made
            for j, batch in enumerate(some):
                batch.made = made[:, j * self.batch_size : (j + 1) * self.batch_size]
                yield batch

    def ahead(self) -> int:
        """Of how many batches: 1 where a layer looks across examples, else as many as a cache holds of one replicate."""
        if any(layer.mixes_examples for layer in self.generator.layers):
            return 1
        return max(1, AHEAD // (self.batch_size * sum(size(one.shape) + one.between for one in self.generator.declared)))

    def critic_look(self, batch: Batch | None = None) -> Look:
        """The discriminator's look at real and generated examples."""
        batch, net, held = batch or self.batch(), self.discriminator.network, self.discriminator.constraint
        real, generated = self.shown(batch.real), self.shown(batch.made)
        mode, n = Mode(self.streams), real.shape[1]
        targets = [self.told(1.0, n), self.told(0.0, n)]
        if net.mixes_examples:
            passes = [net.forward(x, mode) for x in (real, generated)]
        elif held is not None and self.discriminator.is_penalised:
            passes = [held.judge(net, real, generated, mode, self.streams["penalty"])]
        else:  # one pass for both is faster, and the same when no layer looks across examples
            passes = [net.forward(np.concatenate([real, generated], 1), mode)]
        logits = np.concatenate([as_logits(y) for y, _ in passes], 1)
        value, dy = self.loss.critic_of_both(logits, np.concatenate(targets, 1))
        parts = zip(passes, np.split(dy, len(passes), 1), strict=True)
        errors = [(backward, part.reshape(y.shape)) for (y, backward), part in parts]
        said = {"real": logits[:, :n, 0], "generated": logits[:, n:, 0]}
        penalise = None
        if self.discriminator.is_penalised:
            ((backward, dy),), errors = errors, []
            penalise = partial(backward, dy)
        return Look("discriminator", self.discriminator, value.astype(np.float64), errors, penalise, said=said)

    def critic_look_at(self, side: str, x: Array) -> Look:
        """The discriminator's look at one side alone: x, (R, B, *shape), are `real` or `generated`."""
        x = self.shown(x)
        y, backward = self.discriminator.network.forward(x, Mode(self.streams))
        value, dy = self.loss.critic(as_logits(y), self.told(float(side == "real"), x.shape[1]))
        said = {side: y.reshape(*y.shape[:2])}
        return Look("discriminator", self.discriminator, value, [(backward, dy.reshape(y.shape))], said=said)

    def generator_look(self, batch: Batch | None = None) -> Look:
        """The generator's look at what the discriminator thinks of its examples."""
        batch = batch or self.batch()
        x, backward = self.generator.network.forward(batch.latent, Mode(self.streams))
        made = x.reshape(*x.shape[:2], *self.examples.shape)
        value, dx = self._aim(self.shown(made), batch)
        dx = unpacked(dx, self.pack)
        then = None if self.average is None else self.average.follow
        return Look("generator", self.generator, value, [(backward, dx.reshape(x.shape))], made=made, then=then)

    def looks(self, names: Sequence[str], batch: Batch | None = None) -> list[Look]:
        """A look of each player named, at one batch and where both stand now."""
        look_of, batch = {"discriminator": self.critic_look, "generator": self.generator_look}, batch or self.batch()
        return [look_of[name](batch) for name in names]

    def field(self) -> list[Look]:
        """The discriminator's look and the generator's, at one batch and where both stand now: the game's field."""
        return self.looks(["discriminator", "generator"])

    def player(self, name: str) -> Player:
        """The discriminator or the generator."""
        return {"discriminator": self.discriminator, "generator": self.generator}[name]

    def _aim(self, shown: Array, batch: Batch) -> tuple[Array, Array]:
        """What the generator minimises on what it has shown, (R,), and its gradient by it."""
        net, mode = self.discriminator.network, Mode(self.streams, record=False)
        if self.feature_matching is not None:
            return self.feature_matching.error(net, self.shown(batch.real), shown, mode)
        if self.unrolled is not None:
            real, n = self.shown(batch.real), shown.shape[1]
            labels = self.told(1.0, n), self.told(0.0, n)
            return self.unrolled.error(net, self.loss, real, shown, labels, mode, self.discriminator.optimizer)
        y, backward = net.forward(shown, mode)
        if self.loss.paired:
            real, _ = net.forward(self.shown(batch.real), mode)
            value, dy = self.loss.generator_of_both(np.concatenate([as_logits(real), as_logits(y)], 1))
            dy = dy[:, real.shape[1] :]
        else:
            value, dy = self.loss.generator(as_logits(y))
        dx = backward(dy.reshape(y.shape), params=False)
        assert dx is not None
        return value, dx

    @property
    def generator_sees_real(self) -> bool:
        """Whether the generator looks at real examples, too."""
        return self.feature_matching is not None or self.unrolled is not None or self.loss.paired

    def made(self, z: Array) -> Array:
        """(R, B, *shape) for the discriminator to learn from: the generator plays and learns nothing."""
        x, _ = self.generator.network.forward(z, Mode(self.streams, record=False))
        return x.reshape(*x.shape[:2], *self.examples.shape)

    def pack_shape(self) -> tuple[int, ...]:
        """The shape of what the discriminator says one number of: as many examples as a pack has, channel by channel."""
        *sides, channels = self.examples.shape
        return (*sides, channels * self.pack)

    def shown(self, x: Array) -> Array:
        """Examples as the discriminator is shown them in training: with noise, in packs."""
        if self.instance_noise is not None:
            x = self.instance_noise.add(x, self.streams["instance_noise"])
        return packed(x, self.pack)

    def told(self, truth: float, count: int) -> Array:
        """(R, count, 1): the labels of as many examples that are real (1) or generated (0)."""
        return self.labels.draw(truth, count, self.streams, self.dtype)

    def fixed(self) -> Streams:
        """What looks the same at every step: latents of the sample grid and of the scores."""
        return Streams(self.streams.seed + FIXED_SEED, self.streams.replicates)

    def drawn_by(self, average: bool | None = None) -> str:
        """Whose weights draw, in words, where there is a choice: see `Game.drawn_by`."""
        if self.decay is None and average:
            raise ValueError("this run kept no moving average of its generator: train with game.average=0.999")
        if self.decay is None:
            return ""
        if average is False:
            return PLAIN
        return f"moving average {self.decay if isinstance(self.decay, Schedule) else f'{self.decay:g}'}"

    @contextmanager
    def drawing(self, average: bool | None = None) -> Iterator[None]:
        """Inside it the generator has the weights that draw: see `drawn_by`, of whose errors it raises the same."""
        self.drawn_by(average)
        with self.average.worn() if self.average is not None and average is not False else nullcontext():
            yield

    def drawn(self, count: int, streams: Streams) -> Array:
        """(R, count, *shape) outside training, of the weights that the generator has; portions do not change what is drawn."""
        return self.drawn_from(self.latent.draw(streams, count, self.dtype), streams)

    def drawn_from(self, z: Array, streams: Streams) -> Array:
        """(R, count, *shape) of the latents (R, count, size). streams: of what layers of the generator draw themselves."""
        mode, count = Mode(streams, train=False, record=False), z.shape[1]
        parts = [self.generator.network.forward(z[:, i : i + PORTION], mode)[0] for i in range(0, count, PORTION)]
        return np.concatenate(parts, 1).reshape(len(z), count, *self.examples.shape)


def as_logits(y: Array) -> Array:
    """What a network says, one number of each example, (R, B, 1)."""
    return y.reshape(*y.shape[:2], 1)


class Batch:
    """Real examples (R, B, *shape), latents (R, B, size) and what they become, made when first asked for, and then the same."""

    def __init__(self, pair: Pair):
        self._pair = pair

    @cached_property
    def real(self) -> Array:
        """In the data's order."""
        return self._pair.batches.next(self._pair.dtype)[0]

    @cached_property
    def latent(self) -> Array:
        """For the generator."""
        return self._pair.latent.draw(self._pair.streams, self._pair.batch_size, self._pair.dtype)

    @cached_property
    def made(self) -> Array:
        """(R, B, *shape) of these latents, by a generator that learns nothing from them."""
        return self._pair.made(self.latent)

    def again(self) -> Batch:
        """The same examples and latents, of which the generator makes what it makes when it is asked."""
        batch = Batch(self._pair)
        vars(batch).update({name: value for name, value in vars(self).items() if name in ("real", "latent")})
        return batch
