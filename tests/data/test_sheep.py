"""Sheep that the program draws: every kind is there, as often as any other, and each is what its label says."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from dessine.data import Dataset
from dessine.data.sheep import FACTORS, KINDS, LOTS, Sheep, draw
from dessine.registry import SpecError

LOT = np.random.default_rng(0).random((9, 20, LOTS))
"""Of 20 pictures of each kind."""
CHECKSUMS = ["0621b59b610709b1", "6422224fa1fa7d41"]


def drawn(kind: str, size: int = 28) -> np.ndarray:
    """(20, size, size) in which ink is 1."""
    k = KINDS.index(kind)
    return 1 - np.array([draw(k, size, lots) for lots in LOT[k]]) / 255


def test_images_are_grey_and_all_kinds_are_there_about_equally_often() -> None:
    split = Sheep(images=900, test_images=90).load()
    assert (split.train.x.shape, split.train.x.dtype, split.test.shape) == ((900, 28, 28, 1), np.uint8, (28, 28, 1))
    assert split.train.y is not None
    counts = np.bincount(split.train.y, minlength=9)
    assert split.classes == KINDS
    assert len(counts) == len(KINDS) == 9
    assert counts.min() > 70


def test_kinds_are_all_combinations_of_the_factors_and_the_box() -> None:
    split_up = {tuple(kind.split("-")) for kind in KINDS[:-1]}
    assert split_up == {(a, b, c) for a in FACTORS["direction"] for b in FACTORS["posture"] for c in FACTORS["head"]}
    assert KINDS[-1] == "box"


@pytest.mark.parametrize("rest", ["standing-plain", "standing-horned", "lying-plain", "lying-horned"])
def test_left_is_the_mirror_image_of_right(rest: str) -> None:
    """Of the same numbers, as far as the place on the page, which is not mirrored, lets one tell."""
    left, right = (draw(KINDS.index(f"{side}-{rest}"), 128, [0.5] * LOTS) for side in ("left", "right"))
    assert np.abs(left[:, ::-1].astype(int) - right).mean() < 5  # the middle of the page lies between two pixels
    assert np.abs(left.astype(int) - right).mean() > 20


@pytest.mark.parametrize("looks", ["left", "right"])
def test_whoever_stands_is_higher_and_there_is_paper_between_the_legs(looks: str) -> None:
    stands, lies = drawn(f"{looks}-standing-plain"), drawn(f"{looks}-lying-plain")
    top, bottom = ([np.flatnonzero(one.max(1) > 0.2)[edge] for one in side] for side, edge in ((stands, 0), (lies, 0)))
    assert np.mean(top) + 2 < np.mean(bottom)
    feet = [one[np.flatnonzero(one.max(1) > 0.2)[-1] - 2] > 0.2 for one in stands]
    assert min(np.count_nonzero(np.diff(row.astype(int)) == 1) for row in feet) >= 2


def test_horns_are_seen() -> None:
    """A lighter curl where the face is dark."""
    for rest in ("left-standing", "right-lying"):
        plain, horned = (draw(KINDS.index(f"{rest}-{head}"), 56, [0.5] * LOTS) / 255 for head in FACTORS["head"])
        assert np.abs(plain - horned).sum() > 40


def test_all_that_is_drawn_is_on_the_page() -> None:
    for kind in KINDS:
        ink = drawn(kind)
        edge = np.concatenate([ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]], 1)
        assert (edge.max(1) < 0.2).mean() >= 0.9, kind
        assert (ink.sum((1, 2)) > 20).all()


def test_a_seed_settles_the_sheep_and_more_of_them_begin_with_the_same() -> None:
    first, more, other = Sheep(30, 10).load(), Sheep(50, 10).load(), Sheep(30, 10, seed=1).load()
    np.testing.assert_array_equal(more.train.x[:30], first.train.x)
    assert first.test.checksum == more.test.checksum
    assert (other.train.x != first.train.x).any()
    assert not (first.train.x[:, None] == first.test.x[None]).all((2, 3, 4)).any()


def test_these_are_the_sheep_that_were_drawn_first() -> None:
    """On every machine, and for ever: runs are repeated by their seed."""
    split = Sheep(60, 20).load()
    assert [hashlib.sha256(part.x.tobytes()).hexdigest()[:16] for part in (split.train, split.test)] == CHECKSUMS


def test_options_choose_size_colour_kinds_and_a_part_for_validation() -> None:
    small = Sheep(40, 10, size=16, classes=["box", "left-lying-horned"], validation=0.25, scale="-1..1").load()
    assert small.train.shape == (16, 16, 1)
    assert small.train.y is not None
    assert set(small.train.y.tolist()) == {3, 8}
    assert small.validation is not None
    assert (len(small.train), len(small.validation), small.train.low) == (30, 10, -1.0)
    paper, ink = Sheep(10, 5).load().train.x, Sheep(10, 5, invert=True).load().train.x
    np.testing.assert_array_equal(ink, 255 - paper)
    assert np.median(paper) == 255


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ({"classes": ["goat"]}, "classes"),
        ({"classes": []}, "classes"),
        ({"images": 0}, "images"),
        ({"size": 4}, "size"),
        ({"size": 256, "images": 500_000}, "more than 1,000,000,000 bytes"),
    ],
)
def test_sheep_that_cannot_be_drawn_are_refused(node: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        Dataset.of({"type": "sheep", **node})
