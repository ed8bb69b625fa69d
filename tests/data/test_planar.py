"""Moons, lines and clouds: where their points lie, that their densities are what they say, and tables as people have them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dessine.data import Dataset
from dessine.data.density import Pixels
from dessine.registry import SpecError

SHAPES = [
    {"type": "moons", "sigma": 0.1},
    {"type": "lines", "sigma": 0.1},
    {"type": "lines", "sigma": 0.1, "segments": [[0, 0, 0.2, 0], [-1, 1, 1, 1.5]]},
    {"type": "swiss_roll", "sigma": 0.6},
]


@pytest.mark.parametrize("node", SHAPES, ids=lambda node: node["type"])
def test_a_known_density_sums_to_one_and_is_that_of_the_points(node: dict[str, object]) -> None:
    split = Dataset.of({**node, "points": 20_000, "test_points": 10}).load()
    assert split.known is split.density is not None
    step = 0.03
    axis = np.arange(-3, 3, step) + step / 2
    at = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    share = np.exp(split.known.log_density(at)) * step**2
    assert share.sum() == pytest.approx(1, abs=1e-6)
    for inside in (lambda x: x[:, 0] > 0.3, lambda x: x[:, 1] > 0, lambda x: np.hypot(*x.T) < 0.8):
        assert share[inside(at)].sum() == pytest.approx(inside(split.train.x).mean(), abs=0.015)
    mean = (share * split.known.log_density(at)).sum()
    assert split.known.log_density(split.train.x).mean() == pytest.approx(mean, abs=0.03)


def test_far_from_a_line_the_density_is_small_not_none() -> None:
    known = Dataset.of({"type": "lines", "sigma": 0.01, "points": 10, "test_points": 5}).load().known
    assert known is not None
    far = known.log_density(np.array([[3.0, 3.0], [0.0, 40.0], [1.0, 1.0]]))
    assert np.isfinite(far).all()
    assert far[0] == pytest.approx(-(8 / 2e-4) + far[2], rel=1e-3)


def test_moons_are_two_half_circles_and_labelled() -> None:
    split = Dataset.of({"type": "moons", "sigma": 0, "points": 1000, "test_points": 10}).load()
    x, y = split.train.x, split.train.y
    assert y is not None
    np.testing.assert_allclose(np.hypot(*(x[y == 0] + [0.5, 0.25]).T), 1)
    np.testing.assert_allclose(np.hypot(*(x[y == 1] - [0.5, 0.25]).T), 1)
    assert (x[y == 0, 1] >= -0.2500001).all()
    assert split.known is None  # all of it is on a line without width


@pytest.mark.parametrize("name", ["moons", "lines"])
def test_a_seed_settles_the_points_and_more_for_training_do_not_move_the_test(name: str) -> None:
    first, again, other, more = (
        Dataset.of({"type": name, "points": n, "test_points": 20, "seed": s}).load()
        for n, s in ((50, 3), (50, 3), (50, 4), (80, 3))
    )
    assert first.train.checksum == again.train.checksum != other.train.checksum
    assert first.test.checksum == more.test.checksum


@pytest.mark.parametrize("segments", [[[0, 0, 0, 0]], [], [[0, 0, 1]], [[0, 0, float("inf"), 0]]])
def test_lines_that_are_none_are_refused(segments: list[list[float]]) -> None:
    with pytest.raises(SpecError, match="segments"):
        Dataset.of({"type": "lines", "segments": segments})


def test_pixels_without_noise_are_even_within_and_nothing_beside() -> None:
    shares = np.array([[0.25, 0.0], [0.0, 0.75]])
    known = Pixels(shares, np.array([-1.0, -1.0]), 1.0, 0.0)
    at = np.array([[-0.5, -0.9], [0.5, -0.5], [0.2, 0.9], [2.0, 0.0]])
    np.testing.assert_allclose(np.exp(known.log_density(at)), [0.25, 0, 0.75, 0])


def table(folder: Path, text: str, name: str = "points.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n0,0\n4,1\n2,2\n",
        "0 0\n4 1\n2 2\n",
        "\ufeffx;y\n0,0;0\n4,0;1\n\n2;2,0",
        "# from a survey\n0\t0\n4\t1\n2\t2\n",
        '"x","y"\n"0","0"\n4,1\n2,2\n',
    ],
)
def test_tables_are_read_as_people_write_them_and_fitted_with_their_aspect(tmp_path: Path, text: str) -> None:
    split = Dataset.of({"type": "cloud", "path": table(tmp_path, text), "test": 0.34}).load()
    every = np.concatenate([split.train.x, split.test.x])
    assert sorted(every.tolist()) == [[-1.0, -0.5], [0.0, 0.5], [1.0, 0.0]]
    assert (len(split.train), len(split.test)) == (2, 1)


def test_columns_and_labels_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = table(tmp_path, "id,x,y,kind\n" + "".join(f"{i},{i * 2},{i * 3},{i % 2}\n" for i in range(40)))
    named = Dataset.of({"type": "cloud", "path": path, "columns": ["x", "y"], "label": "kind", "fit": False}).load()
    numbered = Dataset.of({"type": "cloud", "path": path, "columns": [1, 2], "label": 3, "fit": False}).load()
    assert named.train.checksum == numbered.train.checksum
    assert named.train.y is not None
    np.testing.assert_array_equal(named.train.x[:, 0] / 2 % 2, named.train.y)
    assert (len(named.train), len(named.test), named.train.shape) == (36, 4, (2,))
    rest = Dataset.of({"type": "cloud", "path": path, "label": "kind"}).load()
    assert rest.train.shape == (3,)


@pytest.mark.parametrize(
    ("text", "node", "told"),
    [
        ("", {}, "holds no points"),
        ("x,y\n", {}, "holds no points"),
        ("x,y\n1,2\n3\n", {}, r"points\.csv:3: 1 columns, where 2 are expected"),
        ("x,y\n1,2\n3,cat\n", {}, r"points\.csv:3: 'cat' is no number"),
        ("1,2\n3,nan\n", {}, r":2: a number that is not finite"),
        ("1,2\n3,-1e300\n", {}, r":2: a number that is not finite, or larger than 1e\+18"),
        ("1,2\n" + "3" * 200_000 + ",4\n", {}, r"points\.csv is no table: field larger than"),
        ("x,y\n1,2\n3,4\n", {"columns": ["z"]}, r"no column z \(it has x, y\)"),
        ("1,2\n3,4\n", {"label": 2}, r"no column 2 \(it has 0 to 1\)"),
        ("1,2.5\n3,4\n", {"label": 1}, "a label is a whole number"),
        ("1,2\n3,1e17\n", {"label": 1}, "a label is a whole number from 0 to 1,000,000,000"),
        ("1,2\n", {}, "^test: 0.1 of 1 points is none"),
    ],
)
def test_a_table_that_is_no_cloud_says_where_and_what(tmp_path: Path, text: str, node: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        Dataset.of({"type": "cloud", "path": table(tmp_path, text), **node}).load()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\xff\xfe")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")  # nobody writes to it: whoever opened it would wait for ever
    wrong = {"none": "none.csv", "binary": "not text", "folder": "is a folder", "pipe": "is no ordinary file"}
    for name, told in wrong.items():
        with pytest.raises(SpecError, match=told):
            Dataset.of({"type": "cloud", "path": str(tmp_path / f"{name}.csv")}).load()
