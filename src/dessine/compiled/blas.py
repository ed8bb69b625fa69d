"""The BLAS's matrix product, for loops: `np.dot` there takes longer to compile, and cannot add to what is there."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from dessine.compiled.loops import intrinsic, within


@intrinsic
def _gemm(typing, zero, other, order, m, n, k, b, wide, a, apart, add, c):  # type: ignore[no-untyped-def]
    """c (n, m) = a b or c += a b, as addresses; order, other: whether a, b are transposes of what their lines are.

    The BLAS counts down columns: to it, rows of c are columns of its transpose, the product of theirs. What is called is what
    `np.dot` calls.
    """

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero, other, order, m, n, k, b, wide, a, apart, add, c = args
        letter, number = ir.IntType(8), ir.IntType(64)
        kind = ir.FunctionType(ir.IntType(32), [letter] * 3 + [number] * 11)
        call = cgutils.get_or_insert_function(builder.module, kind, "numba_xxgemm")

        def slot(x: Any) -> Any:
            return builder.ptrtoint(cgutils.alloca_once_value(builder, x), number)

        one, none = ir.Constant(zero.type, 1.0), ir.Constant(zero.type, 0.0)
        more = slot(builder.select(add, one, none))
        orders = [builder.select(x, letter(ord("t")), letter(ord("n"))) for x in (other, order)]
        precision = letter(ord("s" if signature.args[0] == types.float32 else "d"))
        builder.call(call, [precision, *orders, m, n, k, slot(one), b, wide, a, apart, more, c, m])
        return context.get_dummy_value()

    flag, size = types.boolean, types.intp
    return types.void(zero, flag, flag, *[size] * 7, flag, size), made


@within
def _lines(a):  # type: ignore[no-untyped-def]
    """Of a matrix, or the transpose of one, whose lines are contiguous: whether it is that, and numbers from line to line."""
    if a.strides[1] == a.itemsize:
        return False, max(a.strides[0] // a.itemsize, a.shape[1])
    return True, max(a.strides[1] // a.itemsize, a.shape[0])


@within
def multiply(a, b, c, add):  # type: ignore[no-untyped-def]
    """c (n, m) = a (n, k) b (k, m) or, if `add`, c += a b. c is contiguous, a and b or their transposes are."""
    (order, apart), (other, wide) = _lines(a), _lines(b)
    n, k, m = a.shape[0], a.shape[1], b.shape[1]
    zero = c.dtype.type(0)
    _gemm(zero, other, order, m, n, k, b.ctypes.data, wide, a.ctypes.data, apart, add, c.ctypes.data)
