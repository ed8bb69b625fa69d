"""Lines of metrics as they come: torn, damaged, taken back; and the verdict that they make."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dessine.live import growing as module
from dessine.live.growing import Growing
from dessine.runs.collection import Row


def write(path: Path, *steps: int, end: str = "\n", how: str = "a") -> None:
    with (path / "metrics.jsonl").open(how) as file:
        file.write("\n".join(json.dumps({"step": step, "loss": {"generator": step / 10}}) for step in steps) + end)


def test_only_what_is_new_is_read_and_a_torn_line_waits_for_its_rest(tmp_path):
    one = Growing(tmp_path)
    one.catch_up(1)
    assert (one.step, one.told()) == (None, [])
    write(tmp_path, 10, 20)
    one.catch_up(1)
    first = one.records[0]
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3')
    one.catch_up(1)
    assert one.step == 20
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write("0}\n")
    one.catch_up(1)
    assert [record["step"] for record in one.records] == [10, 20, 30]
    assert one.records[0] is first
    assert one.told() == []


def test_a_file_that_was_taken_back_or_written_anew_is_read_anew(tmp_path):
    one = Growing(tmp_path)
    write(tmp_path, 10, 20, 30)
    one.catch_up(1)
    write(tmp_path, 10, how="w")  # shorter
    one.catch_up(1)
    assert one.step == 10
    other = tmp_path / "other"
    other.mkdir()
    write(other, 10, 25, 40, 50)
    os.replace(other / "metrics.jsonl", tmp_path / "metrics.jsonl")
    one.catch_up(1)
    assert [record["step"] for record in one.records] == [10, 25, 40, 50]
    (tmp_path / "metrics.jsonl").unlink()
    one.catch_up(1)
    assert one.step is None


def test_lines_that_cannot_be_read_are_named_and_the_others_count(tmp_path):
    write(tmp_path, 10)
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b"\xff\n{}\n[1]\n" + b"no\n" * 5)
    write(tmp_path, 20)
    one = Growing(tmp_path)
    one.catch_up(1)
    assert [record["step"] for record in one.records] == [10, 20]
    assert "and 5 more such lines" in one.told()[-1]


def test_of_a_huge_file_the_end_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 200)
    write(tmp_path, *range(10, 1000, 10))
    one = Growing(tmp_path)
    one.catch_up(1)
    assert one.step == 990
    assert 1 < len(one.records) < 10
    assert "what came before step" in one.told()[0]


@pytest.mark.parametrize(("modes", "verdict"), [(8.0, "healthy"), (1.0, "collapsed")])
def test_the_verdict_knows_what_the_data_let_be_reached(tmp_path, modes, verdict):
    spec = {"game": {"type": "adversarial", "loss": "non_saturating"}}
    eighth = [0.125] * 8
    known = {"weights": eighth, "shares": eighth, "quality": "scores.high_quality", "noise": 0.06, "real": 0.99}
    row = Row(tmp_path, "a", info={"spec": spec, "reference": known})
    lines = [
        {
            "step": 100 * i,
            "loss": {"generator": 0.7, "discriminator": 1.38},
            "d_real": {"mean": 0.5, "std": 0.05},
            "d_generated": {"mean": 0.5, "std": 0.05},
            "scores": {"modes": modes, "high_quality": 0.9, "reverse_kl": 0.02 if modes == 8 else 2.08, "diversity": modes / 8},
        }
        for i in range(1, 41)
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    one = Growing(tmp_path)
    one.catch_up(1)
    assert one.verdict(row)["verdict"] == verdict


def test_the_best_is_the_least_or_the_most_with_its_step(tmp_path):
    write(tmp_path, 30, 10, 20)
    one = Growing(tmp_path)
    one.catch_up(1)
    assert one.best("loss.generator", "min") == {"value": 1.0, "step": 10}
    assert one.best("loss.generator", "max") == {"value": 3.0, "step": 30}
    assert one.best("loss.nobody", "min") == {}


def test_the_verdict_is_made_anew_once_there_are_a_few_more_lines(tmp_path):
    def learn(successes, first):
        lines = [{"step": first + i, "epoch": 9, "test_success": v, "test_loss": 1 - v} for i, v in enumerate(successes)]
        with (tmp_path / "metrics.jsonl").open("a") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
        one.catch_up(1)
        return one.verdict(row)["words"]

    row = Row(tmp_path, "run", info={"spec": {"game": {"type": "classification"}}, "reference": {"tests": 1000, "chance": 0.1}})
    one = Growing(tmp_path)
    assert learn([0.97] * 60, 1) == "it has learnt: test success 0.97"
    assert learn([0.99], 61) == "it has learnt: test success 0.97"  # one in 61 moves no median
    assert learn([0.99] * 20, 62) == "it has learnt: test success 0.99"
