"""The fast products against the plain ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessine.nn import algebra
from dessine.nn.algebra import add_product, product

SIZES = [(1, 3, 2), (1, 90, 70), (5, 3, 2), (5, 90, 70)]  # small and large; one example takes a path of its own


def draws(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    """Standard normal."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_product_is_added_to_what_was_there(replicates: int, sizes: tuple[int, int, int]) -> None:
    b, n, m = sizes
    a, d = draws(replicates, b, n), draws(replicates, b, m)
    flat = draws(replicates, n * m + 5)  # a view inside a longer vector, as gradients are
    out, before = flat[:, 2 : 2 + n * m].reshape(replicates, n, m), flat.copy()
    assert np.shares_memory(out, flat)
    add_product(out, a, d)
    np.testing.assert_allclose(out, before[:, 2 : 2 + n * m].reshape(out.shape) + a.mT @ d, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(flat[:, :2], before[:, :2])
    np.testing.assert_array_equal(flat[:, 2 + n * m :], before[:, 2 + n * m :])


@pytest.mark.parametrize("sizes", SIZES)
def test_onto_zero_overwriting_and_adding_agree(sizes: tuple[int, int, int]) -> None:
    b, n, m = sizes
    a, d = draws(3, b, n), draws(3, b, m)
    added, written = np.zeros((3, n, m)), np.zeros((3, n, m))
    add_product(added, a, d)
    add_product(written, a, d, overwrite=True)
    np.testing.assert_array_equal(added, written)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_replicate_is_bit_equal_to_itself_alone(sizes: tuple[int, int, int], dtype: Any) -> None:
    b, n, m = sizes
    a, d = draws(3, b, n, dtype=dtype), draws(3, b, m, dtype=dtype)
    together = np.ones((3, n, m), dtype)
    add_product(together, a, d)
    for r in range(3):
        alone = np.ones((1, n, m), dtype)
        add_product(alone, a[r : r + 1], d[r : r + 1])
        np.testing.assert_array_equal(together[r], alone[0])


@pytest.mark.parametrize("inner", [1, 7])
def test_a_product_of_one_term_is_a_product(inner: int) -> None:
    a, b = draws(3, 5, inner), draws(3, inner, 4)
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-13)


@pytest.mark.parametrize(("replicates", "sizes"), [(1, (4, 6, 100)), (3, (5, 40, 50)), (7, (2, 9, 3))])
def test_shared_products_are_those_in_one_piece(
    replicates: int, sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(algebra, "BLOCK", 60)
    monkeypatch.setattr(algebra, "LONG", 60)
    b, n, m = sizes
    a, w, d = draws(replicates, b, n), draws(replicates, n, m), draws(replicates, b, m)
    assert len(algebra._blocks(replicates, b * n, m)) > 1
    np.testing.assert_allclose(product(a, w), a @ w, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(product(d, w.mT), d @ w.mT, rtol=1e-13, atol=1e-13)
    out = np.ones((replicates, n, m))
    add_product(out, a, d)
    np.testing.assert_allclose(out, 1 + a.mT @ d, rtol=1e-12, atol=1e-12)


@given(r=st.integers(1, 9), each=st.integers(1, 10**6), count=st.integers(1, 5000))
def test_blocks_hold_everything_once_and_cut_a_replicate_by_its_own_size(r: int, each: int, count: int) -> None:
    held = np.zeros((r, count), int)
    for block in algebra._blocks(r, each, count):
        held[block] += 1
    assert (held == 1).all()
    own = {(m.start, m.stop) for _, m in algebra._blocks(r, each, count)}
    assert own == {(m.start, m.stop) for _, m in algebra._blocks(1, each, count)}
