"""Verdicts on games whose distance from rest is known: it alone decides, whatever losses and gradients do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dessine.scores.diagnosis import diagnose

T = np.arange(1, 201)


def lines(distance: Any) -> list[dict[str, Any]]:
    still = {"discriminator": {"0.dense": {"grad_norm": 0.0, "update_ratio": 0.0}}, "generator": {}}
    return [
        {"step": int(t), "loss": {"generator": -0.69}, "layers": still, "distance": float(d)}
        for t, d in zip(T, distance, strict=True)
    ]


@pytest.mark.parametrize(
    ("distance", "verdict"),
    [
        (0.97**T, "healthy"),  # a gradient of 0 is no death here
        (0.97**T * (1.2 + np.sin(T)), "healthy"),  # an ellipse is nearer and farther in each round
        (np.maximum(0.9**T, 1e-3), "healthy"),  # noise keeps it there
        (1.4 + 0.02 * np.sin(T), "stuck"),
        (1.01**T, "diverged"),
    ],
    ids=["arrives", "spirals", "arrives in noise", "circles", "goes away"],
)
def test_the_distance_decides(distance: Any, verdict: str) -> None:
    told = diagnose(lines(distance), {"game": {"type": "adversarial", "scored": 0}})
    assert told.verdict == verdict
    assert "distance" in told.words


def spec(**game: Any) -> dict[str, Any]:
    layers = {"layers": [{"type": "dense", "units": 1}], "optimizer": {"type": "gradient_descent", "eta": 0.2}}
    return {"game": {"type": "adversarial", "scored": 0, "generator": layers, "discriminator": layers} | game}


def test_who_circles_is_advised_what_turns_less() -> None:
    circles = lines(1.4 + 0.02 * np.sin(T))
    advised = [one.override for one in diagnose(circles, spec()).advice]
    assert advised == [
        "game.discriminator.constraint={type: r1, gamma: 1}",
        "game.update=extragradient",
        "game.update=optimistic",
    ]  # not a smaller step: it goes away more slowly, and away all the same
    assert [one.override for one in diagnose(lines(1.01**T), spec(update="optimistic")).advice] == advised[:1]
    assert "a way to rest" not in str(diagnose(circles, spec(unrolled={"steps": 2})).advice)


def test_without_a_point_of_rest_it_is_judged_as_any_game() -> None:
    told = diagnose(lines(np.full(len(T), np.nan)), {"game": {"type": "adversarial", "scored": 0}})
    assert "distance" not in told.words
