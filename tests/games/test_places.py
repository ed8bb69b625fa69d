"""What is drawn of places on a line and in the plane: against densities that are known, and without touching the game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dessine.data.density import Segments
from dessine.data.mixture import Mixture
from dessine.experiment import Experiment
from dessine.games import Context
from dessine.games.pictures.places import Grid, drawn_along, latent_lines, log_ratio, pushes, says
from dessine.plots import Pictures, field
from dessine.plots.view import view_of
from dessine.schema import check

RNG = np.random.default_rng(0)
DATA: dict[str, dict[str, Any]] = {
    "ring": {"type": "ring", "sigma": 0.1, "points": 300, "test_points": 100},
    "line": {"type": "line", "points": 300, "test_points": 100},
    "one point": {"type": "points", "at": [0.0], "times": 50},
    "lines": {"type": "lines", "points": 300, "test_points": 100},
    "moons": {"type": "moons", "points": 300, "test_points": 100},
    "no density": {"type": "moons", "sigma": 0.0, "points": 300, "test_points": 100},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "wasserstein": {"loss": "wasserstein", "discriminator": {"constraint": "gradient_penalty"}},
    "relativistic": {"loss": "relativistic"},
    "least_squares": {"loss": "least_squares"},
    "pack": {"pack": 2},
    "large latent": {"latent": {"size": 5}, "average": 0.9},
    "uniform": {"latent": {"size": 1, "distribution": "uniform"}},
    "unrolled": {"unrolled": {"steps": 1}},
    "matched": {"feature_matching": {"layer": 0}},
}


def built(data: str = "ring", repeats: int = 1, dtype: str = "float64", **game: Any) -> Experiment:
    width = {"line": 1, "one point": 1, "four numbers": 4}.get(data, 2)
    layers = [{"type": "dense", "units": 8, "activation": "tanh"}, {"type": "dense", "units": width}]
    critic = [{"type": "dense", "units": 8, "activation": "tanh"}, {"type": "dense", "units": 1}]
    own = {"latent": {"size": width}, "generator": {"layers": layers, "optimizer": "adam"}} | game
    own |= {"type": "adversarial", "discriminator": {"layers": critic, "optimizer": "adam"} | game.get("discriminator", {})}
    spec = {"data": DATA[data], "game": own, "training": {"steps": 5, "batch_size": 20}, "dtype": dtype, "repeats": repeats}
    experiment: Experiment = check(Experiment, spec).node
    experiment.build()
    return experiment


def show(experiment: Experiment, path: Path) -> Path:
    def fail(text: str) -> None:
        raise AssertionError(text)

    assert not Pictures(fail).draw(experiment.game.show, path, Context("a name", 0, 7))
    return path


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("settings", SETTINGS)
def test_pictures_are_drawn_and_move_nothing(tmp_path, data, settings):
    one, other = (built(data, repeats=2, **SETTINGS[settings]) for _ in range(2))
    for experiment in (one, other):
        experiment.game.turns(2)
    with Image.open(show(one, tmp_path / "a.png")) as image:
        assert image.width > 300
    for experiment in (one, other):
        experiment.game.turns(2)
    states = one.game.state(), other.game.state()
    assert all(np.array_equal(a, states[1][name]) for name, a in states[0].items())
    assert one.game.streams.state() == other.game.streams.state()


def test_points_of_more_than_two_numbers_are_seen_as_draw_and_directions_see_them(tmp_path, monkeypatch):
    np.savetxt(tmp_path / "four.csv", RNG.normal(size=(60, 4)) * [0.1, 3.0, 0.2, 1.0], delimiter=",")
    monkeypatch.setitem(DATA, "four numbers", {"type": "cloud", "path": str(tmp_path / "four.csv")})
    experiment, save, seen = built("four numbers"), field.save_field, dict[str, Any]()

    def kept(path: Path, low: Any, high: Any, real: Any, drawn: Any, *others: Any) -> Path:
        seen.update(real=real, drawn=drawn, warped=others[4], caption=others[6])
        return save(path, low, high, real, drawn, *others)

    monkeypatch.setattr(field, "save_field", kept)
    show(experiment, tmp_path / "step.png")
    real = experiment.split.behind()
    view = view_of(real, 4)
    np.testing.assert_array_equal(seen["real"], view.of(real))
    assert seen["drawn"].shape[1] == 2
    assert all(way.shape[1] == 2 for way in seen["warped"])
    assert seen["caption"].endswith(view.told.strip())
    assert "two principal axes of 4 numbers" in view.told
    experiment.game.generator.network.theta[:] = np.nan
    show(experiment, tmp_path / "lost.png")
    assert seen["caption"].endswith("of the variance)")
    assert not np.isfinite(seen["drawn"]).any()


@pytest.mark.parametrize("data", ["ring", "line"])
def test_a_player_that_is_no_number_is_drawn_calmly(tmp_path, data):
    for lost in ("generator", "discriminator"):
        experiment = built(data)
        experiment.game.players[lost].network.theta[...] = np.nan
        with np.errstate(all="ignore"):
            assert show(experiment, tmp_path / f"{lost}.png").stat().st_size > 1000


def test_samples_are_sent_where_the_loss_of_the_generator_falls():
    game: Any = built().game
    x, real = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))

    def loss(at: np.ndarray) -> float:
        logits = np.concatenate([says(game, real), says(game, at)])[None, :, None]
        return float(game.loss.generator_of_both(logits)[0][0])

    for i, j in np.ndindex(3, 2):
        step = np.zeros((3, 2))
        step[i, j] = 1e-6
        slope = (loss(x + step) - loss(x - step)) / 2e-6
        assert pushes(game, real, x)[i, j] == pytest.approx(-slope, rel=1e-5)


def test_where_both_sides_are_alike_the_ratio_is_one():
    grid, known = Grid(np.array([-3.0, -3]), np.array([3.0, 3]), 30), Mixture(np.zeros((1, 2)), np.ones(1), 0.7)
    ratio, p, q = log_ratio(grid, known, known.draw(9, RNG)[0], known.draw(100_000, RNG)[0], 0.3)
    middle = p > 0.05
    assert np.abs(ratio[middle]).max() < 0.1
    assert p.sum() * 0.04 == pytest.approx(1, abs=0.01)
    assert q.sum() * 0.04 == pytest.approx(1, abs=0.01)
    assert np.isnan(ratio[0])  # where nobody has been
    exact = Mixture(np.zeros((1, 2)), np.ones(1), np.hypot(0.7, 0.3)).log_density(grid.places)
    np.testing.assert_allclose(p, np.exp(exact))


def test_the_ratio_of_two_bells_on_a_line_is_a_straight_line():
    grid, blur = Grid(np.array([-2.0]), np.array([2.0]), 80), 0.2
    data, samples = (Mixture(np.array([[at]]), np.ones(1), 1.0) for at in (0.5, -0.5))
    known = log_ratio(grid, data, np.zeros((1, 1)), samples.draw(400_000, RNG)[0], blur)[0]
    seen = log_ratio(grid, None, data.draw(400_000, RNG)[0], samples.draw(400_000, RNG)[0], blur)[0]
    for found in (known, seen):
        np.testing.assert_allclose(found, grid.places[:, 0] / (1 + blur**2), atol=0.12)


def test_rows_and_columns_of_a_ratio_are_those_of_its_places():
    grid = Grid(np.array([-1.0, -1]), np.array([1.0, 1]), 10)
    line = Segments(np.array([[-1.0, -0.8]]), np.array([[1.0, -0.8]]), 0.05)
    ratio, p, q = log_ratio(grid, line, np.zeros((1, 2)), np.array([[0.7, 0.7]] * 60 + [[np.nan, 0]]), 0.1)
    for density, at in ((p, [None, -0.8]), (q, [0.7, 0.7])):
        most = grid.places[density.argmax()]
        assert all(abs(a - b) < 0.11 for a, b in zip(most, at, strict=True) if b is not None)
    assert ratio[p.argmax()] > 0 > ratio[q.argmax()]


@pytest.mark.parametrize("settings", ["plain", "uniform", "large latent"])
def test_lines_of_latents_part_them_evenly(settings):
    game: Any = built(**SETTINGS[settings]).game
    ways, levels = latent_lines(game, 4)
    z = game.latent.draw(game.fixed(), 40_000, np.float64)[0, :, 0]
    between = np.histogram(z, levels)[0] / len(z)
    np.testing.assert_allclose(between, 0.25, atol=0.01)
    assert len(ways) == (1 if game.latent.size == 1 else 8)
    made = drawn_along(game, ways)
    assert made is not None
    x, _ = game.generator.network.forward(ways[-1][None], game.drawing_mode(game.fixed(), len(ways[-1])))
    np.testing.assert_allclose(made[-1], x[0])
