"""Pictures of one's own, from every place that they come in: which are read, which are told, and who is in the test."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dessine.data import Split, images, kept
from dessine.data.images import Images
from dessine.registry import SpecError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


def picture(path: Path, value: int, size: tuple[int, int] = (6, 5)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty cats and ten dogs, each of a brightness of its own."""
    for i in range(30):
        picture(tmp_path / "photos" / ("dog" if i % 3 == 2 else "cat") / f"{i:02}.png", 8 * i)
    return tmp_path / "photos"


def load(path: Path, **options: Any) -> Split:
    return Images(**{"path": str(path), "size": 4, **options}).load()


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(SpecError) as error:
        load(path, **options)
    return str(error.value)


def values(split: Split) -> dict[str, list[int]]:
    """Which pictures are in which part, by their brightness."""
    parts = {"train": split.train, "test": split.test, "validation": split.validation}
    return {part: sorted(e.x[:, 0, 0, 0].tolist()) for part, e in parts.items() if e is not None}


def test_folders_are_classes_and_each_gives_its_share_to_the_test(photos: Path) -> None:
    split = load(photos)
    assert split.classes == ("cat", "dog")
    assert split.train.shape == (4, 4, 1)
    assert np.bincount(split.test.y).tolist() == [3, 2]
    assert np.bincount(split.train.y).tolist() == [17, 8]
    assert sorted(values(split)["train"] + values(split)["test"]) == [8 * i for i in range(30)]
    named = np.array(["dog" if value // 8 % 3 == 2 else "cat" for value in split.train.x[:, 0, 0, 0]])
    assert (np.array(split.classes)[split.train.y] == named).all()


def test_who_is_in_the_test_stays_there(photos: Path, tmp_path: Path) -> None:
    first = values(load(photos))["test"]
    assert values(load(photos, validation=0.2))["test"] == first
    assert values(load(photos, limit=5))["test"] == first
    assert [v for v in first if v // 8 % 3 == 2] == values(load(photos, classes=["dog"]))["test"]
    moved = shutil.copytree(photos, tmp_path / "elsewhere" / "of another name")
    assert load(moved).train.checksum == load(photos).train.checksum


def test_limit_is_of_the_training_part_and_takes_from_every_class(photos: Path) -> None:
    split = load(photos, limit=8)
    assert len(split.train) == 8
    assert set(split.train.y.tolist()) == {0, 1}
    assert set(values(split)["train"]) < set(values(load(photos))["train"])


def test_classes_are_labelled_in_the_order_that_is_asked_for(photos: Path) -> None:
    split = load(photos, classes=["dog", "cat"])
    assert split.classes == ("dog", "cat")
    assert np.bincount(split.train.y).tolist() == [8, 17]
    assert "did you mean 'dog'" in refusal(photos, classes=["dgo"])


def test_numbers_name_classes_in_their_order(tmp_path: Path) -> None:
    for i in (10, 9, 2):
        picture(tmp_path / "p" / str(i) / "a.png", i)
        picture(tmp_path / "p" / str(i) / "b.png", i)
    assert load(tmp_path / "p").classes == ("2", "9", "10")


def test_options_change_what_they_say(photos: Path) -> None:
    plain, inverted = load(photos), load(photos, invert=True)
    assert (inverted.train.x == 255 - plain.train.x).all()
    assert load(photos, color="rgb", size=[3, 7]).train.shape == (3, 7, 3)
    assert load(photos, size=None).train.shape == (5, 6, 1)
    assert load(photos, size=None, transpose=True).train.shape == (6, 5, 1)
    assert (plain.train.low, load(photos, scale="0..1").train.low) == (-1.0, 0.0)


def test_transposed_is_transposed(tmp_path: Path) -> None:
    for i in range(2):
        ramp = np.add.outer(20 * np.arange(5), 3 * np.arange(9)).astype(np.uint8) + np.uint8(i)
        (tmp_path / "p").mkdir(exist_ok=True)
        Image.fromarray(ramp).save(tmp_path / "p" / f"{i}.png")
    plain, turned = (load(tmp_path / "p", size=None, transpose=on).train.x for on in (False, True))
    assert (turned == plain.swapaxes(1, 2)).all()


def test_sizes_that_differ_are_told_unless_one_is_given(photos: Path) -> None:
    picture(photos / "cat" / "large.png", 1, (60, 50))
    assert "has 60 x 50, others have 6 x 5" in refusal(photos, size=None)
    assert load(photos).train.shape == (4, 4, 1)


def test_every_bad_file_is_named_at_once_and_left_out_only_if_asked(photos: Path) -> None:
    whole = (photos / "cat" / "00.png").read_bytes()
    for name, data in {"cut.png": whole[:40], "text.jpg": b"hello", "empty.bmp": b""}.items():
        (photos / "cat" / name).write_bytes(data)
    told = refusal(photos).splitlines()
    assert told[0] == "path: 3 pictures cannot be read (skip_broken: true leaves them out):"
    assert {line.split()[1] for line in told[1:]} == {"cat/cut.png", "cat/text.jpg", "cat/empty.bmp"}
    for _ in range(2):  # the second time from the cache
        split = load(photos, skip_broken=True)
        assert len(split.train) + len(split.test) == 30
        assert "broken, and left out" in split.notice
        assert (split.classes[int(split.train.y[0])] == "dog") == (split.train.x[0, 0, 0, 0] // 8 % 3 == 2)
    assert len(refusal(photos).splitlines()) == 4


def test_many_bad_files_are_counted(photos: Path) -> None:
    for i in range(50):
        (photos / "cat" / f"bad{i}.png").write_bytes(b"x" * 20)
    told = refusal(photos).splitlines()
    assert "50 pictures" in told[0]
    assert told[-1].startswith("path: and 30 more")


def test_where_nothing_can_be_read_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    assert "holds no pictures" in refusal(tmp_path / "p")
    for i in range(3):
        (tmp_path / "p" / f"{i}.png").write_bytes(b"x")
    assert "none is left" in refusal(tmp_path / "p", skip_broken=True)
    assert "no folder or file" in refusal(tmp_path / "nowhere")
    assert "is one picture" in refusal(picture(tmp_path / "one" / "a.png", 1))
    assert "holds 1 picture" in refusal(tmp_path / "one")


def test_what_nobody_has_put_there_is_ignored_and_said(photos: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/cat/._00.png", ".git/a.png", "notes.txt", "cat/x.heic", "look.png"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(b"x")
    split = load(photos)
    assert len(split.train) + len(split.test) == 30
    for word in ("3 hidden", "1 Thumbs.db", "1 .txt", "1 .heic", "1 look.png"):
        assert word in split.notice


def test_names_may_hold_anything(tmp_path: Path) -> None:
    spelled = unicodedata.normalize("NFD", "cañón")
    for i in range(3):
        picture(tmp_path / "p" / spelled / f"ü {i}.png", i)
    latin = os.fsencode(tmp_path / "p") + b"/caf\xe9"
    os.mkdir(latin)
    for i in range(3):
        shutil.copy(tmp_path / "p" / spelled / "ü 0.png", latin + b"/\xff%d.png" % i)
    assert load(tmp_path / "p").classes == ("caf\\xe9", unicodedata.normalize("NFC", "cañón"))
    assert load(tmp_path / "p", classes=["cañón"]).classes == ("cañón",)
    Path(os.fsdecode(latin + b"/\xff0.png")).write_bytes(b"text")
    refusal(tmp_path / "p").encode()  # can be printed


def test_deep_folders_belong_to_the_first_that_parts_them(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "p" / "a" / "b" / "cat" / "1" / f"{i}.png", i)
        picture(tmp_path / "p" / "a" / "b" / "dog" / "2" / "3" / f"{i}.png", i)
    assert load(tmp_path / "p").classes == ("cat", "dog")
    assert load(tmp_path / "p" / "a" / "b" / "cat").train.y is None


def test_folders_train_and_test_are_parts(tmp_path: Path) -> None:
    for part, n in (("train", 6), ("valid", 2), ("test", 3)):
        for i in range(n):
            for kind in ("cat", "dog"):
                picture(tmp_path / "p" / part / kind / f"{i}.png", 10 * n + i)
    split = load(tmp_path / "p")
    assert {part: len(v) for part, v in values(split).items()} == {"train": 12, "test": 6, "validation": 4}
    assert split.classes == ("cat", "dog")
    assert set(values(split)["test"]) == {30, 31, 32}


def test_links_are_followed_once_and_what_is_no_file_is_named(photos: Path) -> None:
    (photos / "cat" / "up").symlink_to("..")
    (photos / "cat" / "to nowhere.png").symlink_to("nowhere")
    (photos / "cat" / "loop.png").symlink_to("loop.png")
    os.mkfifo(photos / "cat" / "pipe.png")
    told = refusal(photos)
    assert "3 pictures cannot be read" in told
    assert "pipe.png is no ordinary file" in told
    split = load(photos, skip_broken=True)
    assert len(split.train) + len(split.test) == 30
    assert "1 link to a folder" in split.notice


def test_a_closed_folder_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert "dog cannot be read: Permission denied" in refusal(photos)
    assert load(photos, skip_broken=True).classes == ()


def pack(photos: Path, path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for one in sorted(photos.rglob("*.png"), reverse=True):
                file.write(one, Path("photos") / one.relative_to(photos))
    else:
        with tarfile.open(path, "w:gz" if path.suffix != ".tar" else "w") as tar:
            tar.add(photos, "./photos")
    return path


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz", "P.TGZ"])
def test_an_archive_gives_what_its_folder_gives(photos: Path, tmp_path: Path, name: str) -> None:
    packed, plain = load(pack(photos, tmp_path / name)), load(photos)
    for part in ("train", "test"):
        assert getattr(packed, part).checksum == getattr(plain, part).checksum
    assert packed.classes == plain.classes


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_cut_archive_is_one_line(photos: Path, tmp_path: Path, name: str, share: float) -> None:
    path = pack(photos, tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    told = refusal(path)
    assert "damaged" in told
    assert "\n" not in told


def test_paths_that_leave_an_archive_links_and_passwords_are_named(photos: Path, tmp_path: Path) -> None:
    data, path = (photos / "cat" / "00.png").read_bytes(), pack(photos, tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("../../evil.png", data)
        file.writestr("/etc/evil.png", data)
        link = zipfile.ZipInfo("photos/cat/link.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    told = refusal(path)
    assert told.count("leaves the archive") == 2
    assert "link.png is a link" in told
    assert load(path, skip_broken=True).train.checksum == load(photos).train.checksum


def test_bombs_do_not_go_off(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.png", bytes(50_000_000))
        file.writestr("more.png", bytes(1000))
    assert "is no picture" in refusal(tmp_path / "b.zip")
    huge = tarfile.TarInfo("a.png")
    huge.size = 2_000_000_000
    with gzip.open(tmp_path / "b.tar.gz", "wb", 1) as packed:
        packed.write(huge.tobuf())
        packed.write(bytes(1_000_000))
    assert "says it has 2,000,000,000 bytes" in refusal(tmp_path / "b.tar.gz")


def test_what_lies_in_an_archive_instead_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as file:
        file.writestr("inner.zip", b"x")
    assert "there is inner.zip: unpack it" in refusal(tmp_path / "outer.zip")


def test_files_of_mnists_format_have_their_own_type(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train-images-idx3-ubyte.gz").write_bytes(b"x")
    assert "take data: {type: mnist, path:" in refusal(tmp_path)


def test_the_cache_is_used_mended_and_not_needed(photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load(photos).train.checksum
    (array,), decode = cache.glob("*.npy"), images.decode

    def never(*_: Any) -> Any:
        raise AssertionError("is decoded again")

    monkeypatch.setattr(images, "decode", never)
    assert load(photos).train.checksum == plain
    monkeypatch.setattr(images, "decode", decode)
    whole = array.read_bytes()
    for damaged in (whole[:100], whole[:-1] + b"?", b"", b"\x93NUMPY\x01\x00" + bytes(200)):
        array.write_bytes(damaged)
        assert load(photos).train.checksum == plain
        assert array.read_bytes() == whole
    for damaged in (b"", b"[]", b"{}", b'"x"', b'{"sha256": 1}'):
        next(cache.glob("*.json")).write_bytes(damaged)
        assert load(photos).train.checksum == plain
        assert json.loads(next(cache.glob("*.json")).read_bytes())["sha256"]
    shutil.rmtree(cache)
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the folder should be")
    assert load(photos).train.checksum == plain


def test_a_changed_picture_is_read_again(photos: Path) -> None:
    before = load(photos).train.checksum
    for i in range(30):
        old = next(photos.rglob(f"{i:02}.png"))
        picture(old, 255 - 8 * i)
        os.utime(old, (1, 1))
    assert load(photos).train.checksum != before


def test_the_cache_has_a_bound(photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 2_200)
    for size in (4, 5, 6):
        load(photos, size=size)
    assert 1 <= len(list(cache.glob("*.npy"))) < 3
    assert len(list(cache.glob("*.json"))) == len(list(cache.glob("*.npy")))


def test_what_takes_more_memory_than_there_is_is_refused_before(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "memory", lambda: 10_000_000)
    told = refusal(photos, size=500, color="rgb")
    assert "30 pictures of 500 x 500 x 3 take 22.5 MB, this machine has 10 MB" in told
    for hint in ("data.size=", "data.limit=", "data.color=grey"):
        assert hint in told
