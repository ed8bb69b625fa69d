"""A checkpoint comes back as it was, or is named; nothing that a file claims is believed."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dessine.runs import checkpoint
from dessine.runs.checkpoint import Damaged, load, name_of, save, steps_in

X = np.arange(6, dtype=np.float32).reshape(2, 3)
STATE = {"streams": {"order": [1]}}


@pytest.fixture
def path(tmp_path) -> Path:
    """A good checkpoint of step 7."""
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / name_of(7)
    save(path, 7, {"x": X, "f": np.asfortranarray(X)}, STATE)
    return path


def reason(path: Path, step: int = 7, expected=None) -> str:
    with pytest.raises(Damaged) as told:
        load(path.parents[1], step, expected)
    assert "\n" not in str(told.value)
    return str(told.value)


def written(path: Path, **members) -> None:
    np.savez(path, **members)


def member(text: str, header: str | None = None) -> bytes:
    """An .npy file of its own making."""
    made = io.BytesIO()
    np.save(made, np.zeros(3))
    raw = made.getvalue()
    return raw if header is None else raw[:8] + len(header).to_bytes(2, "little") + header.encode() + b"\0" * 24


def test_comes_back_to_the_bit(path):
    arrays, state = load(path.parents[1], 7, {"x": X, "f": X})
    assert state == STATE
    for name in ("x", "f"):
        np.testing.assert_array_equal(arrays[name], X)
        assert arrays[name].flags.writeable


def test_one_of_an_older_version_has_no_step_inside(path):
    written(path, x=X, state=np.array(json.dumps(STATE)))
    assert load(path.parents[1], 7)[1] == STATE


def test_only_exact_names_are_checkpoints(tmp_path, path):
    for stray in (
        "step_best.npz",
        "step_000000007 (1).npz",
        "step_000000007.npz.bak",
        "step_000000007.npz~",
        "step_000000007 (conflicted copy).npz",
        "step_00000007.npz",
        "step_0000000007.npz",
        "step_٠٠٠٠٠٠٠٠٧.npz",
        "step_000000008.NPZ",
        "step_-00000008.npz",
        ".step_000000008.npz",
        "Step_000000008.npz",
        "step_000000008\n.npz",
    ):
        path.with_name(stray).touch()
    assert steps_in(path.parent) == [7]
    assert steps_in(tmp_path / "nowhere") == []


def test_renamed_one_is_named(path):
    path.rename(path.with_name("step_999999999999.npz"))
    assert steps_in(path.parent) == [999999999999]
    assert reason(path, 999999999999) == "it holds step 7, not 999,999,999,999"


@pytest.mark.parametrize("state", ["[]", "5", "null", '"x"', "{", "", "[" * 100_000, "NaN"])
def test_state_of_another_kind_is_named(path, state):
    written(path, x=X, state=np.array(state))
    assert reason(path)


@pytest.mark.parametrize("state", [np.array([1.0]), np.array(["{}"]), np.array(5), np.zeros((0,))])
def test_state_that_is_no_text_is_named(path, state):
    written(path, x=X, state=state)
    assert reason(path) == "its state is no text"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": X.T}, "x is float32[3, 2], and should be float32[2, 3]"),
        ({"x": X.astype(np.float64)}, "x is float64[2, 3], and should be float32[2, 3]"),
        ({"x": X[:1]}, "x is float32[1, 3], and should be float32[2, 3]"),
        ({"x": X, "y": X}, "y is no array of this run"),
        ({"x": np.array(["a"])}, "x is <U1[1], and should be float32[2, 3]"),
    ],
)
def test_arrays_that_do_not_fit_are_named(path, arrays, told):
    save(path, 7, arrays, {})
    assert reason(path, expected={"x": X}) == told


def test_nothing_pickled_is_read(path):
    written(path, state=np.array("{}"), x=np.array([{}], object))
    assert reason(path) == "x is no array"


def test_plain_npy_under_the_name_is_named(path):
    with path.open("wb") as file:
        np.save(file, X)
    assert reason(path) == "it is no zip file, or cut short"


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(4294967296, 4294967296, 4294967296)", "(-1,)", "(3, 0)", "(2,)"])
def test_header_that_claims_another_size_is_named_before_memory_is_taken(path, shape):
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("x.npy", member("x", f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n"))
    assert reason(path)


@pytest.mark.parametrize(
    "header",
    [
        "(" * 5000,
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "5",
        "\xff" * 50,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1" * 9000,
    ],
)
def test_header_of_another_kind_is_named(path, header):
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("x.npy", member("x", header))
    assert reason(path)


def test_packed_member_is_refused_before_it_is_unpacked(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.npy", bytes(10_000_000))
    assert reason(path) == "it is packed as no checkpoint is"


def test_two_members_of_one_name_are_refused(path):
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr("x.npy", member("x"))
    assert reason(path) == "it holds two arrays of one name"


def test_folder_pipe_or_link_in_its_place_is_named(tmp_path, path):
    kept = path.rename(tmp_path / "kept.npz")
    for make, told in ((Path.mkdir, "is no file"), (os.mkfifo, "is no file"), (lambda p: p.symlink_to(kept), "is a link")):
        make(path)
        assert told in reason(path)
        path.rmdir() if path.is_dir() else path.unlink()


def test_whatever_is_cut_or_changed_is_named_or_harmless(path):
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for n in range(300):
        raw = bytearray(whole)
        if n % 3:
            for at in rng.integers(len(raw), size=n % 7 + 1):
                raw[at] = rng.integers(256)
        else:
            del raw[rng.integers(len(raw)) :]
        path.write_bytes(raw)
        try:
            arrays, state = load(path.parents[1], 7, {"x": X, "f": X})
        except Damaged:
            continue
        assert state == STATE
        np.testing.assert_array_equal(arrays["x"], X)


def test_file_that_may_not_be_read_is_not_called_damaged(path, monkeypatch):
    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(checkpoint.zipfile, "ZipFile", denied)
    with pytest.raises(PermissionError):
        load(path.parents[1], 7)
