"""What is known of a data set, as run.json keeps it."""

from __future__ import annotations

import json

from dessine.runs.documents import INFO
from dessine.scores.reference import MOST_MODES, Reference


def test_a_reference_goes_through_json_and_back():
    known = Reference(
        weights=(0.25, 0.75), shares=(0.5, 0.5), missed=0.25, named=("a", "b"), tests=7, quality="scores.x", noise=0.5
    )
    plain = json.loads(json.dumps(known.plain()))
    INFO.validate_python({"reference": plain})
    assert repr(Reference.told(plain)) == repr(known)


def test_what_nothing_is_known_of_is_not_told_and_neither_are_thousands_of_modes():
    assert Reference().plain() == {}
    assert Reference(weights=(1e-3,) * (MOST_MODES + 1)).plain() == {}
    assert repr(Reference.told({"noise": None, "later": 3})) == repr(Reference())
