"""What is measured of the gradient field, against fields whose Jacobian is known."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.games.field import rotation, slopes
from dessine.nn import Network
from dessine.streams import Streams

Array = np.ndarray


def measured(jacobian: Array, pairs: int = 400) -> dict[str, Array]:
    """Of the field J theta, in two replicates."""
    return rotation(lambda w: w @ jacobian.T, len(jacobian), pairs, Streams(1, 2)["rotation"])


def test_a_symmetric_field_does_not_turn_and_an_antisymmetric_one_does_nothing_else() -> None:
    a = np.random.default_rng(0).normal(size=(6, 6))
    np.testing.assert_allclose(measured(a + a.T, 20)["share"], 0, atol=1e-12)
    np.testing.assert_allclose(measured(a - a.T, 20)["share"], 1, atol=1e-12)


def test_the_share_of_a_mixed_field_is_that_of_its_jacobian() -> None:
    j = np.random.default_rng(0).normal(size=(6, 6))
    s, a = (j + j.T) / 2, (j - j.T) / 2
    expected = (a**2).sum() / (j**2).sum()
    assert (j**2).sum() == pytest.approx((a**2).sum() + (s**2).sum())
    found = measured(j, 2000)
    assert (np.abs(found["share"] - expected) < 4 * found["standard_error"]).all()
    assert (found["standard_error"] < 0.05).all()


def test_slopes_of_a_linear_critic_are_the_norm_of_its_weights() -> None:
    critic = Network([{"type": "dense", "units": 1}], 3, Streams(0, 2), np.float64)
    found = slopes(critic, {"real": np.ones((2, 4, 3))}, Streams(0, 2))["real"]
    norms = np.sqrt(np.square(critic.parameters()["0.dense.w"]).sum((1, 2)))
    np.testing.assert_allclose(found["mean"], norms)
    np.testing.assert_allclose(found["max"], norms)
