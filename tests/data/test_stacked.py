"""Stacked MNIST: each channel one digit of MNIST, and the label the number that they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from idx_files import take_for_mnist, write_folder

from dessine.data import Dataset, Split
from dessine.data.dataset import Examples
from dessine.data.mnist import Mnist
from dessine.data.stacked import StackedMnist, stack
from dessine.registry import SpecError


@pytest.fixture(autouse=True)
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full set of 40 training and 20 test images of 6 x 6."""
    take_for_mnist(write_folder(tmp_path / "mnist", train=40, test=20), monkeypatch)
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path))


def load(**options: object) -> Split:
    return Dataset.of({"type": "stacked_mnist", "images": 300, "test_images": 50, **options}).load()


def test_every_channel_is_an_image_of_the_digit_in_the_label() -> None:
    split, single = load(), Mnist().load()
    for part, source in ((split.train, single.train), (split.test, single.test)):
        assert part.y is not None
        assert source.y is not None
        known = {image.tobytes(): int(digit) for image, digit in zip(source.x, source.y, strict=True)}
        for image, label in zip(part.x, part.y, strict=True):
            a, b, c = (known[image[..., channel].tobytes()] for channel in range(3))
            assert label == 100 * a + 10 * b + c


def test_images_are_bytes_in_three_channels() -> None:
    split = load()
    assert split.train.x.dtype == np.uint8
    assert (split.train.x.shape, split.test.x.shape, split.digits) == ((300, 6, 6, 3), (50, 6, 6, 3), 3)
    assert split.train.x.nbytes == 300 * 6 * 6 * 3


def test_the_three_digits_are_drawn_independently() -> None:
    x = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    made = stack(Examples(x, np.arange(10)), 200_000, np.random.default_rng(0))
    assert made.y is not None
    count = np.bincount(made.y, minlength=1000)
    assert len(count) == 1000
    assert abs(((count - 200) ** 2 / 200).sum() - 999) < 5 * np.sqrt(2 * 999)  # chi squared


def test_neither_part_moves_the_other() -> None:
    assert load(images=100).test.checksum == load().test.checksum
    assert load(test_images=10).train.checksum == load().train.checksum


def test_a_seed_settles_the_choice() -> None:
    assert load().train.checksum == load().train.checksum != load(seed=1).train.checksum


def test_pixels_are_scaled_to_the_range() -> None:
    x = load(scale="-1..1").train.floats(np.arange(300), np.float32)
    assert (x.min(), x.max()) == (-1, 1)


def test_the_sample_says_that_it_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load().source, load().notice) == ("full", "")
    monkeypatch.setenv("DESSINE_DATA", str(tmp_path / "empty"))
    with pytest.raises(SpecError, match="dessine data fetch mnist") as caught:
        load(source="full")
    assert caught.value.problems[0].path == ("source",)


def test_available_counts_what_the_defaults_make() -> None:
    (row,) = StackedMnist.available()
    assert (row.name, row.source, row.train, row.test) == ("stacked_mnist", "made", 50_000, 10_000)
