"""The adversarial game: a discriminator learns to tell real from generated, a generator learns to be taken for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from dessine.data import Split
from dessine.data.batches import Batches
from dessine.games.game import FIXED_SEED, Array, Context, Game, Probe, games
from dessine.games.player import Player
from dessine.losses import GameLoss, sigmoid
from dessine.nn import Mode
from dessine.nn.layer import Backward, size
from dessine.registry import DEFAULTS, Count, Like, Node, Problems, Share, SpecError, Whole
from dessine.streams import Streams


class Latent(Node):
    """What the generator draws from.

    size: numbers per image
    distribution: gaussian N(0, 1), or uniform in [-1, 1)
    """

    def __init__(self, size: Count = 100, distribution: Literal["gaussian", "uniform"] = "gaussian"):
        self.size, self.distribution = size, distribution

    def draw(self, streams: Streams, count: int, dtype: Any, purpose: str = "latent") -> Array:
        """(R, count, size)."""
        stream = streams[purpose]
        if self.distribution == "gaussian":
            return stream.gaussian((count, self.size), dtype)
        return stream.uniform((count, self.size), dtype, -1.0, 1.0)


class Moves(Node):
    """The report's ratios: how many moves of each kind one turn has, in this order, each a step of its own.

    real: the discriminator on a batch of real examples
    shared: the generator, then the discriminator on the very images it has shown
    generated: the discriminator on freshly generated images
    alone: the generator
    """

    def __init__(self, real: Whole = 1, shared: Whole = 1, generated: Whole = 0, alone: Whole = 0):
        self.real, self.shared, self.generated, self.alone = real, shared, generated, alone
        if real + shared + generated == 0 or shared + alone == 0:
            raise SpecError("both players must move: real, shared or generated, and shared or alone, must be over 0")


@games.register("adversarial")
class Adversarial(Game):
    """A generator against a discriminator (GAN, Goodfellow et al. 2014).

    generator: draws; its last layer must hold as many numbers as an example
    discriminator: one output, the logit of "real"; a final sigmoid is read as its logit
    latent: what the generator draws from
    loss: what both play for
    n_critic: moves of the discriminator per turn, each on a real and a generated batch together
    moves: the report's ratios instead of n_critic
    real_labels: interval from which labels of real examples are drawn; [0.7, 1.0] in the report
    label_swap: probability with which an example gets the other side's label
    """

    goals: ClassVar[dict[str, str]] = {"loss.discriminator": "min", "loss.generator": "min"}
    headline: ClassVar[dict[str, str]] = {
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
        n_critic: Count = 1,
        moves: Like[Moves] | None = None,
        real_labels: list[Share] = [1.0, 1.0],  # noqa: B006
        label_swap: Share = 0.0,
    ):
        if len(real_labels) != 2 or real_labels[0] > real_labels[1]:
            raise SpecError("expects an interval [low, high] in [0, 1]", ("real_labels",))
        if moves is not None and n_critic != 1:
            raise SpecError("give n_critic or moves, not both", ("moves",))
        self.generator, self.discriminator = generator, discriminator
        self.players = {"discriminator": discriminator, "generator": generator}
        self.latent, self.loss = Latent.of(latent), GameLoss.of(loss)
        self.n_critic = n_critic
        self.moves = None if moves is None else Moves.of(moves)
        self.real_labels, self.label_swap = (real_labels[0], real_labels[1]), label_swap

    def build(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.examples, self.test = data.train, data.test
        self.streams, self.dtype, self.batch_size = streams, np.dtype(dtype), batch_size
        problems, wanted = Problems(), self.examples.shape
        with problems.below():
            self.generator.build((self.latent.size,), streams, dtype, "generator")
            made = size(self.generator.network.output_shape)
            if made != size(wanted):
                text = f"its last layer makes {made} numbers, an example holds {size(wanted)} {list(wanted)}"
                raise SpecError(text, ("generator", "layers"))
        with problems.below():
            self.discriminator.read_as_logits()
            self.discriminator.build(wanted, streams, dtype, "discriminator")
            outputs = size(self.discriminator.network.output_shape)
            if outputs != 1:
                raise SpecError(f"needs one output, has {outputs}", ("discriminator", "layers"))
        with problems.below():
            self.batches = Batches(self.examples, batch_size, streams["order"])
        problems.tell()

    def turns_per_epoch(self) -> float:
        real = self.moves.real if self.moves else self.n_critic
        return self.batches.steps_per_epoch / max(real, 1)

    def turn(self, measure: bool = False) -> dict[str, Any]:
        seen: dict[str, Any] = {"loss": {}}
        if self.moves is None:
            for i in range(self.n_critic):
                self._both(seen, measure and i == self.n_critic - 1)
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
        return seen

    def _generate(self) -> Array:
        """A batch for the discriminator to learn from: the generator plays and learns nothing."""
        z = self.latent.draw(self.streams, self.batch_size, self.dtype)
        x, _ = self.generator.network.forward(z, Mode(self.streams, record=False))
        return x.reshape(*x.shape[:2], *self.examples.shape)

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
        real, _ = self.batches.next(self.dtype)
        generated = self._generate()
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
        seen["loss"]["discriminator"] = total
        self._learn(seen, "discriminator", errors, measure)

    def _one_side(self, seen: dict[str, Any], x: Array, truth: float, measure: bool) -> None:
        """One move of the discriminator on a real or a generated batch."""
        y, backward = self.discriminator.network.forward(x, Mode(self.streams))
        value, dy = self.loss.critic(y.reshape(*y.shape[:2], 1), self._labels(truth, x.shape[1]))
        side = "real" if truth else "generated"
        self._scores(seen, f"d_{side}", y.reshape(*y.shape[:2]), measure)
        seen.setdefault("sides", {})[side] = value
        seen["loss"]["discriminator"] = sum(seen["sides"].values())
        self._learn(seen, "discriminator", [(backward, dy.reshape(y.shape))], measure)

    def _generator_move(self, seen: dict[str, Any], measure: bool) -> Array:
        """One move of the generator; returns what it has shown, (R, B, *shape)."""
        z = self.latent.draw(self.streams, self.batch_size, self.dtype)
        x, generator_backward = self.generator.network.forward(z, Mode(self.streams))
        shown = x.reshape(*x.shape[:2], *self.examples.shape)
        y, backward = self.discriminator.network.forward(shown, Mode(self.streams, record=False))
        value, dy = self.loss.generator(y.reshape(*y.shape[:2], 1))
        dx = backward(dy.reshape(y.shape), params=False)
        assert dx is not None
        seen["loss"]["generator"] = value
        self._learn(seen, "generator", [(generator_backward, dx.reshape(x.shape))], measure)
        return shown

    def _learn(self, seen: dict[str, Any], name: str, errors: list[tuple[Backward, Array]], measure: bool) -> None:
        """One move, along what one or two backward passes tell."""
        player = self.players[name]
        if len(errors) == 1:
            layers = player.learn(*errors[0], measure)
        else:
            for backward, dy in errors:
                backward(dy, inputs=False)
            layers = player.move(measure)
        if measure:
            seen.setdefault("layers", {})[name] = layers

    @staticmethod
    def _scores(seen: dict[str, Any], key: str, logits: Array, measure: bool) -> None:
        if measure:
            d = sigmoid(logits)
            seen[key] = {"mean": d.mean(-1), "std": d.std(-1)}

    def draw(self, count: int, streams: Streams, replicate: int = 0) -> Array:
        """(count, *shape) images or points from one replicate, outside training, in the data's own scale.

        `streams` has as many replicates as the game; equal streams give equal latents.
        """
        z = self.latent.draw(streams, count, self.dtype)
        x, _ = self.generator.network.forward(z, Mode(streams, train=False, record=False))
        return x[replicate].reshape(count, *self.examples.shape)

    def state(self) -> dict[str, Array]:
        state = {f"order.{k}": v for k, v in self.batches.state().items()}
        for name, player in self.players.items():
            state |= {f"{name}.{k}": v for k, v in player.state().items()}
        return state

    def restore(self, state: dict[str, Array]) -> None:
        self.batches.restore(_below("order.", state))
        for name, player in self.players.items():
            player.restore(_below(f"{name}.", state))

    def show(self, path: Path, context: Context) -> None:
        """A grid of images, or a scatter of points, from the same latents every time."""
        from dessine.plots.curves import save_scatter
        from dessine.plots.grid import save_grid

        fixed = Streams(context.seed + FIXED_SEED, self.streams.replicates)
        caption = f"{context.title}, step {context.step:,}"
        if len(self.examples.shape) == 1:
            real = self.examples.floats(np.arange(min(1000, len(self.examples))), np.float32)
            save_scatter(path, real, self.draw(1000, fixed), caption)
            return
        rows, columns = context.grid
        save_grid(path, self.examples.images(self.draw(rows * columns, fixed)), columns, caption)

    def save_plots(self, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
        from dessine.plots.curves import save_gradients, save_losses, save_scores

        made = [save_losses(folder, records, context.title), save_scores(folder, records, context.title)]
        return made + save_gradients(folder, records, context.title)

    def evaluate(self, count: int, seed: int, folder: Path, context: Context) -> dict[str, Any]:
        """D(x) on training and test examples and D(G(z)), each with its spread over examples, of replicate 0."""
        replicates = self.streams.replicates
        sides = {
            "d_train": self.examples.floats(np.arange(min(count, len(self.examples))), self.dtype),
            "d_test": self.test.floats(np.arange(min(count, len(self.test))), self.dtype),
            # Not the very latents that a run of this seed has learnt from.
            "d_generated": self.draw(count, Streams(seed + FIXED_SEED, replicates)),
        }
        scores: dict[str, Any] = {}
        mode = Mode(Streams(seed, replicates), train=False, record=False)
        for name, x in sides.items():
            every = np.broadcast_to(x, (replicates, *x.shape))
            logits, _ = self.discriminator.network.forward(every, mode)
            d = sigmoid(logits[0].astype(np.float64))
            scores[name] = {"mean": float(d.mean()), "std": float(d.std()), "count": len(x)}
        if replicates > 1:
            scores["repeat"] = 0
        if len(self.examples.shape) > 1:
            scores["pictures"] = self._pictures(seed, folder, context)
        return scores

    def _pictures(self, seed: int, folder: Path, context: Context) -> list[str]:
        from dessine.plots.grid import save_grid

        title, replicates = f"{context.title}, step {context.step:,}, seed {seed}", self.streams.replicates
        samples, walk = folder / "samples.png", folder / "interpolation.png"
        save_grid(samples, self.examples.images(self.draw(64, Streams(seed + FIXED_SEED, replicates))), 8, title)
        steps = self.examples.images(self._walk(Streams(seed + FIXED_SEED, replicates)))
        save_grid(walk, steps, 10, f"{title}: each row goes from one latent to another")
        return [str(samples), str(walk)]

    def _walk(self, streams: Streams, rows: int = 6, columns: int = 10) -> Array:
        """(rows * columns, *shape): each row goes in equal steps from one latent to another."""
        ends = self.latent.draw(streams, 2 * rows, self.dtype).reshape(-1, rows, 2, self.latent.size)
        t = np.linspace(0, 1, columns, dtype=self.dtype)[:, None]
        z = (ends[:, :, :1] * (1 - t) + ends[:, :, 1:] * t).reshape(len(ends), -1, self.latent.size)
        x, _ = self.generator.network.forward(z, Mode(streams, train=False, record=False))
        return x[0].reshape(rows * columns, *self.examples.shape)

    def probes(self) -> list[Probe]:
        g, d, b = self.generator.network, self.discriminator.network, self.batch_size
        real, _ = self.batches.next(self.dtype)
        z = self.latent.draw(self.streams, b, self.dtype)
        label = np.ones((self.streams.replicates, b, 1), self.dtype)

        def critic(mode: Mode) -> Array:
            y, backward = d.forward(real, mode)
            value, dy = self.loss.critic(y.reshape(label.shape), label)
            backward(dy.reshape(y.shape), inputs=False)
            return value

        def generator(mode: Mode) -> Array:
            x, generator_backward = g.forward(z, mode)
            y, backward = d.forward(x.reshape(*x.shape[:2], *self.examples.shape), mode)
            value, dy = self.loss.generator(y.reshape(label.shape))
            dx = backward(dy.reshape(y.shape), params=False)
            assert dx is not None
            generator_backward(dx.reshape(x.shape), inputs=False)
            return value

        return [Probe("discriminator", d, critic), Probe("generator", g, generator)]


def _below(prefix: str, state: dict[str, Array]) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
