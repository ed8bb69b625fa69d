"""Which scores a data set has."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.dataset import Examples, Split
from dessine.data.mixtures import Ring
from dessine.scores.panel import Panel


@pytest.fixture
def plain() -> Split:
    rng = np.random.default_rng(0)
    return Split(*(Examples(rng.normal(3, 1, (n, 5)), None) for n in (400, 300)))


def test_diversity_tells_real_from_collapsed_and_from_noise(plain):
    panel, rng = Panel(plain, np.float32), np.random.default_rng(1)
    assert panel.glance(rng.normal(3, 1, (250, 5)))["diversity"] == pytest.approx(1, abs=0.05)
    assert panel.glance(np.full((250, 5), 3.0))["diversity"] == 0
    assert panel.glance(rng.normal(3, 2, (250, 5)))["diversity"] == pytest.approx(2, abs=0.1)


def test_one_sample_has_no_diversity(plain):
    assert np.isnan(Panel(plain, np.float32).glance(np.zeros((1, 5)))["diversity"])


def test_mixture_tells_which_modes_are_found():
    ring = Ring(points=500, test_points=500).load()
    panel = Panel(ring, np.float32)
    healthy = panel.glance(ring.test.floats(np.arange(250), np.float32))
    assert healthy["modes"] == 8
    assert healthy["high_quality"] > 0.95
    assert healthy["reverse_kl"] < 0.1
    assert healthy["diversity"] == pytest.approx(1, abs=0.1)
    collapsed = panel.glance(np.tile(np.float32([1, 0]), (250, 1)))
    assert (collapsed["modes"], collapsed["high_quality"], collapsed["diversity"]) == (1, 1, 0)
    assert collapsed["reverse_kl"] == pytest.approx(np.log(8))
    assert panel.goals == {"scores.reverse_kl": "min", "scores.high_quality": "max"}
