"""Remedies around the networks: each does what it says, and can be taken back."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.games.remedies import Average, FeatureMatching, InstanceNoise, packed, unpacked
from dessine.nn import Mode, Network
from dessine.registry import SpecError
from dessine.streams import Streams

Array = np.ndarray


def test_instance_noise_has_its_size_and_goes_in_a_straight_line() -> None:
    noise, x = InstanceNoise(sigma=0.4, until=10), np.zeros((2, 5000, 2))
    for turn, sigma in ((1, 0.4), (11, 0), (99, 0), (6, 0.2)):
        noise.to_turn(turn)
        assert noise.sigma == pytest.approx(sigma)
    np.testing.assert_allclose(noise.add(x, Streams(0, 2)["noise"]).std((1, 2)), 0.2, rtol=0.03)
    steady = InstanceNoise(sigma=0.4)
    steady.to_turn(10**6)
    assert steady.sigma == 0.4
    assert not x.any(), "what was given stays as it was"


@pytest.mark.parametrize("shape", [(3,), (4, 5, 2)], ids=str)
def test_a_pack_shows_examples_side_by_side_and_can_be_opened_again(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, *shape))
    pack = packed(x, 3)
    assert pack.shape == (2, 2, *shape[:-1], 3 * shape[-1])
    for i in range(6):
        c = shape[-1]
        np.testing.assert_array_equal(pack[:, i // 3, ..., (i % 3) * c : (i % 3 + 1) * c], x[:, i])
    np.testing.assert_array_equal(unpacked(pack, 3), x)
    assert packed(x, 1) is x


def test_an_average_follows_slowly_and_forgets_its_start() -> None:
    network = Network([{"type": "dense", "units": 2}, "batch_norm"], 3, Streams(0, 2), np.float64)
    average = Average(network, 0.9)
    before = network.theta.copy()
    network.theta[...] = before + 1
    average.follow()
    np.testing.assert_allclose(average.theta, before + 1 - 2 / 11)  # (1 + 1) / (10 + 1) stays
    for _ in range(300):
        average.follow()
    np.testing.assert_allclose(average.theta, before + 1)


def test_a_worn_average_is_taken_off_again() -> None:
    network = Network([{"type": "dense", "units": 2}], 3, Streams(0), np.float64)
    average, x = Average(network, 0.5), np.ones((1, 4, 3))
    first = network(x)
    network.theta += 1
    with average.worn():
        np.testing.assert_array_equal(network(x), first)
    assert not np.array_equal(network(x), first)


def matched(layer: int = 1, dtype: type = np.float64) -> tuple[Network, Array, Array]:
    nodes = [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 3, "activation": "softplus"}]
    critic = Network([*nodes, {"type": "dense", "units": 1}], 2, Streams(0, 2), dtype)
    rng = np.random.default_rng(1)
    return critic, rng.normal(size=(2, 5, 2)), rng.normal(size=(2, 6, 2))


@pytest.mark.parametrize("layer", [0, 1, -2, -3])
def test_feature_matching_is_the_gap_between_means_and_has_its_gradient(layer: int) -> None:
    critic, real, generated = matched()
    aim, mode = FeatureMatching(layer), Mode(critic.streams)
    value, dx = aim.error(critic, real, generated, (mode, mode))
    walked = [list(critic.walk(x, mode))[layer % 3][1].mean(1) for x in (real, generated)]
    np.testing.assert_allclose(value, np.square(walked[0] - walked[1]).sum(-1))
    step, h = np.random.default_rng(2).normal(size=generated.shape), 1e-6
    ends = [aim.error(critic, real, generated + s * h * step, (mode, mode))[0] for s in (1, -1)]
    np.testing.assert_allclose((dx * step).sum((1, 2)), (ends[0] - ends[1]) / (2 * h), rtol=1e-6)
    assert not critic.grad.any(), "the critic learns nothing from it"


def test_features_are_those_of_a_layer_that_is_there_and_not_the_verdict() -> None:
    critic, *_ = matched()
    for layer, says in ((3, "has 3 layers, 0 to 2"), (-4, "has 3 layers"), (2, "is the last layer"), (-1, "is the last layer")):
        with pytest.raises(SpecError, match=says):
            FeatureMatching(layer).locate(critic.layers)
