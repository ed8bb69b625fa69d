"""Activations and layers agree with PyTorch's stored results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layer_table import ACTIVATIONS, Array

from dessine.nn import Activation, Mode, Network
from dessine.streams import Streams

FIXTURES = Path(__file__).parents[1] / "fixtures"
POINTS, LAYERS = np.load(FIXTURES / "torch_activations.npz"), np.load(FIXTURES / "torch_layers.npz")
CASES = [json.loads(str(POINTS[name])) for name in POINTS.files if name.startswith("case")]


def test_every_activation_that_pytorch_has_is_compared() -> None:
    assert {case["type"] for case in CASES} == set(ACTIVATIONS) - {"heaviside"}


@pytest.mark.parametrize("i", range(len(CASES)), ids=[str(case) for case in CASES])
def test_activation_is_that_of_pytorch(i: int) -> None:
    y, backward = Activation.of(CASES[i]).forward(POINTS["x"])
    np.testing.assert_allclose(y, POINTS[f"y{i}"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(backward(POINTS["dy"]), POINTS[f"dx{i}"], rtol=1e-12, atol=1e-15)


def test_dense_layer_is_that_of_pytorch() -> None:
    t = {name: LAYERS[f"dense_{name}"] for name in ("x", "w", "b", "y", "dy", "dx", "dw", "db")}
    network = Network([{"type": "dense", "units": 4, "activation": "tanh"}], 3, Streams(0, 2), np.float64)
    for name, value in network.parameters().items():
        value[...] = t[name[-1]]
    y, backward = network.forward(t["x"])
    dx = backward(t["dy"])
    found = {"y": y, "dx": dx} | {f"d{name[-1]}": dw for name, dw in network.gradients().items()}
    for name, value in found.items():
        np.testing.assert_allclose(value, t[name], rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("key", ["flat", "image"])
def test_batch_normalisation_is_that_of_pytorch(key: str) -> None:
    t = {name.removeprefix(f"{key}_"): LAYERS[name] for name in LAYERS.files if name.startswith(f"{key}_")}
    x = t["x"]  # (passes, R, B, *shape)
    network = Network([{"type": "batch_norm", "epsilon": 1e-3, "momentum": 0.3}], x.shape[3:], Streams(0, 2), np.float64)
    parameters, gradients = network.parameters(), network.gradients()
    for name, value in parameters.items():
        value[...] = t[name.split(".")[-1]].reshape(value.shape)

    def assert_same(found: Array | None, name: str, i: int) -> None:
        assert found is not None
        np.testing.assert_allclose(found, t[name][i].reshape(found.shape), rtol=1e-11, atol=1e-13, err_msg=f"{name}, pass {i}")

    for i, train in enumerate((True, True, False)):
        network.grad.fill(0)
        y, backward = network.forward(x[i], Mode(network.streams, train=train, record=train))
        dx = backward(t["dy"][i])
        assert_same(y, "y", i)
        assert_same(dx, "dx", i)
        for name, dw in gradients.items():
            assert_same(dw, f"d{name.split('.')[-1]}", i)
        layer = network.layers[0]
        assert_same(layer.running_mean, "mean", i)  # type: ignore[attr-defined]
        assert_same(layer.running_var, "var", i)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("key", "groups"), [("group_flat", 2), ("group_image", 3)])
def test_group_normalisation_is_that_of_pytorch(key: str, groups: int) -> None:
    t = {name.removeprefix(f"{key}_"): LAYERS[name] for name in LAYERS.files if name.startswith(f"{key}_")}
    node = {"type": "group_norm", "groups": groups, "epsilon": 1e-3}
    network = Network([node], t["x"].shape[2:], Streams(0, 2), np.float64)
    for name, value in network.parameters().items():
        value[...] = t[name.split(".")[-1]].reshape(value.shape)
    y, backward = network.forward(t["x"])
    dx = backward(t["dy"])
    found = {"y": y, "dx": dx} | {f"d{name.split('.')[-1]}": dw for name, dw in network.gradients().items()}
    for name, value in found.items():
        np.testing.assert_allclose(value, t[name].reshape(value.shape), rtol=1e-12, atol=1e-13, err_msg=name)


def test_residual_layer_is_that_of_pytorch() -> None:
    t = {name.removeprefix("residual_"): LAYERS[name] for name in LAYERS.files if name.startswith("residual_")}
    inside = [{"type": "dense", "units": 4, "activation": "swish"}, {"type": "dense", "units": 5}]
    network = Network([{"type": "residual", "layers": inside}], 3, Streams(0, 2), np.float64)
    network.theta[...] = t["theta"]
    y, backward = network.forward(t["x"])
    for name, value in {"y": y, "dx": backward(t["dy"]), "dtheta": network.grad}.items():
        np.testing.assert_allclose(value, t[name], rtol=1e-12, atol=1e-13, err_msg=name)
