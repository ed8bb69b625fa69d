"""How often the loop looks up."""

from __future__ import annotations

from dessine.training import Pace


def test_pace_follows_the_speed_and_at_most_doubles(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    pace, portions = Pace(0.1), []
    for _ in range(8):
        portions.append(pace.turns)
        with pace.timed(pace.turns):
            now[0] += 0.004 * pace.turns
    assert portions == [1, 2, 4, 8, 16, 25, 25, 25]
    with pace.timed(25):
        now[0] += 25.0
    assert pace.turns == 1
