"""Layers that hold layers: what they add up to, where their parameters stand, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_table import Array

from dessine.nn import Layer, Mode, Network, Residual
from dessine.nn.network import outline, parameters
from dessine.registry import SpecError
from dessine.streams import Streams

DENSE = {"type": "dense", "units": 5}


def residual(*layers: Any, **more: Any) -> dict[str, Any]:
    return {"type": "residual", "layers": list(layers), **more}


def conv(channels: int, **more: Any) -> dict[str, Any]:
    return {"type": "conv2d", "channels": channels, "padding": "same", **more}


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    ("inside", "shape"),
    [
        ([{"type": "dense", "units": 5, "activation": "gelu"}, DENSE], (5,)),
        (["batch_norm", {"type": "activation", "function": "swish"}, DENSE, {"type": "dropout", "p": 0.4}], (5,)),
        ([{"type": "noise", "how": "add"}, {"type": "group_norm", "groups": 1}], (4, 3, 2)),
        ([residual(conv(2, activation="tanh")), {"type": "max_pool", "size": 3, "stride": 1, "padding": 1}], (4, 3, 2)),
    ],
)
def test_it_is_its_layers_plus_its_input(inside: list[Any], shape: tuple[int, ...], train: bool) -> None:
    block = Network([residual(*inside)], shape, Streams(1, 2), np.float64)
    plain = Network(inside, shape, Streams(1, 2), np.float64)
    plain.theta[...], plain.buffers[...] = block.theta, block.buffers
    for place in plain.places():
        place.layer.path = place.layer.path.replace("network/", "network/0.residual.")  # the same draws
    x, dy = (Streams(2, 2)[name].gaussian((6, *shape), np.float64) for name in ("x", "dy"))
    y, back = block.forward(x, Mode(block.streams, train))
    expected, back_plain = plain.forward(x, Mode(plain.streams, train))
    np.testing.assert_array_equal(y, expected + x)
    np.testing.assert_array_equal(back(dy), back_plain(dy) + dy)  # type: ignore[operator]
    np.testing.assert_array_equal(block.grad, plain.grad)
    np.testing.assert_array_equal(block.buffers, plain.buffers)


@pytest.mark.parametrize(
    ("block", "shape", "made", "shortcut"),
    [
        (residual(DENSE), (5,), (5,), 0),
        (residual(DENSE), (3,), (5,), 15),
        (residual(DENSE, shortcut="linear"), (5,), (5,), 25),
        (residual(conv(4)), (6, 5, 2), (6, 5, 4), 8),
        (residual(conv(4, stride=2)), (7, 5, 2), (4, 3, 4), 8),
        (residual(conv(2), {"type": "average_pool"}), (6, 4, 2), (3, 2, 2), 4),
        (residual({"type": "upsample"}, conv(3), shortcut=[{"type": "upsample"}, conv(3, kernel=1)]), (2, 2, 4), (4, 4, 3), 15),
    ],
)
def test_the_shortcut_has_weights_where_shapes_differ(block: Any, shape: Any, made: Any, shortcut: int) -> None:
    network = Network([block], shape)
    assert network.output_shape == made
    found = {name: w.size for name, w in network.parameters().items() if name.startswith("0.residual.shortcut.")}
    assert sum(found.values()) == shortcut


def test_parameters_are_named_by_where_they_stand() -> None:
    network = Network([DENSE, residual(residual(DENSE), "batch_norm", {"type": "dense", "units": 2})], 3)
    expected = ["0.dense", "1.residual.0.residual.0.dense", "1.residual.1.batch_norm", "1.residual.2.dense"]
    assert list(network.slices) == [*expected, "1.residual.shortcut.0.dense"]
    assert network.parameters()["1.residual.2.dense.w"].shape == (1, 5, 2)
    assert parameters(network.declared) == network.theta.shape[1] == sum(s.stop - s.start for s in network.slices.values())
    assert network.mixes_examples


def test_what_learns_first_in_a_block_is_asked_for_no_error_of_its_input() -> None:
    network = Network(["flatten", residual({"type": "activation", "function": "tanh"}, DENSE)], 5, dtype=np.float64)
    x = np.ones((1, 2, 5))
    y, back = network.forward(x)
    assert back(y, inputs=False) is None
    found = network.grad.copy()
    network.grad.fill(0)
    back(y)
    np.testing.assert_array_equal(network.grad, found)


@pytest.mark.parametrize(
    ("block", "shape", "path", "text"),
    [
        (residual(DENSE, shortcut="identity"), (3,), ("layers", 0, "shortcut"), "only equal shapes can be added"),
        (residual(DENSE, shortcut=["flatten"]), (3,), ("layers", 0, "shortcut"), r"make \[5\] of \[3\], the shortcut \[3\]"),
        (residual("upsample"), (2, 2, 1), ("layers", 0, "shortcut"), "give a list of layers"),
        (residual("flatten"), (2, 2, 1), ("layers", 0, "shortcut"), "give a list of layers"),
        (residual(DENSE, conv(2)), (3,), ("layers", 0, "layers", 1), "needs an image"),
        (residual(DENSE, shortcut=[conv(2)]), (3,), ("layers", 0, "shortcut", 0), "needs an image"),
        (residual(residual("upsample")), (3,), ("layers", 0, "layers", 0, "layers", 0), "needs an image"),
        ({"type": "group_norm", "groups": 3}, (2, 2, 4), ("layers", 0, "groups"), "4 channels do not fall into 3 equal groups"),
        ({"type": "downsample", "factor": 3}, (7, 6, 1), ("layers", 0, "factor"), "3 does not divide an image of 7 x 6"),
        ({"type": "downsample", "factor": [1, 4]}, (7, 6, 1), ("layers", 0, "factor"), "1 x 4 does not divide"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_where_they_stand(block: Any, shape: Any, path: Any, text: str) -> None:
    with pytest.raises(SpecError, match=text) as caught:
        outline([Layer.of(block)], shape)
    assert caught.value.problems[0].path == path


@pytest.mark.parametrize(
    ("node", "path", "text"),
    [
        (residual(), ("layers",), "a list of 1 to 1000"),
        (residual("dens"), ("layers", 0), "did you mean 'dense'"),
        (residual(residual({"type": "dense", "units": -3})), ("layers", 0, "layers", 0, "units"), "at least 1"),
        (residual(DENSE, shortcut="idenity"), ("shortcut",), "identity or linear or a list"),
        (residual(DENSE, shortcut=[{"type": "dense", "unit": 3}]), ("shortcut", 0, "unit"), "did you mean 'units'"),
        ({"type": "upsample", "factor": 0}, ("factor",), "from 1 to 10000"),
        ({"type": "upsample", "mode": "bicubic"}, ("mode",), "nearest or bilinear"),
        ({"type": "residual_block"}, (), "did you mean 'residual'"),
    ],
)
def test_a_mistake_inside_is_named_with_its_place(node: Any, path: Any, text: str) -> None:
    with pytest.raises(SpecError, match=text) as caught:
        Layer.of(node)
    first = caught.value.problems[0]
    assert first.path == path
    assert len(caught.value.problems) == 1


def test_a_layer_serves_one_place_only() -> None:
    dense = Layer.of(DENSE)
    with pytest.raises(SpecError, match="in a network already"):
        Network([dense, Residual([dense])], 5)


def test_resampling_keeps_means_and_straight_lines() -> None:
    x = np.arange(6.0)[:, None, None] * np.ones((1, 1, 6, 6, 1))

    def of(node: Any) -> Array:
        return Network([node], (6, 6, 1), dtype=np.float64)(x)

    for mode in ("average", "bilinear"):
        y = of({"type": "downsample", "mode": mode})
        np.testing.assert_allclose(y.mean(), x.mean())
    np.testing.assert_allclose(of({"type": "downsample"})[0, 0, :, 0, 0], [0.5, 2.5, 4.5])
    np.testing.assert_allclose(of({"type": "upsample"})[0, 0, :4, 0, 0], [0, 0, 1, 1])
    np.testing.assert_allclose(of({"type": "upsample", "mode": "bilinear"})[0, 0, :4, 0, 0], [0, 0.25, 0.75, 1.25])
