"""How near a generator comes to test images."""

import numpy as np
import pytest

from dessine.data.dataset import Examples, Split
from dessine.scores.panel import Panel
from dessine.scores.reconstruction import errors, reconstruction


def test_errors_are_in_units_of_the_range():
    x = np.array([[[-1.0], [1.0]], [[0.0], [0.0]]])
    np.testing.assert_allclose(errors(x, np.zeros_like(x), 2.0), [0.25, 0])
    np.testing.assert_allclose(errors(x, np.zeros_like(x), 1.0), [1, 0])


def test_median_says_how_sure_it_is():
    rng = np.random.default_rng(0)
    found = np.array([reconstruction(rng.exponential(size=100)) for _ in range(2000)])
    assert found[:, 0].std() == pytest.approx(found[:, 1].mean(), rel=0.1)
    assert np.isnan(reconstruction(np.arange(7.0))[1])


@pytest.fixture
def panel() -> Panel:
    rng = np.random.default_rng(0)
    return Panel(
        Split(*(Examples(rng.integers(0, 256, (n, 4, 4, 1)).astype(np.uint8), None, -1.0) for n in (60, 30))), np.float64
    )


def test_baselines_are_the_nearest_the_mean_and_one_training_image(panel):
    def draw(n):
        return np.zeros((n, 4, 4, 1))

    def recover(targets):
        return errors(np.zeros_like(targets), targets, 2.0)

    row = panel.measure(draw, 30, 0, None, "title", ["reconstruction"], recover=recover)["scores"]["reconstruction"]
    train, test = (
        part.floats(np.arange(len(part)), np.float64).reshape(len(part), -1) for part in (panel.data.train, panel.data.test)
    )
    apart = np.square(test[:, None] - train).mean(-1) / 4
    assert (row["n"], row["better"]) == (30, "lower")
    assert row["value"] == pytest.approx(np.median(np.square(test).mean(1) / 4))
    assert row["ceiling"] == pytest.approx(np.median(apart.min(1)))
    assert row["ceiling"] < row["floor"] < row["collapsed"]
    assert row["floor"] == pytest.approx(
        np.median(np.square(test - train[panel._bench(30, 0)[0].order[:30]].mean(0)).mean(1) / 4)
    )


def test_samples_without_latents_have_no_such_score(panel):
    row = panel.measure(lambda n: np.zeros((n, 4, 4, 1)), 30, 0, None, "title", ["reconstruction"])["scores"]["reconstruction"]
    assert np.isnan(row["value"])
    assert row["why"] == "these samples have no latents"


def test_it_is_measured_only_where_it_is_asked_for(panel):
    assert "reconstruction" not in panel.measure(lambda n: np.zeros((n, 4, 4, 1)), 30, 0, None, "title")["scores"]
