"""What generators draw from."""

import numpy as np
import pytest

from dessine.games.latent import Latent
from dessine.registry import SpecError
from dessine.streams import Streams


def test_uniform_latents_fill_their_interval() -> None:
    z = Latent(4, "uniform", 3**0.5).draw(Streams(0, 2), 5000, np.float64)
    assert np.abs(z).max() <= 3**0.5
    assert z.var() == pytest.approx(1, abs=0.02)
    plain = Latent(4, "uniform").draw(Streams(0, 2), 5000, np.float64)
    np.testing.assert_allclose(z, plain * 3**0.5)


def test_gaussian_latents_have_no_limit() -> None:
    with pytest.raises(SpecError, match=r"limit: is of the uniform"):
        Latent.of({"distribution": "gaussian", "limit": 2.0})


def test_truncated_latents_keep_what_lies_inside_and_draw_the_rest_anew() -> None:
    latent, streams = Latent(50), Streams(0, 2)
    z = latent.draw(streams, 4000, np.float64)
    near = latent.truncated(z, 1.0, streams)
    inside = np.abs(z) <= 1
    np.testing.assert_array_equal(near[inside], z[inside])
    assert np.abs(near).max() <= 1
    # Its variance: 1 - 2 b phi(b) / (Phi(b) - Phi(-b)), phi and Phi the normal density and distribution.
    assert near[~inside].var() == pytest.approx(near.var(), abs=0.01) == pytest.approx(0.2911, abs=0.01)
    np.testing.assert_array_equal(latent.truncated(z, 50.0, streams), z)
    assert np.abs(latent.truncated(z, 1e-9, streams)).max() <= 1e-9


def test_uniform_latents_are_not_truncated() -> None:
    with pytest.raises(ValueError, match="only gaussian ones"):
        Latent(4, "uniform").truncated(np.zeros((1, 1, 4)), 0.5, Streams(0))


def test_latents_are_moved_to_where_they_may_have_been_drawn() -> None:
    z = np.concatenate([np.full((1, 100), 7.0), np.zeros((1, 100)), np.full((1, 100), 0.5)])
    far = z.copy()
    Latent(100).within_(far)
    np.testing.assert_array_equal(far[1:], z[1:])
    assert np.linalg.norm(far[0]) == pytest.approx(149.449**0.5)  # the 0.999 quantile of chi-squared with 100 degrees
    Latent(100, "uniform", 0.4).within_(z)
    assert z.max() == 0.4
    drawn = Latent(3).draw(Streams(0), 20_000, np.float64)[0]
    moved = drawn.copy()
    Latent(3).within_(moved)
    assert (moved != drawn).any(1).mean() == pytest.approx(0.001, abs=0.0007)
