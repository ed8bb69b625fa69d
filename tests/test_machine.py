import ctypes
import subprocess
import sys

import pytest

from dessine.machine import amount, memory


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (24.3e9, "24.3 GB"),
        (3.2e12, "3.2 TB"),
        (5e17, "500 PB"),
        (1e30, "more than 1,000,000 PB"),
    ],
)
def test_bytes_are_said_in_words(count, said):
    assert amount(count) == said


def test_memory_is_what_this_process_may_have():
    assert 0 < memory() <= 2**62
    code = "import resource as r; r.setrlimit(r.RLIMIT_AS, (2**31, 2**31)); from dessine.machine import memory; print(memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert int(done.stdout) <= 2**31


def test_memory_that_is_free_is_given_back_where_there_is_much():
    code = """
import sys
from dessine.machine import give_back, held
pieces = [bytes(10_000) for _ in range(10_000)]  # 100 MB in pieces that the C library keeps, as long as the last is held
last = pieces[-1]
del pieces
before = held()
give_back(above=10 * before)
left = held()
give_back(above=before / 2)
print(before - left, left - held())
"""
    if not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("only glibc has it")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    little, much = map(float, done.stdout.split())
    assert little < 1e6, "a process that holds little was looked through"
    assert much > 50e6
