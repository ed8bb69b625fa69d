"""Children end with their parent, however it ends, and so do their children."""

import subprocess
import sys

LINK = """
import signal, sys
from dessine.sweeps import lifeline
lifeline.end_with_parent()
below = int(sys.argv[1])
if below:
    code = open(sys.argv[2]).read()
    child = lifeline.start([sys.executable, "-c", code, str(below - 1), sys.argv[2]], {}, sys.stdout)
else:
    print("all are there", flush=True)
while True:
    signal.pause()
"""


def test_a_parent_killed_with_9_takes_children_and_grandchildren_along(tmp_path):
    (tmp_path / "link.py").write_text(LINK)
    command = [sys.executable, "-c", LINK, "2", str(tmp_path / "link.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"all are there\n"
        parent.kill()
        assert parent.stdout.read() == b""  # comes when the last of them has closed it


def test_a_process_that_nobody_has_on_a_lifeline_reads_nothing(tmp_path):
    code = "import sys; from dessine.sweeps.lifeline import end_with_parent; end_with_parent(); print(sys.stdin.read())"
    assert subprocess.run([sys.executable, "-c", code], input=b"kept", capture_output=True).stdout == b"kept\n"
