"""The adversarial game: a discriminator learns to tell real from generated, a generator learns to be taken for real.

Its options, and what a turn is. How the two meet stands in `pair.py`, who moves when in `play/`, whether all fits together in
`fitting.py`, remedies in `remedies/`, what is measured in `measures/`, what is drawn in `pictures/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le

from dessine.data import Split
from dessine.data.batches import Batches
from dessine.games.auxiliary import Auxiliary
from dessine.games.beginning import begin_at_mean
from dessine.games.critic_moves import CriticExtra, CriticMoves, Moves, Until
from dessine.games.fitting import outline, refuse_contradictions, tell_classes
from dessine.games.game import FIXED_SEED, LOOKED_REPEATS, Array, Context, Game, Probe, games
from dessine.games.kinds import Kinds
from dessine.games.latent import Latent
from dessine.games.look import Look
from dessine.games.measures.gap import gap
from dessine.games.measures.glance import scores
from dessine.games.measures.said import losses, said
from dessine.games.measures.standing import standing, summed_up
from dessine.games.measures.steepness import critic_gradient
from dessine.games.measures.turning import turning
from dessine.games.measures.verdict import verdicts
from dessine.games.pair import Batch, Pair
from dessine.games.pictures.curves import save_curves
from dessine.games.pictures.plane import save_plane
from dessine.games.pictures.samples import caption, show
from dessine.games.pictures.walk import save_samples
from dessine.games.play import Alternating, Ratios, Rule
from dessine.games.player import Player, measured
from dessine.games.recovery import recover
from dessine.games.remedies import Augment, Average, FeatureMatching, InstanceNoise, Labels, Unrolled
from dessine.games.small import Small
from dessine.losses import GameLoss
from dessine.nn import Mode
from dessine.registry import DEFAULTS, Count, Like, SomeTimes, SpecError
from dessine.schedules import MovingDecay, MovingShare, MovingTimes, Scheduled, is_interval, moving
from dessine.scores.panel import GLANCED, Panel, directions
from dessine.scores.reference import Reference
from dessine.scores.sampled import Sampled, look
from dessine.streams import Streams

CHOSEN = 2_000
"""Samples of which a score is taken that lines of metrics do not have."""


@games.register("adversarial")
class Adversarial(Pair, Game):
    """A generator against a discriminator (GAN, Goodfellow et al. 2014), or a critic (WGAN, Arjovsky et al. 2017).

    generator: draws; its last layer must hold as many numbers as an example
    discriminator: one output: the logit of "real" (a final sigmoid is read as its logit), or what the critic thinks
    latent: what the generator draws from
    loss: what both play for
    update: who moves when, and along what
    n_critic: moves of the discriminator per turn, each on a real and a generated batch together; where it has a schedule,
        epochs are counted by its last value
    critic_warmup: moves that the discriminator makes before the first turn
    critic_extra: turns in which it moves more often than n_critic
    until: plateau: it goes on, after n_critic moves, until its loss no longer falls
    moves: the student report's ratios instead of n_critic
    real_labels: interval from which labels of real examples are drawn; [0.7, 1.0] in the student report
    label_swap: probability with which an example gets the other side's label
    augment: random changes of all images that the discriminator is shown, where there are few
    instance_noise: noise on all that the discriminator is shown
    pack: examples that the discriminator is shown at once, side by side in its last input axis (PacGAN, Lin et al. 2018)
    feature_matching: the generator aims at what a layer of the discriminator sees, instead of at its verdict
    unrolled: the generator moves against the discriminator of some steps later
    auxiliary: what the discriminator is asked beside real or generated, and the generator is to be answered: the class (ACGAN),
        or a code in its latent (InfoGAN)
    average: decay of a moving average of the generator, 0.999 for one, which draws and is scored in place of the plain one;
        move t takes (1 + t) / (10 + t) where that is less, so that 0.999 and 0.9999 are the same for 9,000 moves
    begin_at_mean: whether the generator's last biases start where sums of 0 give the mean of the training examples, pixel by
        pixel, from the marginals, as Goodfellow et al. 2014 have it; after sigmoid, tanh or linear
    scored: samples that are scored at each line of metrics; 0: none
    rotation_pairs: pairs of random directions, new ones at each line of metrics, in which the rotation of the gradient field
        is measured; 50 or more: of a share of 0.3, ten leave an error of 0.14, 50 one of 0.07
    """

    small: Small | None = None
    kinds: Kinds | None = None  # until it is outlined
    draws = True
    headline: ClassVar[dict[str, str]] = {
        "distance": "distance",
        "scores.modes": "modes",
        "scores.kernel_distance": "KID",
        "scores.random_kernel_distance": "random KID",
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
        update: Like[Rule] = "alternating",
        n_critic: MovingTimes = 1,
        critic_warmup: Annotated[int, Ge(0), Le(1_000_000)] = 0,
        critic_extra: Like[CriticExtra] | None = None,
        until: Like[Until] | None = None,
        moves: Like[Moves] | None = None,
        real_labels: list[MovingShare] = [1.0, 1.0],  # noqa: B006
        label_swap: MovingShare = 0.0,
        augment: Like[Augment] | None = None,
        instance_noise: Like[InstanceNoise] | None = None,
        pack: Count = 1,
        feature_matching: Like[FeatureMatching] | None = None,
        unrolled: Like[Unrolled] | None = None,
        auxiliary: Like[Auxiliary] | None = None,
        average: MovingDecay | None = None,
        begin_at_mean: bool = False,
        scored: Annotated[int, Ge(0), Le(100_000)] = 250,
        rotation_pairs: SomeTimes = 0,
    ):
        if len(real_labels) != 2 or not is_interval(*real_labels):
            raise SpecError("expects an interval [low, high] in [0, 1]", ("real_labels",))
        self.generator, self.discriminator = generator, discriminator
        self.players = {"discriminator": discriminator, "generator": generator}
        self.latent, self.loss = Latent.of(latent), GameLoss.of(loss)
        self.auxiliary = None if auxiliary is None else Auxiliary.of(auxiliary)
        if self.auxiliary is not None:
            self.latent = self.auxiliary.latent(self.latent)
        extra = None if critic_extra is None else CriticExtra.of(critic_extra)
        self.critic_moves = CriticMoves(n_critic, critic_warmup, extra, None if until is None else Until.of(until))
        self.update = Rule.of(update)
        if moves is not None:
            if not isinstance(self.update, Alternating) or self.update.first != "discriminator":
                raise SpecError("give update or moves, not both", ("moves",))
            self.update = Ratios(Moves.of(moves))
        self.labels = Labels(real_labels[0], real_labels[1], label_swap)
        self.augment = None if augment is None else Augment.of(augment)
        self.instance_noise = None if instance_noise is None else InstanceNoise.of(instance_noise)
        self.pack = pack
        self.feature_matching = None if feature_matching is None else FeatureMatching.of(feature_matching)
        self.unrolled = None if unrolled is None else Unrolled.of(unrolled)
        self.decay, self.scored, self.rotation_pairs = moving(average), scored, rotation_pairs
        self.begins_at_mean = begin_at_mean
        self.update.refuse(self)
        self.critic_moves.refuse()
        refuse_contradictions(self)

    def outline(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.examples, self.test, self.watched = data.train, data.test, data.watched
        self.streams, self.dtype, self.batch_size, self.done = streams, np.dtype(dtype), batch_size, 0
        self.kinds = tell_classes(self, data)
        self.moves_fast = len(data.train.shape) == 1  # points
        outline(self, self.decay is not None, self.rotation_pairs > 0 or self.update.twice)

    def build(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.outline(data, batch_size, streams, dtype)
        self.small = Small(self) if Small.is_one(self) else None
        self.allocate(data)
        if self.small is not None and self.small.rest is not None:
            self.goals = {"distance": "min"} | (self.panel.goals if self.scored else {})

    def allocate(self, data: Split) -> None:
        """Make the networks and the data order, once outlined."""
        streams, dtype = self.streams, self.dtype
        self.generator.build((self.latent.size,), streams, dtype, "generator")
        if self.begins_at_mean and not data.missing:
            begin_at_mean(self.generator, self.examples)
        self.average = None if self.decay is None else Average(self.generator.network, self.decay)
        self.discriminator.build(self.pack_shape(), streams, dtype, "discriminator")
        self.update.attach(self)
        if self.augment is not None:
            self.augment.attach(streams.replicates, self.examples.low, self.loss)
        self.batches = Batches(self.examples, self.batch_size, streams["order"])
        self.panel = Panel(self.asking(data), dtype)
        self.goals = self.panel.goals if self.scored else {}  # what the players lose tells nothing of the samples

    def about(self) -> dict[str, Any]:
        panel: Panel | None = vars(self).get("panel")  # none until it is built: `--dry-run` only outlines it
        return {"judge": panel.judged} if panel is not None and panel.judged else {}

    def sample_period(self) -> int:
        # What moves in the plane shall be seen to move.
        return 100 if self.moves_fast else super().sample_period()

    def turns_per_epoch(self) -> float:
        return len(self.examples) // self.batch_size / max(self.update.real_batches(self), 1)

    def scheduled(self) -> Iterator[tuple[str, Scheduled]]:
        yield from super().scheduled()
        yield "critic_moves", self.critic_moves
        yield "labels", self.labels
        if self.augment is not None:
            yield "augment", self.augment
        if self.instance_noise is not None:
            yield "instance_noise", self.instance_noise
        if self.unrolled is not None:
            yield "unrolled", self.unrolled
        if self.auxiliary is not None:
            yield "auxiliary", self.auxiliary
        if self.average is not None:
            yield "average", self.average
        if isinstance(self.update, Scheduled):
            yield "update", self.update

    def turn(self, measure: bool = False) -> dict[str, Any]:
        self.done += 1
        self.begin(self.done)
        watched: AbstractContextManager[dict[str, Any]] = measured(self.players) if measure else nullcontext({})
        with watched as told:
            looks = self.update.turn(self)
        if self.augment is not None:
            self.augment.follow(looks, self.batch_size)
        if not measure:
            return {"loss": losses(looks)}
        augmented = {} if self.augment is None else {"augment": self.augment.told()}
        return {"loss": losses(looks)} | said(self, looks) | told | augmented | self.optimizing()

    def report(self) -> dict[str, Any]:
        """What samples score, how steep the critic is, what it knows by heart, and, if asked for, how the gradient field turns.

        All but the scores are of the two that play.
        """
        drawn = self.drawn(max(self.scored, self.batch_size), self.fixed())
        told: dict[str, Any] = scores(self, drawn) | {"critic_gradient": critic_gradient(self, drawn)}
        told |= {} if self.small is not None else gap(self, drawn)
        told |= {"rotation": turning(self, self.rotation_pairs)} if self.rotation_pairs else {}
        return told | (standing(self, self.small) if self.small is not None else {})

    def directions(self, data: Split) -> dict[str, str]:
        told = {"loss.discriminator": "min", "loss.generator": "min"}
        told |= {"distance": "min"} if Small.is_one(self) else {}
        told |= {"w_estimate": "min"} if self.loss.type == "wasserstein" else {}
        data = self.asking(data)
        there = {f"scores.{name}": way for name, way in directions(data).items() if self.scored or name not in GLANCED}
        return told | there

    def asking(self, data: Split) -> Split:
        return data if self.kinds is None else replace(data, asked=self.kinds.names)

    def asked(self, count: int, streams: Streams, repeat: int = 0) -> Array | None:
        found = self.classes_of(streams, count)
        return None if found is None else found[repeat]

    def is_on_lines(self, metric: str) -> bool:
        return not metric.startswith("scores.") or metric.removeprefix("scores.") in GLANCED

    def score(self, metric: str) -> Array:
        drawn = self.draw_each(CHOSEN, self.fixed())
        return np.array([self.panel.value(metric.removeprefix("scores."), x) for x in drawn])

    def draw(self, count: int, streams: Streams, replicate: int = 0, average: bool | None = None) -> Array:
        """(count, *shape) images or points from one replicate, outside training, in the data's own scale.

        `streams` has as many replicates as the game; equal streams give equal latents. average: as in `drawn_by`.
        """
        return self.draw_each(count, streams, average)[replicate]

    def draw_each(self, count: int, streams: Streams, average: bool | None = None) -> Array:
        """(R, count, *shape): the same of every replicate."""
        with self.drawing(average):
            return self.drawn(count, streams)

    def looked(
        self, count: int, seed: int, average: bool | None, steps: Sequence[int], go_back: Callable[[], bool]
    ) -> list[Sampled]:
        def drawn() -> Array:
            return self.draw_each(count, Streams(seed + FIXED_SEED, self.streams.replicates), average)[:LOOKED_REPEATS]

        now = drawn()
        before = drawn() if go_back() else None
        return [look(self.panel, x, None if before is None else before[r], steps[r]) for r, x in enumerate(now)]

    def state(self) -> dict[str, Array]:
        state = {f"order.{k}": v for k, v in self.batches.state().items()} | {"turns": np.array(self.done)}
        for name, player in self.players.items():
            state |= {f"{name}.{k}": v for k, v in player.state().items()}
        state |= {f"update.{k}": v for k, v in self.update.state().items()}
        if self.augment is not None:
            state |= {f"augment.{k}": v for k, v in self.augment.state().items()}
        if self.average is not None:
            state |= {f"average.{k}": v for k, v in self.average.state().items()}
        return state

    def restore(self, state: dict[str, Array]) -> None:
        self.batches.restore(_below("order.", state))
        self.done = int(state.get("turns", 0))  # checkpoints of older versions count no turns, and had no use for them
        for name, player in self.players.items():
            player.restore(_below(f"{name}.", state))
        self.update.restore(_below("update.", state))
        self.to_turn(self.done)
        if self.augment is not None:
            self.augment.restore(_below("augment.", state))
        if self.average is not None:
            self.average.restore(_below("average.", state))

    def summary(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        told = {"drawn_by": self.drawn_by()} if self.drawn_by() else {}
        return told | (summed_up(self.small, records, self.streams.replicates) if self.small is not None else {})

    def reference(self, data: Split) -> Reference:
        known = Reference.of(data, self.scored, self.panel.own, self.panel.kinds)
        return known if self.kinds is None else replace(known, obeyed=self.panel.obeyed_by_real)

    def show(self, path: Path, context: Context) -> None:
        show(self, path, context)

    def save_plots(self, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
        made = context.pictures.draw(save_plane, self.small, folder, records, context.title) if self.small else []
        return made + save_curves(self, folder, records, context)

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
        """Of one repeat: the panel's scores, and D(x) and D(G(z)) with their spread.

        Where the game keeps a moving average, `drawn_by` says whose they are; `average` and `plain` hold the scores of both.
        """

        def draw(n: int) -> Array:  # not the very latents that a run of this seed has learnt from
            return self.drawn(n, Streams(seed + FIXED_SEED, self.streams.replicates))[repeat]

        def asked(n: int) -> Array | None:
            return self.asked(n, Streams(seed + FIXED_SEED, self.streams.replicates), repeat)

        def recovered(x: Array) -> Array:
            return recover(self, x, seed + FIXED_SEED, restarts=2, steps=200, repeat=repeat).error

        with self.drawing(average):
            title = caption(self, context.title, average, repeat)
            told = self.panel.measure(draw, count, seed, folder, title, only, context.pictures, recovered, asked)
            if only is None or "all" in only:
                n = max(count, self.pack)
                told |= verdicts(self, draw(n), asked(n), n, seed, repeat)
            title = caption(self, f"{context.title}, step {context.step:,}, seed {seed}", average, repeat)
            pictures = save_samples(self, seed, folder, context.pictures, title, repeat)
            told["pictures"] = [*told.get("pictures", []), *map(str, pictures)]
        if self.streams.replicates > 1:
            told["repeat"] = repeat
        if self.average is None:
            return told
        plain, own = average is False, {key: told[key] for key in ("scores", "judge") if key in told}
        with self.drawing(plain):
            other = self.panel.measure(draw, count, seed, None, context.title, only, recover=recovered, asked=asked)
        both = {"average": other, "plain": own} if plain else {"average": own, "plain": other}
        return {"drawn_by": self.drawn_by(average), **told, **both}

    def probes(self) -> list[Probe]:
        """As they play: with penalty, remedies, augmentation and noise, and what an auxiliary task adds."""
        batch = self.batch()

        def lost(look_at: Callable[[Batch], Look]) -> Callable[[Mode, bool], Array]:
            def loss(_: Mode, gradient: bool) -> Array:
                look = look_at(batch)
                if gradient or look.penalise is not None:  # a penalty is known once its gradient is
                    look.gradient()
                return np.asarray(look.loss + sum(look.asked.values()))

            return loss

        looks = {"discriminator": self.critic_look, "generator": self.generator_look}
        return [Probe(name, self.player(name).network, lost(look)) for name, look in looks.items()]


def _below(prefix: str, state: dict[str, Array]) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
