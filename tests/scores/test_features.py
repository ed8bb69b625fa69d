"""Features that need no labels: the same for everyone, of any size and colour, and they tell good samples from bad ones."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.dataset import Examples, Split
from dessine.scores.features import principal, random_conv
from dessine.scores.panel import Panel, directions
from dessine.scores.table import names

SPACES = ("random", "pca")


def blobs(n: int, seed: int, shape: tuple[int, ...] = (12, 12, 1)) -> Examples:
    """Bright spots of several places and sizes."""
    rng = np.random.default_rng(seed)
    at, wide = rng.uniform(3, min(shape[:2]) - 3, (n, 2)), rng.uniform(1, 2, n)
    down, across = np.mgrid[: shape[0], : shape[1]]
    far = (down - at[:, :1, None]) ** 2 + (across - at[:, 1:, None]) ** 2
    x = np.exp(-far / wide[:, None, None] ** 2)[..., None] * rng.uniform(0.5, 1, (n, 1, 1, shape[2]))
    return Examples(np.uint8(255 * x), None, -1.0)


@pytest.fixture(scope="module")
def data() -> Split:
    return Split(blobs(300, 0), blobs(200, 1))


@pytest.fixture(scope="module")
def panel(data: Split) -> Panel:
    return Panel(data, np.float32)


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (28, 28, 1), (32, 32, 3), (64, 64, 3), (15, 9, 2), (4, 4, 1)])
def test_images_of_any_size_and_colour_have_features(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random((20, *shape)).astype(np.float32)
    for made in (random_conv(x), principal(x)):
        features = made.of(x)
        assert (features.dtype, len(features), np.isfinite(features).all()) == (np.float32, 20, True)
        np.testing.assert_allclose(made.of(x[3:4])[0], features[3], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(features.mean(0), 0, atol=1e-3)
    assert principal(x).of(x).var(0).mean() == pytest.approx(1, rel=1e-3)


def test_names_tell_seed_architecture_and_number() -> None:
    x = np.random.default_rng(0).random((80, 28, 28, 1)).astype(np.float32)
    assert random_conv(x).name == "random_conv_s0_28x28x1_k3_16-32-64"
    assert (principal(x).name, principal(x[:9]).name) == ("pca_64", "pca_8")
    assert random_conv(np.zeros((3, 128, 128, 3), np.float32)).name.endswith("_16-32-64-64-64")


def test_the_random_network_is_the_same_for_everyone() -> None:
    x = (
        np.linspace(0, 1, 4 * 8 * 8).reshape(4, 8, 8, 1).astype(np.float32)
        ** np.arange(1, 5, dtype=np.float32)[:, None, None, None]
    )
    seen = random_conv(x).of(x)
    np.testing.assert_allclose(np.abs(seen).sum(1), SEEN, rtol=1e-3)


SEEN = [35.812, 30.523, 25.102, 74.361]


def test_components_are_those_of_the_singular_values() -> None:
    for n in (30, 200):  # fewer images than pixels, and more
        x = np.random.default_rng(0).random((n, 10, 10, 1)).astype(np.float32)
        flat = (x - x.mean(0)).reshape(n, -1)
        left, values, _ = np.linalg.svd(flat, full_matrices=False)
        k = min(64, n - 1)
        expected = left[:, :k] * values[:k]
        expected /= np.sqrt(expected.var(0).mean())
        np.testing.assert_allclose(np.abs(principal(x).of(x)), np.abs(expected), atol=2e-2)


def test_images_that_are_all_alike_are_no_reason_to_fail() -> None:
    same = np.full((12, 8, 8, 1), 0.5, np.float32)
    for made in (random_conv(same), principal(same)):
        assert not made.of(same).any()


def test_real_noise_and_one_image_repeated_are_told_apart(panel: Panel, data: Split) -> None:
    fresh = blobs(200, 7)
    told = panel.measure(lambda n: fresh.floats(np.arange(n), np.float32), 150, 0, None, "")["scores"]
    for space in SPACES:
        for name in ("frechet", "kernel_distance", "precision", "recall", "density", "coverage"):
            row = told[f"{space}_{name}"]
            assert row["measured_by"] == panel.spaces[space].name
            assert row["standard_error"] == row["standard_error"]
        for name in ("frechet", "kernel_distance"):
            row = told[f"{space}_{name}"]
            assert row["value"] < 0.5 * min(row["floor"], row["collapsed"])
            assert row["ceiling"] < 0.5 * min(row["floor"], row["collapsed"])
        assert told[f"{space}_coverage"]["value"] > 0.8 > 0.1 > told[f"{space}_coverage"]["collapsed"]
        assert told[f"{space}_recall"]["value"] > 0.8 > 0.1 > told[f"{space}_recall"]["collapsed"]


def test_they_rank_images_that_no_judge_reads_and_nobody_else(panel: Panel, data: Split) -> None:
    assert panel.goals == {"scores.random_kernel_distance": "min"}
    line = panel.glance(data.test.floats(np.arange(100), np.float32))
    assert abs(line["random_kernel_distance"]) < 4 * line["random_kernel_distance_error"] + 0.1
    assert panel.told == {"features": panel.spaces.random.name}
    assert directions(data)["random_frechet"] == directions(data)["pca_frechet"] == "min"
    points = Split(*(Examples(np.random.default_rng(i).normal(0, 1, (90, 2)), None) for i in (0, 1)))
    assert Panel(points, np.float32).goals == {"scores.region_share": "max", "scores.near_real": "max"}
    assert not [name for name in names(points) if name.startswith(SPACES)]
    digits = Split(data.train, data.test, digits=1)
    assert not [name for name in names(digits, quick=True) if name.startswith(SPACES)]
    assert {"random_frechet", "pca_recall"} <= set(names(digits))
