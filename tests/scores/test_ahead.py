"""Which player is ahead: told by settings where they can be compared, else by steps, else by what the discriminator pays."""

from __future__ import annotations

from typing import Any

import pytest

from dessine.scores.ahead import ahead, behind, largest, paces
from dessine.scores.lines import Lines

NOTHING = Lines([])


def game(generator: Any, discriminator: Any, **also: Any) -> dict[str, Any]:
    def player(eta: Any) -> dict[str, Any]:
        return {"optimizer": eta if isinstance(eta, dict) else {"type": "adam", "eta": eta}}

    return {
        "loss": {"type": "non_saturating"},
        "generator": player(generator),
        "discriminator": player(discriminator),
        **also,
    }


def lines(paid: float = 1.0, generator: float = 1e-3, discriminator: float = 1e-3, penalty: float = 0.0) -> Lines:
    layers = {
        name: {"0.dense": {"update_ratio": ratio}, "1.dense": {"update_ratio": ratio / 2}}
        for name, ratio in (("generator", generator), ("discriminator", discriminator))
    }
    record = {"loss": {"discriminator": paid}, "penalty": penalty, "layers": layers}
    return Lines([{"step": 50 * i, **record} for i in range(1, 11)])


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (game(1e-3, 1e-4), (1e-3, 1e-4)),
        (game(1e-3, 1e-4, n_critic=5), (1e-3, 5e-4)),
        (game(1e-3, 1e-4, moves={"real": 1, "shared": 2, "generated": 3, "alone": 1}), (3e-3, 6e-4)),
        (game({"type": "gradient_descent", "eta": 0.1, "momentum": 0.9}, {"type": "gradient_descent", "eta": 0.1}), (1.0, 0.1)),
        (game({"type": "adam", "eta": {"from": 0.1, "to": 1e-3}}, 1e-3), (0.1, 1e-3)),
        (game({"type": "gradient_descent", "eta": 0.1}, 1e-3), None),
        ({"generator": {}, "discriminator": {}}, None),
    ],
)
def test_how_fast_each_learns_by_its_settings(it: dict[str, Any], expected: Any) -> None:
    assert paces(it) == (None if expected is None else pytest.approx(expected))


def test_a_slow_discriminator_is_behind_and_a_fast_one_ahead() -> None:
    assert "200 times slower" in behind(game(1e-2, 5e-5), NOTHING)
    assert "5 times faster" in ahead(game(1e-3, 1e-3, n_critic=5), NOTHING)
    for of in (behind, ahead):
        assert of(game(1e-3, 1e-3), lines()) == ""
        assert of(game(2e-3, 1e-3), NOTHING) == ""  # twice is what many have


def test_steps_and_losses_speak_where_settings_do_not() -> None:
    mixed = game({"type": "gradient_descent", "eta": 0.1}, 1e-3)
    assert "60 times less" in behind(mixed, lines(generator=3e-3, discriminator=5e-5))
    assert "knows nothing" in behind(mixed, lines(paid=1.386))
    assert "knows nothing" in behind(mixed, lines(paid=3.386, penalty=2.0))
    assert "hardly ever wrong" in ahead(mixed, lines(paid=0.1))
    assert behind(mixed, lines(paid=1.0)) == ahead(mixed, lines(paid=1.0)) == ""
    assert behind(game(1e-3, 1e-3, loss="wasserstein"), lines(paid=5.0)) == ""  # its loss has no scale


def test_the_largest_that_a_number_ever_is() -> None:
    assert largest({"from": 0.1, "to": 0.5}) == 0.5
    assert largest(3) == 3
    assert largest(None) == largest("x") == 0
