"""Layers that see the whole batch, maxout and layer normalisation: against PyTorch's results, plain words, and each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_table import alone, inputs

from dessine.nn import Network
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray
STORED = dict(np.load(Path(__file__).parents[1] / "fixtures" / "torch_sets.npz", allow_pickle=False))
CASES = [json.loads(str(STORED[f"node{i}"])) for i in range(sum(name.startswith("node") for name in STORED))]
FLAT = ["minibatch_discrimination", "minibatch_closeness", "minibatch_std"]


@pytest.mark.parametrize("i", range(len(CASES)), ids=[str(case) for case in CASES])
def test_layer_is_that_of_pytorch(i: int) -> None:
    x = STORED[f"x{i}"]
    network = Network([CASES[i]], x.shape[2:], Streams(0, 2), np.float64)
    for name, value in network.parameters().items():
        value[...] = STORED[f"{name.split('.')[-1]}{i}"]
    y, backward = network.forward(x)
    dx = backward(STORED[f"dy{i}"])
    found = {"y": y, "dx": dx} | {f"d{name.split('.')[-1]}": dw for name, dw in network.gradients().items()}
    for name, value in found.items():
        np.testing.assert_allclose(value, STORED[f"{name}{i}"], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 7, 8])
def test_closeness_is_the_sum_over_all_others(batch: int) -> None:
    """Even and odd batches: each pair is counted once for either of its two."""
    network = alone({"type": "minibatch_discrimination", "kernels": 3, "dims": 2}, (4,))
    x, t = inputs((4,), batch=batch), network.parameters()["0.minibatch_discrimination.t"]
    y = network(x)
    np.testing.assert_array_equal(y[..., :4], x)
    for r in range(2):
        m = (x[r] @ t[r]).reshape(batch, 2, 3)
        for i in range(batch):
            others = [np.exp(-np.abs(m[i] - m[j]).sum(0)) for j in range(batch) if j != i]
            np.testing.assert_allclose(y[r, i, 4:], np.sum(others, 0) if others else 0, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("batch", [2, 5, 6])
def test_a_batch_of_equal_examples_is_as_close_as_can_be_and_pulls_nowhere(batch: int) -> None:
    """Where all are alike no direction leads apart: the slope of |d| at 0 counts as 0, as in PyTorch."""
    told: dict[str, tuple[int, dict[str, Any]]] = {
        "minibatch_discrimination": (batch - 1, {}),
        "minibatch_closeness": (1, {"neighbours": batch - 1}),
    }
    for name, (most, options) in told.items():
        network = alone({"type": name, **options}, (4,), np.float32)
        y, backward = network.forward(np.broadcast_to(np.float32([1, -2, 3, 0.1]), (2, batch, 4)))
        assert (y[..., 4:] == most).all()
        dy = np.ones_like(y)
        dy[..., :4] = 0
        dx = backward(dy)
        assert dx is not None
        assert not dx.any()


@pytest.mark.parametrize("name", FLAT)
def test_an_example_is_judged_by_the_batch_it_comes_in(name: str) -> None:
    """Real and generated examples in one batch would be compared with each other."""
    network = alone(name, (4,))
    real, generated = inputs((4,), seed=3), 0.1 * inputs((4,), seed=4)
    apart, together = network(generated), network(np.concatenate([generated, real], 1))[:, :5]
    np.testing.assert_array_equal(apart[..., :4], together[..., :4])
    assert (np.abs(apart - together)[..., 4:].max((1, 2)) > 1e-3).all()
    assert network.mixes_examples


@pytest.mark.parametrize("name", FLAT)
def test_the_order_of_a_batch_does_not_matter(name: str) -> None:
    network, x, order = alone(name, (4,)), inputs((4,)), [3, 0, 4, 1, 2]
    np.testing.assert_allclose(network(x)[:, order], network(x[:, order]), rtol=1e-12)


@pytest.mark.parametrize("name", FLAT[:2])
def test_a_collapsed_batch_is_closer_than_a_diverse_one(name: str) -> None:
    network, x = alone(name, (4,)), inputs((4,))
    assert (network(0.01 * x)[..., 4:].sum((1, 2)) > 2 * network(x)[..., 4:].sum((1, 2))).all()


def test_neurons_beyond_a_small_batch_are_0() -> None:
    y = alone({"type": "minibatch_closeness", "neighbours": 7}, (4,))(inputs((4,), batch=3))
    assert (y[..., 4:6] > 0).all()
    assert not y[..., 6:].any()
    assert (np.diff(y[..., 4:]) <= 0).all()


@pytest.mark.parametrize(("batch", "group", "sizes"), [(6, 3, [3, 3]), (7, 3, [3, 4]), (2, 4, [2]), (5, None, [5])])
def test_the_deviation_is_that_of_the_group(batch: int, group: int | None, sizes: list[int]) -> None:
    x = inputs((2, 3, 4), batch=batch)
    y, start = alone({"type": "minibatch_std", "group": group}, (2, 3, 4))(x), 0
    for size in sizes:
        part = slice(start, start := start + size)
        for r in range(2):
            np.testing.assert_allclose(y[r, part, ..., 4], np.sqrt(x[r, part].var(0) + 1e-8).mean(), rtol=1e-12)
    assert start == batch


@pytest.mark.parametrize("name", FLAT[:2])
def test_images_must_be_flattened_first(name: str) -> None:
    with pytest.raises(SpecError, match=r"layers\[0\]: compares flat examples, .*put flatten before it"):
        Network([name], (2, 3, 4))


def test_a_group_of_one_is_refused() -> None:
    with pytest.raises(SpecError, match="expects at least 2"):
        Network([{"type": "minibatch_std", "group": 1}], 3)


def test_maxout_of_one_piece_is_a_dense_layer() -> None:
    network, dense = (alone({"type": name, "units": 4}, (3,)) for name in ("maxout", "dense"))
    one = Network([{"type": "maxout", "units": 4, "pieces": 1}], 3, Streams(0, 2), np.float64)
    one.theta[...] = dense.theta
    np.testing.assert_allclose(one(inputs((3,))), dense(inputs((3,))), rtol=1e-13)
    assert network.theta.shape[1] == 2 * dense.theta.shape[1]


@pytest.mark.parametrize("shape", [(40,), (4, 5, 3)])
def test_layer_norm_centres_and_scales_each_example(shape: Any) -> None:
    network = Network(["layer_norm"], shape, Streams(0, 2), np.float64)
    y = network(7 + 3 * inputs(shape)).reshape(2, 5, -1)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(-1), 1, atol=1e-4)
    assert not network.mixes_examples


def test_a_collapsed_batch_costs_closeness_no_digits() -> None:
    """Examples that differ by a millionth of their size: the gradient is that of float64, at the very same numbers."""
    rng = np.random.default_rng(0)
    x = (1 + 1e-6 * rng.standard_normal((1, 32, 8))).astype(np.float32)
    error, found = rng.standard_normal((1, 32, 24)).astype(np.float32), []
    for dtype in (np.float32, np.float64):
        network = Network(["minibatch_closeness"], 8, Streams(0), dtype)
        found.append(network.forward(x)[1](error))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5 * np.abs(found[1]).max())
