"""Convolutions and poolings against plain loops, against PyTorch, and against one another."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_table import Array, alone

from dessine.nn import Layer, Mode, Network
from dessine.nn.correlation import Correlation
from dessine.nn.windows import Windows
from dessine.registry import SpecError
from dessine.streams import Streams

PYTORCH = np.load(Path(__file__).parents[1] / "fixtures" / "torch_conv.npz")
CASES = {int(name.split("_")[0]): json.loads(str(PYTORCH[name])) for name in PYTORCH.files if name.endswith("_node")}


# The oracle: what a convolution is, number by number.


def correlate(x: Array, w: Array, windows: Windows) -> Array:
    """x: (N, H, W, C), w: (kh, kw, C, M) -> (N, rows, columns, M)."""
    (top, _), (left, _) = windows.padding
    y = np.zeros((len(x), *windows.places, w.shape[-1]))
    for i, j in np.ndindex(*windows.places):
        for p, q in np.ndindex(*windows.kernel):
            row, column = i * windows.stride[0] + p - top, j * windows.stride[1] + q - left
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                y[:, i, j] += x[:, row, column] @ w[p, q]
    return y


def spread(y: Array, w: Array, windows: Windows) -> Array:
    """y: (N, rows, columns, M) -> (N, H, W, C)."""
    (top, _), (left, _) = windows.padding
    x = np.zeros((len(y), *windows.image, w.shape[2]))
    for i, j in np.ndindex(*windows.places):
        for p, q in np.ndindex(*windows.kernel):
            row, column = i * windows.stride[0] + p - top, j * windows.stride[1] + q - left
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                x[:, row, column] += y[:, i, j] @ w[p, q].T
    return x


GEOMETRIES = [
    ((5, 4), (3, 3), (1, 1), 0),
    ((7, 6), (4, 4), (2, 2), 1),
    ((9, 7), (5, 2), (3, 1), [2, 0]),
    ((6, 5), (3, 2), (1, 1), "same"),
    ((7, 5), (4, 3), (3, 2), "same"),
    ((4, 5), (1, 1), (2, 3), 0),
    ((2, 3), (2, 3), (1, 1), 0),
    ((3, 3), (5, 5), (2, 2), 3),
]


def gradient(x: Array, y: Array, windows: Windows) -> Array:
    """(kh, kw, C, M): the derivative of <correlate(x, w), y> by w."""
    dw = np.zeros((*windows.kernel, x.shape[-1], y.shape[-1]))
    for p, q in np.ndindex(*windows.kernel):
        one = np.zeros((*windows.kernel, x.shape[-1], x.shape[-1]))
        one[p, q] = np.eye(x.shape[-1])  # picks what stands at p, q of every window
        dw[p, q] = np.einsum("nijc,nijm->cm", correlate(x, one, windows), y)
    return dw


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_products_are_what_the_loops_say(geometry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain and compiled, with batches whole, cut into blocks of a few examples, or of one."""
    windows, rng = Windows.over(*geometry), np.random.default_rng(0)
    w = rng.standard_normal((2, *windows.kernel, 2, 3))
    x, y = rng.standard_normal((2, 4, *windows.image, 2)), rng.standard_normal((2, 4, *windows.places, 3))
    flat = w.reshape(2, -1, 3)
    expected = {
        "y": np.stack([correlate(x[r], w[r], windows) for r in range(2)]),
        "x": np.stack([spread(y[r], w[r], windows) for r in range(2)]),
        "dw": np.stack([gradient(x[r], y[r], windows) for r in range(2)]).reshape(flat.shape),
    }
    monkeypatch.setattr("dessine.nn.conv.ENOUGH", 0)
    for compiled, block in itertools.product("01", (500_000, 100, 1)):
        monkeypatch.setenv("DESSINE_COMPILED", compiled)
        monkeypatch.setattr("dessine.nn.correlation.BLOCK", block)
        for node, inputs, errors, names in (("conv2d", x, y, "yx"), ("conv2d_transpose", y, x, "xy")):
            layer: Any = Layer.of({"type": node, "channels": errors.shape[-1], "bias": False})
            layer.products, layer.shape, layer.w, layer.dw = (
                Correlation(windows, 2, 3),
                errors.shape[2:],
                flat,
                np.ones(flat.shape),
            )
            out, backward = layer.forward(inputs, Mode(Streams(0, 2)))
            back = backward(errors)
            results = {names[0]: out, names[1]: back, "dw": layer.dw - 1}
            for name, value in results.items():
                told = f"{node}, {name}, compiled {compiled}, block {block}"
                np.testing.assert_allclose(value, expected[name], rtol=1e-11, atol=1e-11, err_msg=told)


@pytest.mark.parametrize("size", [(7, 6), (8, 5), (9, 9)], ids=str)
@pytest.mark.parametrize("kernel", [3, [4, 2]], ids=str)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, "same"])
def test_transposed_convolution_is_the_adjoint_of_the_convolution(size: Any, kernel: Any, stride: int, padding: Any) -> None:
    """<conv(x), y> = <x, convT(y)> with the same weights, whatever remains beside the windows."""
    options = {"kernel": kernel, "stride": stride, "padding": padding, "bias": False}
    there = alone({"type": "conv2d", "channels": 4, **options}, (*size, 3))
    rows, columns, _ = there.output_shape
    if padding == "same" and (rows * stride, columns * stride) != size:
        return  # the way back leads to the larger of the sizes that lead there
    if padding != "same":
        high, wide = [kernel, kernel] if isinstance(kernel, int) else kernel
        options["output_padding"] = [(size[0] + 2 * padding - high) % stride, (size[1] + 2 * padding - wide) % stride]
    back = alone({"type": "conv2d_transpose", "channels": 3, **options}, there.output_shape)
    assert back.output_shape == there.input_shape
    assert back.theta.shape == there.theta.shape
    back.theta[...] = there.theta
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 5, *there.input_shape)), rng.standard_normal((2, 5, *there.output_shape))
    axes = (1, 2, 3, 4)
    np.testing.assert_allclose((there(x) * y).sum(axes), (x * back(y)).sum(axes), rtol=1e-11)


@pytest.mark.parametrize("i", CASES, ids=[f"{i}-{node}" for i, node in CASES.items()])
def test_layer_is_that_of_pytorch(i: int) -> None:
    t = {
        name: PYTORCH[f"{i}_{name}"] for name in ("x", "w", "b", "y", "dy", "dx", "dw", "db") if f"{i}_{name}" in PYTORCH.files
    }
    network = Network([CASES[i]], t["x"].shape[1:], Streams(0), np.float64)
    for name, value in network.parameters().items():
        value[...] = t[name[-1]].reshape(value.shape)
    y, backward = network.forward(t["x"][None])
    dx = backward(t["dy"][None])
    found = {"y": y, "dx": dx} | {f"d{name[-1]}": dw for name, dw in network.gradients().items()}
    for name, value in found.items():
        np.testing.assert_allclose(value[0], t[name].reshape(value[0].shape), rtol=1e-11, atol=1e-13, err_msg=name)  # type: ignore[index]


def test_equal_numbers_in_a_window_share_no_gradient() -> None:
    """The first of them gets all, row by row, as in PyTorch."""
    network = Network(["max_pool"], (2, 4, 1), Streams(0), np.float64)
    x = np.array([[[0.0, 5.0, 1.0, 1.0], [5.0, 5.0, 1.0, 1.0]]]).reshape(1, 1, 2, 4, 1)
    y, backward = network.forward(x)
    dx = backward(np.array([2.0, 3.0]).reshape(y.shape))
    assert dx is not None
    assert dx.reshape(2, 4).tolist() == [[0, 2, 3, 0], [0, 0, 0, 0]]


def test_average_counts_the_zeros_of_the_border() -> None:
    network = Network([{"type": "average_pool", "size": 2, "padding": 1}], (2, 2, 1), Streams(0), np.float64)
    assert network(np.ones((1, 1, 2, 2, 1))).reshape(2, 2).tolist() == [[0.25, 0.25], [0.25, 0.25]]


def test_same_keeps_the_size_and_puts_an_odd_zero_below_and_right() -> None:
    network = Network([{"type": "conv2d", "channels": 1, "kernel": 2, "padding": "same"}], (3, 3, 1), Streams(0), np.float64)
    network.theta[...] = [[1, 1, 1, 1, 0]]
    assert network(np.ones((1, 1, 3, 3, 1))).reshape(3, 3).tolist() == [[4, 4, 2], [4, 4, 2], [2, 2, 1]]


@pytest.mark.parametrize(
    ("node", "inputs", "outputs"),
    [
        ({"type": "conv2d", "channels": 8, "kernel": [3, 5]}, 3 * 5 * 4, 3 * 5 * 8),
        ({"type": "conv2d", "channels": 8, "kernel": 4, "stride": 2, "padding": 1}, 16 * 4, 4 * 8),
        ({"type": "conv2d_transpose", "channels": 8, "kernel": 3, "stride": 1, "padding": 0}, 9 * 4, 9 * 8),
        ({"type": "conv2d_transpose", "channels": 8, "kernel": 4, "stride": 2, "padding": 1}, 4 * 4, 16 * 8),
    ],
)
def test_fan_counts_what_one_unit_sees_and_reaches(node: dict[str, Any], inputs: int, outputs: int) -> None:
    declared = alone(node, (6, 6, 4)).layers[0].declare((6, 6, 4))
    assert declared.params["w"][2] == (inputs, outputs)


@pytest.mark.parametrize(
    "node",
    [{"type": "conv2d", "channels": 64, "kernel": 4, "stride": 2, "padding": 1}, {"type": "conv2d_transpose", "channels": 64}],
)
def test_he_weights_keep_the_size_of_signals(node: dict[str, Any]) -> None:
    network = Network([node | {"init": "he"}], (16, 16, 32), Streams(0), np.float32)
    y = network(np.random.default_rng(0).standard_normal((1, 4, 16, 16, 32), np.float32))
    inside = y[:, :, 2:-2, 2:-2]
    assert np.square(inside).mean() == pytest.approx(2, rel=0.15)  # half of it is what a relu lets pass


@pytest.mark.parametrize(
    ("node", "shape", "message"),
    [
        (
            {"type": "conv2d", "channels": 2, "kernel": 5},
            (3, 3, 1),
            "a kernel of 5 does not fit an input of 3 x 3 with padding 0",
        ),
        ({"type": "conv2d", "channels": 2, "kernel": [2, 6]}, (3, 4, 1), "a kernel of 2 x 6 does not fit an input of 3 x 4"),
        ({"type": "conv2d", "channels": 2}, (784,), r"needs an image.*\[784\].*\{type: reshape, shape: \[7, 7, 128\]\}"),
        ({"type": "conv2d_transpose", "channels": 2}, (100,), r"needs an image.*\[100\].*reshape"),
        ({"type": "max_pool"}, (9,), r"pooling needs an image"),
        ({"type": "upsample"}, (9,), r"upsample needs an image"),
        ({"type": "zero_pad"}, (9,), r"zero_pad needs an image"),
        (
            {"type": "conv2d_transpose", "channels": 2, "output_padding": 2},
            (3, 3, 1),
            "output_padding: must be less than the stride",
        ),
        ({"type": "conv2d_transpose", "channels": 2, "padding": "same", "output_padding": 1}, (3, 3, 1), "leave it out"),
        ({"type": "conv2d_transpose", "channels": 2, "kernel": 2, "padding": 3}, (2, 2, 1), "padding: nothing is left"),
        ({"type": "max_pool", "size": 5}, (4, 4, 1), "a window of 5 x 5 does not fit an input of 4 x 4 with padding 0"),
        ({"type": "average_pool", "size": 2, "padding": 2}, (4, 4, 1), "padding: must be at most half of size"),
        ({"type": "conv2d", "channels": 2, "kernel": [3]}, (4, 4, 1), "kernel"),
        ({"type": "conv2d", "channels": 2, "padding": "valid"}, (4, 4, 1), "padding"),
    ],
)
def test_what_does_not_fit_is_told(node: dict[str, Any], shape: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Network([node], shape)
