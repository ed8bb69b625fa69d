"""How many threads matrix products may use. How those that idle wait is said where the package begins."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from scipy.linalg import blas  # noqa: F401  both libraries must be loaded to be found
from threadpoolctl import ThreadpoolController

_libraries = ThreadpoolController()


def threads_for(batch: int) -> AbstractContextManager[object]:
    """Inside it the BLAS uses one thread if a batch is one example, else as many as it likes.

    A second thread that must be woken for a vector times a matrix costs more than it saves: 784-1000-300-10, one example
    at a time, takes 0.34 ms a step on one thread and 0.6 to 0.9 on two of a busy machine. Entering takes 0.1 ms.
    """
    return _libraries.limit(limits=1, user_api="blas") if batch == 1 else nullcontext()
