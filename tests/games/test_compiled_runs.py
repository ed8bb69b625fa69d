"""Whole short runs in compiled code against plain ones, in doubles: there rounding is not yet what tells them apart.

In floats an adversarial game amplifies the last bit of any number (Adam divides gradients by their own size, however
small), and a plain run whose weights were moved by their last bit parts from itself as fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from dessine.data import Examples, Split
from dessine.games import Adversarial, Classification
from dessine.streams import Streams

ADAM = {"type": "adam", "eta": 1e-3}
CONV = {"kernel": 4, "stride": 2, "padding": 1}
CLASSIFIER = {
    "type": "classification",
    "loss": "softmax_cross_entropy",
    "network": {
        "layers": [
            {"type": "conv2d", "channels": 8, "kernel": 5, "padding": 2, "activation": "relu"},
            "max_pool",
            {"type": "conv2d", "channels": 8, "kernel": 3, "padding": 1, "activation": "relu"},
            {"type": "dropout", "p": 0.4},
            {"type": "dense", "units": 128, "activation": "relu"},
            {"type": "dense", "units": 10},
        ],
        "optimizer": ADAM,
    },
}
GAN = {
    "type": "adversarial",
    "scored": 0,
    "latent": {"size": 16},
    "generator": {
        "layers": [
            {"type": "dense", "units": 1024},
            {"type": "reshape", "shape": [8, 8, 16]},
            "batch_norm",
            {"type": "activation", "function": "relu"},
            {"type": "conv2d_transpose", "channels": 1, **CONV, "activation": "tanh"},
        ],
        "optimizer": ADAM,
    },
    "discriminator": {
        "layers": [
            {"type": "conv2d", "channels": 8, **CONV, "activation": "leaky_relu"},
            {"type": "conv2d", "channels": 16, **CONV, "activation": "leaky_relu"},
            {"type": "dropout", "p": 0.5},
            {"type": "dense", "units": 128, "activation": "leaky_relu"},
            {"type": "minibatch_discrimination", "kernels": 8, "dims": 3},
            {"type": "dense", "units": 1},
        ],
        "optimizer": ADAM,
    },
}


def run(game: Any, steps: int = 5) -> tuple[list[Any], dict[str, np.ndarray]]:
    """The losses of each turn, and all that was learnt."""
    rng = np.random.default_rng(0)
    examples = Examples(rng.integers(0, 256, (96, 16, 16, 1), np.uint8), rng.integers(0, 10, 96))
    game.build(Split(examples, examples), 32, Streams(0), np.float64)
    told = [game.turn() for _ in range(steps)]
    return told, {name: value.copy() for name, value in game.state().items() if name.endswith(("theta", "buffers"))}


def numbers(told: Any) -> list[float]:
    """All that a turn tells, one after another."""
    if isinstance(told, dict):
        return [x for value in told.values() for x in numbers(value)]
    return [float(x) for x in np.ravel(told)]


@pytest.mark.parametrize(("kind", "spec"), [(Classification, CLASSIFIER), (Adversarial, GAN)])
def test_a_compiled_run_is_the_plain_one(kind: Any, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    both = []
    for told in "01":
        monkeypatch.setenv("DESSINE_COMPILED", told)
        both.append(run(kind.of(spec)))
    (plain_told, plain), (compiled_told, compiled) = both
    for found, expected in zip(compiled_told, plain_told, strict=True):
        assert numbers(found) == pytest.approx(numbers(expected), rel=1e-9, abs=1e-12)
    assert any((compiled[name] != plain[name]).any() for name in plain), "nothing was compiled"
    for name in plain:
        np.testing.assert_allclose(compiled[name], plain[name], rtol=1e-8, atol=1e-9, err_msg=name)
