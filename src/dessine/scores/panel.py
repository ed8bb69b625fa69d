"""Which scores a data set has: a few cheap ones for every line of metrics, all of them for `dessine eval`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dessine.data import Split
from dessine.data.dataset import Reader
from dessine.plots import Pictures
from dessine.registry import SpecError, did_you_mean
from dessine.scores.bench import Bench, Side, are_digits, is_read
from dessine.scores.digits import class_entropy, confidence, histogram
from dessine.scores.distances import mean_pairwise, rows
from dessine.scores.features import Spaces, has_features
from dessine.scores.judge import judge
from dessine.scores.kernel import Kernel, kernel_distance
from dessine.scores.mixture import assigned, distinct, high_quality, least_reverse_kl, reverse_kl, written
from dessine.scores.obedience import answers, by_class
from dessine.scores.own import Own
from dessine.scores.reference import Kinds
from dessine.scores.table import ALL, GROUPS, NAN, Found, Group, Score, is_asked, names, read_names

Array = np.ndarray
COLUMNS = ("ceiling", "floor", "collapsed")
GLANCED = (
    "obedience",
    *("modes", "high_quality", "reverse_kl", "digit_entropy", "digit_confidence", "class_entropy", "class_confidence"),
    *("kernel_distance", "random_kernel_distance"),
    *("region_share", "near_real", "diversity"),
)
"""Scores that lines of metrics have, as far as the data do."""
OBEDIENCE = next(group for group in GROUPS if "obedience" in group.better)
DIVERSE = 5000
"""Samples of which every two are held together: of 25,000 it would take half a minute, and tell the same."""
MOST_CLASSES = 30
"""That a picture can show beside each other."""


def directions(data: Split) -> dict[str, str]:
    """Which way is better, for every score of this data that takes no long time: "min", "max" or "near 1"."""
    ways = {"higher": "max", "lower": "min", "near 1": "near 1"}
    better = {name: way for group in GROUPS if group.of(data) for name, way in group.better.items()}
    told = {name: ways[better[name]] for name in names(data, quick=True)}
    own = Own(data, np.float32)
    there = {"region_share": own.has_regions, "near_real": own.has_neighbours}
    return told | {name: "max" for name, known in there.items() if known}


class Panel:
    """The scores of one data set.

    goals: metric -> "min" or "max": what ranks runs; empty where no cheap score can
    modes: how many can be told apart, each with a known weight; 0 for none
    """

    def __init__(self, data: Split, dtype: Any):
        self.judge: Reader | None = data.judge or (judge() if data.digits else None)
        self.data, self.dtype, self.own = data, np.dtype(dtype), Own(data, dtype)
        self.spaces = Spaces(data, dtype)
        self.modes = len(data.mixture.weights) if data.mixture else 1000 if data.digits == 3 else 0
        self.goals: dict[str, str] = {}
        if data.mixture:
            self.goals = {"scores.reverse_kl": "min", "scores.high_quality": "max"}
        elif is_read(data):
            self.goals = {"scores.kernel_distance": "min"} | ({"scores.reverse_kl": "min"} if data.digits == 3 else {})
        elif has_features(data):
            self.goals = {"scores.random_kernel_distance": "min"}
        else:
            there = {"scores.region_share": self.own.has_regions, "scores.near_real": self.own.has_neighbours}
            self.goals = {name: "max" for name, known in there.items() if known}
        if is_asked(data):
            self.goals["scores.obedience"] = "max"
        self._chooser: tuple[int, Bench] | None = None
        self._spreads: dict[int, float] = {}
        self._benches: dict[tuple[int, int], tuple[Bench, dict[int, dict[str, Found]]]] = {}

    @property
    def features(self) -> dict[str, Any]:
        """In whose features lines of metrics compare, where no judge reads; nothing where there are none."""
        return {"features": self.spaces.random.name} if "scores.random_kernel_distance" in self.goals else {}

    @property
    def told(self) -> dict[str, Any]:
        """What a line of metrics says of who has measured."""
        return {"judge": self.judged} if self.judged else self.features

    @property
    def judged(self) -> dict[str, Any]:
        """Which judge reads samples, and how well it does in its test; nothing where none does."""
        return {"hash": self.judge.hash, "accuracy": self.judge.accuracy} if self.judge else {}

    def glance(self, x: Array) -> dict[str, float]:
        """Cheap scores of (N, *shape) samples in the data's own scale.

        modes, high_quality, reverse_kl: of a mixture, and all but high_quality of stacked digits (see `mixture.py`)
        digit_entropy, digit_confidence: of single digits (`digits.py`); class_entropy, class_confidence: of what a judge reads
            that a config names
        kernel_distance, kernel_distance_error: of whatever a judge reads, to 2,000 images in its features (`kernel.py`): of
            the validation part, or training images where there is none
        region_share, near_real: of all but mixtures (`own.py`); no region_share of stacked digits
        diversity: mean distance between two samples, of 5,000 at most, over that between two real ones; 1 is healthy, 0
            collapsed, noise over 1
        """
        return self._modes(x) | self._read(x) | self.own.glance(x) | {"diversity": self._diversity(x)}

    @cached_property
    def obeyed_by_real(self) -> float:
        """`obedience` of real examples, with their own labels: a judge errs on them, too. NaN where nobody is asked."""
        if not is_asked(self.data):
            return float("nan")
        bench = Bench(self.data, self.dtype, 1000, 0, self.judge, self.spaces)
        return OBEDIENCE.measure(bench, bench.ceiling)["obedience"].value

    def obeyed(self, x: Array, asked: Array) -> Array:
        """(K,) of each class in `data.asked` the share of (N, *shape) samples, asked for it, (N,), that are read as it."""
        known = answers(self.data.asked, read_names(self.data))
        assert known is not None
        return by_class(Side(x, self.data, self.judge).classes, asked, known)

    def _read(self, x: Array) -> dict[str, float]:
        """What the judge says, where there is one; else how far images are from real ones in features without labels."""
        side = Side(x, self.data, self.judge, spaces=self.spaces)
        if self.judge is None and not self.features:
            return {}
        if self.judge is None:
            distance, error = kernel_distance(real=self._real, generated=side.view("random").kernel)
            return {"random_kernel_distance": distance, "random_kernel_distance_error": error}
        p, told, what = side.probabilities, {}, "digit" if are_digits(self.data) else "class"
        if self.data.digits == 3:
            mode = written(p.argmax(-1))
            told = {"modes": float(distinct(mode)), "reverse_kl": reverse_kl(mode, np.full(1000, 1 / 1000))}
        else:
            told = {f"{what}_entropy": class_entropy(p[:, 0])[0], f"{what}_confidence": confidence(p[:, 0])[0]}
        distance, error = kernel_distance(real=self._real, generated=side.view().kernel)
        return told | {"kernel_distance": distance, "kernel_distance_error": error}

    @cached_property
    def kinds(self) -> Kinds | None:
        """Of the training examples, as a judge reads them that a config names: what samples are held to."""
        if self.data.judge is None or self.data.digits > 1:
            return None
        p = Side(self._some(self.data.train, 2000), self.data, self.judge).probabilities[:, 0]
        return Kinds(self.data.judge.classes, histogram(p), confidence(p)[0])

    @cached_property
    def _real(self) -> Kernel:
        real = self.data.validation or self.data.train
        side = Side(self._some(real, real.at_once(2000, self.dtype)), self.data, self.judge, spaces=self.spaces)
        return side.view("judge" if self.judge else "random").kernel

    def _modes(self, x: Array) -> dict[str, float]:
        mixture = self.data.mixture
        if mixture is None:
            return {}
        points = rows(x)
        modes, good = high_quality(points, mixture)
        lost = reverse_kl(assigned(points, mixture), mixture.weights)
        return {"modes": float(modes), "high_quality": good, "reverse_kl": lost}

    def _diversity(self, x: Array) -> float:
        x = x[:DIVERSE]
        n = len(x)
        if n not in self._spreads:
            self._spreads[n] = mean_pairwise(rows(self._some(self.data.watched, n)))
        real = self._spreads[n]
        return mean_pairwise(rows(x)) / real if real > 0 else float("nan")

    def known(self, count: int) -> dict[str, dict[str, float]]:
        """The cheap scores of `count` real test examples, and of as much noise: between them stands any generator.

        Of reverse KL, too, what is expected of so many perfect samples.
        """
        bench = Bench(self.data, self.dtype, count, 0, self.judge, self.spaces)
        told = {"real test examples": self.glance(bench.ceiling.x), "noise": self.glance(bench.floor.x)}
        for name, side in (("real test examples", bench.ceiling), ("noise", bench.floor)) if is_asked(self.data) else ():
            told[name] |= {name: score.value for name, score in OBEDIENCE.measure(bench, side).items()}
        if self.modes:
            told["expected of perfect samples, (K - 1) / 2N"] = {"reverse_kl": least_reverse_kl(self.modes, count)}
        return told

    def modes_of(self, x: Array) -> str:
        """How many modes of the mixture (N, *shape) samples find, in words; nothing where no mode is known."""
        mixture = self.data.mixture
        return f"modes {high_quality(rows(x), mixture)[0]}/{len(mixture.weights)}" if mixture else ""

    def shares(self, x: Array) -> tuple[list[str], Array, Array, int] | None:
        """Classes, their shares among training examples and among (N, *shape) samples, and N; None where nobody can tell."""
        mixture, train = self.data.mixture, self.data.train
        if not np.isfinite(x).all():
            return None
        if mixture is not None and len(mixture.weights) <= MOST_CLASSES:
            real, drawn, names = assigned(train.x, mixture), assigned(rows(x), mixture), "mode {}"
            k = len(mixture.weights)
        elif self.kinds is not None and len(self.kinds.names) <= MOST_CLASSES:
            drawn = Side(x, self.data, self.judge).probabilities[:, 0]
            return list(self.kinds.names), self.kinds.shares, histogram(drawn), len(x)
        elif self.data.judge is None and self.data.digits == 1 and train.y is not None:
            real, drawn = train.y.astype(int).ravel(), Side(x, self.data, self.judge).probabilities[:, 0].argmax(-1)
            k, names = 10, "{}"
        else:
            return None
        counts = [np.bincount(one, minlength=k) / len(one) for one in (real, drawn)]
        return [names.format(i) for i in range(k)], counts[0], counts[1], len(x)

    def value(self, name: str, x: Array) -> float:
        """The quick score `name` of (N, *shape) samples, beside validation examples, or training examples without them."""
        if self._chooser is None or self._chooser[0] != len(x):
            held = self.data.validation
            data = self.data if held is None else replace(self.data, train=held, test=held)
            self._chooser = len(x), Bench(data, self.dtype, len(x), 0, self.judge, self.spaces)
        bench = self._chooser[1]
        group = next(group for group in GROUPS if group.of(self.data) and name in group.better)
        return _measured(group, bench, bench.side(x[: bench.n]))[name].value

    def _some(self, examples: Any, n: int, seed: int = 0) -> Array:
        """n examples, or all there are, always the same, in the data's own scale, (n, *shape)."""
        chosen = np.random.default_rng(seed).permutation(len(examples))[:n]
        floats: Array = examples.floats(chosen, self.dtype)
        return floats

    def measure(
        self,
        draw: Callable[[int], Array],
        count: int,
        seed: int,
        folder: Path | None,
        title: str,
        only: Sequence[str] | None = None,
        pictures: Pictures | None = None,
        recover: Callable[[Array], Array] | None = None,
        asked: Callable[[int], Array | None] = lambda n: None,
    ) -> dict[str, Any]:
        """All scores but the slow ones, or those named in `only` (ALL: every one), of what `draw(n)` gives, (n, *shape).

        Beside each: the ceiling (test examples scored as if they were generated), the floor (noise), a collapsed baseline; all
        of them of as many examples, `count` at most. Pictures go to `folder`, if there is one. recover: as in `Side`;
        asked: which classes `draw(n)` was asked for, (n,).
        Raises SpecError for a score that this data does not have.
        """
        groups = self._groups(only)
        bench, known = self._bench(count, seed)
        side = bench.side(draw(bench.n), recover, asked(bench.n))
        scores: dict[str, Any] = {}
        for i, group in groups:
            found = _measured(group, bench, side)
            if i not in known:
                known[i] = {name: _measured(group, bench, one) for name, one in bench.baselines.items()}
            for name, score in found.items():
                if only is None or ALL in only or name in only:
                    scores[name] = self._row(group, name, score, known[i])
        if "obedience" in scores and side.asked is not None and side.finite:
            scores["obedience"]["by_class"] = self._by_class(bench, side)
        told: dict[str, Any] = {"scores": scores}
        if self.judge is not None:
            told["judge"] = self.judged
        if "kinds" in scores and (shares := self.shares(side.x)):
            told["kinds"] = {kind: {"real": real, "samples": p} for kind, real, p in zip(*shares[:3], strict=True)}
        if folder is not None:
            name = "scores.png" if only is None or ALL in only else "only.png"  # a few scores do not replace the picture of all
            told["pictures"] = self._pictures(bench, side, scores, folder / name, title, pictures or Pictures())
        return told

    def _by_class(self, bench: Bench, side: Side) -> dict[str, dict[str, float]]:
        """Of each class that was asked for the share that is read as it, and that of real examples."""
        assert side.asked is not None
        assert bench.ceiling.asked is not None
        found = self.obeyed(side.x, side.asked), self.obeyed(bench.ceiling.x, bench.ceiling.asked)
        return {
            name: {"value": float(value), "ceiling": float(real)}
            for name, value, real in zip(self.data.asked, *found, strict=True)
        }

    def _bench(self, count: int, seed: int) -> tuple[Bench, dict[int, dict[str, Found]]]:
        """The bench of so many samples, and what its baselines score: it is kept, for the next generator to be measured."""
        key = (count, seed)
        if key not in self._benches:
            self._benches = {key: (Bench(self.data, self.dtype, count, seed, self.judge, self.spaces), {})}
        return self._benches[key]

    def _groups(self, only: Sequence[str] | None) -> list[tuple[int, Group]]:
        own = names(self.data)
        for name in only or ():
            if name not in [*own, ALL]:
                known = any(name in group.better for group in GROUPS)
                text = f"'{name}' is no score of this data" if known else f"no score '{name}'{did_you_mean(name, own)}"
                raise SpecError(f"{text} (it has: {', '.join(own)})")
        there = [(i, group) for i, group in enumerate(GROUPS) if group.of(self.data)]
        spared = is_read(self.data)
        asked = [] if only is None else only
        return [
            (i, group)
            for i, group in there
            if any(name in asked for name in group.better)
            or ((only is None or ALL in asked) and not (group.spare and spared) and (ALL in asked or not group.slow))
        ]

    def _row(self, group: Group, name: str, score: Score, baselines: dict[str, Found]) -> dict[str, Any]:
        row: dict[str, Any] = score._asdict() | {"better": group.better[name], "interval": list(score.interval(name))}
        for key in [key for key, empty in (("why", not score.why), ("perfect", score.perfect != score.perfect)) if empty]:
            del row[key]
        row |= {column: baselines[column][name].value for column in COLUMNS}
        row["ceiling_error"] = baselines["ceiling"][name].standard_error
        if group.space == "judge":
            row["measured_by"] = f"judge {self.judge.hash}" if self.judge else "the data's own numbers"
            row |= {"test_success": self.judge.accuracy} if self.judge else {}
        elif group.space in ("random", "pca"):
            row["measured_by"] = self.spaces[group.space].name
        elif group.space != "data":
            row["measured_by"] = group.space
        return row

    def _pictures(
        self, bench: Bench, side: Side, scores: dict[str, Any], path: Path, title: str, pictures: Pictures
    ) -> list[str]:
        from dessine.plots.curves import save_classes
        from dessine.plots.grid import save_pairs
        from dessine.plots.scores import save_strips

        made = pictures.draw(save_strips, path, scores, f"{title}, {len(side):,} samples")
        if path.stem == "scores" and (shares := self.shares(side.x)):
            made += pictures.draw(save_classes, path.parent / "classes.png", *shares, title)
        if "memorised" in scores and side.finite:
            samples, train = side.x[:36], self.data.train
            like = train.floats(bench.nearest(samples)[1], self.dtype)
            told = f"{title}: of each pair the left is a sample, the right the training image nearest to it"
            both = train.images(samples), train.images(like)
            made += pictures.draw(save_pairs, path.parent / "nearest.png", *both, 6, told)
        return [str(path) for path in made]


def _measured(group: Group, bench: Bench, side: Side) -> Found:
    """NaN, but a row, for examples that are not finite or too few."""
    n, few = len(side), min(len(side), len(bench.real))
    if not side.finite:
        why = "samples are not finite"
    elif not bench.real.finite:
        why = "real examples are not finite"
    elif few < group.least:
        why = f"needs {group.least} samples, real and test examples, there are {few}"
    else:
        return group.measure(bench, side)
    return {name: Score(NAN, NAN, n, why) for name in group.better}
