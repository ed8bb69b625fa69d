"""What our runs tell of a published table: scores of eval, repeats apart, and the csv."""

import json
import math

import pytest

from dessine.runs.files import RunError
from dessine.runs.run import Run
from dessine.sweeps.cells import Cell
from dessine.sweeps.ours import Value, _evaluated, _parts, _values, load_values, save_values
from dessine.sweeps.published import Column
from dessine.sweeps.results import Result


def test_numbers_come_back_from_the_csv(tmp_path):
    own = [
        Value("a", "modes", 0, 7.0, 0.5, "completed", 10, 10),
        Value("a", "modes", 1, math.nan, 0.5, "completed", 10, 10),
        Value("b, c", "modes", 0, 1e-22, None, "unfinished", 3, 10),
        Value("d", "modes", 0, 7.0, None, "completed", 10, 10, "game.pack=2, no game.update"),
    ]
    save_values(own, tmp_path / "a.csv")
    again = load_values(tmp_path / "a.csv")
    assert [v for v in again if v.value == v.value] == [v for v in own if v.value == v.value]
    assert len(again) == len(own)


@pytest.mark.parametrize(
    "text", ["", "a,b\n", "row,column,seed,value,error,status,steps,of,settings\nr,c,zero,1,,completed,1,1,\n"]
)
def test_a_damaged_csv_is_named(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(RunError, match=r"a\.csv:\d: expects"):
        load_values(tmp_path / "a.csv")


def test_a_score_of_eval_is_found_with_its_error_repeat_by_repeat(tmp_path):
    result = Result(Run(tmp_path), "completed", "", {}, 4, 2, 10, 1.0, {}, {})

    def found(name):
        return [(value if value == value else None, error) for value, error in _evaluated(result, name)]

    assert found("parzen") == [(None, None), (None, None)]
    (tmp_path / "eval" / "repeat_0001").mkdir(parents=True)
    scores = {
        "parzen": {"value": 220.5, "standard_error": 1.5, "n": 10},
        "recall": {"value": 0.5, "standard_error": None, "n": 10},
    }
    (tmp_path / "eval" / "only.json").write_text(json.dumps({"scores": scores}))
    assert found("parzen") == [(220.5, 1.5), (None, None)]
    (tmp_path / "eval" / "repeat_0001" / "scores.json").write_text(json.dumps({"scores": scores | {"parzen": {"value": 219}}}))
    assert found("parzen") == [(220.5, 1.5), (219.0, None)]
    assert found("recall") == [(0.5, None), (0.5, None)]
    values = _values("r", Column("nats", "eval.parzen", times=2), Cell({}, 4, (), "", ""), result, 10, 10)
    assert [(v.seed, v.value, v.error) for v in values] == [(4, 441.0, 3.0), (5, 438.0, None)]
    (tmp_path / "eval" / "only.json").write_text("{")
    assert found("parzen") == [(None, None), (219.0, None)]


def test_repeats_that_train_apart_tell_how_far_each_has_come(tmp_path, monkeypatch):
    whole = Result(Run(tmp_path), "unfinished", "", {}, 0, 2, None, None, {}, {})
    assert _parts(whole) == [whole]
    for r in range(2):
        (tmp_path / "repeats" / f"{r:04d}").mkdir(parents=True)
    monkeypatch.setattr("dessine.sweeps.ours.is_half_made", lambda path: path.name == "0001")
    monkeypatch.setattr("dessine.sweeps.ours.read_result", lambda path: Result(Run(path), "x", "", {}, 7, 1, 1, 1.0, {}, {}))
    first, second = _parts(whole)
    assert (first and first.seed, second) == (7, None)
    assert _parts(None) == [None]
