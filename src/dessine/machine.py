"""What this machine has."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Of the container, or of the job, that this process is in."""


def memory() -> int:
    """Bytes this machine has, or lets us have; where it does not tell, more than any has."""
    found = [2**62]
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(ImportError, OSError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]  # of `ulimit -v`
        found += [limit] if limit > 0 else []
    for file in LIMITS:
        with suppress(ValueError, OSError):
            found.append(int(Path(file).read_text()))
    return min(found)


def give_back(above: float = 300e6) -> None:
    """Memory that is free within this process goes back to the machine, where the C library is one that keeps it (glibc).

    above: bytes; a process that holds less is left as it is, for nobody misses them
    What Python would find to be garbage goes first; it takes some 50 ms.
    """
    if held() < above:
        return
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # TypeError: Windows has no library without a name
        ctypes.CDLL(None).malloc_trim(0)


def held() -> float:
    """Bytes of memory that this process takes; where the system does not tell, more than any."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return float("inf")


def amount(count: float) -> str:
    """Bytes in words: "24 GB"."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} PB" if count < 1e6 else f"more than {1e6:,.0f} PB"
