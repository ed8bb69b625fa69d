"""Arrays that loops make for themselves: NumPy's `empty` and `zeros`, which Numba would compile for each shape and type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from dessine.compiled.loops import intrinsic


def _made(shape: Any, dtype: Any, clear: bool) -> tuple[Any, Callable[..., Any]]:
    """Signature and code of an array of this shape, a number or a tuple of them, and type (`x.dtype`, `np.float64`)."""
    several = isinstance(shape, types.BaseTuple)
    of = tuple(shape) if several else (shape,)
    kind = types.Array(dtype.dtype, len(of), "C")

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        each = cgutils.unpack_tuple(builder, args[0], len(of)) if several else [args[0]]
        sizes = [context.cast(builder, n, is_, types.intp) for n, is_ in zip(each, of, strict=True)]
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        strides = [itemsize]
        for n in reversed(sizes):
            strides.insert(0, builder.mul(strides[0], n))
        room = context.nrt.meminfo_alloc_aligned(builder, strides[0], context.get_preferred_array_alignment(kind.dtype))
        array, data = context.make_array(kind)(context, builder), context.nrt.meminfo_data(builder, room)
        if clear:
            cgutils.memset(builder, data, strides[0], 0)
        populate_array(
            array,
            data=builder.bitcast(data, context.get_data_type(kind.dtype).as_pointer()),
            shape=cgutils.pack_array(builder, sizes),
            strides=cgutils.pack_array(builder, strides[1:]),
            itemsize=itemsize,
            meminfo=room,
        )
        return array._getvalue()

    return kind(shape, dtype), made


@intrinsic
def empty(typing: Any, shape: Any, dtype: Any) -> Any:
    """Whatever is there. Raises MemoryError."""
    return _made(shape, dtype, clear=False)


@intrinsic
def zeros(typing: Any, shape: Any, dtype: Any) -> Any:
    """All 0. Raises MemoryError."""
    return _made(shape, dtype, clear=True)
