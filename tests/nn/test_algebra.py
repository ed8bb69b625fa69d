"""The fast products against the plain ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

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
