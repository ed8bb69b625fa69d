"""Matrix products in blocks that the cores share; their plain form is `a @ b`.

Every number of the result is one sum, term after term in their order, multiplied and added without rounding between: so it
does not depend on how the work is cut. The BLAS cannot be cut without loss: it puts the whole of both matrices into another
order first, and with a batch of 64 examples a weight is used too seldom to repay that. Here the numbers of `b` are copied where
they will be read one after another, as many as the nearest cache holds, and those of `a` stay where they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

from dessine.compiled.arrays import zeros
from dessine.compiled.loops import intrinsic, loop, within
from dessine.compiled.pool import lead, pack


def _kernel(features: list[str]) -> tuple[int, int, bool]:
    """Bytes of a vector of a processor with these features; how many side by side, with ROWS of them, its registers hold; and
    whether it multiplies and adds in one instruction: without, the BLAS is faster.
    """
    if "+avx512f" in features:
        return 64, 4, True
    return (32, 2, True) if "+fma" in features else (16, 4, "+neon" in features)


BYTES, VECTORS, FUSED = _kernel(cpu_target.target_context.codegen().magic_tuple()[2].split(","))
"""Of the processor that Numba compiles for: this one, or what Numba's own settings say."""
ROWS = 6
DEPTH = 128
"""Terms that are summed before the next are fetched: of four vectors, 32 kB."""
HEIGHT = 384
"""Rows of the result that one block has at most."""


@intrinsic
def _size(typing: Any, zero: Any) -> Any:
    """Bytes of a number of this type."""
    return types.intp(zero), lambda context, builder, signature, args: ir.IntType(64)(zero.bitwidth // 8)


@intrinsic
def _at(typing: Any, address: Any, zero: Any) -> Any:
    """What is there, as numbers of the type of `zero`."""
    kind = types.CPointer(zero)
    return kind(address, zero), lambda context, builder, signature, args: builder.inttoptr(
        args[0], context.get_value_type(kind)
    )


@intrinsic(prefer_literal=True)
def _prefetch(typing: Any, address: Any, write: Any) -> Any:
    """Ask for the line of the cache at an address, which will be written to if `write` is 1."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line, short = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [line, short, short, short])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(ask, [builder.inttoptr(args[0], line), short(write.literal_value), short(3), short(1)])
        return context.get_dummy_value()

    return types.void(address, write), made


def _spread(builder: Any, x: Any, lanes: int) -> Any:
    """A vector of the same number."""
    nothing, one = ir.Constant(ir.VectorType(x.type, lanes), ir.Undefined), ir.IntType(32)
    first = builder.insert_element(nothing, x, one(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(one, lanes), [0] * lanes))


@intrinsic(prefer_literal=True)
def _tile(typing, vectors, first, zero, a, down, along, b, apart, panel, c, next, terms, rows, last, add):  # type: ignore[no-untyped-def]
    """c = a b or, if add, c += a b.

    Of `rows` rows, ROWS at most, and `vectors` vectors, the last of `last` numbers. a, b, panel and c are addresses: of a,
    whose rows are `down` bytes apart and whose terms `along`; of b, whose rows are `apart` bytes apart, which is read if
    `first` is 1, and copied to the panel meanwhile; of the panel, whose rows are whole vectors, which is read if `first` is 0;
    and of c, whose rows are `next` bytes apart.
    """
    count, lanes, size = vectors.literal_value, BYTES * 8 // zero.bitwidth, zero.bitwidth // 8

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, down, along, b, apart, panel, c, next, terms, rows, last, add = args[3:]
        number, short, scalar = ir.IntType(64), ir.IntType(32), context.get_value_type(zero)
        vector, mask = ir.VectorType(scalar, lanes), ir.VectorType(ir.IntType(1), lanes)
        none, all_of_them = ir.Constant(vector, [0.0] * lanes), ir.Constant(mask, [1] * lanes)

        def llvms(name: str, result: Any, *of: Any) -> Any:
            return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, of), f"llvm.{name}")

        suffix = f"v{lanes}f{zero.bitwidth}"
        fma = llvms(f"fma.{suffix}", vector, vector, vector, vector)
        fetch = llvms(f"masked.load.{suffix}.p0", vector, vector.as_pointer(), short, mask, vector)
        put = llvms(f"masked.store.{suffix}.p0", ir.VoidType(), vector, vector.as_pointer(), short, mask)

        def pointer(address: Any, offset: int, of: Any = vector) -> Any:
            return builder.inttoptr(builder.add(address, number(offset)), of.as_pointer())

        order = ir.Constant(ir.VectorType(short, lanes), list(range(lanes)))
        there = [all_of_them] * (count - 1)
        there.append(builder.icmp_signed("<", order, _spread(builder, builder.trunc(last, short), lanes)))
        # Where there are fewer rows, the last one is made again and again, of the same numbers.
        final = builder.sub(rows, number(1))
        places = [builder.select(builder.icmp_signed("<", number(r), final), number(r), final) for r in range(ROWS)]
        of_a = [builder.add(a, builder.mul(r, down)) for r in places]
        of_c = [builder.add(c, builder.mul(r, next)) for r in places]
        sums = [[cgutils.alloca_once_value(builder, none) for _ in range(count)] for _ in range(ROWS)]
        each = [(r, v) for r in range(ROWS) for v in range(count)]
        with builder.if_else(builder.icmp_signed("!=", add, number(0))) as (more, anew):
            with more:
                for r, v in each:
                    before = builder.call(fetch, [pointer(of_c[r], v * BYTES), short(size), there[v], none])
                    builder.store(before, sums[r][v])
            with anew:
                for r, v in each:
                    builder.store(none, sums[r][v])
        with cgutils.for_range(builder, terms) as term:
            start, step = builder.add(panel, builder.mul(term.index, number(count * BYTES))), builder.mul(term.index, along)
            if first.literal_value:
                of_b = builder.add(b, builder.mul(term.index, apart))
                row = [builder.call(fetch, [pointer(of_b, v * BYTES), short(size), there[v], none]) for v in range(count)]
                for v in range(count):
                    builder.store(row[v], pointer(start, v * BYTES))
            else:
                row = [builder.load(pointer(start, v * BYTES)) for v in range(count)]
            for r in range(ROWS):
                x = _spread(builder, builder.load(pointer(builder.add(of_a[r], step), 0, scalar)), lanes)
                for v in range(count):
                    builder.store(builder.call(fma, [x, row[v], builder.load(sums[r][v])]), sums[r][v])
        for r, v in each:
            builder.call(put, [builder.load(sums[r][v]), pointer(of_c[r], v * BYTES), short(size), there[v]])
        return context.get_dummy_value()

    return types.void(vectors, first, zero, *[types.intp] * 12), made


@intrinsic
def _turn(typing: Any, zero: Any, source: Any, apart: Any, target: Any, wide: Any) -> Any:
    """A square of as many numbers as a vector has goes from one address to another, rows becoming columns.

    apart, wide: bytes from row to row.
    """
    lanes, size = BYTES * 8 // zero.bitwidth, zero.bitwidth // 8

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, source, apart, target, wide = args
        number, short = ir.IntType(64), ir.IntType(32)
        vector = ir.VectorType(context.get_value_type(zero), lanes)

        def pointer(start: Any, step: Any, i: int) -> Any:
            return builder.inttoptr(builder.add(start, builder.mul(step, number(i))), vector.as_pointer())

        rows = []
        for i in range(lanes):
            rows.append(builder.load(pointer(source, apart, i)))
            rows[i].align = size
        half = lanes // 2
        while half:  # the squares of this size above and below the diagonal change places
            for i in range(lanes):
                if not i & half:
                    x, y = rows[i], rows[i | half]
                    above = [lanes + (j ^ half) if j & half else j for j in range(lanes)]
                    below = [lanes + j if j & half else j | half for j in range(lanes)]
                    rows[i], rows[i | half] = (
                        builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(short, lanes), order))
                        for order in (above, below)
                    )
            half //= 2
        for i in range(lanes):
            builder.store(rows[i], pointer(target, wide, i))
        return context.get_dummy_value()

    return types.void(zero, *[types.intp] * 4), made


@within
def _fetch(zero, b, next, step, terms, columns, panel, width):  # type: ignore[no-untyped-def]
    """The numbers at b, which stand in columns, go to the panel: `terms` rows of `columns`.

    next, step: bytes from row to row, and to the next column; width: numbers of a row of the panel.
    """
    size = _size(zero)
    lanes = BYTES // size
    source, out = _at(b, zero), _at(panel, zero)
    whole, square = terms, columns
    if next == size:
        whole, square = terms - terms % lanes, columns - columns % lanes
        for i in range(0, square, lanes):
            for t in range(0, whole, lanes):
                _turn(zero, b + i * step + t * size, step, panel + (t * width + i) * size, width * size)
    else:
        whole, square = 0, 0
    for i in range(columns):
        for t in range(whole if i < square else 0, terms):
            out[t * width + i] = source[(t * next + i * step) // size]


@within
def _strip(vectors, first, zero, a, down, along, b, apart, panel, c, next, terms, rows, last, add):  # type: ignore[no-untyped-def]
    """`_tile`, of any number of vectors."""
    if vectors == 4:
        _tile(4, first, zero, a, down, along, b, apart, panel, c, next, terms, rows, last, add)
    elif vectors == 3:
        _tile(3, first, zero, a, down, along, b, apart, panel, c, next, terms, rows, last, add)
    elif vectors == 2:
        _tile(2, first, zero, a, down, along, b, apart, panel, c, next, terms, rows, last, add)
    else:
        _tile(1, first, zero, a, down, along, b, apart, panel, c, next, terms, rows, last, add)


@within
def _strips(zero, vectors, a, down, along, b, apart, rowwise, panel, c, next, terms, rows, last, add, count):  # type: ignore[no-untyped-def]
    """`_tile`, for all rows from top to bottom; the first copies b to the panel, where b is `rowwise`.

    Meanwhile what will be needed is fetched: the next rows of c, and what will be copied then, `count` rows behind b.
    """
    strips, ahead = (rows + ROWS - 1) // ROWS, b + terms * apart
    for i in range(0, rows, ROWS):
        left, x, z = min(ROWS, rows - i), a + i * down, c + i * next
        for row in range(i + ROWS, min(i + 2 * ROWS, rows)):
            for v in range(vectors):
                _prefetch(c + row * next + v * BYTES, 1)
        strip = i // ROWS
        for row in range(count * strip // strips, count * (strip + 1) // strips):
            for v in range(vectors):
                _prefetch(ahead + row * apart + v * BYTES, 0)
        if rowwise and i == 0:
            _strip(vectors, 1, zero, x, down, along, b, apart, panel, z, next, terms, left, last, add)
        else:
            _strip(vectors, 0, zero, x, down, along, b, apart, panel, z, next, terms, left, last, add)


@within
def _block(zero, a, b, c, n, k, m, panels, add, block):  # type: ignore[no-untyped-def]
    """A block of c (R, n, m) = a (R, n, k) b (R, k, m), or c += a b. a, b, c: their addresses and strides."""
    size = _size(zero)
    lanes = BYTES // size
    heights, whole = (n + HEIGHT - 1) // HEIGHT, (m + lanes - 1) // lanes
    r, h, p = block // (heights * panels), block // panels % heights, block % panels
    top, bottom, first, end = n * h // heights, n * (h + 1) // heights, whole * p // panels, whole * (p + 1) // panels
    j, width = first * lanes, (end - first) * lanes
    columns = min(m - j, width)
    last = columns - width + lanes
    scratch = zeros((min(DEPTH, k) * width + lanes) * size, np.uint8)
    panel = (scratch.ctypes.data + BYTES - 1) // BYTES * BYTES
    x, y, z = a[0] + r * a[1] + top * a[2], b[0] + r * b[1] + j * b[3], c[0] + r * c[1] + top * c[2] + j * c[3]
    rowwise = b[3] == size
    for start in range(0, k, DEPTH):
        terms, more, left, right = min(DEPTH, k - start), 1 if add or start > 0 else 0, x + start * a[3], y + start * b[2]
        after = min(DEPTH, k - start - terms) if rowwise else 0
        if not rowwise:
            _fetch(zero, right, b[2], b[3], terms, columns, panel, width)
        vectors, rows = end - first, bottom - top
        _strips(zero, vectors, left, a[2], a[3], right, b[2], rowwise, panel, z, c[2], terms, rows, last, more, after)


@within
def _matrices(a, flip):  # type: ignore[no-untyped-def]
    """The address and strides of a, or of its transposes."""
    r, n, m = a.strides
    return (a.ctypes.data, r, m, n) if flip else (a.ctypes.data, r, n, m)


@loop
def multiply(mail, a, b, c, flip_a, flip_b, add):  # type: ignore[no-untyped-def]
    """c (R, n, m) = a (R, n, k) b (R, k, m) or, if add, c += a b. Rows of c are contiguous.

    flip_a, flip_b: whether a or b is given as its transposes, (R, k, n) or (R, m, k).
    """
    n, k, m = c.shape[1], a.shape[1 if flip_a else 2], c.shape[2]
    zero = c.dtype.type(0)
    lanes = BYTES // _size(zero)
    whole, pair = (m + lanes - 1) // lanes, 2 * VECTORS
    panels = min(whole, 2 * ((whole + pair - 1) // pair))  # an even number, of about the same width
    given = (zero, _matrices(a, flip_a), _matrices(b, flip_b), _matrices(c, False), n, k, m, panels, add)
    function, arguments = pack(_block, given)
    lead(mail, function, arguments, len(c) * panels * ((n + HEIGHT - 1) // HEIGHT))
