"""Rows of layers with some put in: what is written stays what it was, in fewer words."""

from __future__ import annotations

from typing import Any

import pytest

from dessine.nn import Layer
from dessine.schema import check
from dessine.scores.put_in import after_hidden, before_the_last, brief, normalised, override
from dessine.spec.overrides import value

DENSE = {"type": "dense", "units": 8, "activation": "relu"}
LAST = {"type": "dense", "units": 1}
CONV = {"type": "conv2d", "channels": 4, "kernel": 5, "activation": {"type": "leaky_relu", "alpha": 0.3}}


@pytest.mark.parametrize(
    "layer",
    [DENSE, LAST, CONV, "flatten", "batch_norm", {"type": "residual", "layers": [DENSE, {"type": "dense", "units": 8}]}],
)
def test_a_layer_in_full_is_told_in_brief(layer: Any) -> None:
    whole = check(Layer, layer).model_dump()
    assert brief(whole) == layer
    assert check(Layer, brief(whole)).model_dump() == whole


def test_a_layer_that_nobody_knows_stays_as_it_is() -> None:
    assert brief({"type": "of_a_plugin", "units": 3}) == {"type": "of_a_plugin", "units": 3}
    assert brief("of_a_plugin") == "of_a_plugin"


def test_what_sees_the_batch_stands_before_the_last_layer_and_sees_flat_features() -> None:
    assert before_the_last([DENSE, LAST], "x") == [DENSE, "x", LAST]
    assert before_the_last([CONV, LAST], "x") == [CONV, "flatten", "x", LAST]
    assert before_the_last([CONV, "flatten", LAST], "x") == [CONV, "flatten", "x", LAST]
    assert before_the_last([LAST], "x") == []
    assert before_the_last([DENSE, CONV], "x") == []


def test_a_layer_after_each_hidden_one() -> None:
    plain = {"type": "dense", "units": 8}
    bend = {"type": "activation", "function": "relu"}
    assert after_hidden([DENSE, plain, bend, LAST], "x") == [DENSE, "x", plain, bend, "x", LAST]
    assert after_hidden([plain, {"type": "dense", "units": 1, "activation": "sigmoid"}], "x") == []
    assert after_hidden([DENSE, LAST, bend], "x") == [DENSE, "x", LAST, bend]


def test_normalised_before_the_activation() -> None:
    bend = {"type": "activation", "function": "relu"}
    assert normalised([DENSE, LAST]) == [{"type": "dense", "units": 8}, "batch_norm", bend, LAST]
    assert normalised([LAST]) == []


def test_it_is_written_as_the_command_line_takes_it() -> None:
    told = override("game.network.layers", [check(Layer, one).model_dump() for one in (DENSE, "flatten", LAST)])
    assert told == "game.network.layers=[{type: dense, units: 8, activation: relu}, flatten, {type: dense, units: 1}]"
    assert value(told.partition("=")[2]) == [DENSE, "flatten", LAST]
