"""Memorisation."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores.nearest import closeness, memorised, nearest


def test_the_nearest_is_found_with_its_distance():
    train = np.array([[0.0, 0], [3, 4], [10, 0]])
    distance, which = nearest(np.array([[0.0, 1], [9, 0], [3, 4]]), train)
    np.testing.assert_allclose(distance, [1, 1, 0], atol=1e-7)
    np.testing.assert_array_equal(which, [0, 2, 1])


@pytest.fixture
def sides() -> tuple[np.ndarray, ...]:
    return tuple(np.random.default_rng(0).normal(size=(3, 1000, 4)))


def test_fresh_samples_are_as_far_as_test_examples(sides):
    train, test, fresh = sides
    d = {"generated": nearest(fresh, train)[0], "test": nearest(test, train)[0]}
    share, error = memorised(**d)
    assert abs(share - 0.05) < 3 * error
    ratio, error = closeness(**d)
    assert abs(ratio - 1) < 3 * error
    assert error < 0.1


def test_copies_are_noticed(sides):
    train, test, _ = sides
    d = {"generated": nearest(train[::-1], train)[0], "test": nearest(test, train)[0]}
    assert memorised(**d)[0] == 1
    assert closeness(**d)[0] == pytest.approx(0, abs=1e-6)


def test_half_copies_are_half_noticed(sides):
    train, test, fresh = sides
    mixed = np.concatenate([train[:500], fresh[:500]])
    assert memorised(generated=nearest(mixed, train)[0], test=nearest(test, train)[0])[0] == pytest.approx(0.525, abs=0.02)


def test_test_examples_that_are_all_in_training_leave_no_ratio():
    assert np.isnan(closeness(generated=np.ones(5), test=np.zeros(5))).all()


def test_copies_are_at_distance_zero_whatever_else_there_is():
    train = np.random.default_rng(0).random((50, 30)).astype(np.float32)
    train[3] = 1e5
    distance, which = nearest(train[::-1], train)
    assert (distance == 0).all()
    np.testing.assert_array_equal(which, np.arange(50)[::-1])


def test_few_distances_have_no_error():
    assert np.isnan(closeness(generated=np.ones(3), test=np.ones(9))[1])
