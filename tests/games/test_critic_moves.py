"""When the critic moves, and how often."""

from __future__ import annotations

import pytest

from dessine.games.critic_moves import CriticExtra, Plateau, Until
from dessine.registry import SpecError


def test_extra_turns_are_the_first_ones_and_every_so_many_th() -> None:
    extra = CriticExtra(moves=100, first=2, every=5)
    assert [turn for turn in range(1, 16) if extra.at(turn)] == [1, 2, 5, 10, 15]
    assert [turn for turn in range(1, 16) if CriticExtra(first=0, every=7).at(turn)] == [7, 14]
    assert [turn for turn in range(1, 16) if CriticExtra(first=3, every=0).at(turn)] == [1, 2, 3]


def test_a_loss_that_falls_has_not_converged_and_one_that_stays_has() -> None:
    plateau = Plateau(most=100, window=3, tolerance=0.01)
    falling = [1 - 0.1 * i for i in range(9)]
    assert not any(plateau.reached(falling[:n]) for n in range(10))
    assert plateau.reached([*falling, *[0.2] * 6])
    assert not plateau.reached([0.2] * 5), "two windows are needed to compare"
    assert plateau.reached([0.2] * 6)


def test_a_negative_loss_that_falls_has_not_converged() -> None:
    assert not Plateau(window=2, most=10).reached([-1.0, -1.0, -1.5, -1.5])
    assert Plateau(window=2, most=10, tolerance=0.6).reached([-1.0, -1.0, -1.5, -1.5])


def test_the_bound_holds_whatever_the_loss_does() -> None:
    plateau = Plateau(most=8, window=4, tolerance=0)
    assert not plateau.reached([10.0 - i for i in range(7)])
    assert plateau.reached([10.0 - i for i in range(8)])
    assert plateau.reached([float("nan")] * 8)


def test_what_can_never_act_is_refused() -> None:
    with pytest.raises(SpecError, match="no turn to act in"):
        CriticExtra(first=0, every=0)
    with pytest.raises(SpecError, match="two windows"):
        Until.of({"type": "plateau", "most": 19, "window": 10})
