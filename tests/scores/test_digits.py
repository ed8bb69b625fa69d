"""Scores of a judge's answers, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.scores.digits import class_entropy, confidence, digit_score, histogram

SURE = np.eye(10)


def test_sure_and_even_answers_get_the_ceilings():
    p = np.tile(SURE, (50, 1))
    assert class_entropy(p)[0] == pytest.approx(np.log(10))
    assert digit_score(p)[0] == pytest.approx(10)
    assert confidence(p) == (1, 0)


def test_one_class_alone_gets_the_floors_whatever_its_quality():
    p = np.tile(SURE[:1], (50, 1))
    assert class_entropy(p)[0] == 0
    assert digit_score(p) == (1, 0)
    assert confidence(p)[0] == 1


def test_a_judge_that_cannot_tell_sees_no_digits():
    p = np.full((50, 10), 0.1)
    assert digit_score(p)[0] == pytest.approx(1)
    assert confidence(p)[0] == pytest.approx(0.1)


def test_two_classes_out_of_ten_score_two():
    p = np.tile(SURE[[3, 8]], (50, 1))
    assert digit_score(p)[0] == pytest.approx(2)
    np.testing.assert_array_equal(histogram(p), np.where(np.isin(np.arange(10), [3, 8]), 0.5, 0))


@pytest.mark.parametrize("score", [class_entropy, confidence, digit_score])
@pytest.mark.parametrize("weights", [np.ones(10), np.array([8, 4, 2, 1, 1, 1, 1, 1, 1, 1])])
def test_standard_error_is_the_spread_over_draws(score, weights):
    rng = np.random.default_rng(0)

    def answers() -> np.ndarray:
        p = SURE[rng.choice(10, 500, p=weights / weights.sum())] + 0.3 * rng.random((500, 10))
        return p / p.sum(1, keepdims=True)

    values, errors = zip(*(score(answers()) for _ in range(200)), strict=True)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def test_float32_answers_and_single_samples_are_fine():
    assert digit_score(np.full((1, 10), 0.1, np.float32))[0] == pytest.approx(1)
    assert np.isnan(digit_score(SURE[:1])[1])
    assert np.isnan(confidence(SURE[:1])[1])
