"""Random streams: one purpose does not move another, a replicate repeats its own seed, a state comes back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dessine.streams import Held, Stream, Streams


def draws(stream: Stream) -> np.ndarray:
    return stream.gaussian((5,), np.float64)


def test_one_purpose_does_not_move_another() -> None:
    busy, quiet = Streams(0), Streams(0)
    for purpose in ("order", "labels", "generator/2.noise"):
        draws(busy[purpose])
    np.testing.assert_array_equal(draws(busy["latent"]), draws(quiet["latent"]))


def test_purposes_and_seeds_draw_different_numbers() -> None:
    firsts = [draws(Streams(seed)[purpose])[0, 0] for seed in range(20) for purpose in ("latent", "order", "latent2", "")]
    assert len(set(firsts)) == len(firsts)


def test_purposes_are_uncorrelated() -> None:
    streams, n = Streams(1), 20_000
    drawn = np.stack([streams[f"network/{i}.dense/w"].gaussian((n,), np.float64)[0] for i in range(12)])
    correlations = np.corrcoef(drawn)[np.triu_indices(12, 1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(n)


@pytest.mark.parametrize("seed", [0, 5, 2**32 + 1])
def test_replicate_repeats_the_run_of_its_own_seed(seed: int) -> None:
    together = Streams(seed, 3)
    for r in range(3):
        alone = Streams(seed + r)
        for purpose in ("latent", "order"):
            for draw in (
                lambda s: s.gaussian((2, 3), np.float32),
                lambda s: s.uniform((4,), np.float64, -1.0, 1.0),
                lambda s: s.permutations(7),
            ):
                whole = Streams(seed, 3)[purpose]
                np.testing.assert_array_equal(draw(whole)[r], draw(Streams(seed + r)[purpose])[0])
        np.testing.assert_array_equal(draws(together[f"own{r}"])[r], draws(alone[f"own{r}"])[0])


@given(
    dtype=st.sampled_from([np.float32, np.float64]), bounds=st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.7, 1.0), (2.0, 2.5)])
)
@settings(max_examples=10, deadline=None)
def test_uniform_draws_fill_their_interval(dtype: type, bounds: tuple[float, float]) -> None:
    low, high = bounds
    x = Streams(0)["u"].uniform((20_000,), dtype, low, high)
    assert x.dtype == dtype
    assert np.float32(low) <= x.min() < low + (high - low) / 1000
    assert high - (high - low) / 1000 < x.max() <= np.float32(high)
    np.testing.assert_allclose(x.mean(), (low + high) / 2, atol=(high - low) / 100)
    np.testing.assert_allclose(x.std(), (high - low) / np.sqrt(12), rtol=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian_draws_have_the_moments_of_the_standard_normal(dtype: type) -> None:
    x = Streams(0, 2)["g"].gaussian((50_000,), dtype)
    assert (x.dtype, x.shape) == (dtype, (2, 50_000))
    np.testing.assert_allclose(x.mean(-1, dtype=np.float64), 0, atol=0.02)
    np.testing.assert_allclose(x.var(-1, dtype=np.float64), 1, atol=0.03)
    np.testing.assert_allclose((x.astype(np.float64) ** 4).mean(-1), 3, atol=0.2)


def test_permutations_hold_every_index_once() -> None:
    orders = Streams(0, 4)["order"].permutations(50)
    np.testing.assert_array_equal(np.sort(orders, -1), np.tile(np.arange(50), (4, 1)))
    assert len({tuple(o) for o in orders}) == 4


def test_state_comes_back_through_json() -> None:
    streams = Streams(3, 2)
    draws(streams["latent"])
    streams["swaps"].uniform((3,), np.float32)  # an odd number: half a word is kept for the next draw
    saved = json.dumps(streams.state())
    expected = [draws(streams["latent"]), streams["swaps"].uniform((3,), np.float32), draws(streams["later"])]
    other = Streams(3, 2)
    other.restore(json.loads(saved))
    found = [draws(other["latent"]), other["swaps"].uniform((3,), np.float32), draws(other["later"])]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_is_not_moved_by_later_draws() -> None:
    streams = Streams(3)
    draws(streams["latent"])
    state = streams.state()
    before = json.dumps(state)
    draws(streams["latent"])
    assert json.dumps(state) == before


def test_a_stream_that_is_held_goes_back_too() -> None:
    streams = Streams(3, 2)
    held = streams["order"]
    held.permutations(9)
    state = streams.state()
    expected = held.permutations(9)
    streams.restore(state)
    assert streams["order"] is held
    np.testing.assert_array_equal(held.permutations(9), expected)


def test_a_stream_first_used_after_the_state_goes_back_to_its_start() -> None:
    streams = Streams(3)
    state = streams.state()
    held = streams["latent"]
    expected = draws(held)
    streams.restore(state)
    np.testing.assert_array_equal(draws(held), expected)


def test_state_of_another_number_of_replicates_is_refused() -> None:
    streams = Streams(3, 2)
    draws(streams["latent"])
    with pytest.raises(ValueError, match="zip"):
        Streams(3, 3).restore(streams.state())


def test_held_streams_give_every_example_the_same_again_and_again():
    held = Held(5, 2)
    first = held["noise"].gaussian((4, 3), np.float32)
    assert first.shape == (2, 4, 3)
    assert (first == first[:, :1]).all()
    np.testing.assert_array_equal(first[:, :2], held["noise"].gaussian((2, 3), np.float32))
    np.testing.assert_array_equal(first[:, :1], Streams(5, 2)["noise"].gaussian((1, 3), np.float32))
    first[...] = 0  # layers write into it
    uniform = held["noise"].uniform((4, 3), np.float64, -1.0, 1.0)
    assert (uniform == uniform[:, :1]).all()
    assert not (uniform == held["other"].uniform((4, 3), np.float64, -1.0, 1.0)).any()
