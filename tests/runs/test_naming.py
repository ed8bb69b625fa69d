"""Names in any script: kept in the folder's name, and found again by what the config says."""

import json
import unicodedata

import pytest

from dessine.runs.files import RunError
from dessine.runs.naming import MOST_BYTES, called, find, folder_name
from dessine.runs.run import Run

NAMES = [
    "café",
    unicodedata.normalize("NFD", "café"),
    "हिन्दी",
    "تجربة",
    "日本語",
    "👩\u200d🔬 et 👍🏽",
    "می\u200cخواهم",
    "lr=0.1, b/c",
    "../../etc/passwd",
    ".hidden",
    "-leading",
    "--help",
    "a" * 255,
    "é" * 255,
    "CON",
    "nul.txt",
    "trailing.",
    "…",
    "a\tb\nc",
    "$HOME `x` 'y' \"z\"",
    "last.one",
    "status=failed",
    "~nobody",
    "2024",
    "",
]


def made(parent, name, folder=None):
    """A run as `dessine train` makes it, without its config's other keys."""
    run = Run.create_at(parent / folder) if folder else Run.create(parent, name)
    (run.path / "config.yaml").write_text(json.dumps({"name": name}))
    (run.path / "run.json").write_text(json.dumps({"spec": {"name": name}}))
    return run.path


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_run_is_found_by_its_name_in_either_form_and_by_its_folder(runs, name):
    other, path = made(runs, "zz"), made(runs, name)
    assert path.parent == runs
    assert len(path.name.encode()) <= MOST_BYTES + 22
    assert path.name.isprintable() or "\u200c" in name or "\u200d" in name
    assert not set(path.name) & set("<>:\"/\\|?*$`' ")
    if name:
        for form in ("NFC", "NFD"):
            assert find(unicodedata.normalize(form, name), runs) == path
    assert find(path.name, runs) == path
    assert find("zz", runs) == other


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (unicodedata.normalize("NFD", "é"), "é"),
        ("हिन्दी", "हिन्दी"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("\u200d", "run"),
        ("lr=0.1, b/c", "lr_0.1_b_c"),
        ("a b", "a_b"),
        ("a__b", "a__b"),
        ("\u202eabc", "abc"),
        ("..", "run"),
        ("trailing.", "trailing"),
    ],
)
def test_what_a_folder_keeps_of_a_name(name, folder):
    assert folder_name(name) == folder


def test_the_very_name_comes_before_beginnings(runs):
    ring, ring2, b = made(runs, "ring"), made(runs, "ring 2"), made(runs, "b", folder="ring.b")
    assert find("ring", runs) == ring
    assert find("ring 2", runs) == ring2
    assert find("ring.", runs) == b
    assert find("b", runs) == b
    assert find("RING", runs) == ring


def test_several_of_one_name_are_told_with_their_folders(runs):
    paths = [made(runs, "a/b"), made(runs, "a/b"), made(runs, "a_b")]
    with pytest.raises(RunError, match=r"'a/b' fits 2 runs: .*_a_b, .*_a_b-2; give more of the folder's name"):
        find("a/b", runs)
    assert find("a_b", runs) == paths[2]
    assert called("a/b", runs) == paths[:2]
    assert find(paths[1].name, runs) == paths[1]


def test_last_that_is_also_a_name_is_told(runs):
    first = made(runs, "last")
    assert Run.find("last", runs).path == first
    made(runs, "zz")
    with pytest.raises(RunError, match=r"'last' is the newest run, .*_zz, and the name of .*_last: give the folder's name"):
        Run.find("last", runs)


def test_what_nobody_is_called_is_told_in_a_short_line(runs):
    made(runs, "ring")
    with pytest.raises(RunError, match="did you mean"):
        find("20261125_ring", runs)
    with pytest.raises(RunError) as error:
        Run.find("x" * 5_000, runs)
    assert len(str(error.value)) < 300
    with pytest.raises(RunError):
        Run.find("", runs)


def test_a_sweep_is_found_by_its_name_where_it_may_be_meant(runs):
    path = Run.create(runs, "sweep_grid").path
    (path / "sweep.yaml").write_text("name: grid\n")
    (path / "sweep.json").write_text('{"name": "grid"}')
    assert find("grid", runs, sweeps=True) == path
    with pytest.raises(RunError):
        find("grid", runs)


def test_nothing_is_left_where_no_folder_can_be_made(tmp_path, monkeypatch):
    monkeypatch.setattr("dessine.runs.run.folder_name", lambda name: "x" * 300)
    with pytest.raises(RunError, match="cannot make the folder"):
        Run.create(tmp_path / "new" / "runs", "x")
    assert list(tmp_path.iterdir()) == []
