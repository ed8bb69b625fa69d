"""What is no question, or more than one: answered under the headers of every answer, and without a word in the terminal."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dessine.live.server import Server
from dessine.live.shelf import Shelf
from dessine.live.site import ALWAYS, Site


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with Server("127.0.0.1", 0, Site(Shelf(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()


def told(port: int, request: str) -> bytes:
    """All that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


HOST = "Host: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (f"POST / HTTP/1.1\r\n{HOST}\r\n", 501),
        (f"<b>x</b> / HTTP/1.1\r\n{HOST}\r\n", 501),
        (f"GET /{'a' * 70_000} HTTP/1.1\r\n{HOST}\r\n", 414),
        (f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 70_000}\r\n\r\n", 431),
        (f"GET /?{'a=1&' * 50} HTTP/1.1\r\n{HOST}\r\n", 400),
        (f"GET /?token=x&{'a=1;&' * 50} HTTP/1.1\r\n{HOST}\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    ],
)
def test_what_is_no_question_is_answered_under_the_same_headers(port, capfd, request_, status):
    made = told(port, request_)
    head, _, body = made.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    for name in ALWAYS:
        assert name.encode() in head
    assert b"<b>" not in made
    assert body.isascii()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("length", ["Content-Length: 60", "Transfer-Encoding: chunked"])
def test_what_comes_with_a_question_is_not_taken_for_the_next_one(port, length):
    inner = f"GET /watch.css HTTP/1.1\r\n{HOST}\r\n"
    assert told(port, f"GET /watch.js HTTP/1.1\r\n{HOST}{length}\r\n\r\n{inner}").count(b"HTTP/1.1 200") == 1
