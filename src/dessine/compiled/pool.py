"""Compiled work that the cores share, handed over in a microsecond: who has helped stays awake for a while and looks for more.

The mailbox is an array of whole numbers, each read and written as one. Work is a compiled function and its arguments, cut into
blocks; whoever is there takes one block after another, and who has asked waits only for blocks that others have begun. How work
is cut must depend on its size alone, and no block on another: then the same numbers come out on any number of threads. The
threads are those of `dessine.threads`, whose `share` is the plain form.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from dessine.compiled.loops import address, intrinsic, loop, within

LINE = 8  # numbers in a line of the cache: what one core writes shall not be in another's way
WORK, DONE, CALLED, LED, FUNCTION, ARGUMENTS, FAILED, HELPERS, ALONE, PATIENCE, CLOCK, SLEEP, LEAD, PLACES = range(
    0, 14 * LINE, LINE
)
"""In the mailbox: the work at hand, as its number << 42 | its blocks << 28 | those that who leads has taken << 14 | those that
helpers have; blocks done; how often threads were called away, for work of Python's; whether somebody's work is in it; its
function and arguments; whether a block has failed; how many threads may help; the time until which nobody is asked, and for how
many times the time that was lost; where the clock is, sleep, and what leads."""
MOST = (1 << 14) - 1
"""Blocks that work can be shared in: of more, who leads does all."""
STAYS = 1_000_000
"""Nanoseconds for which a thread looks for more work. The gaps within a step are shorter."""
LATE, LONGEST, CALM = 500_000, 32, 10_000_000
"""Who waits so many nanoseconds longer than a block takes, or sees the clock jump so far, has met a thread, or is one, whose
core has other work. Then nobody is asked for as long, the next time for twice as long, up to LONGEST times, until a thread has
helped for so many nanoseconds undisturbed."""
STOPPED = 30_000_000
"""More nanoseconds than that no neighbour takes at a stretch: the whole process was stopped, and they count as so many."""


def _address(name: str) -> int:
    """Of a function of the C library; 0 where there is none of that name."""
    try:
        return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0
    except (AttributeError, OSError, TypeError):
        return 0


def mailbox() -> np.ndarray:
    """An empty one, (PLACES,). Without the C library's clock nobody will ever be asked."""
    mail = np.zeros(PLACES, np.int64)
    mail[CLOCK], mail[SLEEP], mail[LEAD] = _address("clock_gettime"), _address("usleep"), _leading()
    return mail


def _pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """To a place in the mailbox."""
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    return builder.gep(data, [args[1]])


@intrinsic
def _at(typing: Any, address: Any) -> Any:
    """A pointer to the whole numbers there."""
    kind = types.CPointer(types.int64)
    return kind(types.intp), lambda context, builder, signature, args: builder.inttoptr(args[0], context.get_value_type(kind))


@intrinsic
def _read(typing: Any, mail: Any, place: Any) -> Any:
    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, signature, args), "seq_cst", 8)

    return types.int64(mail, types.intp), made


@intrinsic
def _write(typing: Any, mail: Any, place: Any, x: Any) -> Any:
    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _pointer(context, builder, signature, args), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(mail, types.intp, types.int64), made


@intrinsic
def _add(typing: Any, mail: Any, place: Any, x: Any) -> Any:
    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(context, builder, signature, args), args[2], "seq_cst")

    return types.int64(mail, types.intp, types.int64), made


@intrinsic
def _swap(typing: Any, mail: Any, place: Any, old: Any, new: Any) -> Any:
    """Put `new` in the place of `old`; whether `old` was there."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature, args)
        return builder.extract_value(builder.cmpxchg(pointer, args[2], args[3], "seq_cst"), 1)

    return types.boolean(mail, types.intp, types.int64, types.int64), made


@intrinsic
def _pause(typing: Any) -> Any:
    """Tell the processor that this is a loop that waits."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if platform.machine() in ("x86_64", "AMD64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), made


@intrinsic
def _time(typing: Any, address: Any) -> Any:
    """Nanoseconds, by `clock_gettime` at the address."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number, which = ir.IntType(64), ir.IntType(32)
        kind = ir.FunctionType(which, [which, number.as_pointer()])
        told = cgutils.alloca_once(builder, number, 2)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [which(_MONOTONIC), told])
        seconds, rest = (builder.load(builder.gep(told, [which(i)])) for i in (0, 1))
        return builder.add(builder.mul(seconds, number(1_000_000_000)), rest)

    return types.int64(types.intp), made


@intrinsic
def _sleep(typing: Any, address: Any) -> Any:
    """For 50 us, by `usleep` at the address."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32)])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [ir.IntType(32)(50)])
        return context.get_dummy_value()

    return types.void(types.intp), made


_MONOTONIC = 6 if platform.system() == "Darwin" else 1  # CLOCK_MONOTONIC of time.h


@intrinsic
def _call(typing: Any, function: Any, given: Any) -> Any:
    """What the function at an address makes of a tuple of whole numbers.

    A block of the work that `pack` has made is done so, of where its arguments are and the block; 1 if it has failed, else 0.
    """

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = ir.IntType(64)
        kind = ir.FunctionType(number, [number] * len(given))
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), cgutils.unpack_tuple(builder, args[1], len(given)))

    return types.int64(types.intp, types.UniTuple(types.intp, len(given))), made


@intrinsic
def pack(typing: Any, work: Any, given: Any) -> Any:
    """Of a compiled function and a tuple, their addresses: `lead` will call work(*given, i) for each block i.

    They hold as long as the function in which they were packed runs.
    """
    of = typing.resolve_function_type(work, (*given.types, types.intp), {})

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        compiled = work.dispatcher.overloads[of.args]
        context.active_code_library.add_linking_library(compiled.library)
        number, module = ir.IntType(64), builder.module
        kind = ir.FunctionType(number, [number, number])
        outer = ir.Function(module, kind, f"{builder.function.name}.block{len(module.functions)}")
        outer.linkage = "internal"
        inside = ir.IRBuilder(outer.append_basic_block())
        where, block = outer.args
        packed = inside.load(inside.inttoptr(where, args[1].type.as_pointer()))
        values = [*cgutils.unpack_tuple(inside, packed, len(given.types)), block]
        values = [context.cast(inside, v, a, b) for v, a, b in zip(values, (*given.types, types.intp), of.args, strict=True)]
        inner = context.declare_function(module, compiled.fndesc)
        status, _ = context.call_conv.call_function(inside, inner, of.return_type, of.args, values)
        inside.ret(inside.zext(status.is_error, number))
        kept = cgutils.alloca_once_value(builder, args[1])
        both = [builder.ptrtoint(outer, number), builder.ptrtoint(kept, number)]
        return context.make_tuple(builder, signature.return_type, both)

    return types.UniTuple(types.intp, 2)(work, given), made


@within
def _lose_patience(mail, now, lost):  # type: ignore[no-untyped-def]
    """Nobody is asked for a while, after so many nanoseconds that were lost."""
    times = max(1, _read(mail, PATIENCE))
    _write(mail, ALONE, now + times * min(lost, STOPPED))
    _write(mail, PATIENCE, min(2 * times, LONGEST))


@within
def _take(mail, led):  # type: ignore[no-untyped-def]
    """Do one block of the work at hand; whether there was one.

    Who leads (`led`) takes the first that is left, helpers the last: of work on the same numbers each core so gets those that
    its cache has from the time before.
    """
    work = _read(mail, WORK)
    blocks, front, back = (work >> 28) & MOST, (work >> 14) & MOST, work & MOST
    if front + back >= blocks:
        return False
    block, more = (front, 1 << 14) if led else (blocks - 1 - back, 1)
    function, arguments = _read(mail, FUNCTION), _read(mail, ARGUMENTS)
    if _swap(mail, WORK, work, work + more):  # nobody has taken it, so that this still is its function
        if _call(function, (arguments, block)):
            _write(mail, FAILED, 1)
        _add(mail, DONE, 1)
    return True


@within
def lead(mail, function, arguments, blocks):  # type: ignore[no-untyped-def]
    """Have all blocks done; raises MemoryError if one failed, for compiled work fails of nothing else.

    Who is still waking finds it in the mailbox, and takes what is left. Alone, if nobody may help, or if somebody else's work
    is there.
    """
    if _call(mail[LEAD], (mail.ctypes.data, function, arguments, blocks)):
        raise MemoryError("no memory for a block of a compiled loop")


def _lead(address, function, arguments, blocks):  # type: ignore[no-untyped-def]
    """The same with the mailbox's address; 1 if a block failed, else 0."""
    mail, failed = numba.carray(_at(address), PLACES), 0
    shared = 1 < blocks <= MOST and _read(mail, HELPERS) > 0
    if shared and _time(mail[CLOCK]) >= _read(mail, ALONE) and _swap(mail, LED, 0, 1):
        _write(mail, FUNCTION, function)
        _write(mail, ARGUMENTS, arguments)
        _write(mail, FAILED, 0)
        _write(mail, DONE, 0)
        _write(mail, WORK, (((_read(mail, WORK) >> 42) + 1) & 0x1FFFFF) << 42 | blocks << 28)
        before = _time(mail[CLOCK])
        longest = before - before
        while _take(mail, True):
            now = _time(mail[CLOCK])
            longest = max(longest, now - before)
            before = now
        waited = longest - longest
        while _read(mail, DONE) < blocks:
            _pause()
            waited = _time(mail[CLOCK]) - before
            if waited > longest + LATE:
                _sleep(mail[SLEEP])  # the thread that is waited for may have this core
        if waited > longest + LATE:
            _lose_patience(mail, before + waited, waited)
        failed = _read(mail, FAILED)
        _write(mail, LED, 0)
    else:
        for block in range(blocks):
            failed |= _call(function, (arguments, block))
    return failed


@functools.cache
def _leading() -> int:
    """Its address: all loops call the same machine code, which none of them has to make anew."""
    number = types.intp
    return address(_lead, number(number, number, number, number))


@loop
def stay(mail):  # type: ignore[no-untyped-def]
    """Help whoever leads, until nobody has for a while, the clock jumps or one is called away."""
    called = _read(mail, CALLED)
    if _read(mail, HELPERS) == 0:  # there may be no clock
        return
    began = last = before = _time(mail[CLOCK])
    longest = began - began
    while _read(mail, CALLED) == called and _read(mail, HELPERS) > 0:
        helped = _take(mail, False)
        if not helped:
            _pause()
        now = _time(mail[CLOCK])
        if helped:
            longest, last = max(longest, now - before), now
            if longest < LATE and now - began > CALM:
                _write(mail, PATIENCE, 1)
        elif now - before > LATE or (now - last > longest + LATE and _read(mail, LED)):
            _lose_patience(mail, now, now - last)
            break
        elif now - last > STAYS:
            if last == began:
                _lose_patience(mail, now, STAYS)
            break
        before = now
