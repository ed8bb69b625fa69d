"""The adversarial game: a discriminator learns to tell real from generated, a generator learns to be taken for real.

What a move is stands here; how often each player moves in `schedule.py`, remedies in `remedies.py` and `unrolled.py`, what is
measured of the field in `field.py`, what samples score in `dessine.scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le

from dessine.data import Split
from dessine.data.batches import Batches
from dessine.games.field import rotation, same_draws, slopes
from dessine.games.game import FIXED_SEED, Array, Context, Game, Probe, games, refuse_beyond_memory
from dessine.games.latent import Latent
from dessine.games.player import Player
from dessine.games.remedies import Average, FeatureMatching, InstanceNoise, packed, unpacked
from dessine.games.schedule import CriticExtra, Moves, Until
from dessine.games.unrolled import Unrolled
from dessine.losses import GameLoss, Straight, sigmoid
from dessine.nn import Mode
from dessine.nn.layer import Backward, size
from dessine.nn.tangent import along, refuse_along
from dessine.registry import DEFAULTS, Count, Decay, Like, Problems, Share, SomeTimes, SpecError, Times
from dessine.scores.panel import Panel
from dessine.scores.reference import Reference
from dessine.streams import Streams

PORTION = 500
"""Examples that pass a network together outside training: convolutions hold many numbers of each."""
PLAIN = "plain weights"


@games.register("adversarial")
class Adversarial(Game):
    """A generator against a discriminator (GAN, Goodfellow et al. 2014), or a critic (WGAN, Arjovsky et al. 2017).

    generator: draws; its last layer must hold as many numbers as an example
    discriminator: one output: the logit of "real" (a final sigmoid is read as its logit), or what the critic thinks
    latent: what the generator draws from
    loss: what both play for
    n_critic: moves of the discriminator per turn, each on a real and a generated batch together
    critic_warmup: moves that the discriminator makes before the first turn
    critic_extra: turns in which it moves more often than n_critic
    until: plateau: it goes on, after n_critic moves, until its loss no longer falls
    moves: the student report's ratios instead of n_critic
    real_labels: interval from which labels of real examples are drawn; [0.7, 1.0] in the student report
    label_swap: probability with which an example gets the other side's label
    instance_noise: noise on all that the discriminator is shown
    pack: examples that the discriminator is shown at once, side by side in its last input axis (PacGAN, Lin et al. 2018)
    feature_matching: the generator aims at what a layer of the discriminator sees, instead of at its verdict
    unrolled: the generator moves against the discriminator of some steps later
    average: decay of a moving average of the generator, 0.999 for one, which draws and is scored in place of the plain one;
        move t takes (1 + t) / (10 + t) where that is less, so that 0.999 and 0.9999 are the same for 9,000 moves
    scored: samples that are scored at each line of metrics; 0: none
    rotation_pairs: pairs of random directions, new ones at each line of metrics, in which the rotation of the gradient field
        is measured; 50 or more: of a share of 0.3, ten leave an error of 0.14, 50 one of 0.07
    """

    headline: ClassVar[dict[str, str]] = {
        "scores.modes": "modes",
        "scores.frechet": "Frechet",
        "w_estimate": "W",
        "loss.discriminator": "loss D",
        "loss.generator": "loss G",
        "d_real.mean": "D(x)",
        "d_generated.mean": "D(G(z))",
    }

    def __init__(
        self,
        generator: Player,
        discriminator: Player,
        latent: Like[Latent] = DEFAULTS,
        loss: Like[GameLoss] = "non_saturating",
        n_critic: Times = 1,
        critic_warmup: Annotated[int, Ge(0), Le(1_000_000)] = 0,
        critic_extra: Like[CriticExtra] | None = None,
        until: Like[Until] | None = None,
        moves: Like[Moves] | None = None,
        real_labels: list[Share] = [1.0, 1.0],  # noqa: B006
        label_swap: Share = 0.0,
        instance_noise: Like[InstanceNoise] | None = None,
        pack: Count = 1,
        feature_matching: Like[FeatureMatching] | None = None,
        unrolled: Like[Unrolled] | None = None,
        average: Decay | None = None,
        scored: Annotated[int, Ge(0), Le(100_000)] = 250,
        rotation_pairs: SomeTimes = 0,
    ):
        if len(real_labels) != 2 or real_labels[0] > real_labels[1]:
            raise SpecError("expects an interval [low, high] in [0, 1]", ("real_labels",))
        if moves is not None and n_critic != 1:
            raise SpecError("give n_critic or moves, not both", ("moves",))
        self.generator, self.discriminator = generator, discriminator
        self.players = {"discriminator": discriminator, "generator": generator}
        self.latent, self.loss = Latent.of(latent), GameLoss.of(loss)
        self.n_critic, self.critic_warmup = n_critic, critic_warmup
        self.critic_extra = None if critic_extra is None else CriticExtra.of(critic_extra)
        self.until = None if until is None else Until.of(until)
        self.moves = None if moves is None else Moves.of(moves)
        self.real_labels, self.label_swap = (real_labels[0], real_labels[1]), label_swap
        self.instance_noise = None if instance_noise is None else InstanceNoise.of(instance_noise)
        self.pack = pack
        self.feature_matching = None if feature_matching is None else FeatureMatching.of(feature_matching)
        self.unrolled = None if unrolled is None else Unrolled.of(unrolled)
        self.decay, self.scored, self.rotation_pairs = average, scored, rotation_pairs
        self._refuse_what_contradicts_itself()

    def _refuse_what_contradicts_itself(self) -> None:
        """Raises SpecError, with the option, for settings that make no game together."""
        theirs = self.discriminator.constraint
        if self.moves is not None:
            others = {"critic_warmup": self.critic_warmup, "critic_extra": self.critic_extra, "until": self.until}
            for name, value in others.items():
                if value:
                    raise SpecError(f"give {name} or moves, not both", ("moves",))
            if self.discriminator.is_penalised:
                text = "a gradient penalty needs real and generated examples in one move: take n_critic"
                raise SpecError(text, ("moves",))
        if not self.loss.labelled and self.real_labels != (1.0, 1.0):
            text = f"the {self.loss.type} loss has no labels to smooth: its critic could win by shifting all it says"
            raise SpecError(text, ("real_labels",))
        self._refuse_moves_beyond_bounds()
        if self.generator.is_penalised:
            raise SpecError("only a discriminator has real examples to be penalised at", ("generator", "constraint"))
        if self.unrolled is not None and theirs is not None:
            raise SpecError("steps that are looked ahead know no constraint: take one of the two", ("unrolled",))
        if self.unrolled is not None and self.feature_matching is not None:
            raise SpecError("the generator has one aim: give feature_matching or unrolled", ("unrolled",))

    def _refuse_moves_beyond_bounds(self) -> None:
        extra, until = self.critic_extra, self.until
        if extra is not None and extra.moves < self.n_critic:
            raise SpecError(f"must be at least n_critic, {self.n_critic}", ("critic_extra", "moves"))
        for path, n in ((("n_critic",), self.n_critic), (("critic_extra", "moves"), extra.moves if extra else 0)):
            if until is not None and n > until.most:
                raise SpecError(f"{n} moves are more than until.most allows in one turn, {until.most}", path)

    def outline(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.examples, self.test = data.train, data.test
        self.streams, self.dtype, self.batch_size, self.done = streams, np.dtype(dtype), batch_size, 0
        problems, wanted = Problems(), self.examples.shape
        if batch_size % self.pack:
            raise SpecError(f"batches of {batch_size} do not fall into packs of {self.pack}", ("pack",))
        if len(self.test) < self.pack:
            raise SpecError(f"the {len(self.test)} test examples do not fill a pack of {self.pack}", ("pack",))
        if self.until is not None and streams.replicates > 1:
            raise SpecError("each repeat would end at another move: take repeats 1, and a sweep over seeds", ("until",))
        with problems.below():
            made = size(self.generator.outline((self.latent.size,), "generator"))
            if made != size(wanted):
                text = f"its last layer makes {made} numbers, an example holds {size(wanted)} {list(wanted)}"
                raise SpecError(text, ("generator", "layers"))
        with problems.below():
            self._outline_discriminator(self._pack_shape())
        problems.tell()
        self._refuse_without_derivatives()
        refuse_beyond_memory(self._needs())

    def build(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.outline(data, batch_size, streams, dtype)
        self.generator.build((self.latent.size,), streams, dtype, "generator")
        self.average = None if self.decay is None else Average(self.generator.network, self.decay)
        self.discriminator.build(self._pack_shape(), streams, dtype, "discriminator")
        self.batches = Batches(self.examples, batch_size, streams["order"])
        self.panel = Panel(data, dtype)
        self.goals = self.panel.goals or {"loss.discriminator": "min", "loss.generator": "min"}
        if not self.scored:
            self.goals = {"loss.discriminator": "min", "loss.generator": "min"}

    def _pack_shape(self) -> tuple[int, ...]:
        """The shape of what the discriminator says one number of: as many examples as a pack has, channel by channel."""
        *sides, channels = self.examples.shape
        return (*sides, channels * self.pack)

    def _outline_discriminator(self, shape: tuple[int, ...]) -> None:
        if self.loss.probability:
            self.discriminator.read_as_logits()
        last = self.discriminator.last_activation()
        if last is not None and last.type == "sigmoid" and self.loss.type in ("wasserstein", "hinge"):
            text = f"ends in a sigmoid, but the {self.loss.type} critic says any number: take linear"
            raise SpecError(text, ("discriminator", "layers", len(self.discriminator.layers) - 1))
        outputs = size(self.discriminator.outline(shape, "discriminator"))
        for layer in self.discriminator.layers:
            if self.pack > 1 and self.batch_size // self.pack < layer.least_batch:
                text = f"leaves {self.batch_size // self.pack} packs of a batch, a {layer.type} layer needs {layer.least_batch}"
                raise SpecError(text, ("pack",))
        if outputs != 1:
            raise SpecError(f"needs one output, has {outputs}", ("discriminator", "layers"))
        if self.feature_matching is not None:
            try:
                self.feature_matching.locate(self.discriminator.layers)
            except SpecError as error:
                raise error.below("feature_matching") from None

    def _needs(self) -> dict[str, float]:
        """Bytes of the whole game: what players keep, what passes through them at once, what is scored."""
        r, item, batch = self.streams.replicates, self.dtype.itemsize, self.batch_size
        steps = self.unrolled.steps if self.unrolled else 0
        drawn = max(batch, min(self.scored, PORTION))
        (g, g_passing), (d, d_passing) = self.generator.numbers(drawn), self.discriminator.numbers(batch // self.pack)
        return {
            "networks": r * item * (g + d * (1 + steps) + (g if self.decay is not None else 0)),
            "batches": r * item * (drawn * (g_passing + self.latent.size) + 2 * batch * d_passing * (1 + steps)),
            "scored samples": r * item * max(batch, self.scored) * (size(self.examples.shape) + self.latent.size),
        }

    def _refuse_without_derivatives(self) -> None:
        """Raises SpecError for a layer that cannot be differentiated twice, where that will be wanted."""
        for name, player in self.players.items():
            if self.rotation_pairs or (self.unrolled and name == "discriminator"):
                try:
                    refuse_along(player.layers, player.declared, parameters=True)
                except SpecError as error:
                    raise error.below(name) from None

    def sample_period(self) -> int:
        return (
            100 if len(self.examples.shape) == 1 else super().sample_period()
        )  # what moves in the plane shall be seen to move

    def turns_per_epoch(self) -> float:
        real = self.moves.real if self.moves else self.n_critic
        if self.feature_matching or self.unrolled:
            real += self.moves.shared + self.moves.alone if self.moves else 1  # the generator looks at one, too
        return len(self.examples) // self.batch_size / max(real, 1)

    def turn(self, measure: bool = False) -> dict[str, Any]:
        seen: dict[str, Any] = {"loss": {}}
        self.done += 1
        if self.moves is None:
            self._critic_moves(seen, measure)
            self._generator_move(seen, measure)
            return seen
        m = self.moves
        for i in range(m.real):
            x, _ = self.batches.next(self.dtype)
            self._one_side(seen, x, 1.0, measure and i == m.real - 1)
        for i in range(m.shared):
            x = self._generator_move(seen, measure and i == m.shared - 1)
            self._one_side(seen, x, 0.0, measure and i == m.shared - 1)
        for i in range(m.generated):
            self._one_side(seen, self._generate(), 0.0, measure and i == m.generated - 1)
        for i in range(m.alone):
            self._generator_move(seen, measure and i == m.alone - 1)
        if self.loss.type == "wasserstein" and "d_real" in seen and "d_generated" in seen:
            seen["w_estimate"] = seen["d_real"]["mean"] - seen["d_generated"]["mean"]
        return seen

    def _critic_moves(self, seen: dict[str, Any], measure: bool) -> None:
        """The discriminator's moves of one turn. All are measured where the last one is not known before it is made."""
        extra = self.critic_extra
        n = extra.moves if extra and extra.at(self.done) else self.n_critic
        losses: list[float] = []
        for _ in range(self.critic_warmup if self.done == 1 else 0):
            self._both(seen, False)
        while len(losses) < n or (self.until is not None and not self.until.reached(losses)):
            last = self.until is not None or len(losses) == n - 1
            self._both(seen, measure and last)
            losses.append(float(seen["loss"]["discriminator"].flat[0]))
        if self.until or extra:
            seen["critic_moves"] = np.full(self.streams.replicates, len(losses))

    def _generate(self) -> Array:
        """A batch for the discriminator to learn from: the generator plays and learns nothing."""
        z = self.latent.draw(self.streams, self.batch_size, self.dtype)
        x, _ = self.generator.network.forward(z, Mode(self.streams, record=False))
        return x.reshape(*x.shape[:2], *self.examples.shape)

    def _shown(self, x: Array) -> Array:
        """Examples as the discriminator is shown them in training: with noise, in packs."""
        if self.instance_noise is not None:
            x = self.instance_noise.add(x, self.done, self.streams["instance_noise"])
        return packed(x, self.pack)

    def _labels(self, truth: float, count: int) -> Array:
        """(R, count, 1) targets for examples that are real (1) or generated (0)."""
        shape, (low, high) = (count, 1), self.real_labels
        real = np.full((self.streams.replicates, *shape), bool(truth))
        if self.label_swap:
            real ^= self.streams["swaps"].uniform(shape, np.float32) < self.label_swap
        labels = real.astype(self.dtype)
        if low == high:
            labels *= high
        elif truth or self.label_swap:
            labels *= self.streams["labels"].uniform(shape, self.dtype, low, high)
        return labels

    def _both(self, seen: dict[str, Any], measure: bool) -> None:
        """One move of the discriminator on a real and a generated batch."""
        net = self.discriminator.network
        real, generated = self._shown(self.batches.next(self.dtype)[0]), self._shown(self._generate())
        mode, n = Mode(self.streams), real.shape[1]
        sides = [(real, self._labels(1.0, n)), (generated, self._labels(0.0, n))]
        if net.mixes_examples:
            passes = [(net.forward(x, mode), target) for x, target in sides]
        else:  # one pass for both is faster, and the same when no layer looks across examples
            together = np.concatenate([x for x, _ in sides], 1)
            passes = [(net.forward(together, mode), np.concatenate([t for _, t in sides], 1))]
        total, logits, errors = np.zeros(self.streams.replicates), [], []
        for (y, backward), target in passes:
            scale = 2 if len(passes) == 1 else 1  # the mean over both batches is half the sum of their means
            value, dy = self.loss.critic(y.reshape(*y.shape[:2], 1), target)
            errors.append((backward, (dy * self.dtype.type(scale)).reshape(y.shape)))
            total = total + value * scale
            logits.append(y.reshape(*y.shape[:2]))
        joined = np.concatenate(logits, 1)
        self._scores(seen, "d_real", joined[:, :n], measure)
        self._scores(seen, "d_generated", joined[:, n:], measure)
        if measure and self.loss.type == "wasserstein":
            seen["w_estimate"] = joined[:, :n].mean(-1, dtype=np.float64) - joined[:, n:].mean(-1, dtype=np.float64)
        penalty = self._learn(seen, "discriminator", errors, measure, (real, generated))
        seen["loss"]["discriminator"] = total if penalty is None else total + penalty
        if penalty is not None:
            seen["penalty"] = penalty

    def _one_side(self, seen: dict[str, Any], x: Array, truth: float, measure: bool) -> None:
        """One move of the discriminator on a real or a generated batch."""
        y, backward = self.discriminator.network.forward(x := self._shown(x), Mode(self.streams))
        value, dy = self.loss.critic(y.reshape(*y.shape[:2], 1), self._labels(truth, x.shape[1]))
        side = "real" if truth else "generated"
        self._scores(seen, f"d_{side}", y.reshape(*y.shape[:2]), measure)
        seen.setdefault("sides", {})[side] = value
        seen["loss"]["discriminator"] = sum(seen["sides"].values())
        self._learn(seen, "discriminator", [(backward, dy.reshape(y.shape))], measure)

    def _generator_move(self, seen: dict[str, Any], measure: bool) -> Array:
        """One move of the generator; returns what it has made, (R, B, *shape)."""
        z = self.latent.draw(self.streams, self.batch_size, self.dtype)
        x, generator_backward = self.generator.network.forward(z, Mode(self.streams))
        made = x.reshape(*x.shape[:2], *self.examples.shape)
        seen["loss"]["generator"], dx = self._aim(self._shown(made))
        dx = unpacked(dx, self.pack)
        self._learn(seen, "generator", [(generator_backward, dx.reshape(x.shape))], measure)
        if self.average is not None:
            self.average.follow()
        return made

    def _aim(self, shown: Array) -> tuple[Array, Array]:
        """What the generator minimises on what it has shown, (R,), and its gradient by it."""
        net, mode = self.discriminator.network, Mode(self.streams, record=False)
        if self.feature_matching is not None:
            return self.feature_matching.error(net, self._shown(self.batches.next(self.dtype)[0]), shown, mode)
        if self.unrolled is not None:
            real, n = self._shown(self.batches.next(self.dtype)[0]), shown.shape[1]
            labels = self._labels(1.0, n), self._labels(0.0, n)
            return self.unrolled.error(net, self.loss, real, shown, labels, mode)
        y, backward = net.forward(shown, mode)
        value, dy = self.loss.generator(y.reshape(*y.shape[:2], 1))
        dx = backward(dy.reshape(y.shape), params=False)
        assert dx is not None
        return value, dx

    def _learn(
        self,
        seen: dict[str, Any],
        name: str,
        errors: list[tuple[Backward, Array]],
        measure: bool,
        sides: tuple[Array, Array] | None = None,
    ) -> Array | None:
        """One move, along what one or two backward passes tell, and the penalty at both `sides`, whose value is returned."""
        player, penalty = self.players[name], None
        if player.is_penalised and sides is not None:
            for backward, dy in errors:
                backward(dy, inputs=False)
            mode = Mode(self.streams, record=False)
            assert player.constraint is not None
            penalty = player.constraint.penalty(player.network, *sides, mode, self.streams["penalty"])
            told = player.move(measure)
        elif len(errors) == 1:
            told = player.learn(*errors[0], measure)
        else:
            for backward, dy in errors:
                backward(dy, inputs=False)
            told = player.move(measure)
        for key, value in told.items():  # layers, momentum_cosine, and what the constraint measures
            seen.setdefault(key, {})[name] = value
        return penalty

    def _scores(self, seen: dict[str, Any], key: str, logits: Array, measure: bool) -> None:
        if measure:
            d = sigmoid(logits) if self.loss.probability else logits
            seen[key] = {"mean": d.mean(-1), "std": d.std(-1)}

    def _fixed(self) -> Streams:
        """What looks the same at every step: latents of the sample grid and of the scores."""
        return Streams(self.streams.seed + FIXED_SEED, self.streams.replicates)

    def report(self) -> dict[str, Any]:
        """What samples score, how steep the critic is, and, where it was asked for, how much the gradient field turns.

        `scores` are of whatever draws; beside those of a moving average stand the `plain_scores` of the generator that plays.
        All else is of the two that play.
        """
        told: dict[str, Any] = {}
        count = max(self.scored, self.batch_size)
        x = self._drawn(count, self._fixed())
        if self.scored:
            told["scores"] = self._glance(x[:, : self.scored])
            if self.average is not None:
                with self.average.worn():
                    averaged = self._glance(self._drawn(self.scored, self._fixed()))
                told |= {"scores": averaged, "plain_scores": told["scores"]}
        told["critic_gradient"] = slopes(self.discriminator.network, self._points(x), self._fixed())
        if self.rotation_pairs:
            told["rotation"] = self._rotation()
        return told

    def _glance(self, x: Array) -> dict[str, Array]:
        """The panel's quick scores of (R, N, *shape); NaN for replicates that are not finite."""
        found = [self.panel.glance(one) if np.isfinite(one).all() else {} for one in x]
        names = dict.fromkeys(name for scores in found for name in scores)
        return {name: np.array([scores.get(name, np.nan) for scores in found]) for name in names}

    def _points(self, generated: Array) -> dict[str, Array]:
        """Where the critic's slope is measured: always the same test examples and latents, as many as a batch."""
        n = min(self.batch_size, len(self.test))
        n -= n % self.pack
        one = self.test.floats(np.arange(n), self.dtype)
        real = np.broadcast_to(one, (self.streams.replicates, *one.shape))
        share = np.linspace(0, 1, n, dtype=self.dtype).reshape(-1, *(1 for _ in one.shape[1:]))
        sides = {"real": real, "generated": generated[:, :n], "interpolated": share * real + (1 - share) * generated[:, :n]}
        return {name: packed(x, self.pack) for name, x in sides.items()}

    def _rotation(self) -> dict[str, Array]:
        """Of the field of both players' gradients on one fixed batch, penalties and remedies apart."""
        size = sum(player.network.theta.shape[1] for player in self.players.values())
        kept = [(player.network, player.network.grad.copy()) for player in self.players.values()]
        directions = self._fixed()[f"rotation/{self.done}"]  # new ones at each line: what one misses another sees
        told = rotation(self._field(), size, self.rotation_pairs, directions)
        for network, grad in kept:
            network.grad[...] = grad
        return told

    def _field(self) -> Callable[[Array], Array]:
        """How the gradients of discriminator and generator, in this order, change along a direction (R, P) of both."""
        fixed = self._fixed()  # the same draws for every direction
        n = min(self.batch_size, len(self.examples))
        one = self.examples.floats(np.arange(n), self.dtype)
        real = packed(np.broadcast_to(one, (fixed.replicates, *one.shape)), self.pack)
        z = self.latent.draw(fixed, n, self.dtype)
        d, g = self.discriminator.network, self.generator.network
        means = sum(self.real_labels) / 2, 0.0  # of the labels that training draws
        again, labels = same_draws(fixed), [np.full((1, real.shape[1], 1), t, self.dtype) for t in means]
        mode = Mode(fixed, record=False)

        def field(w: Array) -> Array:
            again()
            d.grad.fill(0)
            g.grad.fill(0)
            by_d, by_g = np.split(w.astype(self.dtype), [d.theta.shape[1]], 1)
            x, t, generator_back = along(g, z, np.zeros_like(z), mode, by_g)
            shown, moved = (packed(a.reshape(*a.shape[:2], *self.examples.shape), self.pack) for a in (x, t))
            for side, way, label in ((real, np.zeros_like(real), labels[0]), (shown, moved, labels[1])):
                y, s, back = along(d, side, way, mode, by_d)
                logits, slope = (a.reshape(*a.shape[:2], 1) for a in (y, s))
                dy, ds = self.loss.curvature(logits) * slope, self.loss.critic(logits, label)[1]
                back(dy.reshape(y.shape), ds.reshape(y.shape))
            told = d.grad.copy()
            dy, ds = self.loss.generator_curvature(logits) * slope, self.loss.generator(logits)[1]
            both = back(dy.reshape(y.shape), ds.reshape(y.shape))
            generator_back(*(unpacked(a, self.pack).reshape(x.shape) for a in both))
            return np.concatenate([told, g.grad], 1).astype(np.float64)

        return field

    def _drawn(self, count: int, streams: Streams) -> Array:
        """(R, count, *shape) outside training; portions do not change what is drawn."""
        z = self.latent.draw(streams, count, self.dtype)
        mode = Mode(streams, train=False, record=False)
        parts = [self.generator.network.forward(z[:, i : i + PORTION], mode)[0] for i in range(0, count, PORTION)]
        return np.concatenate(parts, 1).reshape(len(z), count, *self.examples.shape)

    def drawn_by(self, average: bool | None = None) -> str:
        if self.decay is None and average:
            raise ValueError("this run kept no moving average of its generator: train with game.average=0.999")
        if self.decay is None:
            return ""
        return PLAIN if average is False else f"moving average {self.decay:g}"

    @contextmanager
    def _drawing(self, average: bool | None = None) -> Iterator[None]:
        """Inside it the generator has the weights that draw: see `drawn_by`, of whose errors it raises the same."""
        self.drawn_by(average)
        with self.average.worn() if self.average is not None and average is not False else nullcontext():
            yield

    def draw(self, count: int, streams: Streams, replicate: int = 0, average: bool | None = None) -> Array:
        """(count, *shape) images or points from one replicate, outside training, in the data's own scale.

        `streams` has as many replicates as the game; equal streams give equal latents. average: as in `drawn_by`.
        """
        return self.draw_each(count, streams, average)[replicate]

    def draw_each(self, count: int, streams: Streams, average: bool | None = None) -> Array:
        """(R, count, *shape): the same of every replicate."""
        with self._drawing(average):
            return self._drawn(count, streams)

    def state(self) -> dict[str, Array]:
        state = {f"order.{k}": v for k, v in self.batches.state().items()} | {"turns": np.array(self.done)}
        for name, player in self.players.items():
            state |= {f"{name}.{k}": v for k, v in player.state().items()}
        if self.average is not None:
            state |= {f"average.{k}": v for k, v in self.average.state().items()}
        return state

    def restore(self, state: dict[str, Array]) -> None:
        self.batches.restore(_below("order.", state))
        self.done = int(state.get("turns", 0))  # checkpoints of older versions count no turns, and had no use for them
        for name, player in self.players.items():
            player.restore(_below(f"{name}.", state))
        if self.average is not None:
            self.average.restore(_below("average.", state))

    def summary(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        return {"drawn_by": self.drawn_by()} if self.drawn_by() else {}

    def reference(self, data: Split) -> Reference:
        return Reference.of(data, self.scored, self.panel.own)

    def show(self, path: Path, context: Context) -> None:
        """A grid of images, or a scatter of points, from the same latents every time."""
        from dessine.plots.curves import save_scatter
        from dessine.plots.grid import save_grid

        points = len(self.examples.shape) == 1
        rows, columns = context.grid
        drawn = self.draw(1000 if points else rows * columns, self._fixed_at(context))
        caption = self._caption(f"{context.title}, step {context.step:,}")
        real = self.examples.floats(np.arange(min(1000 if points else 100, len(self.examples))), np.float32)
        if points:
            save_scatter(path, real, drawn, caption, self.panel.modes_of(drawn[: self.scored or None]))
        else:
            save_grid(path, self.examples.images(drawn), columns, caption, self.examples.images(real))

    def _fixed_at(self, context: Context) -> Streams:
        return Streams(context.seed + FIXED_SEED, self.streams.replicates)

    def save_plots(self, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
        from dessine.plots import curves

        title, theirs = context.title, self.discriminator.constraint
        draw = context.pictures.draw
        made = draw(curves.save_losses, folder, records, title, self._ignorant())
        made += draw(curves.save_discriminator, folder, records, title, self.loss.probability)
        made += draw(curves.save_estimate, folder, records, title)
        if self.scored:
            known = self.panel.known(self.scored)
            made += draw(curves.save_scores, folder, records, title, self.scored, known, self.drawn_by())
            made += draw(self._save_classes, folder / "classes.png", self._caption(title))
        if theirs is not None or not self.loss.labelled:  # of a plain discriminator nobody asks for a slope
            made += draw(curves.save_slopes, folder, records, title, getattr(theirs, "target", None))
        made += draw(curves.save_rotation, folder, records, title)
        made += draw(curves.save_critic_moves, folder, records, title)
        return made + draw(curves.save_gradients, folder, records, title)

    def _save_classes(self, path: Path, title: str) -> list[Path]:
        """How often each digit or mode is drawn, beside the real ones; nothing where no judge can tell."""
        from dessine.plots.curves import save_classes

        shares = self.panel.shares(self.draw(1000, self._fixed()))
        return [save_classes(path, *shares, title)] if shares else []

    def _ignorant(self) -> dict[str, float]:
        """Losses of a discriminator that says the same of all examples, and of the generator that it meets, where they mean
        anything: penalties have no place in them, and the scale of a generator's straight loss is the critic's own."""
        if self.discriminator.is_penalised:
            return {}
        real = (1 - self.label_swap) * sum(self.real_labels) / 2
        swapped = self.label_swap * sum(self.real_labels) / 2
        y = np.linspace(-5, 5, 1001).reshape(-1, 1, 1)
        y = y[np.argsort(np.abs(y[:, 0, 0]), kind="stable")]  # of equals the one nearest to 0
        told = self.loss.critic(y, np.full((1, 1), real))[0] + self.loss.critic(y, np.full((1, 1), swapped))[0]
        best = int(np.argmin(np.round(told, 9)))
        known = {"discriminator": float(told[best])}
        if not isinstance(self.loss, Straight) and not self.feature_matching and not self.unrolled:
            known["generator"] = float(self.loss.generator(y[best : best + 1])[0][0])
        return known

    def _caption(self, title: str, average: bool | None = None) -> str:
        """The title of a picture of samples: of the first repeat only, drawn by whom."""
        first = f"repeat 0 of {self.streams.replicates}" if self.streams.replicates > 1 else ""
        return ", ".join(part for part in (title, first, self.drawn_by(average)) if part)

    def evaluate(
        self,
        count: int,
        seed: int,
        folder: Path,
        context: Context,
        only: Sequence[str] | None = None,
        average: bool | None = None,
    ) -> dict[str, Any]:
        """Replicate 0: the panel's scores, and D(x) and D(G(z)) with their spread.

        Where the game keeps a moving average, `drawn_by` says whose they are; `average` and `plain` hold the scores of both.
        """

        def draw(n: int) -> Array:  # not the very latents that a run of this seed has learnt from
            return self._drawn(n, Streams(seed + FIXED_SEED, self.streams.replicates))[0]

        with self._drawing(average):
            title = self._caption(context.title, average)
            told = self.panel.measure(draw, count, seed, folder, title, only, context.pictures)
            if only is None or "all" in only:
                n = max(count, self.pack)
                sides = {
                    "d_train": self.examples.floats(np.arange(min(n, len(self.examples))), self.dtype),
                    "d_test": self.test.floats(np.arange(min(n, len(self.test))), self.dtype),
                    "d_generated": draw(n),
                }
                told |= {name: self._judged(x, seed) for name, x in sides.items()}
            if len(self.examples.shape) > 1:
                caption = self._caption(f"{context.title}, step {context.step:,}, seed {seed}", average)
                told["pictures"] = [*told.get("pictures", []), *self._pictures(seed, folder, context, caption)]
        if self.streams.replicates > 1:
            told["repeat"] = 0
        if self.average is None:
            return told
        plain, own = average is False, {key: told[key] for key in ("scores", "judge") if key in told}
        with self._drawing(plain):
            other = self.panel.measure(draw, count, seed, None, context.title, only)
        both = {"average": other, "plain": own} if plain else {"average": own, "plain": other}
        return {"drawn_by": self.drawn_by(average), **told, **both}

    def _judged(self, x: Array, seed: int) -> dict[str, Any]:
        """What replicate 0 of the discriminator says of (N, *shape), whole packs of them: mean and spread."""
        r = self.streams.replicates
        shown = packed(x[None, : len(x) - len(x) % self.pack], self.pack)
        mode, said = Mode(Streams(seed, r), train=False, record=False), []
        # A discriminator that looks across examples says what it says of batches like those it has learnt from.
        portion = self.batch_size // self.pack if self.discriminator.network.mixes_examples else PORTION
        for i in range(0, shown.shape[1], portion):
            part = shown[:, i : i + portion]
            said.append(self.discriminator.network.forward(np.broadcast_to(part, (r, *part.shape[1:])), mode)[0][0])
        d = np.concatenate(said).astype(np.float64).reshape(-1)
        d = sigmoid(d) if self.loss.probability else d
        return {"mean": float(d.mean()), "std": float(d.std()), "count": len(d)}

    def _pictures(self, seed: int, folder: Path, context: Context, title: str) -> list[str]:
        """Samples, and a walk between latents, of the weights that the generator has."""
        from dessine.plots.grid import save_grid

        streams = Streams(seed + FIXED_SEED, self.streams.replicates)
        samples, walk = folder / "samples.png", folder / "interpolation.png"
        real = self.examples.images(self.examples.floats(np.arange(min(100, len(self.examples))), np.float32))
        drawn = self.examples.images(self._drawn(64, streams)[0])
        steps = self.examples.images(self._walk(Streams(seed + FIXED_SEED, self.streams.replicates)))
        told = f"{title}: each row goes from one latent to another"
        made = [(samples, drawn, 8, title, real), (walk, steps, 10, told)]
        return [str(path) for one in made for path in context.pictures.draw(save_grid, *one)]

    def _walk(self, streams: Streams, rows: int = 6, columns: int = 10) -> Array:
        """(rows * columns, *shape): each row goes in equal steps from one latent to another."""
        ends = self.latent.draw(streams, 2 * rows, self.dtype).reshape(-1, rows, 2, self.latent.size)
        t = np.linspace(0, 1, columns, dtype=self.dtype)[:, None]
        z = (ends[:, :, :1] * (1 - t) + ends[:, :, 1:] * t).reshape(len(ends), -1, self.latent.size)
        x, _ = self.generator.network.forward(z, Mode(streams, train=False, record=False))
        return x[0].reshape(rows * columns, *self.examples.shape)

    def probes(self) -> list[Probe]:
        g, d, b = self.generator.network, self.discriminator.network, self.batch_size
        real = packed(self.batches.next(self.dtype)[0], self.pack)
        z = self.latent.draw(self.streams, b, self.dtype)
        label = np.ones((self.streams.replicates, real.shape[1], 1), self.dtype)

        def critic(mode: Mode) -> Array:
            y, backward = d.forward(real, mode)
            value, dy = self.loss.critic(y.reshape(label.shape), label)
            backward(dy.reshape(y.shape), inputs=False)
            return value

        def generator(mode: Mode) -> Array:
            x, generator_backward = g.forward(z, mode)
            y, backward = d.forward(packed(x.reshape(*x.shape[:2], *self.examples.shape), self.pack), mode)
            value, dy = self.loss.generator(y.reshape(label.shape))
            dx = backward(dy.reshape(y.shape), params=False)
            assert dx is not None
            generator_backward(unpacked(dx, self.pack).reshape(x.shape), inputs=False)
            return value

        return [Probe("discriminator", d, critic), Probe("generator", g, generator)]


def _below(prefix: str, state: dict[str, Array]) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
