"""First weights: their moments, their bounds, and the layers that ask for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.nn import Dense, Initialiser, Network, initialisers
from dessine.registry import SpecError
from dessine.streams import Streams

SHAPE, FAN = (300, 100), (300, 100)

# Node, mean, standard deviation, the largest absolute value (None where there is none).
CASES: list[tuple[Any, float, float, float | None]] = [
    ("gaussian", 0, 1, None),  # the report's N(0, 1)
    ({"type": "gaussian", "std": 0.02}, 0, 0.02, None),
    ({"type": "gaussian", "std": 0.5, "mean": 2.0}, 2, 0.5, None),
    ("uniform", 0, 0.05 / np.sqrt(3), 0.05),
    ({"type": "uniform", "limit": 2.0}, 0, 2 / np.sqrt(3), 2),
    ("xavier", 0, np.sqrt(2 / 400), np.sqrt(6 / 400)),
    ({"type": "xavier", "distribution": "gaussian"}, 0, np.sqrt(2 / 400), None),
    ("he", 0, np.sqrt(2 / 300), np.sqrt(6 / 300)),
    ({"type": "he", "distribution": "gaussian"}, 0, np.sqrt(2 / 300), None),
    ("zeros", 0, 0, 0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("node", "mean", "std", "bound"), CASES, ids=[str(c[0]) for c in CASES])
def test_draws_have_the_moments_that_are_promised(node: Any, mean: float, std: float, bound: float | None, dtype: type) -> None:
    w = Initialiser.of(node).draw(Streams(0, 2)["w"], SHAPE, FAN, dtype).astype(np.float64)
    assert w.shape == (2, *SHAPE)
    np.testing.assert_allclose(w.mean((1, 2)), mean, atol=4 * std / np.sqrt(30_000))
    np.testing.assert_allclose(w.std((1, 2)), std, rtol=0.02)
    if bound is not None:
        assert np.abs(w).max() <= bound * (1 + 1e-6)
        assert np.abs(w).max() >= bound * 0.999


def test_every_registered_initialiser_has_its_moments_checked() -> None:
    assert {c[0] if isinstance(c[0], str) else c[0]["type"] for c in CASES} == set(initialisers.members)


def test_gaussian_draws_are_normal_in_their_tails() -> None:
    w = Initialiser.of("gaussian").draw(Streams(1)["w"], (100_000,), (1, 1), np.float32)
    np.testing.assert_allclose((np.abs(w) > 1).mean(), 0.3173, atol=0.006)
    np.testing.assert_allclose((np.abs(w) > 2).mean(), 0.0455, atol=0.003)


def test_dense_tells_its_inputs_and_outputs_apart() -> None:
    w = Network([Dense(1000, init="he")], 10).parameters()["0.dense.w"]  # type: ignore[arg-type]
    np.testing.assert_allclose(w.std(), np.sqrt(2 / 10), rtol=0.03)


def test_biases_start_at_zero_and_scales_at_one() -> None:
    values = Network([Dense(5, init="gaussian"), "batch_norm"], 3, Streams(0, 2)).parameters()  # type: ignore[arg-type]
    assert not values["0.dense.b"].any()
    assert (values["1.batch_norm.gamma"] == 1).all()
    assert not values["1.batch_norm.beta"].any()


def test_signals_keep_their_size_through_ten_layers() -> None:
    """What the scaled initialisers are for, and what N(0, 1) is not."""
    x = Streams(0)["x"].gaussian((64, 200), np.float32)

    def spread(init: str, activation: str) -> float:
        nodes: list[Any] = [{"type": "dense", "units": 200, "activation": activation, "init": init} for _ in range(10)]
        return float(np.sqrt(np.square(Network(nodes, 200)(x), dtype=np.float64).mean()))

    assert 0.2 < spread("he", "relu") < 5
    assert 0.1 < spread("xavier", "tanh") < 1
    assert spread("xavier", "relu") < 0.1
    assert spread("gaussian", "linear") > 1e6


@pytest.mark.parametrize("node", [{"type": "gaussian", "std": -1.0}, {"type": "uniform", "limit": 0.0}, "normal"], ids=str)
def test_bad_options_are_refused(node: Any) -> None:
    with pytest.raises(SpecError):
        Initialiser.of(node)
