"""`dessine doctor` says what is well, what is not, and what to set; it leaves nothing behind."""

from __future__ import annotations

import errno
import json
import pickle
from io import BufferedWriter, RawIOBase
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


def test_a_damaged_cache_of_compiled_loops_is_told(dessine, quick, monkeypatch, tmp_path):
    pytest.importorskip("numba")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    cache = tmp_path / "home/dessine/compiled/x"
    cache.mkdir(parents=True)
    whole = pickle.dumps("0.1") + pickle.dumps(("stamp", {"key": "name" * 100}))
    for name, content in {"a.nbi": whole, "b.nbc": whole[:-30], "c.nbc": b"", "d.nbi": b"\xff" * 50}.items():
        (cache / name).write_bytes(content)
    found = checks(dessine("doctor", "--json", "--no-speed"))["compiled loops"]
    assert found["state"] == "note"
    assert "3 damaged (b.nbc, c.nbc, d.nbi), whose loops are compiled anew" in found["told"]
    assert found["do"] == f"rm -r {cache.parent}"


def test_a_folder_that_takes_no_bytes_is_told(dessine, quick, monkeypatch):
    class RawFull(RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    class Held(BufferedWriter):
        def close(self) -> None:
            pass

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", lambda dir: Held(RawFull(), buffer_size=16))
    found = checks(dessine("doctor", "--json", "--no-speed"))
    assert [found[name]["state"] for name in ("cache", "temporary files", "runs")] == ["note", "broken", "broken"]
    assert "No space left on device" in found["cache"]["told"]


def test_what_is_wrong_in_the_cache_is_told_and_what_mends_it(dessine, quick, monkeypatch, tmp_path):
    cache = tmp_path / "data"
    monkeypatch.setenv("DESSINE_DATA", str(cache))
    (cache / "mnist").mkdir(parents=True)
    (cache / "mnist/train-images-idx3-ubyte").write_bytes(b"cut off")
    (cache / "holiday.jpg").write_bytes(b"")
    answer = dessine("doctor", "--json", "--no-speed")
    found = checks(answer)
    assert answer.code == 1
    file = found[str(cache / "mnist/train-images-idx3-ubyte")]
    assert (file["state"], file["do"]) == ("broken", "dessine data fetch mnist")
    assert file["told"] == "is damaged, or another file: 7 bytes with another checksum"
    assert found[str(cache)]["told"] == "holiday.jpg is none of dessine's files"
    assert f"rm -r {cache / 'holiday.jpg'}" in dessine("doctor", "--no-speed").out
