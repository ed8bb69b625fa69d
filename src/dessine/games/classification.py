"""Classification: one network is told the right answers, and is tested on examples it has not seen.

Which answers are right stands in `task.py`, how it does in its tests in `measures/exam.py`, what is drawn in `pictures/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from dessine.data import Examples, Split
from dessine.data.batches import Batches
from dessine.games.game import Array, Context, Game, Probe, games, refuse_beyond_memory
from dessine.games.kinds import refuse_strange
from dessine.games.measures.exam import exam, scores, tested
from dessine.games.one_by_one import OneByOne
from dessine.games.pictures.answers import save_answers
from dessine.games.pictures.decisions import show
from dessine.games.pictures.learning import save_learnt
from dessine.games.player import Player, measured
from dessine.games.task import PORTION, Task
from dessine.intervals import SHARE, share_interval, summarise_repeats
from dessine.losses import Loss, SoftmaxCrossEntropy
from dessine.nn import Mode
from dessine.nn.layer import size
from dessine.registry import Count, Like, Positive, Share, SpecError, did_you_mean
from dessine.streams import Streams


@games.register("classification")
class Classification(Task, Game):
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
        if network.is_penalised:
            raise SpecError("a classifier has no generated examples to be penalised at", ("network", "constraint"))
        self.player, self.loss = network, Loss.of(loss)
        self.players = {"network": network}
        self.test_period, self.threshold, self.learned = test_period, threshold, learned
        self.targets = (targets[0], targets[1])

    def outline(self, data: Split, batch_size: int, streams: Streams, dtype: Any) -> None:
        self.streams, self.dtype, self.batch_size = streams, np.dtype(dtype), batch_size
        if self.loss.squash:
            self.player.read_as_logits(self.loss.squash)
        for path, layer in self.player.labelled():
            raise SpecError(f"{layer.type} would tell the network the class, which it is to find out", ("network", *path))
        self.outputs = size(self.player.outline(data.train.shape, "network"))
        self.classes, self.span = self._classes(data.train, data.validation)
        self.names = [data.name_of(c) for c in self.classes]
        tests = max(len(data.test), len(data.watched))
        once, each = max(batch_size, min(PORTION, tests)), streams.replicates * self.dtype.itemsize
        kept, passing = self.player.numbers(once)
        answers = tests * self.outputs
        refuse_beyond_memory({"networks": each * kept, "batches": each * once * passing, "answers": each * answers})
        refuse_strange(data, self.classes)
        self.train_classes, self.test_classes = self._index(data.train), self._index(data.test)
        self.watched_classes = self.test_classes if data.validation is None else self._index(data.watched)
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

    def _classes(self, examples: Examples, kept: Examples | None) -> tuple[Array, tuple[float, float]]:
        """The classes that can be told apart, and the two values one output aims at.

        kept: the validation part: setting it aside takes no class away, however few examples there are.
        """
        if examples.y is None:
            raise SpecError(
                "this data has no labels to learn: folders of pictures are classes; mnist, xor and region have labels",
                ("type",),
            )
        classes = np.unique(np.concatenate([part.y for part in (examples, kept) if part is not None and part.y is not None]))
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

    def _index(self, examples: Examples) -> Array:
        """(N,) which of `classes` each example is of."""
        return np.searchsorted(self.classes, np.asarray(examples.y).reshape(len(examples)))

    def _answered(self, examples: Examples, index: Array) -> Examples:
        """The examples with what the network shall say of class `index` (N,): labels (N,) for softmax, else (N, outputs)."""
        if isinstance(self.loss, SoftmaxCrossEntropy):
            answers: Array = index
        else:
            low, high = self.span
            right: Array = index[:, None] == (np.arange(self.outputs) if self.outputs > 1 else np.ones(1))
            answers = np.where(right, high, low).astype(self.dtype)
        return Examples(examples.x, answers, examples.low, examples.high)

    def about(self) -> dict[str, Any]:
        return {"classes": self.names, "span": list(self.span)}

    def period(self) -> int:
        return max(1, self.test_period // self.batch_size)

    def sample_period(self) -> int:
        return self.steps_per_epoch

    def checkpoint_period(self) -> int:
        return self.steps_per_epoch

    def turns_per_epoch(self) -> float:
        return self.steps_per_epoch

    def turn(self, measure: bool = False) -> dict[str, Any]:
        self.begin(self.done + 1)
        x, target = self.batches.next(self.dtype)
        if not measure:
            return {"loss": {"network": self._count(self._learn(x, target)[:, None], False)}}
        with measured(self.players) as told:
            value = self._learn(x, target)
        return {"loss": {"network": self._count(value[:, None], True)}} | told | self.optimizing()

    def turns(self, n: int, measure: bool = False) -> dict[str, Any]:
        """n rounds; what the last one returns. In compiled stretches where there are any."""
        if self.one_by_one is None:
            return super().turns(n, measure)
        while n > 1:
            index = self.batches.take(n - 1)
            self._count(self.one_by_one.learn(index, self.done + 1), False)
            n -= index.shape[1]
        index = self.batches.take(1)
        self.begin(self.done + 1)
        told = self._look_ahead(index) | self.optimizing() if measure else {}
        return {"loss": {"network": self._count(self.one_by_one.learn(index, self.done + 1), measure)}} | told

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
        return {"examples": self.done * self.batch_size} | exam(self)

    def directions(self, data: Split) -> dict[str, str]:
        way = "test" if data.validation is None else "validation"
        return {f"{way}_success": "max", f"{way}_loss": "min", "loss.network": "min"}

    def tested(self) -> dict[str, Any]:
        return tested(self)

    def state(self) -> dict[str, Array]:
        state = {f"order.{k}": v for k, v in self.batches.state().items()}
        state |= {"done": np.array(self.done), "count": np.array(self.count), "total": self.total}
        return state | {f"network.{k}": v for k, v in self.player.state().items()}

    def restore(self, state: dict[str, Array]) -> None:
        self.batches.restore({k[6:]: v for k, v in state.items() if k.startswith("order.")})
        self.done, self.count = int(state["done"]), int(state["count"])
        self.total = np.array(state["total"])
        self.player.restore({k[8:]: v for k, v in state.items() if k.startswith("network.")})
        self.to_turn(self.done)

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
        show(self, path, context)

    def save_plots(self, folder: Path, records: list[dict[str, Any]], context: Context) -> list[Path]:
        return save_learnt(self, folder, records, context)

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
        """Success on training and test examples: over the repeats, by class, and who was taken for whom.

        Raises SpecError for a name in `only` that is none of these scores.
        """
        found, answers = scores(self, count, seed)
        if only is not None and "all" not in only:
            for name in only:
                if name not in found:
                    raise SpecError(f"no score '{name}'{did_you_mean(name, found)} (this run has: {', '.join(found)})")
            return {name: found[name] for name in only}
        return found | {"pictures": [str(p) for p in save_answers(self, folder, answers, context)]}

    def probes(self) -> list[Probe]:
        network = self.player.network
        x, target = self.batches.next(self.dtype)

        def loss(mode: Mode, gradient: bool) -> Array:
            y, backward = network.forward(x, mode)
            value, dy = self.loss(y, target)  # type: ignore[arg-type]
            if gradient:
                backward(dy, inputs=False)
            return value

        return [Probe("network", network, loss)]
