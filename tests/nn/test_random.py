"""Dropout and noise do what they say: how much is drawn, in which form, and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_table import inputs

from dessine.nn import Dropout, Mode, Network, Noise
from dessine.registry import SpecError
from dessine.streams import Streams

WIDE = np.ones((2, 400, 50), np.float32)


def network(node: Any, shape: Any = 50, seed: int = 0) -> Network:
    return Network([node], shape, Streams(seed, 2))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(p: float) -> None:
    y, _ = network(Dropout(p)).forward(WIDE)
    np.testing.assert_allclose((y == 0).mean((1, 2)), p, atol=4 * np.sqrt(p * (1 - p) / 20_000))
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - round(2**16 * p) / 2**16)], rtol=1e-6)
    np.testing.assert_allclose(y.mean((1, 2)), 1, atol=4 * np.sqrt(p / (1 - p) / 20_000))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("p", [1e-6, 1 / 3, 0.999, 0.9999, 0.99999, 0.9999999])
def test_what_dropout_keeps_is_scaled_by_how_often_it_is_kept(p: float, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    every = np.arange(2**16, dtype=np.uint16).reshape(1, 1, -1)  # each draw there is, once
    monkeypatch.setattr("dessine.streams.Stream.whole", lambda self, shape, size: every)
    y, _ = Network([Dropout(p)], 2**16, Streams(0), dtype).forward(np.ones(every.shape))
    assert y.mean(dtype=np.float64) == pytest.approx(1, rel=1e-6)
    assert (y == 0).mean() == pytest.approx(p, abs=2**-16)


def test_dropout_outside_training_is_the_identity() -> None:
    net = network(Dropout(0.5))
    np.testing.assert_array_equal(net(WIDE), WIDE)


def test_dropout_passes_the_gradient_of_what_it_kept() -> None:
    net = network(Dropout(0.5))
    y, backward = net.forward(WIDE)
    np.testing.assert_array_equal(backward(np.ones_like(y)), y)  # x is 1 everywhere


@pytest.mark.parametrize("node", [Dropout(0.5), Noise("add")], ids=["dropout", "noise"])
def test_each_pass_and_each_replicate_draws_anew(node: Any) -> None:
    net = network(type(node).of({"type": node.type, **({"how": "add"} if node.type == "noise" else {})}))
    first, second = net.forward(WIDE)[0], net.forward(WIDE)[0]
    assert (first != second).any()
    assert (first[0] != first[1]).any()


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("how", ["concatenate", "add", "multiply"])
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_noise_in_its_three_forms(how: Any, scale: float, distribution: Any, train: bool) -> None:
    net = network(Noise(how, distribution=distribution, scale=scale))
    x = inputs((50,), np.float32, 400)
    y, _ = net.forward(x, Mode(net.streams, train=train))
    if how == "concatenate":
        np.testing.assert_array_equal(y[..., :50], x)
        noise = y[..., 50:]
    else:
        noise = y - x if how == "add" else y / x - 1
    assert noise.shape == x.shape
    spread = scale if distribution == "gaussian" else scale / np.sqrt(3)
    np.testing.assert_allclose(noise.mean((1, 2)), 0, atol=0.03)
    np.testing.assert_allclose(noise.std((1, 2)), spread, rtol=0.03)
    if distribution == "uniform":
        assert np.abs(noise).max() <= scale * (1 + 1e-3)


@pytest.mark.parametrize(("size", "width"), [(None, 6), (2, 5), (7, 10)])
def test_concatenated_noise_has_a_size_of_its_own(size: int | None, width: int) -> None:
    net = network(Noise(size=size), 3)
    assert net.output_shape == (width,)
    assert net.forward(inputs((3,)))[0].shape == (2, 5, width)


def test_sizes_of_other_noise_and_images_to_concatenate_to_are_refused() -> None:
    with pytest.raises(SpecError, match=r"^size: .*concatenated"):
        Noise("add", size=3)
    with pytest.raises(SpecError, match=r"^layers\[0\]: .*flatten"):
        network(Noise(), (2, 2, 1))


def test_streams_of_the_pass_are_the_ones_that_draw() -> None:
    """A picture drawn from streams of its own does not move the noise of training."""
    net, same = network(Noise("add")), network(Noise("add"))
    net.forward(WIDE, Mode(Streams(5, 2), train=False))
    np.testing.assert_array_equal(net.forward(WIDE)[0], same.forward(WIDE)[0])


@pytest.mark.parametrize("size", [1, 2])
def test_whole_numbers_are_drawn_each_as_often_as_any_other(size: int) -> None:
    drawn = Streams(3)["d"].whole((1 << 20,), size)[0]
    assert drawn.dtype.itemsize == size
    for shift in range(0, 8 * size, 8):
        counts = np.bincount(drawn >> shift & 255, minlength=256)
        assert np.abs(counts - 4096).max() < 5 * np.sqrt(4096)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("shape", [(), (1,), (9,), (2, 5)])
def test_whole_numbers_of_any_shape_for_each_replicate_its_own(shape: tuple[int, ...], size: int) -> None:
    both = Streams(0, 2)["d"].whole(shape, size)
    assert both.shape == (2, *shape)
    np.testing.assert_array_equal(both[1:], Streams(1)["d"].whole(shape, size))
