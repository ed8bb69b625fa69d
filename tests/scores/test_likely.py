"""The share of samples that lie where real ones do, by a density that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dessine.data import Dataset
from dessine.scores.mixture import likely
from dessine.scores.panel import Panel


def test_of_real_samples_99_percent_are_likely_and_of_far_ones_none() -> None:
    real = np.random.default_rng(0).standard_normal(20_000)
    density = -np.square(real) / 2
    assert abs(likely(density[:10_000], density[10_000:]) - 0.99) < 0.004
    assert likely(density - 100, density) == 0
    assert likely(np.zeros(3), np.zeros(5)) == 1  # all as likely
    assert likely(np.array([-np.inf, 0.0]), np.zeros(5)) == 0.5


def test_shapes_with_a_known_density_have_both_scores_and_no_modes() -> None:
    data = Dataset.of({"type": "moons", "points": 600, "test_points": 300}).load()
    found = Panel(data, np.float32).measure(lambda n: data.test.x[:n], 300, 0, None, "", ["likely", "log_density"])["scores"]
    assert set(found) == {"likely", "log_density"}
    assert found["likely"]["value"] > 0.95
    assert found["likely"]["floor"] < 0.5 < found["likely"]["ceiling"]
    assert found["log_density"]["floor"] < found["log_density"]["ceiling"]


def test_a_sample_where_nothing_is_ever_drawn_leaves_no_mean_and_no_warning(tmp_path: Path) -> None:
    Image.fromarray(np.uint8([[0, 255], [255, 0]])).save(tmp_path / "p.png")
    data = Dataset.of({"type": "picture", "path": str(tmp_path / "p.png"), "points": 300, "test_points": 100}).load()
    x = data.test.x.copy()
    x[0] = 0.5, 0.5
    found = Panel(data, np.float32).measure(lambda n: x[:n], 100, 0, None, "", ["likely", "log_density"])["scores"]
    assert found["likely"]["value"] == 0.99
    assert found["log_density"]["why"] == "samples lie where no example ever does"
    assert np.isfinite(found["log_density"]["ceiling"])
