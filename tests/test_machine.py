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
