"""What holds before anything is loaded: streams, signals, and names of files in UTF-8."""

import os
import subprocess
import sys

import pytest

DESSINE = [sys.executable, "-m", "dessine"]
KILL = "from dessine.start import *; import os, signal; begin(); {}os.kill(os.getpid(), signal.{}); print('not reached')"


def shell(command, **env):
    quoted = f"{sys.executable} -m dessine {command}"
    return subprocess.run(["sh", "-c", quoted], capture_output=True, env=os.environ | env, timeout=60)


@pytest.mark.parametrize(
    ("command", "closed"), [("list untils", ">&-"), ("--help", "<&-"), ("--help", "2>&-"), ("list untils", "<&- >&- 2>&-")]
)
def test_a_closed_stream_is_no_failure(command, closed):
    done = shell(f"{command} {closed}")
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_nobody_to_ask_and_nobody_to_tell_is_a_mistake_of_the_user(tmp_path):
    assert shell(f"runs rm nope --runs-dir {tmp_path} <&- >&- 2>&-").returncode == 2


def test_a_reader_that_goes_is_no_failure():
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; {sys.executable} -m dessine list --json | head -1; exit "${{PIPESTATUS[0]}}"'],
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"{\n", b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["list untils", "--version", "runs list --json"])
def test_a_full_screen_is_a_failure_in_one_line_that_names_it(command, unbuffered):
    done = shell(f"{command} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (1, b"standard output: No space left on device\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_mistake_stays_one_though_nobody_can_be_told(unbuffered):
    assert shell("nope > /dev/full 2> /dev/full", PYTHONUNBUFFERED=unbuffered).returncode == 2


def test_names_are_utf8_where_the_system_knows_only_ascii(tmp_path):
    where = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (tmp_path / "é日.yaml").write_text("name: é\n", encoding="utf-8")
    done = shell(f"config check {tmp_path}/é日.yaml", **where)
    assert done.returncode == 2
    assert "é日.yaml:1: 'data' is missing" in done.stderr.decode()


def test_bytes_that_are_no_letters_come_out_as_they_went_in(tmp_path):
    done = subprocess.run([*DESSINE, "runs", "list", "--runs-dir", os.fsencode(tmp_path) + b"/\xff"], capture_output=True)
    assert done.returncode == 2
    assert b"/\xff: there is no such folder" in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_are_quiet_while_loading_and_orderly_afterwards(name):
    early = subprocess.run([sys.executable, "-c", KILL.format("", name)], capture_output=True, timeout=60)
    assert (early.returncode, early.stdout, early.stderr) == (130, b"", b"")
    late = subprocess.run([sys.executable, "-c", KILL.format("orderly(); ", name)], capture_output=True, timeout=60)
    assert b"KeyboardInterrupt" in late.stderr


def test_what_is_ignored_stays_ignored():
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " + KILL.format("", "SIGHUP")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.stdout == b"not reached\n"


LATE = """
import atexit, os, signal, sys
from dessine.start import *

class Late:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        kill(pid, signal.{0})

begin(); orderly(); ended()
{1}
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(
    ("when", "code"), [("atexit.register(os.kill, os.getpid(), signal.{})", 130), ("sys.late, late = Late(), None", 0)]
)
def test_a_signal_during_the_exit_is_quiet_and_no_crash(name, when, code):
    done = subprocess.run([sys.executable, "-c", LATE.format(name, when.format(name))], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


def test_explanations_are_there_whatever_the_environment_takes_away():
    done = shell("list untils", PYTHONOPTIMIZE="2")
    assert done.returncode == 0
    assert done.stdout == shell("list untils").stdout
    assert b"Without RUN" in shell("watch --help", PYTHONOPTIMIZE="2").stdout
