"""Generators made to fail, each in one known way, on each kind of data: what metrics and a checkpoint say of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.data.mixtures import Grid, Ring
from dessine.data.mnist import Mnist
from dessine.data.stacked import StackedMnist
from dessine.scores.diagnosis import Diagnosis, diagnose
from dessine.scores.panel import Panel
from dessine.scores.reference import Reference
from dessine.scores.sampled import look

Array = np.ndarray
LINE, SAMPLES, LINES = 250, 250, 8
SPEC: dict[str, Any] = {"game": {"type": "adversarial", "loss": {"type": "non_saturating"}}}


def own_images() -> Split:
    """Images that no judge reads, as a folder of one's own gives them: ten kinds of garment, drawn with a few numbers each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:28, 0:28] / 27

    def garments(n: int) -> Examples:
        label = rng.integers(10, size=n)
        wide, high, tilt, bright = (rng.uniform(a, b, (n, 1, 1)) for a, b in ((0.7, 1.3), (0.7, 1.3), (-0.3, 0.3), (0.5, 1)))
        across, up = (x - 0.5 + tilt * (y - 0.5)) / wide, (y - 0.5) / high
        shapes = [
            (np.abs(across) < 0.35) & (np.abs(up) < 0.4), (np.abs(across) < 0.15) & (np.abs(up) < 0.45),
            (np.abs(across) < 0.45) & (np.abs(up) < 0.15), across**2 + up**2 < 0.12, np.abs(across) + np.abs(up) < 0.4,
            (across**2 + up**2 < 0.16) & (across**2 + up**2 > 0.05), (np.abs(up) < 0.4) & (np.abs(np.abs(across) - 0.25) < 0.1),
            (np.abs(across) < 0.4) & (np.abs(np.abs(up) - 0.25) < 0.1), (up > 0.1) & (up < 0.4) & (np.abs(across) < 0.4),
            (up < -0.1) & (up > -0.4) & (np.abs(across) < 0.4),
        ]  # fmt: skip
        lit = np.stack(shapes)[label, np.arange(n)] * bright
        return Examples((255 * np.clip(lit + rng.normal(0, 0.02, lit.shape), 0, 1)).astype(np.uint8)[..., None], label, -1.0)

    return Split(garments(1500), garments(800))


DATA: dict[str, Callable[[], Split]] = {
    "mnist": lambda: Mnist(source="sample", scale="-1..1", limit=1500).load(),
    "own": own_images,
    "stacked": lambda: StackedMnist(source="sample", images=1000, test_images=400).load(),
    "ring": lambda: Ring(modes=8, sigma=0.05, points=5000, test_points=2000).load(),
    "grid": lambda: Grid(side=5, spacing=0.5, sigma=0.025, points=5000, test_points=2000).load(),
}


@cache
def panel(data: str) -> Panel:
    return Panel(DATA[data](), np.float32)


def kinds(split: Split) -> Array:
    """The kind of each test example."""
    labels = np.asarray(split.test.y).reshape(-1).astype(int)
    return labels // 100 if split.digits == 3 else labels


def drawn(data: str, how: str, n: int, seed: int) -> Array:
    """n samples of a generator that fails in the way `how`."""
    split, rng = panel(data).data, np.random.default_rng(seed)
    test, label = split.test, kinds(split)
    x = test.floats(np.arange(len(test)), np.float32)
    images = x.ndim == 4
    few = np.unique(label)[[1]] if how == "one kind" else np.unique(label)[:: 4 if how == "few kinds" else 1]
    base = {
        "one example": x[rng.integers(1, size=n)],
        "mean": np.broadcast_to(x.mean(0), (n, *x.shape[1:])),
        "noise": x.mean(0) + x.std(0) * rng.standard_normal((n, *x.shape[1:]), np.float32),
        "an example of each": x[np.unique(label, return_index=True)[1]][rng.integers(len(np.unique(label)), size=n)],
    }.get(how)
    made = rng.permutation(x[np.isin(label, few)])[np.arange(n) % np.isin(label, few).sum()] if base is None else base
    wide = {"far away": 20.0}.get(how, 1.0)
    made = wide * made + 0.003 * rng.standard_normal(made.shape, np.float32)
    return np.clip(made, test.low, test.high) if images and how != "far away" else made


def by_metrics(data: str, how: str, **also: Any) -> Diagnosis:
    scores = panel(data).glance(drawn(data, how, LINE, 0))
    records = [{"step": 100 * (i + 1), "scores": scores} for i in range(LINES)]
    return diagnose(records, SPEC, Reference.of(panel(data).data, LINE, panel(data).own), **also)


@cache
def looked(data: str, how: str) -> Any:
    return look(panel(data), drawn(data, how, SAMPLES, 9), step=1000)


def by_checkpoint(data: str, how: str) -> Diagnosis:
    return diagnose([], SPEC, Reference.of(panel(data).data, LINE, panel(data).own), sampled=[looked(data, how)])


EXPECTED = {
    "correct": {"healthy"},
    "one example": {"collapsed"},
    "mean": {"collapsed"},
    "one kind": {"collapsed"},
    "few kinds": {"collapsed"},
    "noise": {"unknown"},
    "far away": {"diverged"},
    "an example of each": {"collapsed"},
}
EXCEPT = {
    ("ring", "an example of each"): {"healthy", "memorising"},  # centres of all modes are what a mixture asks for
    ("grid", "an example of each"): {"healthy", "memorising"},
    ("stacked", "few kinds"): {"collapsed", "collapsing"},  # 250 samples show few of 1,000 modes, whatever draws them
    ("ring", "few kinds"): {"collapsed", "collapsing"},
    ("grid", "few kinds"): {"collapsed", "collapsing"},
}


@pytest.mark.parametrize("how", EXPECTED)
@pytest.mark.parametrize("data", DATA)
def test_each_kind_of_failure_has_its_verdict(data, how):
    wanted = EXCEPT.get((data, how), EXPECTED[how])
    metrics, checkpoint = by_metrics(data, how), by_checkpoint(data, how)
    both = by_metrics(data, how, sampled=[looked(data, how)])
    assert {metrics.verdict, checkpoint.verdict, both.verdict} <= wanted, (metrics, checkpoint, both)


def test_the_judge_of_digits_is_silent_about_images_that_are_not_mnist():
    assert panel("own").judge is None
    without_labels = {"random_kernel_distance", "random_kernel_distance_error"}
    told = set(panel("own").glance(drawn("own", "correct", 60, 0)))
    assert told == {"region_share", "near_real", "diversity", *without_labels}


def test_numbers_of_any_data_can_be_taken():
    """Constant images, too few images, points of one and of nine dimensions, a test part of three."""
    rng = np.random.default_rng(0)
    for x in (
        np.full((60, 4, 4, 1), 7, np.uint8),
        rng.normal(size=(22, 3)),
        rng.normal(size=(300, 1)),
        rng.normal(size=(300, 9)),
    ):
        data = Split(Examples(x, None), Examples(x[:3], None))
        one = Panel(data, np.float64)
        with np.errstate(all="ignore"):
            told = one.glance(data.train.floats(np.arange(20), np.float64))
            Reference.of(data, 250, one.own)
        unbiased = {"random_kernel_distance"}  # may be below 0
        assert all(not v < 0 for name, v in told.items() if name not in unbiased)


@pytest.mark.parametrize(
    ("good", "gone", "lines", "verdict"),
    [
        (0.3, 0, True, "healthy"),  # where few samples are good ones, not every mode has a good one among 250
        (0.3, 0, False, "healthy"),
        (1.0, 0, True, "healthy"),
        (1.0, 3, True, "collapsing"),
        (1.0, 3, False, "collapsing"),
        (0.3, 4, False, "collapsing"),  # 2,000 samples tell
    ],
)
def test_modes_are_held_against_what_as_many_perfect_samples_meet(good: float, gone: int, lines: bool, verdict: str) -> None:
    """Of 25 Gaussians, `gone` without a good sample, though the generator draws about them, too; good ones differ by mode."""
    data, rng = panel("grid").data, np.random.default_rng(0)
    assert data.mixture is not None
    share = np.clip(good * (np.linspace(0.4, 1.6, 25) if good < 1 else np.ones(25)), 0, 1)
    share[5 : 5 + gone] = 0

    def samples(n: int) -> Array:
        mode = rng.integers(25, size=n)
        off = np.where(rng.random(n) < share[mode], 0.02, 0.2)[:, None] * [1.0, 0.1]
        return np.asarray(data.mixture.centres[mode] + off * rng.choice([-1, 1], (n, 1)), np.float32)  # type: ignore[union-attr]

    records = [{"step": 100 * (i + 1), "scores": panel("grid").glance(samples(LINE))} for i in range(LINES)]
    known = Reference.of(data, LINE, panel("grid").own)
    sampled = [look(panel("grid"), samples(2000), step=1000)]
    told = diagnose(records, SPEC, known) if lines else diagnose(records, SPEC, known, sampled=sampled)
    assert told.verdict == verdict, told.words
    if verdict == "collapsing":
        assert "modes" in told.words
