"""Stopping and choosing by lines of metrics: when, which, and the same after every interruption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.choosing import Best, Choice, Patience, Stop
from dessine.registry import SpecError
from dessine.runs import checkpoint
from dessine.runs.run import Run

LOSS = Choice("loss.network", "min")


def lines(values: Sequence[float | None]) -> list[dict[str, Any]]:
    return [{"step": 10 * (i + 1), "loss": {"network": v}} for i, v in enumerate(values)]


def verdict(records: Sequence[Any]) -> tuple[str, str]:
    """Lines below zero are collapsed, from 9 on dead, all others healthy."""
    value = records[-1]["loss"]["network"]
    return ("collapsed" if value < 0 else "dead" if value > 9 else "healthy"), "so it is"


def step_of_stop(stop: Stop, records: list[dict[str, Any]], known: int = 0) -> int | None:
    counted = Patience(stop, LOSS if stop.metric else None, verdict, records[:known])
    return next((record["step"] for record in records[known:] if counted.ended(record)), None)


def first(flags: Sequence[bool], patience: int) -> int | None:
    """By the rule's own words: the first line that ends `patience` of them."""
    return next((10 * (i + 1) for i in range(patience - 1, len(flags)) if all(flags[i - patience + 1 : i + 1])), None)


@pytest.mark.parametrize("patience", [1, 2, 3, 7])
def test_it_stops_at_the_first_line_that_ends_so_many_bad_ones(patience: int) -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).choice([-1.0, 1.0, 10.0], 40, p=[0.6, 0.3, 0.1]).tolist()
        stop = Stop(on=["collapsed"], patience=patience)
        assert step_of_stop(stop, lines(values)) == first([v < 0 for v in values], patience)
        both = Stop(on=["collapsed", "dead"], patience=patience)
        assert step_of_stop(both, lines(values)) == first([v < 0 or v > 9 for v in values], patience)


@pytest.mark.parametrize("stop", [Stop(on=["collapsed"], patience=3), Stop(metric="loss.network", patience=4)])
def test_wherever_it_was_interrupted_it_stops_at_the_same_line(stop: Stop) -> None:
    for seed in range(10):
        values = np.random.default_rng(seed).normal(-0.5, 1, 30).tolist()
        whole = step_of_stop(stop, lines(values))
        end = len(values) if whole is None else whole // 10
        assert {step_of_stop(stop, lines(values), known) for known in range(end)} == {whole}


def test_well_runs_are_looked_at_once_in_so_many_lines() -> None:
    asked = []
    counted = Patience(Stop(on=["dead"], patience=10), None, lambda r: (asked.append(len(r)) or "healthy", ""), [])
    assert not any(counted.ended(record) for record in lines([1.0] * 100))
    assert asked == list(range(10, 101, 10))


def test_no_progress_is_told_with_the_best() -> None:
    counted = Patience(Stop(metric="loss.network", patience=2), LOSS, verdict, lines([3, 1]))
    worse, without, again = lines([3, 1, 2, None, 2])[2:]
    del without["loss"]  # of a metric that is measured at checkpoints, other lines say nothing
    told = [counted.ended(record) for record in (worse, without, again)]
    assert told == ["", "", "loss.network has not got better for 2 lines in a row: the best is 1, of step 20"]


@pytest.mark.parametrize(("way", "better", "worse"), [("min", 1, 2), ("max", 2, 1), ("near 1", 0.9, 1.2)])
def test_which_way_is_better(way: str, better: float, worse: float) -> None:
    values = np.array([better, worse, np.nan, np.inf])
    found = Choice("x", way).badness(values)
    assert found[0] < found[1] < found[2] == found[3] == np.inf


def test_names_are_found_by_their_ends_and_nothing_is_chosen_by_the_test_where_it_need_not_be() -> None:
    known = {"scores.frechet": "min", "validation_success": "max", "loss.network": "min"}
    assert Choice.of("frechet", known) == ("scores.frechet", "min")
    with pytest.raises(SpecError, match="take validation_success"):
        Choice.of("test_success", known)
    with pytest.raises(SpecError, match=r"did you mean 'scores\.frechet'"):
        Choice.of("scores.frechets", known)


def test_each_repeat_keeps_its_own_best_as_if_it_had_been_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values, theta = rng.normal(size=(6, 3)), rng.normal(size=(6, 3, 4))
    values[2, 1] = np.nan
    (tmp_path / "all").mkdir()
    best = Best(LOSS, Run(tmp_path / "all"), 3, print)
    for i in range(6):
        if i == 3:  # goes on in another process
            best = Best(LOSS, Run(tmp_path / "all"), 3, print)
        record = {"step": 10 * i, "loss": {"network": values[i].tolist()}}
        best.offer(10 * i, record, {"theta": theta[i], "turns": np.array(i)}, {"z": [{"state": (i, r)} for r in range(3)]})
    arrays, state = checkpoint.load(tmp_path / "all", None)
    at = np.nanargmin(values, 0)
    np.testing.assert_array_equal(arrays["theta"], theta[at, np.arange(3)])
    assert state["best"] == {"metric": "loss.network", "values": np.nanmin(values, 0).tolist(), "steps": (10 * at).tolist()}
    assert state["streams"]["z"] == [{"state": [int(i), r]} for r, i in enumerate(at)]


def test_of_equals_the_first_is_kept(tmp_path: Path) -> None:
    run = Run.create_at(tmp_path / "run")
    best = Best(LOSS, run, 2, lambda text: None)
    for step, values in ((10, [3.0, 1.0]), (20, [3.0, 2.0]), (30, [2.0, 1.0])):
        best.offer(step, {"step": step, "loss": {"network": values}}, {"x": np.full((2, 1), step)}, {"s": [step, step]})
    assert (best.values, best.steps) == ([2.0, 1.0], [30, 10])
    assert best.arrays["x"].ravel().tolist() == [30, 10]


def test_a_damaged_one_is_put_aside_and_told(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best.npz").write_bytes(b"no zip")
    said: list[str] = []
    best = Best(LOSS, Run(tmp_path), 1, said.append)
    assert "best.npz is damaged" in said[0]
    best.offer(5, {"step": 5, "loss": {"network": 1.0}}, {"theta": np.ones((1, 2))}, {})
    assert checkpoint.load(tmp_path, None)[1]["best"]["steps"] == [5]


def test_what_it_stops_at_must_be_said() -> None:
    with pytest.raises(SpecError, match="stops at nothing"):
        Stop.of({"patience": 3})
    with pytest.raises(SpecError, match="expects diverged, dead, stuck"):
        Stop.of({"on": ["tired"]})
