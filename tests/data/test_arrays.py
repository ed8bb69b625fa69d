"""Pictures as numbers in one file: every layout and scale that people save them in, and what is refused in words."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dessine.data import Split, arrays
from dessine.data.images import Images
from dessine.registry import SpecError

NO_HEAD = b"\x93NUMPY\x01\x00v\x00\xb5'descr': '|u', 'fortran_order': False, 'shape': (12, 64), }".ljust(128) + bytes(768)
"""At which Python's own tokenizer fails."""
RNG = np.random.default_rng(0)
BITMAPS = RNG.integers(0, 256, (20, 784), np.uint8)
COLOURS = RNG.integers(0, 256, (20, 9, 11, 3), np.uint8)
LABELS = np.arange(20) % 3


def load(path: Path, **options: Any) -> Split:
    return Images(path=str(path), **options).load()


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(SpecError) as error:
        load(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def npy(folder: Path, x: Any) -> Path:
    np.save(folder / "x.npy", x, allow_pickle=True)
    return folder / "x.npy"


@pytest.mark.parametrize(
    "x",
    [
        BITMAPS,
        BITMAPS.reshape(-1, 28, 28),
        BITMAPS.reshape(-1, 28, 28, 1),
        BITMAPS.reshape(-1, 1, 28, 28),
        BITMAPS.astype(np.int64),
        BITMAPS.astype(np.float16),
        BITMAPS.astype(np.uint16) * 257,
        BITMAPS / 255,
        (BITMAPS / 127.5 - 1).astype(np.float32),
        np.asfortranarray(BITMAPS),
        BITMAPS.astype(">i4"),
    ],
    ids=lambda x: f"{x.dtype}{x.shape}",
)
def test_every_layout_and_scale_is_the_same_picture(tmp_path: Path, x: np.ndarray) -> None:
    split = load(npy(tmp_path, x))
    assert split.train.shape == (28, 28, 1)
    whole = np.concatenate([split.train.x, split.test.x]).reshape(20, -1)
    assert sorted(map(bytes, whole)) == sorted(map(bytes, BITMAPS))


@pytest.mark.parametrize("x", [BITMAPS > 128, (BITMAPS > 128).astype(np.uint8), (BITMAPS > 128).astype(float)])
def test_zeros_and_ones_are_black_and_white(tmp_path: Path, x: np.ndarray) -> None:
    assert set(np.unique(load(npy(tmp_path, x)).train.x)) == {0, 255}


def test_colours_stay_or_become_grey(tmp_path: Path) -> None:
    for x in (COLOURS, COLOURS.transpose(0, 3, 1, 2)):
        path = npy(tmp_path, x)
        kept, grey = load(path, color="rgb"), load(path)
        assert (kept.train.shape, grey.train.shape) == ((9, 11, 3), (9, 11, 1))
        assert np.abs(grey.train.x[..., 0] - kept.train.x @ np.array([0.299, 0.587, 0.114])).max() <= 1
        assert "20 are in colour: data.color=rgb" in grey.notice
    assert load(path, color="rgb", size=[5, 4], transpose=True).train.shape == (5, 4, 3)
    turned = load(path, color="rgb", transpose=True).train.x
    assert (turned == kept.train.x.swapaxes(1, 2)).all()


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = np.zeros((4, 5, 5, 4), np.uint8)
    clear[0, 0, 0, 3] = 255
    for color in ("grey", "rgb"):
        x = load(npy(tmp_path, clear), color=color).train.x
        assert (x == 255).mean() > 0.9


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.array([1, "a", None], object), "Python objects"),
        (np.array(["a", "b"]), "holds <U1"),
        (BITMAPS * 1j, "complex"),
        (np.zeros(3, [("a", int)]), "pictures are numbers"),
        (BITMAPS[:, :780], "make no square"),
        (RNG.integers(0, 9, (5, 3072)), "colours in an order"),
        (COLOURS[0], "that is one picture"),
        (np.zeros((2, 2, 2, 2, 2)), "has the shape 2 x 2 x 2 x 2 x 2"),
        (np.zeros((0, 784)), "holds nothing"),
        (np.array(3), "holds nothing"),
        (BITMAPS.astype(int) - 128, "numbers from -128 to 127"),
        (BITMAPS.astype(int) * 1000, "pixels go from 0 to 255"),
        (RNG.standard_normal((5, 16)), "pixels go from 0 to 255, 0 to 1 or -1 to 1"),
        (np.where(np.arange(5)[:, None] == 3, np.nan, np.zeros((5, 16))), "not finite (nan or inf), the first in picture 3"),
        (BITMAPS[:1], "holds 1 picture"),
    ],
)
def test_what_makes_no_pictures_is_one_line(tmp_path: Path, x: np.ndarray, says: str) -> None:
    assert says in refusal(npy(tmp_path, x))


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv"])
@pytest.mark.parametrize(
    "data", [b"", b"hello", bytes(500), b"\x93NUMPY\x01\x00v\x00{'descr'", b"PK\x03\x04" + bytes(99), NO_HEAD]
)
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert name in refusal(tmp_path / name)


@pytest.mark.parametrize("save", [np.save, lambda path, x: np.savez_compressed(path, x=x, y=LABELS)], ids=["npy", "npz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_cut_file_is_one_line(tmp_path: Path, save: Any, share: float) -> None:
    save(tmp_path / "x", BITMAPS)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert path.name in refusal(path)


def npz(folder: Path, **named: Any) -> Path:
    np.savez(folder / "x.npz", **named)
    return folder / "x.npz"


@pytest.mark.parametrize(
    ("named", "parts", "classes"),
    [
        ({"x": BITMAPS, "y": LABELS}, (17, 3, 0), 3),
        ({"images": BITMAPS, "labels": LABELS[:, None]}, (17, 3, 0), 3),
        ({"data": BITMAPS, "target": np.eye(3)[LABELS]}, (17, 3, 0), 3),
        ({"arr_0": BITMAPS}, (17, 3, 0), 0),
        ({"my_drawings": BITMAPS, "when": LABELS}, (17, 3, 0), 0),
        ({"x_train": BITMAPS, "y_train": LABELS, "x_test": BITMAPS[:6], "y_test": LABELS[:6]}, (20, 6, 0), 3),
        ({"x": BITMAPS, "x_test": BITMAPS[:6]}, (20, 6, 0), 0),
        (
            {f"{part}_{what}": array[:n] for part, n in (("train", 20), ("val", 4), ("test", 6))
             for what, array in (("images", BITMAPS.reshape(-1, 28, 28)), ("labels", LABELS[:, None]))},
            (20, 6, 4),
            3,
        ),
    ],
)  # fmt: skip
def test_arrays_are_known_by_their_names(tmp_path: Path, named: dict[str, Any], parts: tuple[int, ...], classes: int) -> None:
    split = load(npz(tmp_path, **named))
    assert (len(split.train), len(split.test), len(split.validation or [])) == parts
    assert len(split.classes) == classes


def test_labels_may_be_names(tmp_path: Path) -> None:
    for names in (np.array(["cat", "dog"])[LABELS % 2], np.array([b"cat", b"dog"])[LABELS % 2]):
        split = load(npz(tmp_path, images=BITMAPS, labels=names), classes=["dog", "cat"])
        assert split.classes == ("dog", "cat")
        assert np.bincount(np.concatenate([split.train.y, split.test.y])).tolist() == np.bincount(LABELS % 2)[::-1].tolist()


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({}, "which array holds the pictures? It has none"),
        ({"y": LABELS}, "It has y 20 int64"),
        ({"foo": BITMAPS, "bar": BITMAPS}, "foo 20 x 784 uint8, bar 20 x 784 uint8"),
        ({"x": BITMAPS, "y": LABELS[:7]}, "x holds 20 pictures, y 7 labels"),
        ({"x": BITMAPS, "y": LABELS / 2}, "not whole"),
        ({"x": BITMAPS, "y": np.array(["a", None] * 10, object)}, "Python objects"),
        ({"x": np.array([BITMAPS, None], object)}, "Python objects"),
        ({"x_train": BITMAPS, "x_test": BITMAPS[:, :400]}, "several sizes"),
    ],
)
def test_an_npz_that_does_not_say_what_is_meant_is_one_line(tmp_path: Path, named: dict[str, Any], says: str) -> None:
    assert says in refusal(npz(tmp_path, **named))


def test_a_small_npz_that_promises_much_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("x.npy", head.getvalue())
    assert "takes 784 TB" in refusal(tmp_path / "x.npz")


ROWS = [",".join(map(str, row)) for row in BITMAPS[:, :16]]
HEAD = ",".join(f"pixel{i}" for i in range(16))


def numbered(rows: list[str]) -> list[str]:
    return [f"{i % 3},{row}" for i, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("lines", "classes"),
    [
        (["label," + HEAD, *numbered(ROWS)], 3),
        ([HEAD, *ROWS], 0),
        (ROWS, 0),
        (numbered(ROWS), 3),
        ([HEAD + ",Class", *(f"{row},{i % 3}" for i, row in enumerate(ROWS))], 3),
        ([line.replace(",", ";") for line in ["label," + HEAD, *numbered(ROWS)]], 3),
        (['"label",' + HEAD, *(f'"cat {i % 2}",{row}' for i, row in enumerate(ROWS)), "", ""], 2),
        (["\ufefflabel," + HEAD, *(f"{i % 3}.0,{row}" for i, row in enumerate(ROWS))], 3),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_of_pixels(tmp_path: Path, lines: list[str], classes: int, end: str) -> None:
    (tmp_path / "x.csv").write_text(end.join(lines), "utf-8", newline="")
    split = load(tmp_path / "x.csv")
    assert len(split.classes) == classes
    whole = np.concatenate([split.train.x, split.test.x]).reshape(20, -1)
    assert sorted(map(bytes, whole)) == sorted(map(bytes, BITMAPS[:, :16]))


NUMBERS = ",".join(map(str, range(16)))
"""At the head, as pandas names columns that have no names."""


@pytest.mark.parametrize(
    ("lines", "classes", "note"),
    [
        (["id," + HEAD, *(f"{i},{row}" for i, row in enumerate(ROWS))], 0, "first column, id, counts the rows"),
        (
            [",label," + HEAD, *(f"{i},{row}" for i, row in enumerate(numbered(ROWS)))],
            3,
            "first column, without a name, counts",
        ),
        (["," + NUMBERS, *(f"{i},{row}" for i, row in enumerate(ROWS))], 0, "first column, without a name, counts the rows"),
        (["label," + NUMBERS, *numbered(ROWS)], 3, ""),
        ([NUMBERS, *ROWS], 0, ""),
        (
            [HEAD + ",species", *(f"{row},{'ab'[i % 2]}" for i, row in enumerate(ROWS))],
            2,
            "last column is taken for the labels",
        ),
        ([f"{row},{'ab'[i % 2]}" for i, row in enumerate(ROWS)], 2, "last column is taken for the labels"),
        ([f"{row},{i % 2}" for i, row in enumerate(ROWS)], 2, "last column is taken for the labels"),
        ([f"7,{row}" for row in ROWS], 0, ""),
    ],
    ids=range(9),
)
def test_what_is_no_pixel_of_a_table_is_told_from_what_is_one(
    tmp_path: Path, lines: list[str], classes: int, note: str
) -> None:
    (tmp_path / "x.csv").write_text("\n".join(lines))
    split = load(tmp_path / "x.csv")
    assert len(split.classes) == classes
    assert note in split.notice
    whole = np.concatenate([split.train.x, split.test.x]).reshape(20, -1)
    assert sorted(map(bytes, whole)) == sorted(map(bytes, BITMAPS[:, :16]))


def test_numbers_that_are_nearly_black_are_told(tmp_path: Path) -> None:
    assert "up to 16 of 255, nearly black" in load(npy(tmp_path, BITMAPS % 17.0)).notice
    assert "black" not in load(npy(tmp_path, BITMAPS)).notice


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["label," + HEAD, *numbered(ROWS), "1,2,3"], "x.csv:22: has 2 pixels, the first row 16"),
        (["label," + HEAD, "1," + ROWS[0], "2," + ROWS[1].replace(",", ",x", 1)], "x.csv:3: pixel 1 is 'x"),
        (["label," + HEAD], "no picture"),
        (["a,b,c", "1,2,3"], "has 3 columns"),
        (["label," + HEAD, "1," + ROWS[0], "2," + ",".join(["300"] * 16)], "to 300"),
        (["one column", "1"], "1 column"),
    ],
)
def test_a_table_that_is_none_of_pixels_is_one_line(tmp_path: Path, lines: list[str], says: str) -> None:
    (tmp_path / "x.csv").write_text("\n".join(lines))
    assert says in refusal(tmp_path / "x.csv")


def test_long_tables_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK", 50)
    (tmp_path / "x.csv").write_text("\n".join(["label," + HEAD, *numbered(ROWS)]))
    assert len(load(tmp_path / "x.csv").train) == 17
    (tmp_path / "x.csv").write_text("\n".join(["label," + HEAD, *numbered(ROWS), "1,2"]))
    assert "x.csv:22:" in refusal(tmp_path / "x.csv")


def test_quickdraws_files_are_classes(tmp_path: Path) -> None:
    for name in ("full_numpy_bitmap_cat.npy", "sheep.npy"):
        np.save(tmp_path / name, BITMAPS)
    assert load(tmp_path).classes == ("cat", "sheep")
    assert load(tmp_path, classes=["sheep"]).train.shape == (28, 28, 1)
    np.save(tmp_path / "bird.npy", BITMAPS[:, :400])
    assert "several sizes" in refusal(tmp_path)


def test_a_folder_with_a_table_says_how_to_give_it(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x")
    assert f"give {tmp_path / 'train.csv'}" in refusal(tmp_path)
