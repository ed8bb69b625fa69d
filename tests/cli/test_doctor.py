"""`dessine doctor` says what is well, what is not, and what to set; it leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dessine.cli import doctor


def checks(answer) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in json.loads(answer.out)["checks"]}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS", 0.01)
    monkeypatch.setattr(doctor, "turn_time", lambda seconds: (0.0042, 3.0))


def test_it_tells_of_everything_and_changes_nothing(dessine, quick):
    answer = dessine("doctor", "--json")
    assert (answer.code, json.loads(answer.out)["ok"]) == (0, True)
    found = checks(answer)
    assert {"dessine", "Python", "packages", "threads", "BLAS", "compiled loops", "memory", "data", "cache", "runs"} <= set(
        found
    )
    assert found["GAN"]["told"].startswith("4.20 ms a turn of gan_mnist, 4 s for 1,000")
    assert "GFLOP/s" in found["matrix products"]["told"]
    assert list(Path().iterdir()) == []


def test_people_read_a_table_and_what_to_do(dessine, quick, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1000")
    monkeypatch.setenv("DESSINE_COMPILED", "0")
    answer = dessine("doctor", "--no-speed")
    assert answer.code == 0
    assert "unset OMP_NUM_THREADS" in answer.out
    assert "unset DESSINE_COMPILED" in answer.out
    assert answer.out.splitlines()[-1] == "all is well"
    assert "GFLOP/s" not in answer.out


def test_what_is_broken_is_told_and_is_the_exit_code(dessine, quick, monkeypatch):
    Path("runs").write_text("")

    def broken() -> object:
        raise ImportError("libopenblas.so: cannot open")

    monkeypatch.setattr(doctor, "_blas", broken)
    answer = dessine("doctor", "--json", "--no-speed")
    assert (answer.code, json.loads(answer.out)["ok"]) == (1, False)
    bad = {name: check["told"] for name, check in checks(answer).items() if check["state"] == "broken"}
    assert bad == {"runs": "is no folder", "BLAS": "ImportError: libopenblas.so: cannot open"}
    assert dessine("doctor", "--no-speed").out.splitlines()[-1] == "broken: BLAS, runs"


def test_a_disk_that_is_nearly_full_is_noted_and_a_full_one_is_broken(dessine, quick, monkeypatch):
    for free, state in ((1e12, "ok"), (1e9, "note"), (1e7, "broken")):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path, usage=usage: usage)
        assert checks(dessine("doctor", "--json", "--no-speed"))["runs"]["state"] == state


def test_the_turns_of_a_game_are_timed():
    each, first = doctor.turn_time(0.01)
    assert 0 < each < 60
    assert first > 0
