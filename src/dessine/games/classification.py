"""Classification: one network is told the right answers, and is tested on examples it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from dessine.data import Examples, Split
from dessine.data.batches import Batches
from dessine.games.game import FIXED_SEED, Array, Context, Game, Probe, games, refuse_beyond_memory
from dessine.games.one_by_one import OneByOne
from dessine.games.player import Player, measured
from dessine.intervals import POSITIVE, SHARE, share_interval, summarise_repeats
from dessine.losses import Loss, SoftmaxCrossEntropy, sigmoid
from dessine.nn import Mode
from dessine.nn.layer import size
from dessine.registry import Count, Like, Positive, Share, SpecError, did_you_mean
from dessine.streams import Streams

PORTION = 2000
"""Test examples that pass the network together, or fewer if they are large: enough for the BLAS, few enough for memory."""

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
"""Of the weights of each layer, kept over time."""


@games.register("classification")
class Classification(Game):
    """A network learns to name the class of an example (the student report's chapter 1).

    network: the layers, and how they learn
    loss: what is minimised; binary_cross_entropy reads a last sigmoid as its logits, softmax_cross_entropy a last softmax
    test_period: examples learnt between two lines of metrics, each with a test, unless outputs.metrics says otherwise; where
        the data have a validation part, that is what is looked at on the way, and the test at the end
    threshold: one output is right if it is nearer to its target than this share of the distance between the two targets;
        several outputs are right if that of the true class is the largest
    targets: what outputs aim at for a wrong and for the right class, such as [-1, 1] for tanh; but a single output aims at
        the labels themselves where they are floats (-1 and 1 in xor and region), and cross-entropies at 0 and 1
    learned: test success from which a repeat counts as one that has learnt
    """

    goals: Mapping[str, str] = MappingProxyType({"test_success": "max", "test_loss": "min"})
    headline: ClassVar[dict[str, str]] = {
        "loss.network": "loss",
        "test_success": "test success",
        "validation_success": "validation success",
    }

    def __init__(
        self,
        network: Player,
        loss: Like[Loss] = "quadratic",
        test_period: Count = 1000,
        threshold: Positive = 0.5,
        targets: list[float] = [0.0, 1.0],  # noqa: B006
        learned: Share = 0.9,
    ):
        if len(targets) != 2 or targets[0] >= targets[1]:
            raise SpecError("expects [wrong, right] with wrong below right", ("targets",))
        self.player, self.loss = network, Loss.of(loss)
        self.players = {"network": network}
        self.test_period, self.threshold, self.learned = test_period, threshold, learned
        self.targets = (targets[0], targets[1])

    def outline(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.streams, self.dtype, self.batch_size = streams, np.dtype(dtype), batch_size
        if self.loss.squash:
            self.player.read_as_logits(self.loss.squash)
        self.outputs = size(self.player.outline(data.train.shape, "network"))
        self.classes, self.span = self._classes(data.train)
        tests = max(len(data.test), len(data.watched))
        once, each = max(batch_size, min(PORTION, tests)), streams.replicates * self.dtype.itemsize
        kept, passing = self.player.numbers(once)
        answers = tests * self.outputs
        refuse_beyond_memory({"networks": each * kept, "batches": each * once * passing, "answers": each * answers})
        self.train_classes, self.test_classes = self._index(data.train), self._index(data.test)
        self.watched_classes = self.test_classes if data.validation is None else self._index(data.watched, "validation")
        self.way = "test" if data.validation is None else "validation"  # what is looked at on the way
        self.goals = {f"{self.way}_success": "max", f"{self.way}_loss": "min"}
        self.steps_per_epoch = len(data.train) // batch_size

    def build(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.outline(data, batch_size, streams, dtype)
        self.player.build(data.train.shape, streams, dtype, "network")
        self.train = self._answered(data.train, self.train_classes)
        self.test = self._answered(data.test, self.test_classes)
        self.watched = self.test if self.way == "test" else self._answered(data.watched, self.watched_classes)
        self.batches = Batches(self.train, batch_size, streams["order"])
        self.one_by_one = OneByOne.of(self.player, self.loss, self.train) if batch_size == 1 else None
        self.done, self.count, self.metrics_period = 0, 0, self.period()
        self.total = np.zeros(streams.replicates)
        network = self.player.network
        self.start = network.theta.copy(), network.buffers.copy()  # pictures show what learning has changed

    def _classes(self, examples: Examples) -> tuple[Array, tuple[float, float]]:
        """The classes that can be told apart, and the two values one output aims at."""
        if examples.y is None:
            raise SpecError("this data has no labels to learn: try mnist, xor or region", ("type",))
        classes = np.unique(examples.y)
        if len(classes) < 2:
            raise SpecError("this data has one class only: there is nothing to tell apart", ("type",))
        wanted = {len(classes), 1} if len(classes) == 2 else {len(classes)}
        if self.outputs not in wanted:
            needed = " or ".join(map(str, sorted(wanted)))
            raise SpecError(
                f"its last layer has {self.outputs} outputs, but the data has {len(classes)} classes: it needs {needed}",
                ("network", "layers"),
            )
        if self.outputs == 1 and isinstance(self.loss, SoftmaxCrossEntropy):
            raise SpecError("needs one output for each class: take binary_cross_entropy for one output", ("loss",))
        floats = np.issubdtype(examples.y.dtype, np.floating)
        span = self.targets
        if self.loss.squash:
            span = (0.0, 1.0)
        elif floats and self.outputs == 1:
            span = float(classes[0]), float(classes[-1])
        if self.targets not in (span, (0.0, 1.0)):
            raise SpecError(f"with this data and loss outputs aim at {span[0]:g} and {span[1]:g}: leave it out", ("targets",))
        last = self.player.last_activation()
        if last is not None and not self.loss.squash and last.least > span[0]:
            raise SpecError(
                f"outputs aim at {span[0]:g} and {span[1]:g}, but a {last.type} gives nothing under {last.least:g}: "
                "take tanh, centred_sigmoid or linear, or the loss binary_cross_entropy",
                ("network", "layers", len(self.player.layers) - 1),
            )
        return classes, span

    def _index(self, examples: Examples, part: str = "test") -> Array:
        """(N,) which of `classes` each example is of."""
        y = np.asarray(examples.y).reshape(len(examples))
        if len(strange := np.setdiff1d(y, self.classes)):
            some = ", ".join(f"{c:g}" for c in strange[:5]) + (", ..." if len(strange) > 5 else "")
            raise SpecError(f"the {part} part has classes that the training part has not: {some}", ("type",))
        return np.searchsorted(self.classes, y)

    def _answered(self, examples: Examples, index: Array) -> Examples:
        """The examples with what the network shall say of class `index` (N,): labels (N,) for softmax, else (N, outputs)."""
        if isinstance(self.loss, SoftmaxCrossEntropy):
            answers: Array = index
        else:
            low, high = self.span
            right: Array = index[:, None] == (np.arange(self.outputs) if self.outputs > 1 else np.ones(1))
            answers = np.where(right, high, low).astype(self.dtype)
        return Examples(examples.x, answers, examples.low, examples.high)

    def period(self) -> int:
        return max(1, self.test_period // self.batch_size)

    def sample_period(self) -> int:
        return self.steps_per_epoch

    def checkpoint_period(self) -> int:
        return self.steps_per_epoch

    def turns_per_epoch(self) -> float:
        return self.steps_per_epoch

    def turn(self, measure: bool = False) -> dict[str, Any]:
        x, target = self.batches.next(self.dtype)
        if not measure:
            return {"loss": {"network": self._count(self._learn(x, target)[:, None], False)}}
        with measured(self.players) as told:
            value = self._learn(x, target)
        return {"loss": {"network": self._count(value[:, None], True)}} | told

    def turns(self, n: int, measure: bool = False) -> dict[str, Any]:
        """n rounds; what the last one returns. In compiled stretches where there are any."""
        if self.one_by_one is None:
            return super().turns(n, measure)
        while n > 1:
            index = self.batches.take(n - 1)
            self._count(self.one_by_one.learn(index), False)
            n -= index.shape[1]
        index = self.batches.take(1)
        told = self._look_ahead(index) if measure else {}
        return {"loss": {"network": self._count(self.one_by_one.learn(index), measure)}} | told

    def _learn(self, x: Array, target: Array | None) -> Array:
        """One move of the network; the loss, (R,)."""
        y, backward = self.player.network.forward(x, Mode(self.streams))
        value, dy = self.loss(y, target)  # type: ignore[arg-type]
        self.player.learn(backward, dy)
        return value

    def _look_ahead(self, index: Array) -> dict[str, Any]:
        """What is told of a move on these examples, which is then undone: to be measured must not change what a turn does."""
        before = {name: np.array(value) for name, value in self.player.state().items()}
        with measured(self.players) as told:
            self._learn(*self.batches.at(index, self.dtype))
        self.player.restore(before)
        return told

    def _count(self, values: Array, measure: bool) -> Array:
        """Losses of the next turns, (R, n). Returns the last, (R,); if `measure`, the mean since the last line of metrics."""
        last = values[:, -1]
        while values.shape[1]:
            if self.done % self.metrics_period == 0:
                self.total, self.count = np.zeros_like(self.total), 0
            n = min(values.shape[1], self.metrics_period - self.done % self.metrics_period)
            # One after another, so that the sum does not depend on how the turns are cut.
            self.total = np.add.accumulate(np.column_stack([self.total, values[:, :n]]), axis=1)[:, -1]
            values, self.count, self.done = values[:, n:], self.count + n, self.done + n
        return self.total / self.count if measure else last

    def report(self) -> dict[str, Any]:
        """The test, or that on the validation part, and how the weights of each layer are spread."""
        answers, loss = self._answers(self.watched, self._fixed())
        right = self._right(answers, self.watched)
        members = [self.watched_classes == c for c in range(len(self.classes))]
        with np.errstate(invalid="ignore"):  # NaN for a class of which the test has none
            by_class = np.stack([right[:, of].sum(-1) for of in members], -1) / [of.sum() for of in members]
        return {
            "examples": self.done * self.batch_size,
            f"{self.way}_success": right.mean(-1),
            f"{self.way}_loss": loss,
            "class_success": by_class,
            "weights": self._spread(self.player.network.theta),
        }

    def tested(self) -> dict[str, Any]:
        if self.way == "test":
            return {}
        answers, loss = self._answers(self.test, self._fixed())
        return {"test_success": self._right(answers, self.test).mean(-1), "test_loss": loss}

    def _spread(self, theta: Array) -> dict[str, Array]:
        """Layer -> (R, quantiles) of its parameters, which are part of theta, (R, P)."""
        parts = self.player.network.slices.items()
        return {key: np.quantile(theta[:, part], QUANTILES, axis=-1).T.astype(np.float64) for key, part in parts}

    def _fixed(self) -> Streams:
        return Streams(self.streams.seed + FIXED_SEED, self.streams.replicates)

    def _answers(self, examples: Examples, streams: Streams, count: int | None = None) -> tuple[Array, Array]:
        """What the network says of the first `count` examples, (R, N, outputs), and its loss, (R,): outside training."""
        n = min(count or len(examples), len(examples))
        mode, said, total = Mode(streams, train=False, record=False), [], np.zeros(streams.replicates)
        portion = examples.at_once(PORTION, self.dtype)
        for start in range(0, n, portion):
            part = np.arange(start, min(start + portion, n))
            x = examples.floats(part, self.dtype)
            y, _ = self.player.network.forward(np.broadcast_to(x, (streams.replicates, *x.shape)), mode)
            target = np.broadcast_to(examples.y[part], (streams.replicates, *examples.y[part].shape))  # type: ignore[index]
            value, _ = self.loss(y, target)
            total += value * (len(part) / n)
            said.append(y)
        return np.concatenate(said, 1), total

    def _right(self, answers: Array, examples: Examples) -> Array:
        """(R, N) whether each answer is right."""
        target = examples.y[: answers.shape[1]]  # type: ignore[index]
        if self.outputs == 1:
            low, high = self.span
            value = sigmoid(answers) if self.loss.squash else answers
            right: Array = np.abs(value - target)[..., 0] < self.threshold * (high - low)
            return right
        # The largest of NaNs would be the first of them, and a network that is gone right in all of the first class.
        return np.isfinite(answers).all(-1) & (answers.argmax(-1) == (target if target.ndim == 1 else target.argmax(-1)))

    def _named(self, answers: Array) -> Array:
        """(R, N) the index of the class nearest to each answer."""
        if self.outputs > 1:
            return answers.argmax(-1)
        value = sigmoid(answers) if self.loss.squash else answers
        return (value[..., 0] > sum(self.span) / 2).astype(int)

    def state(self) -> dict[str, Array]:
        state = {f"order.{k}": v for k, v in self.batches.state().items()}
        state |= {"done": np.array(self.done), "count": np.array(self.count), "total": self.total}
        return state | {f"network.{k}": v for k, v in self.player.state().items()}

    def restore(self, state: dict[str, Array]) -> None:
        self.batches.restore({k[6:]: v for k, v in state.items() if k.startswith("order.")})
        self.done, self.count = int(state["done"]), int(state["count"])
        self.total = np.array(state["total"])
        self.player.restore({k[8:]: v for k, v in state.items() if k.startswith("network.")})

    def summary(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Final success over the repeats: mean, spread, interval; the share that has learnt, by the test if there was one."""
        last = {name: r[name] for r in records for name in ("validation_success", "test_success") if name in r}
        if not last:
            return {}
        finals = {name: np.array(value, np.float64).reshape(-1) for name, value in last.items()}
        finals = {name: np.where(np.isfinite(x), x, 0.0) for name, x in finals.items()}  # who diverged has learnt nothing
        final = finals.get("test_success", finals.get("validation_success", np.zeros(0)))
        hits = int((final >= self.learned).sum())
        learnt = {"threshold": self.learned, "count": hits, "share": hits / len(final)}
        return {
            **{name: summarise_repeats(x, SHARE) for name, x in finals.items()},
            "learned": learnt | {"interval": share_interval(hits, len(final))},
        }

    def show(self, path: Path, context: Context) -> None:
        """The map of its decisions where the plane is the input, the first layer's weights where images are."""
        caption = f"{context.title}, step {context.step:,}"
        if self.train.shape == (2,):
            from dessine.plots.maps import save_map

            rows, columns = context.grid
            shown = min(self.streams.replicates, rows * columns)
            span = self.span if self.outputs == 1 else (0.0, 1.0)  # of several outputs the map shows which is the largest
            save_map(path, self._on_plane(), self.train.x, self.train_classes, shown, caption, span)
        elif (w := self._first_weights()) is not None:
            from dessine.plots.weights import save_weights

            up, across = context.grid
            first, names = w[: up * across], [f"{c:g}" for c in self.classes]
            what = f"what learning has changed in the weights of {len(first)} of {len(w)} neurons (red: less, blue: more)"
            labels = names if len(w) == len(names) and len(self.player.layers) == 1 and len(first) == len(w) else ()
            save_weights(path, first, across, self._of_first(f"{caption}: {what}"), labels)

    def _on_plane(self, side: int = 101) -> Array:
        """(R, side, side) the output, or the index of the named class, on a grid of [-1, 1]^2 or what the data covers."""
        low, high = self.train.x.min(), self.train.x.max()
        axis = np.linspace(low, high, side)
        points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
        answer = np.asarray(self.train.y)[:1]
        examples = Examples(points, np.broadcast_to(answer, (len(points), *answer.shape[1:])))
        answers, _ = self._answers(examples, self._fixed())
        value: Array = self._named(answers) if self.outputs > 1 else (sigmoid(answers) if self.loss.squash else answers)
        return value.reshape(len(answers), side, side)

    def _first_weights(self) -> Array | None:
        """(units, H, W, channels): how far the first layer's weights of replicate 0 have moved, if they see whole images.

        Of the weights themselves, random numbers in the beginning, noise is all that one sees.
        """
        shape, network = self.train.shape, self.player.network
        at_start = network.views(self.start[0])
        for name, w in network.parameters().items():
            if name.endswith(".w"):
                whole = w.ndim == 3 and w.shape[1] == size(shape) and len(shape) == 3
                return (w[0] - at_start[name][0]).T.reshape(-1, *shape) if whole else None
        return None

    def _at_start(self) -> dict[str, Any]:
        """The test on the way before anything was learnt, as a record for the curves."""
        network = self.player.network
        now = network.theta.copy(), network.buffers.copy()
        network.theta[...], network.buffers[...] = self.start
        answers, loss = self._answers(self.watched, self._fixed())
        network.theta[...], network.buffers[...] = now
        success, spread = self._right(answers, self.watched).mean(-1), self._spread(self.start[0])
        told = {f"{self.way}_success": success.tolist(), f"{self.way}_loss": loss.tolist(), "weights": spread}
        return {"step": 0, "examples": 0} | told

    def save_plots(self, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
        from dessine.plots.curves import save_gradients
        from dessine.plots.learning import save_learning, save_weight_spread

        title, first, draw = context.title, self._of_first(context.title), context.pictures.draw
        since_start = [self._at_start(), *records]
        made = draw(save_learning, folder, since_start, title, self.way)
        made += draw(save_weight_spread, folder, since_start, first)
        made += draw(save_gradients, folder, records, title)
        answers, _ = self._answers(self.test, self._fixed())
        return made + self._judged(folder, answers, context)

    def _judged(self, folder: Path, answers: Array, context: Context) -> list[Path]:
        """Pictures of what it answers to the test."""
        from dessine.plots.learning import save_confusion, save_mistakes

        names, draw = [f"{c:g}" for c in self.classes], context.pictures.draw
        made = draw(save_confusion, folder, self._confusion(answers), names, context.title)
        if len(self.test.shape) == 3:
            made += draw(save_mistakes, folder, *self._mistakes(answers), self._of_first(context.title))
        return made

    def _of_first(self, title: str) -> str:
        """The title of a picture that shows the first repeat only."""
        return f"{title}, repeat 0 of {self.streams.replicates}" if self.streams.replicates > 1 else title

    def _confusion(self, answers: Array) -> Array:
        """(classes, classes) test examples of class i that were named j, mean over the replicates with finite answers."""
        k, n, finite = len(self.classes), answers.shape[1], np.isfinite(answers).all((1, 2))
        cells = self.test_classes[:n] * k + self._named(answers[finite])
        counts: Array = sum((np.bincount(row, minlength=k * k) for row in cells), np.zeros(k * k))
        return counts.reshape(k, k) / max(finite.sum(), 1)

    def _mistakes(self, answers: Array, most: int = 64) -> tuple[Array, list[str]]:
        """The images that replicate 0 got wrong, worst first, each with "true → predicted"; how bad is told by the outputs."""
        named, true = self._named(answers)[0], self.test_classes[: answers.shape[1]]
        wrong = np.flatnonzero(named != true)
        at = answers[0]
        if self.outputs > 1:
            badness = at[wrong, named[wrong]] - at[wrong, true[wrong]]
        else:
            value = sigmoid(at) if self.loss.squash else at
            badness = np.abs(value[wrong, 0] - np.asarray(self.test.y)[wrong, 0])
        worst = wrong[np.argsort(-badness, kind="stable")][:most]
        images = self.test.images(self.test.floats(worst, np.float32))
        return images, [f"{self.classes[true[i]]:g} → {self.classes[named[i]]:g}" for i in worst]

    def evaluate(
        self,
        count: int,
        seed: int,
        folder: Path,
        context: Context,
        only: Sequence[str] | None = None,
        average: bool | None = None,
    ) -> dict[str, Any]:
        """Success on training and test examples: over the repeats, by class, and who was taken for whom.

        Raises SpecError for a name in `only` that is none of these scores.
        """
        streams = Streams(seed, self.streams.replicates)
        scores: dict[str, Any] = {}
        parts = {"train": self.train, "validation": self.watched, "test": self.test}
        for name, examples in parts.items():
            if name == "validation" and self.way == "test":
                continue
            answers, loss = self._answers(examples, streams, count)
            right = self._right(answers, examples).mean(-1)
            success = {"of": "repeats", "examples": answers.shape[1], "repeats": right.tolist()}
            scores[f"{name}_success"] = summarise_repeats(right, SHARE) | success
            scores[f"{name}_loss"] = summarise_repeats(loss, POSITIVE) | {"of": "repeats"}
        hits = self._right(answers, self.test)
        true = self.test_classes[: answers.shape[1]]
        scores["class_success"] = {
            f"{c:g}": float(hits[:, true == i].mean()) for i, c in enumerate(self.classes) if (true == i).any()
        }
        scores["confusion"] = self._confusion(answers).tolist()
        if only is not None and "all" not in only:
            for name in only:
                if name not in scores:
                    raise SpecError(f"no score '{name}'{did_you_mean(name, scores)} (this run has: {', '.join(scores)})")
            return {name: scores[name] for name in only}
        return scores | {"pictures": [str(p) for p in self._judged(folder, answers, context)]}

    def probes(self) -> list[Probe]:
        network = self.player.network
        x, target = self.batches.next(self.dtype)

        def loss(mode: Mode) -> Array:
            y, backward = network.forward(x, mode)
            value, dy = self.loss(y, target)  # type: ignore[arg-type]
            backward(dy, inputs=False)
            return value

        return [Probe("network", network, loss)]
