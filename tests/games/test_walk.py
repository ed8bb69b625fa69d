"""Ways through the latents."""

import numpy as np
import pytest

from dessine.games.walk import linear, spherical, walk

RNG = np.random.default_rng(0)
STOPS = RNG.normal(size=(3, 50))


@pytest.mark.parametrize("path", ["linear", "spherical"])
@pytest.mark.parametrize(("closed", "frames"), [(False, 60), (True, 60), (False, 3), (True, 3), (False, 4), (True, 1000)])
def test_every_stop_is_a_frame(path, closed, frames):
    way = walk(STOPS, frames, path, closed)
    assert way.latents.shape == (frames, 50)
    np.testing.assert_allclose(way.latents[way.at], STOPS, atol=1e-12)
    assert way.at[0] == 0
    assert closed or way.at[-1] == frames - 1
    gaps = np.diff([*way.at, frames] if closed else way.at)
    assert gaps.max() - gaps.min() <= 1  # as even as whole numbers allow


def test_steps_of_a_leg_are_even():
    steps = np.diff(walk(STOPS[:2], 11).latents, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-12)
    arc = walk(STOPS[:2] / np.linalg.norm(STOPS[:2], axis=1, keepdims=True), 11, "spherical").latents
    np.testing.assert_allclose((arc[1:] * arc[:-1]).sum(1), (arc[0] * arc[1]).sum(), atol=1e-12)


def test_a_sphere_is_kept_to_and_a_straight_line_cuts_it():
    a, b = np.array([3.0, 0, 0]), np.array([0, 3.0, 0])
    half = np.array([[0.5]])
    np.testing.assert_allclose(spherical(a, b, half), [[3 * 0.5**0.5, 3 * 0.5**0.5, 0]])
    np.testing.assert_allclose(linear(a, b, half), [[1.5, 1.5, 0]])


@pytest.mark.parametrize(
    ("a", "b"), [([1.0], [3.0]), ([0.0, 0], [1, 1]), ([1.0, 2], [2, 4]), ([1.0, 0], [-2, 0]), ([1, 1], [1, 1])]
)
def test_where_there_is_no_circle_the_line_is_straight(a, b):
    a, b, t = np.array(a, float), np.array(b, float), np.linspace(0, 1, 5)[:, None]
    np.testing.assert_allclose(spherical(a, b, t), linear(a, b, t))


@pytest.mark.parametrize(
    ("stops", "frames", "told"), [(1, 60, "two latents or more, not 1"), (3, 2, "2 frames are too few for 3")]
)
def test_what_is_no_walk_is_refused(stops, frames, told):
    with pytest.raises(ValueError, match=told):
        walk(STOPS[:stops], frames)
