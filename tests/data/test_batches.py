"""Batches: every epoch a new order, each replicate its own, and a restored order that goes on where it was."""

from __future__ import annotations

import numpy as np
import pytest

from dessine.data.batches import Batches
from dessine.data.dataset import Examples
from dessine.registry import SpecError
from dessine.streams import Streams


def numbers(n: int) -> Examples:
    """Example i is the point (i), its label i."""
    return Examples(np.arange(n, dtype=np.float64)[:, None], np.arange(n))


def batches(n: int = 10, size: int = 3, seed: int = 0, replicates: int = 1) -> Batches:
    return Batches(numbers(n), size, Streams(seed, replicates)["order"])


def epoch(b: Batches) -> np.ndarray:
    """(R, steps, B) which examples an epoch has shown."""
    return np.stack([b.next(np.float64)[0][..., 0] for _ in range(b.steps_per_epoch)], 1)


def test_no_example_comes_twice_in_an_epoch() -> None:
    b = batches()
    assert b.steps_per_epoch == 3
    for _ in range(4):
        assert len(np.unique(epoch(b))) == 9


def test_an_epoch_of_full_batches_shows_everything() -> None:
    assert np.sort(epoch(batches(12, 3)).ravel()).tolist() == list(range(12))


def test_what_is_left_over_comes_in_other_epochs() -> None:
    b = batches()
    assert len(np.unique([epoch(b) for _ in range(10)])) == 10


def test_each_epoch_has_its_own_order() -> None:
    b = batches(12, 3)
    assert not np.array_equal(epoch(b), epoch(b))


def test_labels_go_with_their_examples() -> None:
    x, y = batches(replicates=2).next(np.float32)
    assert x.dtype == np.float32
    assert x.shape == (2, 3, 1)
    np.testing.assert_array_equal(x[..., 0], y)


def test_examples_without_labels_give_none() -> None:
    assert Batches(Examples(np.zeros((4, 2)), None), 2, Streams(0)["order"]).next(np.float64)[1] is None


def test_replicate_r_sees_the_order_of_the_run_with_its_seed() -> None:
    together = batches(seed=5, replicates=3)
    alone = [batches(seed=5 + r) for r in range(3)]
    for _ in range(2):
        np.testing.assert_array_equal(epoch(together), np.concatenate([epoch(b) for b in alone]))
    assert not np.array_equal(together.order[0], together.order[1])


@pytest.mark.parametrize("made", [0, 2, 3, 7])
def test_a_restored_order_goes_on_where_it_was(made: int) -> None:
    streams = Streams(1, 2)
    b = Batches(numbers(10), 3, streams["order"])
    for _ in range(made):
        b.next(np.float64)
    state, random = b.state(), streams.state()
    expected = np.concatenate([epoch(b), epoch(b)], 1)
    other = Streams(99, 2)
    restored = Batches(numbers(10), 3, other["order"])
    restored.restore(state)
    other.restore(random)
    np.testing.assert_array_equal(np.concatenate([epoch(restored), epoch(restored)], 1), expected)


def test_a_batch_of_all_examples_is_an_epoch() -> None:
    b = batches(4, 4)
    assert b.steps_per_epoch == 1
    assert np.sort(epoch(b).ravel()).tolist() == [0, 1, 2, 3]


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(SpecError, match="batch_size 11 is more than the 10 training examples"):
        batches(10, 11)
