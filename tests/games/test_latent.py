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
