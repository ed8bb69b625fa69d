"""MNIST as a data set: the embedded sample, folders of one's own, digits, limits and scales."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from idx_files import packed, take_for_mnist, write_folder

from dessine.data import Dataset, Split
from dessine.data.fetch import FILES, full_mnist
from dessine.data.mnist import SAMPLE, Mnist
from dessine.registry import SpecError


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def load(**options: object) -> Split:
    return Dataset.of({"type": "mnist", **options}).load()


def test_without_the_full_set_the_sample_is_used_and_says_so() -> None:
    split = load()
    assert (split.train.x.shape, split.test.x.shape) == ((10_000, 28, 28, 1), (2_000, 28, 28, 1))
    assert split.train.x.dtype == np.uint8
    assert split.source == "sample"
    assert "embedded sample" in split.notice
    assert "dessine data fetch mnist" in split.notice
    assert "\n" not in split.notice


def test_the_sample_asked_for_needs_no_notice() -> None:
    assert load(source="sample").notice == ""


def test_every_digit_is_in_the_sample() -> None:
    split = load(source="sample")
    for part in (split.train, split.test):
        assert (np.bincount(part.y, minlength=10) / len(part)).min() > 0.08
    assert np.median(split.train.x) == 0  # background
    assert split.train.x.max() == 255


def test_origin_and_licence_stand_beside_the_sample() -> None:
    told = (SAMPLE / "README.md").read_text()
    assert "CC BY-SA 3.0" in told
    assert "LeCun" in told


def test_insisting_on_the_full_set_tells_how_to_get_it() -> None:
    with pytest.raises(SpecError, match="dessine data fetch mnist") as caught:
        load(source="full")
    assert caught.value.problems[0].path == ("source",)


def test_auto_and_full_take_the_fetched_set_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_for_mnist(write_folder(tmp_path / "mnist"), monkeypatch)  # what a fetch leaves behind, in small
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    for source in ("auto", "full"):
        split = load(source=source)
        assert (len(split.train), len(split.test), split.source, split.notice) == (12, 5, "full", "")


def test_what_lies_in_the_cache_under_mnists_name_and_is_not_mnist_is_not_taken(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = take_for_mnist(write_folder(data_folder / "mnist"), monkeypatch)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(packed(np.ones(5, np.uint8)))
    for source in ("auto", "full"):
        with pytest.raises(SpecError, match="t10k-labels-idx1-ubyte is not MNIST's: `dessine data fetch mnist`") as caught:
            load(source=source)
        assert caught.value.problems[0].path == ("source",)
    assert load(source="sample").source == "sample"


def test_nothing_is_kept_of_what_was_read(tmp_path: Path, data_folder: Path) -> None:
    load(source="sample")
    load(path=str(write_folder(tmp_path / "own")))
    assert not data_folder.exists()


@pytest.mark.parametrize("place", ["file", "nowhere/deeper", "loop/data", "~nosuchuser/data"])
def test_a_cache_that_is_no_folder_is_done_without_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESSINE_DATA", place)
    assert load(source="sample").source == "sample"
    if place.startswith(("~", "loop")):
        with pytest.raises(SpecError, match=r"nosuchuser|Too many levels"):
            load()
    else:
        assert load().source == "sample"


def test_a_full_set_with_a_file_missing_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "mnist")
    (tmp_path / "mnist" / next(iter(FILES))).unlink()
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    assert full_mnist() is None


def test_a_folder_of_ones_own_is_read_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "fashion", suffix=".gz")
    assert len(load(path=str(folder)).train) == 12
    monkeypatch.chdir(tmp_path)
    split = load(path="fashion")
    assert (split.train.shape, split.source) == ((6, 6, 1), "fashion")


def test_a_fault_in_ones_own_folder_is_told_at_path(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no folder") as caught:
        load(path=str(tmp_path / "nowhere"))
    assert caught.value.problems[0].path == ("path",)


@pytest.mark.parametrize("source", ["auto", "full", "sample"])
def test_a_path_wins_over_any_source(tmp_path: Path, source: str) -> None:
    split = load(path=str(write_folder(tmp_path / "own")), source=source)
    assert (len(split.train), split.source, split.digits) == (12, str(tmp_path / "own"), 0)


def test_digits_are_known_by_what_they_are_not_by_where_they_lie(tmp_path: Path) -> None:
    copy = shutil.copytree(SAMPLE, tmp_path / "copy")
    assert load(path=str(copy)).digits == load(source="sample").digits == load(path=str(copy), digits=[3]).digits == 1
    assert load(path=str(copy), transpose=True).digits == load(source="sample", transpose=True).digits == 0
    labels = np.frombuffer(gzip.decompress((copy / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:], np.uint8)
    (copy / "t10k-labels-idx1-ubyte").write_bytes(packed((labels + 1) % 10))
    assert load(path=str(copy)).digits == 0


def test_a_home_folder_that_is_none_is_told_at_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_folder(tmp_path / "own $x")
    assert len(load(path="~/own $x").train) == 12
    with pytest.raises(SpecError, match="there is no user 'nosuchuser'") as caught:
        load(path="~nosuchuser/x")
    assert caught.value.problems[0].path == ("path",)


def test_images_are_turned_upright_when_asked(tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "own", side=(4, 7)))
    lying, upright = load(path=folder), load(path=folder, transpose=True)
    assert upright.train.shape == upright.test.shape == (7, 4, 1)
    np.testing.assert_array_equal(upright.train.x, lying.train.x.transpose(0, 2, 1, 3))
    assert upright.train.checksum != lying.train.checksum


def test_a_folder_of_emnist_says_how_to_turn_its_images(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own")
    for path in list(folder.iterdir()):
        path.rename(folder / f"emnist-letters-{path.name}")
    assert "data.transpose=true" in load(path=str(folder)).notice
    assert load(path=str(folder), transpose=True).notice == ""


def test_where_data_were_found_below_the_path_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "own" / "MNIST" / "raw")
    assert load(path=str(tmp_path / "own")).notice == f"the data are those in {tmp_path / 'own' / 'MNIST' / 'raw'}"
    assert load(path=str(tmp_path / "own" / "MNIST" / "raw")).notice == ""


def test_the_limit_counts_after_digits_have_chosen() -> None:
    split = load(digits=[3, 7], limit=100)
    assert len(split.train) == 100
    assert set(split.train.y.tolist()) == {3, 7}
    whole = load(digits=[3, 7])
    np.testing.assert_array_equal(split.train.x, whole.train.x[:100])
    assert len(split.test) == len(whole.test)
    assert set(split.test.y.tolist()) == {3, 7}


def test_a_limit_beyond_the_data_takes_all_of_it() -> None:
    assert len(load(limit=1_000_000).train) == 10_000


def test_other_data_may_have_other_labels(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "letters")
    for part, labels in (("train", np.arange(12) + 15), ("t10k", np.arange(5) + 20)):
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(packed(labels.astype(np.uint8)))
    assert load(path=str(folder)).train.y.tolist() == list(range(15, 27))
    assert load(path=str(folder), digits=[22, 20]).train.y.tolist() == [20, 22]


@pytest.mark.parametrize(
    ("digits", "message"),
    [([3, 12], "no images of 12 in this data; it has 0, 1, 2"), ([], "at least 1"), ([-1], "-1"), ([2.5], "2.5")],
)
def test_digits_that_are_not_there_are_refused(digits: list, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load(digits=digits)


@pytest.mark.parametrize(("scale", "low"), [("0..1", 0.0), ("-1..1", -1.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_are_scaled_to_the_range_and_back(scale: str, low: float, dtype: type) -> None:
    train = load(scale=scale, limit=50).train
    index = np.arange(50).reshape(2, 25)
    x = train.floats(index, dtype)
    assert (x.dtype, x.shape) == (dtype, (2, 25, 28, 28, 1))
    assert (x.min(), x.max()) == (low, 1.0)
    expected = train.x[index] / 255
    np.testing.assert_allclose(x, low + (1 - low) * expected, atol=1e-6)
    back = train.images(x)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, expected, atol=1e-6)


def test_images_are_clipped_to_the_range() -> None:
    train = load(scale="-1..1", limit=1).train
    np.testing.assert_array_equal(train.images(np.array([-3.0, -1, 0, 1, 3])), [0, 0, 0.5, 1, 1])


def test_checksum_follows_the_contents() -> None:
    assert load(limit=20).train.checksum == load(limit=20).train.checksum
    assert load(limit=20).train.checksum != load(limit=21).train.checksum


def test_available_counts_what_the_files_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [(a.source, a.train, a.test) for a in Mnist.available()] == [("sample", 10_000, 2_000)]
    shutil.copytree(write_folder(tmp_path / "small"), tmp_path / "mnist")
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))
    assert [(a.source, a.train, a.test) for a in Mnist.available()][1:] == [("full", 12, 5)]
