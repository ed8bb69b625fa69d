"""First weights: their moments, their bounds, and the layers that ask for them."""

from __future__ import annotations

from pathlib import Path
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
    ("orthogonal", 0, np.sqrt(1 / 300), None),
    ({"type": "orthogonal", "gain": 2.0}, 0, np.sqrt(4 / 300), None),
    ("zeros", 0, 0, 0),
    ({"type": "constant", "value": -1.5}, -1.5, 0, 1.5),
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(30, 7), (7, 30), (12, 12), (3, 4, 5), (1, 9)], ids=str)
def test_orthogonal_draws_keep_lengths(shape: tuple[int, ...], dtype: type) -> None:
    w = Initialiser.of({"type": "orthogonal", "gain": 1.5}).draw(Streams(0, 2)["w"], shape, (1, 1), dtype)
    assert (w.shape, w.dtype) == ((2, *shape), dtype)
    matrix = w.reshape(2, -1, shape[-1])
    products = matrix.mT @ matrix if matrix.shape[1] >= matrix.shape[2] else matrix @ matrix.mT
    np.testing.assert_allclose(products, np.broadcast_to(2.25 * np.eye(products.shape[-1]), products.shape), atol=1e-5)
    assert np.abs(w[0] - w[1]).max() > 0.1  # each replicate its own


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)], ids=str)
def test_orthogonal_weights_are_those_that_pytorch_makes_of_the_same_draws(shape: tuple[int, int]) -> None:
    known = np.load(Path(__file__).parents[1] / "fixtures" / "torch_layers.npz")
    key = f"orthogonal_{shape[0]}_{shape[1]}"

    class Given:
        def gaussian(self, shape: tuple[int, int], dtype: Any) -> Any:
            drawn = known[f"{key}_drawn"][None]
            assert drawn.shape[1:] == shape
            return drawn

    w = Initialiser.of({"type": "orthogonal", "gain": 1.4}).draw(Given(), shape, shape, np.float64)[0]  # type: ignore[arg-type]
    np.testing.assert_allclose(w, known[f"{key}_w"], rtol=1e-12, atol=1e-14)


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
