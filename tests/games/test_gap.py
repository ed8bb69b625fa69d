"""What the critic says of held-out examples: measured right, and telling who learns by heart from who does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.data import Examples, Split
from dessine.games import Adversarial
from dessine.games.measures.gap import gap
from dessine.scores.diagnosis import diagnose
from dessine.streams import Streams

Array = np.ndarray


def images(n: int, seed: int) -> Examples:
    """8 x 8 pixels, made of twenty numbers each."""
    basis = np.random.default_rng(0).normal(size=(20, 64))
    x = np.tanh(np.random.default_rng(seed).normal(size=(n, 20)) @ basis).reshape(n, 8, 8, 1)
    return Examples(x.astype(np.float32), None, -1.0)


def game(known: int, held_out: int = 300, seed: int = 0, replicates: int = 1, **options: Any) -> Adversarial:
    def player(*units: int) -> dict[str, Any]:
        dense = [{"type": "dense", "units": n, "activation": "leaky_relu", "init": "he"} for n in units[:-1]]
        return {"layers": [{"type": "flatten"}, *dense, {"type": "dense", "units": units[-1]}], "optimizer": "adam"}

    made = Adversarial.of(
        {"type": "adversarial", "generator": player(32, 64), "discriminator": player(64, 1), "latent": {"size": 8}, "scored": 0}
        | options
    )
    data = Split(images(known, 1), images(held_out, 2))
    made.build(data, 16, Streams(seed, replicates), np.float32)
    return made


@pytest.mark.parametrize(("known", "expected"), [(16, "memorising"), (4000, "unknown")])
def test_who_learns_a_handful_by_heart_is_told_from_who_learns_many(known: int, expected: str) -> None:
    made, records = game(known), []
    for step in range(1, 601):
        told = made.turn(measure=step % 60 == 0)
        if step % 60 == 0:
            seen = {"loss": told["loss"], "critic_gap": made.report()["critic_gap"]}
            records.append({"step": step} | {name: {k: float(v[0]) for k, v in one.items()} for name, one in seen.items()})
    found = diagnose(records, {"game": {"type": "adversarial", "loss": {"type": "non_saturating"}, "scored": 0}})
    assert found.verdict == expected, found.words  # samples are not scored: a collapse would not be seen
    shares = [one["critic_gap"]["share"] for one in records[-3:]]
    if expected == "memorising":
        assert "by heart" in found.words
        assert {one.name for one in found.evidence if one.bad} == {"critic_gap.share", "critic_gap over its error"}
        assert min(shares) > 0.7
    else:
        assert max(shares) < 0.2


def test_it_is_the_difference_of_means_over_that_to_generated_ones() -> None:
    made = game(40, 30)
    net = made.discriminator.network
    drawn = made.drawn(100, made.fixed())
    told = gap(made, drawn)["critic_gap"]

    def said(x: Array) -> Array:
        return net.forward(np.asarray(x)[None])[0][0, :, 0].astype(np.float64)

    train, other, own = said(made.examples.x), said(made.watched.x), said(drawn[0])
    for name, values in (("train", train), ("held_out", other), ("generated", own)):
        assert told[name] == pytest.approx(values.mean(), rel=1e-5)
    assert told["error"] == pytest.approx(np.sqrt(train.var(ddof=1) / 40 + other.var(ddof=1) / 30), rel=1e-5)
    if train.mean() > own.mean():
        assert told["share"] == pytest.approx((train.mean() - other.mean()) / (train.mean() - own.mean()), rel=1e-4)
    else:
        assert np.isnan(told["share"]).all()


def test_a_repeat_has_what_its_single_run_has_and_packs_are_whole() -> None:
    together, single = game(40, 30, 3, 2, pack=4), game(40, 30, 4, pack=4)
    for made in (together, single):
        for _ in range(3):
            made.turn()
    a, b = together.report()["critic_gap"], single.report()["critic_gap"]
    for name, values in b.items():
        np.testing.assert_array_equal(a[name][1], values[0])


def test_too_few_held_out_tell_nothing() -> None:
    assert "critic_gap" not in game(40, 7, pack=4).report()
