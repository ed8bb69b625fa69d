"""Products in blocks against the plain ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from dessine import threads
from dessine.compiled import products
from dessine.nn import algebra
from dessine.threads import mailbox

BOUND = {np.float32: 1e-5, np.float64: 1e-13}  # of the sum of what is added, as large as it is


def draws(*shape: int, dtype: Any) -> np.ndarray:
    """Standard normal."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def agree(a: np.ndarray, b: np.ndarray, before: np.ndarray | None = None) -> None:
    """That both forms of a @ b, or of before + a @ b, are the same to rounding."""
    dtype = a.dtype.type
    out = np.full((*a.shape[:2], b.shape[2] + 3), np.nan, dtype)  # rows with something behind, which must stay
    view = out[:, :, :-3]
    if before is not None:
        view[...] = before
    algebra._multiply(a, b, view, before is not None)
    exact = a.astype(np.float64) @ b.astype(np.float64) + (0 if before is None else before)
    scale = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64) + 1
    assert (np.abs(view - exact) / scale).max(initial=0) < BOUND[dtype]
    assert np.isnan(out[:, :, -3:]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(r=st.integers(1, 3), n=st.integers(1, 70), k=st.integers(1, 300), m=st.integers(1, 150), add=st.booleans())
@settings(max_examples=25, deadline=None)
def test_blocks_make_the_whole_product(dtype: Any, r: int, n: int, k: int, m: int, add: bool) -> None:
    before = draws(r, n, m, dtype=dtype) if add else None
    agree(draws(r, n, k, dtype=dtype), draws(r, k, m, dtype=dtype), before)
    agree(draws(r, k, n, dtype=dtype).mT, draws(r, k, m, dtype=dtype), before)
    agree(draws(r, n, k, dtype=dtype), draws(r, m, k, dtype=dtype).mT, before)


def test_views_of_any_kind_are_multiplied() -> None:
    wide = draws(2, 40, 200, dtype=np.float32)
    agree(wide[:, ::3, 1::2], draws(2, 300, 90, dtype=np.float32)[:, 1:201:2, ::-1])
    agree(np.broadcast_to(wide[:1], wide.shape), np.broadcast_to(wide[:1, :1].mT, (2, 200, 30)))


def test_what_is_no_number_stays_where_it_is() -> None:
    a, b = draws(1, 9, 20, dtype=np.float32), draws(1, 20, 37, dtype=np.float32)
    a[0, 3, 5], b[0, 2, 30] = np.inf, np.nan
    out = np.empty((1, 9, 37), np.float32)
    algebra._multiply(a, b, out, False)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.isfinite(out), np.isfinite(a @ b))


def test_what_overflows_is_infinite_or_no_number_where_the_plain_products_are() -> None:
    """By that the watch finds out where a training went wrong; nobody hears NumPy's warnings."""
    a, b = np.full((1, 64, 400), 1e30, np.float32), np.full((1, 400, 320), 1e30, np.float32)
    b[:, ::2, ::3] *= -1
    with np.errstate(all="ignore"):
        assert not np.isfinite(algebra.product(a, b)).any()
        assert not np.isfinite(a @ b).any()


@pytest.mark.parametrize(
    ("features", "kernel"),
    [
        (["+avx512f", "+avx2", "+fma"], (64, 4, True)),
        (["+avx", "+avx2", "+fma"], (32, 2, True)),
        (["+neon"], (16, 4, True)),
        (["+sse4.2", "-fma", "-avx512f"], (16, 4, False)),
    ],
)
def test_vectors_are_those_of_the_processor(features: list[str], kernel: tuple[int, int, bool]) -> None:
    assert products._kernel(features) == kernel


def test_without_one_instruction_for_both_the_blas_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = draws(1, 64, 400, dtype=np.float32), draws(1, 400, 320, dtype=np.float32)
    assert algebra._compiled(a, b) == products.FUSED
    monkeypatch.setattr(algebra, "_fused", lambda: False)
    assert not algebra._compiled(a, b)
    np.testing.assert_allclose(algebra.product(a, b), a @ b, rtol=1e-4, atol=1e-4)


def test_tall_results_are_cut_by_rows_too() -> None:
    agree(draws(1, 2 * products.HEIGHT + 5, 9, dtype=np.float32), draws(1, 9, 20, dtype=np.float32))


@pytest.mark.parametrize("sizes", [(64, 100, 300), (50, 784, 130), (7, 900, 331)])
def test_large_products_are_the_same_bits_on_any_number_of_threads_and_alone(
    sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESSINE_COMPILED", "1")
    b, n, m = sizes
    x, w, d = draws(3, b, n, dtype=np.float32), draws(3, n, m, dtype=np.float32), draws(3, b, m, dtype=np.float32)

    def all_three(part: slice) -> list[np.ndarray]:
        dw = np.ones_like(w[part])
        algebra.add_product(dw, x[part], d[part])
        return [algebra.product(x[part], w[part]), algebra.product(d[part], w[part].mT), dw]

    assert algebra._compiled(x, w)
    found = []
    for cores in (1, 2, 4):
        monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
        mailbox()
        found.append(all_three(slice(None)))
    found.append([np.concatenate(parts) for parts in zip(*(all_three(slice(r, r + 1)) for r in range(3)), strict=True)])
    for other in found[1:]:
        for a, b_ in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b_)


def test_compiled_and_plain_products_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = draws(1, 64, 300, dtype=np.float32), draws(1, 300, 200, dtype=np.float32)
    found = []
    for told in "01":
        monkeypatch.setenv("DESSINE_COMPILED", told)
        found.append(algebra.product(x, w))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-4)
