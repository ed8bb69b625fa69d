"""What many samples show, on samples whose faults are known."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.dataset import Examples, Split
from dessine.data.mixtures import Ring
from dessine.data.stacked import StackedMnist
from dessine.scores.panel import Panel
from dessine.scores.reference import Reference
from dessine.scores.sampled import look

N = 1000


@pytest.fixture(scope="module")
def ring() -> Panel:
    return Panel(Ring(modes=8, points=3000, test_points=3000).load(), np.float64)


def points(panel: Panel, n: int = N, modes: int = 8) -> np.ndarray:
    mixture = panel.data.mixture
    assert mixture is not None
    x, mode = mixture.draw(8 * n, np.random.default_rng(7))
    return x[mode < modes][:n]


def test_real_points_have_nothing_wrong(ring):
    s = look(ring, points(ring))
    assert (s.count, s.missing) == (N, ())
    for value in (s.diversity, s.reach, s.covered, s.closeness):
        assert value == pytest.approx(1, abs=0.1)
    assert s.copies < 0.1


def test_lost_modes_are_named(ring):
    s = look(ring, points(ring, modes=6))
    assert s.missing == (6, 7)
    assert s.covered == pytest.approx(0.75, abs=0.02)


def test_another_set_of_modes_at_another_time_has_turned(ring):
    some = points(ring, modes=4)
    assert look(ring, some, older=-some).turned == pytest.approx(1, abs=0.01)
    assert look(ring, some, older=points(ring, modes=4)).turned == 0


def test_copies_are_near_and_samples_from_elsewhere_are_far(ring):
    copied = look(ring, ring.data.train.x[:N])
    assert (copied.copies, copied.closeness) == (1, pytest.approx(0, abs=1e-6))
    assert look(ring, points(ring) * 10).reach == pytest.approx(10, rel=0.05)


def test_samples_that_are_not_finite_tell_nothing(ring):
    s = look(ring, np.full((N, 2), np.nan))
    assert np.isnan([s.diversity, s.reach, s.covered, s.copies, s.closeness]).all()


def test_copies_of_any_training_example_are_found(ring):
    """Training examples are looked through some at a time."""
    assert look(ring, ring.data.train.floats(np.arange(2500, 3000), np.float64)).copies == 1


def test_a_test_part_that_repeats_the_training_part_tells_nothing_of_copies():
    same = Examples(np.random.default_rng(0).normal(size=(200, 3)), None)
    s = look(Panel(Split(same, same), np.float64), same.x)
    assert np.isnan([s.copies, s.closeness]).all()


def test_a_reference_is_what_the_training_examples_have():
    few = Reference.of(Ring(points=3, test_points=50).load())
    assert sum(share > 0 for share in few.shares) <= 3
    assert few.missed >= np.log(8 / 3) - 1e-9
    many = Reference.of(Ring(points=5000, test_points=50).load())
    assert many.missed == pytest.approx(7 / 500, abs=0.01)
    images, labels = np.zeros((40, 28, 28, 1), np.uint8), np.repeat([3, 7], 20)
    digits = Reference.of(Split(Examples(images, labels), Examples(images, labels), digits=1))
    assert (digits.classes, digits.chance, digits.tests) == (pytest.approx(2), 0.5, 40)


def test_numbers_of_stacked_digits_are_read():
    data = StackedMnist(source="sample", images=2500, test_images=600).load()
    panel, few = Panel(data, np.float32), np.flatnonzero(data.train.y < 100)[:200]
    real = look(panel, data.train.floats(np.arange(600), np.float32))
    assert real.covered > 0.8, "as good as so few real ones can be"
    assert look(panel, data.train.floats(np.resize(few, 600), np.float32)).covered < 0.3, "a tenth of the numbers"
