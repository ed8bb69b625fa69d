"""How a run is summed up."""

from __future__ import annotations

from dessine.finishing import summarise


def test_best_is_the_mean_of_the_repeats_that_have_a_number():
    records = [
        {"step": 1, "loss": {"d": [3.0, 5.0]}, "success": 0.5},
        {"step": 2, "loss": {"d": [1.0, None]}, "success": 0.7},
        {"step": 3, "loss": {"d": [None, None]}, "success": None},
    ]
    summary = summarise(records, {"loss.d": "min", "success": "max", "absent": "min"})
    assert summary["last"] == records[-1]
    assert summary["best"] == {"loss.d": {"value": 1.0, "step": 2}, "success": {"value": 0.7, "step": 2}}
    assert summarise([], {"loss.d": "min"}) == {"last": {}, "best": {}}
