"""Fetching from mirrors, played by a server on this machine: what is kept, what is refused, and what is remembered."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from idx_files import write_folder

from dessine.cli import group
from dessine.data import Dataset, mirrors
from dessine.data.fetch import FetchError
from dessine.data.idx import NAMES
from dessine.data.mirrors import PACKED, SETS, emnist_files, fetch_emnist, fetch_quickdraw, fetch_set
from dessine.registry import SpecError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which its files are to be had."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def fashion(web: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small Fashion-MNIST on the web, whose checksums are the published ones. Returns its address."""
    plain = write_folder(tmp_path / "plain")
    (web[0] / "fashion").mkdir()
    for name, packed in zip(NAMES, PACKED, strict=True):
        (web[0] / "fashion" / packed).write_bytes(gzip.compress((plain / name).read_bytes(), mtime=0))
    published = {packed: md5(web[0] / "fashion" / packed) for packed in PACKED}
    monkeypatch.setitem(SETS, "fashion_mnist", SETS["fashion_mnist"]._replace(files=published))
    return f"{web[1]}/fashion"


def test_a_set_is_fetched_checked_and_read_with_the_names_of_its_classes(fashion: str, cache: Path) -> None:
    told: list[str] = []
    assert fetch_set("fashion_mnist", told.append, source=fashion) == cache / "fashion_mnist"
    assert sorted(path.name for path in (cache / "fashion_mnist").iterdir()) == sorted(PACKED)
    assert fetch_set("fashion_mnist", told.append, source="http://127.0.0.1:9/") == cache / "fashion_mnist"
    assert told == [f"asking {fashion}/", "already here, with the published checksums"]
    split = Dataset.of({"type": "fashion_mnist"}).load()
    assert split.classes[9] == "ankle boot"
    assert (split.source, split.digits) == ("full", 0)
    (row,) = type(Dataset.of({"type": "fashion_mnist"})).available()
    assert (row.name, row.train, row.test) == ("fashion_mnist", len(split.train), len(split.test))


def test_a_damaged_file_is_told_and_fetched_again(fashion: str, cache: Path) -> None:
    fetch_set("fashion_mnist", lambda text: None, source=fashion)
    whole = (cache / "fashion_mnist" / PACKED[1]).read_bytes()
    (cache / "fashion_mnist" / PACKED[1]).write_bytes(whole[:-3])
    with pytest.raises(SpecError, match=r"train-labels.* is not Fashion-MNIST's: `dessine data fetch fashion_mnist`"):
        Dataset.of("fashion_mnist").load()
    fetch_set("fashion_mnist", lambda text: None, source=fashion)
    assert (cache / "fashion_mnist" / PACKED[1]).read_bytes() == whole


def test_what_has_another_checksum_than_the_published_one_is_not_kept(fashion: str, web: tuple[Path, str], cache: Path) -> None:
    (web[0] / "fashion" / PACKED[2]).write_bytes(b"other")
    with pytest.raises(FetchError, match=r"Fashion-MNIST could not be fetched; .* as data\.path\n  http://127.*hash"):
        fetch_set("fashion_mnist", lambda text: None, source=fashion)
    assert list((cache / "fashion_mnist").iterdir()) == []


def test_all_mirrors_are_asked_and_told(cache: Path, fashion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "http://127.0.0.1:9/"
    monkeypatch.setitem(SETS, "fashion_mnist", SETS["fashion_mnist"]._replace(mirrors=(nobody, fashion)))
    told: list[str] = []
    fetch_set("fashion_mnist", told.append)
    assert told == [f"asking {nobody}", f"asking {fashion}/"]
    with pytest.raises(FetchError, match=r"KMNIST could not be fetched.*\n  http://127.0.0.1:9/: cannot be reached"):
        fetch_set("kmnist", told.append, source=nobody)


def test_data_that_were_not_fetched_say_how(cache: Path) -> None:
    for name in ("fashion_mnist", "kmnist", "emnist"):
        with pytest.raises(SpecError, match=f"dessine data fetch {name}"):
            Dataset.of({"type": name}).load()


def test_classes_are_chosen_by_name(fashion: str, cache: Path) -> None:
    fetch_set("fashion_mnist", lambda text: None, source=fashion)
    with pytest.raises(SpecError, match="no class 'sneakers'; did you mean 'sneaker'"):
        Dataset.of({"type": "fashion_mnist", "classes": ["sneakers"]}).load()
    split = Dataset.of({"type": "fashion_mnist", "classes": ["trouser", "t-shirt"]}).load()
    assert split.train.y is not None
    assert set(split.train.y.tolist()) <= {0, 1}


@pytest.fixture
def emnist(web: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An archive with one split, letters, whose labels count from 1."""
    plain = write_folder(tmp_path / "letters")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, file in zip(NAMES, emnist_files("letters"), strict=True):
            data = (plain / name).read_bytes()
            if "labels" in name:
                data = data[:8] + bytes(label % 26 + 1 for label in data[8:])
            archive.writestr(f"gzip/{file}", gzip.compress(data))
        archive.writestr("gzip/../../outside", b"x")
    (web[0] / "gzip.zip").write_bytes(packed.getvalue())
    published = {"gzip.zip": md5(web[0] / "gzip.zip")}
    monkeypatch.setitem(SETS, "emnist", SETS["emnist"]._replace(files=published))
    return web[1]


def test_one_split_comes_out_of_the_archive_upright_and_counted_from_0(emnist: str, cache: Path, tmp_path: Path) -> None:
    told: list[str] = []
    assert fetch_emnist("letters", told.append, source=emnist) == cache / "emnist"
    assert sorted(p.name for p in (cache / "emnist").iterdir()) == sorted(emnist_files("letters"))
    fetch_emnist("letters", told.append, source="http://127.0.0.1:9/")
    assert told[-1] == "already here, as it came"
    split = Dataset.of({"type": "emnist", "split": "letters", "validation": 0.2}).load()
    plain = Dataset.of({"type": "mnist", "path": str(tmp_path / "letters")}).load()
    assert split.train.y is not None
    assert split.validation is not None
    assert split.validation.y is not None
    assert plain.train.y is not None
    both = np.concatenate([split.train.y, split.validation.y])
    assert sorted(both.tolist()) == sorted((plain.train.y % 26).tolist())
    np.testing.assert_array_equal(split.test.x, plain.test.x.swapaxes(1, 2))
    assert len(split.classes) == 26
    with pytest.raises(SpecError, match="dessine data fetch emnist balanced"):
        Dataset.of("emnist").load()
    with pytest.raises(FetchError, match="not as it is described"):
        fetch_emnist("digits", told.append, source=emnist)


@pytest.fixture
def drawn(web: tuple[Path, str]) -> tuple[Path, str]:
    """Sheep and an apple of Quick, Draw!"""
    for name in ("sheep", "hot air balloon"):
        np.save(web[0] / f"{name}.npy", np.full((30, 784), len(name), np.uint8))
    return web


def test_drawings_are_fetched_by_name_and_the_first_checksum_is_kept_and_told(drawn: tuple[Path, str], cache: Path) -> None:
    told: list[str] = []
    assert fetch_quickdraw(["Sheep"], told.append, source=drawn[1]) == cache / "quickdraw" / "sheep.npy"
    found = hashlib.sha256((drawn[0] / "sheep.npy").read_bytes()).hexdigest()
    assert told[-1] == f"sheep: SHA-256 {found}, seen for the first time and kept: another is refused"
    assert found in (cache / mirrors.SEEN).read_text()
    assert fetch_quickdraw(["sheep", "hot air balloon"], told.append, source=drawn[1]) == cache / "quickdraw"
    assert "sheep: already here, as it was fetched first" in told
    assert np.load(cache / "quickdraw" / "hot air balloon.npy").shape == (30, 784)


def test_drawings_that_have_changed_are_refused_until_they_are_accepted(drawn: tuple[Path, str], cache: Path) -> None:
    fetch_quickdraw(["sheep"], lambda text: None, source=drawn[1])
    kept = cache / "quickdraw" / "sheep.npy"
    first = kept.read_bytes()
    np.save(drawn[0] / "sheep.npy", np.zeros((20, 784), np.uint8))
    kept.unlink()
    with pytest.raises(FetchError, match=r"sheep has changed since it was fetched first: its SHA-256 was .*--accept takes it"):
        fetch_quickdraw(["sheep"], lambda text: None, source=drawn[1])
    assert not kept.exists()
    fetch_quickdraw(["sheep"], lambda text: None, source=drawn[1], accept=True)
    assert kept.read_bytes() != first
    told: list[str] = []
    kept.write_bytes(b"damaged here")
    fetch_quickdraw(["sheep"], told.append, source=drawn[1])
    assert len(np.load(kept)) == 20
    assert "first time" not in told[-1]


@pytest.mark.parametrize("data", [b"<html>not found</html>", b"\x93NUMPY\x01\x00", b""])
def test_what_is_no_array_of_drawings_is_not_kept(drawn: tuple[Path, str], cache: Path, data: bytes) -> None:
    (drawn[0] / "sheep.npy").write_bytes(data)
    with pytest.raises(FetchError, match="what came for sheep is no array of drawings"):
        fetch_quickdraw(["sheep"], lambda text: None, source=drawn[1])
    np.save(drawn[0] / "sheep.npy", np.array([{"a": 1}], object))
    with pytest.raises(FetchError, match="no array of drawings"):
        fetch_quickdraw(["sheep"], lambda text: None, source=drawn[1])
    assert list((cache / "quickdraw").iterdir()) == []
    assert not (cache / mirrors.SEEN).exists()


def test_what_nobody_was_asked_to_draw_is_named_before_anything_is_fetched(drawn: tuple[Path, str], cache: Path) -> None:
    with pytest.raises(SpecError, match="no 'sheeep'; did you mean 'sheep'"):
        fetch_quickdraw(["apple", "sheeep"], lambda text: None, source=drawn[1])
    assert len(mirrors.drawings()) == 345


def test_a_damaged_record_of_checksums_is_told(drawn: tuple[Path, str], cache: Path) -> None:
    cache.mkdir()
    (cache / mirrors.SEEN).write_text("{")
    with pytest.raises(SpecError, match=r"checksums\.json is damaged"):
        fetch_quickdraw(["sheep"], lambda text: None, source=drawn[1])


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (["quickdraw"], "say which of its 345 things", 2),
        (["emnist", "capitals"], "EMNIST has no split 'capitals'", 2),
        (["emnist", "letters", "digits"], "one split at a time", 2),
        (["kmnist", "all"], "kmnist has no parts", 2),
        (["mnist", "--from", "http://x"], "--from is not for mnist", 2),
        (["kmnist", "--from", "http://127.0.0.1:9"], "cannot be reached", 1),
    ],
)
def test_the_command_says_what_is_wrong(words: list[str], told: str, code: int, cache: Path) -> None:
    done = CliRunner().invoke(group, ["data", "fetch", *words])
    assert (done.exit_code, told in done.output) == (code, True), done.output


def test_the_last_line_of_the_command_is_where_the_data_are(drawn: tuple[Path, str], cache: Path) -> None:
    done = CliRunner().invoke(group, ["data", "fetch", "quickdraw", "sheep", "--from", drawn[1]])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == str(cache / "quickdraw" / "sheep.npy")
