"""Which scores a data set has."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from dessine.data.dataset import Examples, Split
from dessine.data.mixtures import Ring
from dessine.data.mnist import Mnist
from dessine.registry import SpecError
from dessine.scores import panel as panel_module
from dessine.scores import table
from dessine.scores.independent import independent
from dessine.scores.own import Own
from dessine.scores.panel import Panel
from dessine.scores.table import ALL


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


class Eye:
    """A judge of 28 x 28 images: their class is the first of ten bars that is lit, their features are the bars."""

    hash, accuracy = "0123456789ab", 0.5

    def read(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bars = images.reshape(len(images), 28, 28)[:, :10, :].mean(2).astype(np.float64)
        p = np.exp(8 * bars)
        return p / p.sum(1, keepdims=True), bars.astype(np.float32)


def bars(n: int, seed: int, channels: int = 1) -> Examples:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 60, (n, 28, 28, channels)).astype(np.uint8)
    label = rng.integers(10, size=(n, channels))
    for channel in range(channels):
        x[np.arange(n), label[:, channel], :, channel] = 255
    return Examples(x, label[:, 0], -1.0)


def panel_of(channels: int = 1) -> Panel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dessine.scores.panel.judge", Eye)
        return Panel(Split(bars(300, 0, channels), bars(120, 1, channels), digits=channels), np.float32)


@pytest.fixture(scope="module", autouse=True)
def _quick_critic():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "independent", partial(independent, steps=40))
        yield


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder, panel, fresh = tmp_path_factory.mktemp("eval"), panel_of(), bars(500, 2)
    return panel.measure(lambda n: fresh.floats(np.arange(n), np.float32), 100, 0, folder, "made", [ALL]), folder


def test_every_score_stands_beside_its_ceiling_its_floor_and_a_collapsed_baseline(measured):
    told, _ = measured
    assert set(told["scores"]) == {
        *("digit_score", "digit_entropy", "digit_confidence", "frechet", "kernel_distance"),
        *(
            "precision",
            "recall",
            "density",
            "coverage",
            "ndb",
            "parzen",
            "memorised",
            "nearest_ratio",
            "support",
            "sliced_wasserstein",
            "independent_critic",
            "reconstruction",
            "diversity",
        ),
    }
    for row in told["scores"].values():
        assert {"value", "standard_error", "n", "better", "ceiling", "floor", "collapsed"} <= set(row)
        assert 0 < row["n"] <= 100
    assert told["judge"] == {"hash": "0123456789ab", "accuracy": 0.5}
    assert told["scores"]["frechet"]["measured_by"] == "judge 0123456789ab"


def test_fresh_samples_of_the_source_score_as_the_ceiling_does_and_better_than_the_baselines(measured):
    rows = measured[0]["scores"]
    for name in ("digit_score", "frechet", "recall", "coverage", "sliced_wasserstein", "independent_critic"):
        row = rows[name]
        sign = 1 if row["better"] == "higher" else -1
        assert sign * (row["ceiling"] - row["collapsed"]) > 0, name
        assert sign * (row["value"] - row["collapsed"]) > 0.8 * sign * (row["ceiling"] - row["collapsed"]), name
    assert rows["precision"]["collapsed"] > 0.9 > 0.1 > rows["recall"]["collapsed"]
    assert rows["memorised"]["collapsed"] == 1


def test_the_slow_score_is_measured_only_where_it_is_asked_for(plain):
    panel = Panel(plain, np.float32)
    assert "independent_critic" not in panel.measure(lambda n: np.ones((n, 5)), 50, 0, None, "made")["scores"]
    assert set(panel.measure(lambda n: np.ones((n, 5)), 50, 0, None, "made", ["independent_critic"])["scores"]) == {
        "independent_critic"
    }


def test_pictures_lie_in_the_folder(measured):
    told, folder = measured
    assert told["pictures"] == [str(folder / f"{name}.png") for name in ("scores", "classes", "nearest")]
    assert sorted(path.name for path in folder.iterdir()) == ["classes.png", "nearest.png", "scores.png"]


def test_a_seed_gives_the_same_scores_and_only_gives_the_same_alone(measured):
    panel, fresh = panel_of(), bars(500, 2)
    again = panel.measure(lambda n: fresh.floats(np.arange(n), np.float32), 100, 0, None, "made", ["ndb", "coverage"])
    assert again["scores"] == {name: measured[0]["scores"][name] for name in ("coverage", "ndb")}
    assert "pictures" not in again


def test_a_glance_at_digits_tells_classes_and_distance_and_they_rank_runs():
    panel, fresh = panel_of(), bars(250, 2)
    healthy = panel.glance(fresh.floats(np.arange(250), np.float32))
    assert healthy["digit_entropy"] == pytest.approx(np.log(10), abs=0.05)
    collapsed = panel.glance(np.repeat(fresh.floats(np.arange(1), np.float32), 250, 0))
    assert (collapsed["digit_entropy"], collapsed["diversity"]) == (0, pytest.approx(0, abs=1e-3))
    assert collapsed["kernel_distance"] > 10 * abs(healthy["kernel_distance"])
    assert collapsed["kernel_distance"] > 10 * collapsed["kernel_distance_error"]
    assert collapsed["digit_confidence"] > 0.9
    assert panel.goals == {"scores.kernel_distance": "min"}


def test_a_glance_at_stacked_digits_counts_modes():
    panel, fresh = panel_of(3), bars(250, 2, 3)
    told = panel.glance(fresh.floats(np.arange(250), np.float32))
    assert set(told) == {
        *("modes", "reverse_kl", "kernel_distance", "kernel_distance_error", "diversity", "near_real"),
    }
    assert 200 < told["modes"] <= 250
    assert panel.goals == {"scores.kernel_distance": "min", "scores.reverse_kl": "min"}


def test_stacked_digits_are_counted():
    panel, fresh = panel_of(3), bars(500, 2, 3)
    names = ["modes", "reverse_kl", "frechet"]
    rows = panel.measure(lambda n: fresh.floats(np.arange(n), np.float32), 100, 0, None, "made", names)["scores"]
    assert set(rows) == set(names)
    assert rows["modes"]["collapsed"] == 1
    assert rows["modes"]["value"] > 80


def test_a_score_that_the_data_does_not_have_is_refused(plain):
    panel = Panel(plain, np.float32)
    with pytest.raises(SpecError, match="'frechet' is no score of this data"):
        panel.measure(lambda n: np.zeros((n, 5)), 10, 0, None, "made", ["frechet"])
    with pytest.raises(SpecError, match="did you mean 'recall'"):
        panel.measure(lambda n: np.zeros((n, 5)), 10, 0, None, "made", ["recal"])


def test_samples_that_are_not_finite_get_no_numbers(plain):
    rows = Panel(plain, np.float32).measure(lambda n: np.full((n, 5), np.nan), 50, 0, None, "made", ["recall", "ndb"])["scores"]
    assert np.isnan([rows["recall"]["value"], rows["ndb"]["value"]]).all()
    assert rows["recall"]["ceiling"] > 0.5


def test_few_examples_do_no_harm(plain, tmp_path):
    for count in (1, 2, 7):
        folder = tmp_path if count == 1 else None
        told = Panel(plain, np.float32).measure(lambda n: np.ones((n, 5)), count, 0, folder, "made")
        assert told["scores"]["recall"]["n"] == count


def test_the_shipped_judge_tells_digits_from_noise_and_from_one_digit():
    panel = Panel(Mnist(source="sample").load(), np.float32)
    names = ["digit_score", "digit_entropy", "frechet", "recall"]
    train = panel.data.train
    rows = panel.measure(lambda n: train.floats(np.arange(n), np.float32), 400, 0, None, "made", names)["scores"]
    assert rows["digit_score"]["ceiling"] > 9
    assert rows["digit_entropy"]["ceiling"] > 2.25
    for name in names:
        sign = 1 if rows[name]["better"] == "higher" else -1
        span = sign * (rows[name]["ceiling"] - rows[name]["floor"])
        assert span > 0
        assert sign * (rows[name]["value"] - rows[name]["floor"]) > 0.9 * span
        assert sign * (rows[name]["collapsed"] - rows[name]["floor"]) < 0.1 * span


def test_what_a_picture_shows_of_a_mixture_is_counted_as_the_metrics_count_it():
    data = Ring(modes=8, points=400, test_points=200).load()
    panel, one = Panel(data, np.float32), np.repeat(data.train.x[:1], 50, 0)
    assert panel.modes_of(data.train.x) == "modes 8/8"
    assert panel.modes_of(one) == "modes 1/8"
    names, real, drawn, count = panel.shares(one)
    assert (len(names), count, drawn.max()) == (8, 50, 1)
    assert real.sum() == pytest.approx(1)
    assert panel.shares(np.full((4, 2), np.nan)) is None
    known = panel.known(100)
    assert known["real test examples"]["modes"] == 8
    assert known["real test examples"]["high_quality"] > 0.9 > known["noise"]["high_quality"]


def test_images_that_are_all_alike_have_no_regions():
    grey = Examples(np.full((100, 4, 4, 1), 7, np.uint8), None)
    told = Panel(Split(grey, grey), "float32").glance(grey.floats(np.arange(50), "float32"))
    assert "region_share" not in told


def test_shares_of_regions_sum_to_one_however_few_the_examples_are():
    for n in (120, 2500):
        x = np.random.default_rng(0).integers(0, 256, size=(n, 6, 6, 1), dtype=np.uint8)
        own = Own(Split(Examples(x, None), Examples(x[:50], None)), np.float32)
        assert own.shares.sum() == pytest.approx(1)
        assert own.glance(own._floats(own.data.train, 2000))["region_share"] == pytest.approx(1)


def test_diversity_of_very_many_samples_is_that_of_the_first(plain, monkeypatch):
    monkeypatch.setattr(panel_module, "DIVERSE", 100)
    panel, x = Panel(plain, np.float32), np.random.default_rng(1).normal(3, 1, (250, 5))
    assert panel.glance(x)["diversity"] == panel.glance(x[:100])["diversity"]
