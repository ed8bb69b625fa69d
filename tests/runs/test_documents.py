"""What the JSON of a run says is checked where it is read, and taken as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessine.runs.documents import line_of, read_info, read_metrics, read_scores, read_summary, some, spec_of
from dessine.runs.files import RunError

DEEP = b"[" * 100_000


def test_what_is_right_is_given_back_as_it_is_in_its_order(tmp_path):
    told = {"zebra": [1, {"a": None}], "status": "completed", "seconds": 2, "pid": 7, "git": {"commit": None, "more": 1}}
    (tmp_path / "run.json").write_text(json.dumps(told))
    assert json.dumps(read_info(tmp_path)) == json.dumps(told)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "run.json").write_bytes(b"\xef\xbb\xbf{}")
    assert read_info(tmp_path) == {}


def test_every_seed_that_a_config_may_say_is_read(tmp_path):
    for seed in (0, 2**63 - 1, 2**63 + 9_998):
        (tmp_path / "run.json").write_text(json.dumps({"seed": seed}))
        assert read_info(tmp_path) == {"seed": seed}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{},", b"[1]", b"5", b"\xff\xfe{}", b"{} {}", b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a": ' + DEEP]
)
@pytest.mark.parametrize(("read", "name"), [(read_info, "run.json"), (read_summary, "summary.json")])
def test_what_is_no_json_is_named(tmp_path, read, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=f"{name} cannot be read: "):
        read(tmp_path)


def test_without_a_summary_there_is_nothing_to_say(tmp_path):
    assert read_summary(tmp_path) == {}
    with pytest.raises(FileNotFoundError):
        read_info(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_scores(tmp_path, "eval/scores.json")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"last": [1]}, "last: expects a mapping, got [1]"),
        ({"last": {"loss": 5}}, "last.loss: expects a mapping, got 5"),
        ({"best": {"a": 5}}, "best.a: expects a mapping, got 5"),
        ({"best": {"a": {"value": "x"}}}, "best.a.value: expects a number, got 'x'"),
        ({"diagnosis": {"verdict": []}}, "diagnosis.verdict: expects text, got []"),
        ({"diagnosis": {"evidence": [5]}}, "diagnosis.evidence[0]: expects a mapping, got 5"),
        ({"diagnosis": {"first_bad_step": "x"}}, "diagnosis.first_bad_step: expects a whole number, got 'x'"),
    ],
)
def test_a_summary_of_other_types_is_named(tmp_path, said, told):
    (tmp_path / "summary.json").write_text(json.dumps(said))
    with pytest.raises(RunError) as raised:
        read_summary(tmp_path)
    assert str(raised.value) == f"{tmp_path / 'summary.json'} cannot be read: {told}"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"loss": {}}', "step: is missing"),
        (b'{"step": "1"}', "step: expects a whole number, got '1'"),
        (b'{"step": null}', "step: expects a whole number, got null"),
        (b'{"step": [1]}', "step: expects a whole number, got [1]"),
        (b'{"step": true}', "step: expects a whole number, got true"),
        (b'{"step": -1}', "step: "),
        (b'{"step": NaN}', "not JSON: "),
        (b'{"step": 1, "loss": {"' + b"n" * 1000 + b'": 5}}', "loss.'nnnnnnnn"),
        (b'{"step": 1, "loss": 5}', "loss: expects a mapping, got 5"),
        (b'{"step": 1, "loss": {"generator": {}}}', "loss.generator: expects a number, got {}"),
        (b'{"step": 1, "loss": {"generator": [1, "x"]}}', "loss.generator: expects a number"),
        (b'{"step": 1, "layers": "x"}', "layers: expects a mapping, got 'x'"),
        (b'{"step": 1, "layers": {"g": {"0.dense": 5}}}', "layers.g.'0.dense': expects a mapping, got 5"),
        (b'{"step": 1, "scores": 5}', "scores: expects a mapping, got 5"),
        (b'{"step": 1, "x": "\\ud800"}', "not JSON: "),
        (b'{"step": 1, "x": ' + DEEP, "not JSON: "),
        (b"[1]", "expects a mapping, got [1]"),
        (b"\xff", "not JSON: "),
    ],
)
def test_a_bad_line_of_metrics_is_named_and_skipped(tmp_path, line, told):
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1}\n\n' + line + b'\n{"step": 2, "loss": {"g": [1, null]}}\n')
    records, (fault,) = read_metrics(tmp_path)
    assert [record["step"] for record in records] == [1, 2]
    assert fault.startswith(f"{tmp_path / 'metrics.jsonl'}:3: {told}")
    assert len(fault.splitlines()) == 1


def test_a_torn_last_line_is_no_fault(tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1}\n{"step": 2, "lo')
    assert read_metrics(tmp_path) == ([{"step": 1}], [])
    assert read_metrics(tmp_path / "nowhere") == ([], [])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_to_the_last_digit(value):
    assert line_of(json.dumps({"step": 1, "test_loss": value}).encode())["test_loss"] == value


def test_of_a_spec_only_what_a_list_looks_at_is_checked():
    assert spec_of({"seed": 1, "game": 5}) == {"seed": 1, "game": 5}
    for spec in ({"seed": "x"}, {"repeats": 0}, {"name": 5}, [1], None):
        with pytest.raises(RunError):
            spec_of(spec)


def test_what_would_steer_a_terminal_becomes_a_question_mark(tmp_path):
    evil = {"reason": "\x1b[2J\x9b31m\u202e\x7f", "results": {"\x1b]0;title\x07": 1}, "command": "größe 日本 ‘x’\n\t"}
    for ascii in (True, False):
        (tmp_path / "run.json").write_text(json.dumps(evil, ensure_ascii=ascii))
        told = read_info(tmp_path)
        assert told == {"reason": "?[2J?31m??", "results": {"?]0;title?": 1}, "command": "größe 日本 ‘x’\n\t"}


def test_of_many_faults_some_are_told():
    assert some([]) == []
    assert some(list("abcd")) == list("abcd")
    assert some(list("abcdefg")) == ["a", "b", "c", "and 4 more such lines"]


def test_lines_of_older_versions_say_whose_scores_they_are():
    old = {"step": 3, "scores": {"frechet": 9.0}, "average_scores": {"frechet": 5.0}}
    new = {"step": 3, "scores": {"frechet": 5.0}, "plain_scores": {"frechet": 9.0}}
    assert line_of(json.dumps(old).encode()) == new == line_of(json.dumps(new).encode())
