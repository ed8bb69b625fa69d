"""Generator and discriminator as they meet: what one makes, how the other is shown it, and what each loses by what is said.

A look is taken here; who learns from which look, and when, is a rule of play (`play/`). What is measured of the two stands in
`measures/`, what is drawn of them in `pictures/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any

import numpy as np

from dessine.data import Examples
from dessine.data.batches import Batches
from dessine.games.auxiliary import Asked, Auxiliary, Code
from dessine.games.critic_moves import CriticMoves
from dessine.games.game import FIXED_SEED, Array
from dessine.games.kinds import Kinds
from dessine.games.latent import Latent
from dessine.games.look import Look
from dessine.games.player import Player
from dessine.games.remedies import Augment, Average, FeatureMatching, InstanceNoise, Labels, Unrolled, packed, unpacked
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
    kinds: the classes of the data, where a player is told them or asked for them: the game is conditional
    auxiliary: what the discriminator is asked beside real or generated
    """

    generator: Player
    discriminator: Player
    loss: GameLoss
    latent: Latent
    critic_moves: CriticMoves
    auxiliary: Auxiliary | None
    kinds: Kinds | None
    labels: Labels
    augment: Augment | None
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
            made = self.made(*some)
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
        both, n = Mode(self.streams), real.shape[1]
        modes = [both.told(batch.classes), both.told(batch.asked)]
        mode = both.told(batch.classes, batch.asked)
        targets = [self.told(1.0, n), self.told(0.0, n)]
        if net.mixes_examples:
            passes = [net.forward(x, own) for x, own in zip((real, generated), modes, strict=True)]
        elif held is not None and self.discriminator.is_penalised:
            passes = [held.judge(net, real, generated, mode, self.streams["penalty"])]
        else:  # one pass for both is faster, and the same when no layer looks across examples
            passes = [net.forward(np.concatenate([real, generated], 1), mode)]
        outputs = np.concatenate([answers(y) for y, _ in passes], 1)
        logits = outputs[..., :1]
        value, dlogits = self.loss.critic_of_both(logits, np.concatenate(targets, 1))
        dy, asked = self._asked(dlogits, outputs, {"real": batch.of("real"), "generated": batch.of("generated")})
        parts = zip(passes, np.split(dy, len(passes), 1), strict=True)
        errors = [(backward, part.reshape(y.shape)) for (y, backward), part in parts]
        said = {"real": logits[:, :n, 0], "generated": logits[:, n:, 0]}
        penalise = None
        if self.discriminator.is_penalised:
            ((backward, dy),), errors = errors, []
            penalise = partial(backward, dy)
        return Look("discriminator", self.discriminator, value.astype(np.float64), errors, penalise, said=said, asked=asked)

    def critic_look_at(self, side: str, batch: Batch) -> Look:
        """The discriminator's look at one side of a batch alone, `real` or `generated`."""
        x, of = self.shown(batch.real if side == "real" else batch.made), batch.of(side)
        y, backward = self.discriminator.network.forward(x, Mode(self.streams).told(of.classes))
        value, dlogits = self.loss.critic(as_logits(y), self.told(float(side == "real"), x.shape[1]))
        dy, asked = self._asked(dlogits, answers(y), {side: of})
        said = {side: as_logits(y)[..., 0]}
        return Look("discriminator", self.discriminator, value, [(backward, dy.reshape(y.shape))], said=said, asked=asked)

    def generator_look(self, batch: Batch | None = None) -> Look:
        """The generator's look at what the discriminator thinks of its examples."""
        batch = batch or self.batch()
        x, backward = self.generator.network.forward(batch.latent, Mode(self.streams).told(batch.asked))
        made = x.reshape(*x.shape[:2], *self.examples.shape)
        shown, back = self.shown_and_back(made)
        value, dx, asked = self._aim(shown, batch)
        dx = back(dx)
        then = None if self.average is None else self.average.follow
        return Look("generator", self.generator, value, [(backward, dx.reshape(x.shape))], made=made, then=then, asked=asked)

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

    def _aim(self, shown: Array, batch: Batch) -> tuple[Array, Array, dict[str, Array]]:
        """What the generator minimises on what it has shown, (R,), its gradient by it, and what answers cost."""
        net, mode = self.discriminator.network, Mode(self.streams, record=False)
        modes = (
            (mode.told(batch.classes), mode.told(batch.asked)) if self.generator_sees_real else (mode, mode.told(batch.asked))
        )
        if self.feature_matching is not None:
            return *self.feature_matching.error(net, self.shown(batch.real), shown, modes), {}
        if self.unrolled is not None:
            real, n = self.shown(batch.real), shown.shape[1]
            labels = self.told(1.0, n), self.told(0.0, n)
            return *self.unrolled.error(net, self.loss, real, shown, labels, modes, self.discriminator.optimizer), {}
        y, backward = net.forward(shown, modes[1])
        if self.loss.paired:
            real, _ = net.forward(self.shown(batch.real), modes[0])
            value, dy = self.loss.generator_of_both(np.concatenate([as_logits(real), as_logits(y)], 1))
            dy = dy[:, real.shape[1] :]
        else:
            value, dy = self.loss.generator(as_logits(y))
        dy, asked = self._asked(dy, answers(y), {"own": batch.of("generated")})
        dx = backward(dy.reshape(y.shape), params=False)
        assert dx is not None
        return value, dx, asked

    def _asked(self, dlogits: Array, outputs: Array, sides: dict[str, Asked]) -> tuple[Array, dict[str, Array]]:
        """The gradient of a loss and of what the auxiliary task adds to it by all that the discriminator says, (R, n, outputs),
        of these sides, one after the other; and what the answers cost, by side, (R,)."""
        if self.auxiliary is None:
            return dlogits, {}
        dy, told, n = np.zeros_like(outputs), dict[str, Array](), outputs.shape[1] // len(sides)
        dy[..., :1] = dlogits
        for i, (side, asked) in enumerate(sides.items()):
            part = slice(i * n, (i + 1) * n)
            if found := self.auxiliary.error(side, outputs[:, part, 1:], asked):
                told[side], dy[:, part, 1:] = found
        return dy, told

    @property
    def generator_sees_real(self) -> bool:
        """Whether the generator looks at real examples, too."""
        return self.feature_matching is not None or self.unrolled is not None or self.loss.paired or self.matched

    @property
    def matched(self) -> bool:
        """Whether the generator is asked for the classes of the real examples of its batch, because the two are compared."""
        between = getattr(self.discriminator.constraint, "at", "") == "interpolated"
        return self.kinds is not None and (self.loss.paired or between)

    def made(self, *batches: Batch) -> Array:
        """(R, sum of B, *shape) for the discriminator to learn from: the generator plays and learns nothing."""
        mode = Mode(self.streams, record=False).told(*[batch.asked for batch in batches])
        x, _ = self.generator.network.forward(np.concatenate([batch.latent for batch in batches], 1), mode)
        return x.reshape(*x.shape[:2], *self.examples.shape)

    def pack_shape(self) -> tuple[int, ...]:
        """The shape of what the discriminator says one number of: as many examples as a pack has, channel by channel."""
        *sides, channels = self.examples.shape
        return (*sides, channels * self.pack)

    def shown(self, x: Array) -> Array:
        """Examples as the discriminator is shown them in training: augmented, with noise, in packs."""
        return self.shown_and_back(x)[0]

    def shown_and_back(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        """The same, and the way of a gradient by what is shown back to x."""
        drawn = None if self.augment is None else self.augment.draw(x, self.streams["augment"])
        if drawn is not None:
            x = drawn.show(x)
        if self.instance_noise is not None:
            x = self.instance_noise.add(x, self.streams["instance_noise"])

        def back(dx: Array) -> Array:
            dx = unpacked(dx, self.pack)
            return dx if drawn is None else drawn.back(dx)

        return packed(x, self.pack), back

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

    def drawn(self, count: int, streams: Streams, asked: Array | None = None) -> Array:
        """(R, count, *shape) outside training, of the weights that the generator has; portions do not change what is drawn.

        asked: as in `drawn_from`
        """
        return self.drawn_from(self.latent.draw(streams, count, self.dtype), streams, asked)

    def drawn_from(self, z: Array, streams: Streams, asked: Array | None = None) -> Array:
        """(R, count, *shape) of the latents (R, count, size). streams: of what layers of the generator draw themselves.

        asked: (count,) or (R, count), the class of each, of a conditional game, or the kind of the first code; if None, classes
        are drawn as often as the data have them, from `streams`, and codes are those of the latents
        """
        if asked is not None and isinstance(self.auxiliary, Code):
            z = z.copy()
            self.auxiliary.set_(z, asked)
        count, mode = z.shape[1], self.drawing_mode(streams, z.shape[1], asked)
        parts = [slice(i, i + PORTION) for i in range(0, count, PORTION)]
        made = [self.generator.network.forward(z[:, part], mode.part(part))[0] for part in parts]
        return np.concatenate(made, 1).reshape(len(z), count, *self.examples.shape)

    def drawing_mode(self, streams: Streams, count: int, asked: Array | None = None) -> Mode:
        """Of a pass of the generator outside training. asked: as in `drawn_from`."""
        return Mode(streams, train=False, record=False, labels=self.classes_of(streams, count, asked))

    def classes_of(self, streams: Streams, count: int, asked: Array | None = None) -> Array | None:
        """(R, count) for which classes `drawn` has asked with equal streams; None where it asks for none."""
        if self.kinds is None:
            return None
        return self.kinds.draw(streams, count) if asked is None else np.broadcast_to(asked, (streams.replicates, count))

    @property
    def askable(self) -> tuple[str, ...]:
        """What the generator can be asked for: names of classes, or of the kinds of the first code; else nothing."""
        if self.kinds is not None:
            return self.kinds.names
        code = self.auxiliary.categorical if isinstance(self.auxiliary, Code) else ()
        return tuple(map(str, range(code[0]))) if code else ()


def answers(y: Array) -> Array:
    """What a discriminator says of each example, (R, B, outputs): the first tells real from generated."""
    return y.reshape(*y.shape[:2], -1)


def as_logits(y: Array) -> Array:
    """The first of it, (R, B, 1)."""
    return answers(y)[..., :1]


class Batch:
    """Real examples (R, B, *shape), latents (R, B, size) and what they become, made when first asked for, and then the same.

    In a conditional game `classes` are those of the real examples, `asked` those that the generator is asked for, (R, B).
    """

    def __init__(self, pair: Pair):
        self._pair = pair

    @cached_property
    def _drawn(self) -> tuple[Array, Array | None]:
        return self._pair.batches.next(self._pair.dtype)

    @property
    def real(self) -> Array:
        """In the data's order."""
        return self._drawn[0]

    @cached_property
    def classes(self) -> Array | None:
        """Of the real examples."""
        kinds, y = self._pair.kinds, None if self._pair.kinds is None else self._drawn[1]
        return None if kinds is None or y is None else kinds.index(y.reshape(*y.shape[:2]))

    @cached_property
    def latent(self) -> Array:
        """For the generator."""
        return self._pair.latent.draw(self._pair.streams, self._pair.batch_size, self._pair.dtype)

    @cached_property
    def asked(self) -> Array | None:
        """Of the generator: each class as often as the data have it, or, where `matched`, those of the real examples."""
        pair = self._pair
        if pair.kinds is None:
            return None
        return self.classes if pair.matched else pair.kinds.draw(pair.streams, pair.batch_size)

    @cached_property
    def made(self) -> Array:
        """(R, B, *shape) of these latents, by a generator that learns nothing from them."""
        return self._pair.made(self)

    def of(self, side: str) -> Asked:
        """What can be asked of the real or of the generated examples."""
        return Asked(self.classes) if side == "real" else Asked(self.asked, self.latent)

    def again(self) -> Batch:
        """The same examples and latents, of which the generator makes what it makes when it is asked."""
        batch = Batch(self._pair)
        vars(batch).update({name: value for name, value in vars(self).items() if name in ("_drawn", "latent", "asked")})
        return batch
