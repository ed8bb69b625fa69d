"""How a loop is compiled: when it is first called, once for a machine, kept in the user's cache folder.

The arithmetic is IEEE's: no fast-math, and, except in `sums`, no multiplication and addition in one. A division by zero gives
what NumPy's gives.
"""

from __future__ import annotations

import gc
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import intrinsic as _intrinsic
from platformdirs import user_cache_path

SETTINGS: Any = numba.config
_njit: Any = numba.njit  # its types do not know all of its options
_Dispatcher: Any = type(numba.njit(lambda: None))
intrinsic: Any = _intrinsic
"""What a function is made with that writes the processor's instructions itself."""


class Kept(FunctionCache):
    """Numba's cache, which many processes may share; one that is damaged, or full, costs a compilation and no more.

    It is renewed when any file of this package changes: loops call loops of other files.
    """

    def __init__(self, function: Any):
        super().__init__(function)
        files = sorted(Path(__file__).parent.glob("*.py"))
        self._cache_file._source_stamp = tuple((file.name, file.stat().st_mtime, file.stat().st_size) for file in files)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled loop, or None."""
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # whatever a damaged file makes of it
            return None
        # Two processes that compile at once, for two dtypes, may have written to one file.
        return found if found is not None and found.signature.args == tuple(getattr(sig, "args", sig)) else None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled loop, if that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception:  # an index that cannot be read is begun anew: else every process would compile again
            try:
                self._cache_file.flush()
                super().save_overload(sig, data)
            except Exception:  # no room
                self.disable()


def loop(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The function, compiled; it gives the GIL back while it runs."""
    made: Any = _njit(function, nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)
    _keep(made, function)
    return made


def address(function: Callable[..., Any], signature: Any) -> int:
    """Of the function's machine code, compiled for these types: any loop may call it there. It must not raise."""
    made: Any = CFunc(function, (signature.args, signature.return_type), {}, {"nopython": True, "error_model": "numpy"})
    _keep(made, function)
    made.compile()
    _addressed.append(made)  # the code stays as long as the process
    return int(made.address)


_addressed: list[Any] = []


def _keep(made: Any, function: Callable[..., Any]) -> None:
    """Let it look for its machine code, and put it, in the user's cache folder."""
    before, SETTINGS.CACHE_DIR = SETTINGS.CACHE_DIR, str(user_cache_path("dessine") / "compiled")
    try:
        made._cache = Kept(function)
    except RuntimeError:  # no folder that could be written to: compiled again by every process
        pass
    finally:
        SETTINGS.CACHE_DIR = before


class _Text(JITCodeLibrary):
    """Code that stays as it was written until it is a part of a loop: only there it is made faster, and machine code."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None: there is no machine code."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        """Who is told what Python's names mean in the machine code."""
        return self

    def set_env(self, name: str, env: Any) -> None:
        pass


class _Within(Compiler):
    """Numba's compiler, that makes such code."""

    made = itertools.count()

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any):
        super().__init__(typing, target, _Text(target.codegen(), f"within{next(self.made)}"), *rest)


class _Part(_Dispatcher):
    """What loops call; from Python there is nothing that could be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self.__name__} is a part of loops and has no machine code of its own: only they may call it")


def within(function: Callable[..., Any], **options: Any) -> Any:
    """A function for loops, which becomes a part of each that calls it. It has no machine code of its own, which would take as
    long to make as the loop's. Raises TypeError where Python calls it.
    """
    wrappers = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    made: Any = _njit(function, nogil=True, error_model="numpy", pipeline_class=_Within, **wrappers, **options)
    made.__class__ = _Part
    return made


def sums(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loop whose sums are made in any order, and its multiplications with an addition in one: to rounding, what is written.

    One sum after another would wait for each addition. Infinities and what is no number go through it as through any loop.
    """
    return within(function, fastmath={"reassoc", "contract"})


class _Notice(event.Listener):
    """Says once why this process waits; what is read from the cache needs no word.

    Meanwhile nobody looks for garbage, which takes a sixth of the time: all that the compiler makes is still wanted.
    """

    given, compiling, collects = False, 0, False

    def on_start(self, event: Any) -> None:
        if not self.given:
            self.given = True
            logging.getLogger(__name__).warning("compiles its loops for this machine, each only once: about 10 seconds")
        if not self.compiling:
            self.collects = gc.isenabled()
            gc.disable()
        self.compiling += 1

    def on_end(self, event: Any) -> None:
        self.compiling -= 1
        if self.collects and not self.compiling:
            gc.enable()


event.register("numba:compile", _Notice())


class _Told(event.Listener):
    """Is called when this thread begins to compile, and when it is done: of loops within loops only the outermost."""

    def __init__(self, begun: Callable[[], None], done: Callable[[], None]):
        self.begun, self.done, self.deep, self.thread = begun, done, 0, threading.get_ident()

    def on_start(self, event: Any) -> None:
        if threading.get_ident() == self.thread:
            self.deep += 1
            if self.deep == 1:
                self.begun()

    def on_end(self, event: Any) -> None:
        if threading.get_ident() == self.thread:
            self.deep -= 1
            if self.deep == 0:
                self.done()


@contextmanager
def compiling(begun: Callable[[], None], done: Callable[[], None]) -> Iterator[None]:
    """Inside it `begun` and `done` are called around each compilation of this thread."""
    listener = _Told(begun, done)
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
