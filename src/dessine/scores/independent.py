"""An independent critic: how far samples are from real ones, asked of somebody who had no part in the game (report, 5.4.1).

A game's own critic judges the generator it has played against, at whatever slope its constraint allows it: its estimates
compare within one run only. This one is trained afterwards, the same for every generator, and measured on what it has not seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dessine.constraints import Constraint
from dessine.nn import Mode, Network
from dessine.optimizers import Adam
from dessine.registry import Like
from dessine.scores.distances import blocks, rows
from dessine.streams import Streams

Array = np.ndarray
WIDTH, BATCH, ETA = 64, 256, 5e-3
NAME = "critic 64-64-64, one-sided gradient penalty 10"
"""Of the critic as it stands: estimates of others do not compare with its own."""


class Verdict(NamedTuple):
    """estimate: E f(real) - E f(generated) on the half that f has not seen, and its standard error over examples;
    slope: mean length of f's gradient between real and generated examples, 1 where f is as steep as it may be."""

    estimate: float
    standard_error: float
    slope: float


def independent(
    real: Array,
    generated: Array,
    seed: int = 0,
    steps: int = 1000,
    constraint: Like[Constraint] = {"type": "gradient_penalty", "sides": "one"},  # noqa: B006
) -> Verdict:
    """Train a critic on one half of both samples, ask it about the other. real, generated: (N, *shape), (M, *shape), held out.

    Under the penalty as it stands, 10 for slopes above 1, the estimate is W1 in the data's own scale: less by what f has not
    learnt, and more by at most about 5 %, for the penalty lets the slope rise to 1 + W / 20 in the critic's own units, which
    are chosen so that W is at most 1. Under another constraint it is what that one lets f say. Samples of one source get 0
    within a few standard errors, or a little below. The critic: dense, three hidden layers of 64; 1,000 steps of Adam at batch
    256; 3 s of one core for points and 10 for digits. With 4,000 points it gave 1.33 for one mode of a ring (exactly: 1.27),
    0.55 for noise against the ring (0.55), and 0.71 where every second mode of a grid was missing (0.94).
    Misleads: it sees what such a network finds in that time, and not what is fine: grain of 0.3 over real digits moves each by
    8 and gets 0.5. And the estimate is of one generator, which may be one of many, after one training of f.
    NaN if a sample is not finite or has fewer than 4 examples.
    """
    a, b = rows(real).astype(np.float32), rows(generated).astype(np.float32)
    if min(len(a), len(b)) < 4 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return Verdict(*[float("nan")] * 3)
    rng = np.random.default_rng(seed)
    middle, unit = a.mean(0), _apart(a, b, rng)
    halves = [np.array_split((x - middle)[rng.permutation(len(x))] / np.float32(unit), 2) for x in (a, b)]
    (a, held_a), (b, held_b) = halves
    network = _train(a, b, Streams(seed), rng, steps, Constraint.of(constraint))
    f, g = (network(x[None])[0, :, 0].astype(np.float64) for x in (held_a, held_b))
    error = np.sqrt(f.var(ddof=1) / len(f) + g.var(ddof=1) / len(g))
    return Verdict(unit * float(f.mean() - g.mean()), unit * float(error), _slope(network, held_a, held_b, rng))


def _apart(a: Array, b: Array, rng: np.random.Generator) -> float:
    """The mean distance of a real from a generated example, which W1 never exceeds; 1 if they are all the same."""
    some, others = (x[rng.permutation(len(x))[:500]] for x in (a, b))
    distance = float(np.mean([np.sqrt(d).mean() for _, d in blocks(some, others)]))
    return distance if distance > 0 else 1.0


def _train(a: Array, b: Array, streams: Streams, rng: np.random.Generator, steps: int, constraint: Constraint) -> Network:
    """a, b: (N, d), (M, d). The learning rate falls to 0, so that the last steps average out the noise of the batches."""
    hidden = {"type": "dense", "units": WIDTH, "activation": "leaky_relu", "init": "he"}
    network = Network([hidden, hidden, hidden, {"type": "dense", "units": 1}], a.shape[1], streams, name="independent")
    constraint.attach(network)
    optimizer, mode = Adam(ETA, beta1=0.5), Mode(streams)
    dy = np.repeat(np.array([-1, 1], np.float32) / BATCH, BATCH)[None, :, None]  # minus f of real, plus f of generated
    for step in range(steps):
        x, y = (part[rng.integers(len(part), size=BATCH)][None] for part in (a, b))
        _, backward = network.forward(np.concatenate([x, y], 1), mode)
        backward(dy, inputs=False)
        constraint.penalty(network, x, y, mode, streams["penalty"])
        constraint.pull_back_(network)
        optimizer.eta = ETA * (1 - step / steps)
        constraint.step(network, optimizer)
    return network


def _slope(network: Network, a: Array, b: Array, rng: np.random.Generator) -> float:
    n = min(len(a), len(b))
    share = rng.random((n, 1), np.float32)
    between = share * a[:n] + (1 - share) * b[:n]
    y, backward = network.forward(between[None], Mode(network.streams, train=False, record=False))
    dx = backward(np.ones_like(y), params=False)
    assert dx is not None
    return float(np.sqrt(np.square(dx, dtype=np.float64).sum(-1)).mean())
