"""`dessine watch` as a command: its address, who may not have it, and how it ends."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dessine.cli.watch import _shelf
from dessine.runs.run import RunError

Start = Callable[..., tuple[subprocess.Popen, str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Begin a watch; its process, and the first line that it prints."""
    begun: list[subprocess.Popen] = []

    def made(*words: str) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dessine", "watch", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield made
    for process in begun:
        process.kill()
        process.communicate()


def get(address: str, target: str = "/", **headers: str) -> http.client.HTTPResponse:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    connection.request("GET", target, headers={"Host": parts.netloc} | headers)
    return connection.getresponse()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_it_prints_its_address_waits_for_the_first_run_and_ends_with_ctrl_c(start):
    process, address = start()
    assert address.startswith("http://127.0.0.1:")
    assert b"No run yet" in get(address).read()
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in told


def test_for_others_it_asks_for_a_token_and_never_writes_it_down(start, tmp_path):
    process, address = start("--host", "0.0.0.0")
    parts = urlsplit(address)
    assert parts.query.startswith("token=")
    assert get(address).status == 403
    come = get(address, f"/?{parts.query}")
    assert come.status == 303
    assert get(address, "/", Cookie=come.headers["Set-Cookie"].split(";")[0]).status == 200
    process.terminate()
    _, told = process.communicate(timeout=20)
    assert parts.query[6:] not in told


def test_a_port_that_is_taken_is_one_line(dessine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = dessine("watch", "--port", str(taken.getsockname()[1]))
    assert (code, out) == (2, "")
    assert "--port" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["nothing"], ["--port", "70000"], ["--host", "x" * 70], ["--host", ""], ["a", "b"]])
def test_a_mistake_is_one_line(dessine, words):
    code, out, err = dessine("watch", *words)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_what_is_meant_by_a_word(make_run, make_sweep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = Path("runs")
    assert _shelf(None, runs).only is None
    assert _shelf("runs", runs).folder == runs  # to come
    assert _shelf("later/", runs).folder == Path("later")
    path = make_run("a")
    assert _shelf("a", runs).only == path
    assert _shelf("last", runs).only == path
    assert _shelf(str(path), runs).only == path
    assert _shelf("runs/", runs).only is None
    assert _shelf(str(make_sweep("s", {"c": {}})), runs).only == path.parent / "s"
    assert _shelf("runs/s/cells/c", runs).only == path.parent / "s/cells/c"
    with pytest.raises(RunError):
        _shelf("nothing", runs)
