"""What is no question, or more than one: answered under the headers of every answer, and without a word in the terminal."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dessine.live import server as server_module
from dessine.live.server import Server
from dessine.live.shelf import Shelf
from dessine.live.site import ALWAYS, Answer, Site


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    with Server("127.0.0.1", 0, Site(Shelf(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def port(served: Server) -> int:
    return served.server_port


@pytest.fixture
def large(served: Server, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What /large answers: more than any system keeps on its way."""
    body, answer = bytes(30_000_000), served.site.answer
    monkeypatch.setattr(
        served.site,
        "answer",
        lambda path, headers: Answer(200, "image/png", body) if path == "/large" else answer(path, headers),
    )
    return body


def ended(connection: socket.socket) -> bool:
    """Whether the other side ends it, whatever comes before."""
    connection.settimeout(20)
    try:
        while connection.recv(1 << 20):
            pass
    except ConnectionError:
        pass
    return True


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


def test_who_never_reads_is_left_alone_and_others_are_answered(served, port, large, monkeypatch):
    monkeypatch.setattr(server_module, "IDLE", 0.5)
    monkeypatch.setattr(server_module, "SLOWEST", len(large))
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.sendall(f"GET /large HTTP/1.1\r\n{HOST}\r\n".encode())
        assert told(port, f"GET /watch.css HTTP/1.1\r\n{HOST}\r\n").startswith(b"HTTP/1.1 200")
        while served.underway or served.open:  # until its thread is gone, and so are its bytes
            threading.Event().wait(0.01)


def test_who_reads_gets_all_of_it(port, large):
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(f"GET /large HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode())
        assert sum(map(len, iter(lambda: slow.recv(1 << 16), b""))) > len(large)


@pytest.mark.parametrize("dribbles", [False, True])
def test_who_asks_nothing_or_letter_by_letter_has_only_so_long(served, port, monkeypatch, dribbles):
    monkeypatch.setattr(server_module, "IDLE", 0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
        for letter in "GET / HTTP/1.1\r\nX: " + "a" * 10_000 if dribbles else "":
            try:
                slow.sendall(letter.encode())
            except ConnectionError:
                break
            if not served.open:
                break
            threading.Event().wait(0.01)
        assert ended(slow)


def test_more_than_so_many_push_out_who_has_waited_for_longest(served, port, monkeypatch):
    monkeypatch.setattr(server_module, "MOST", 4)
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
    assert told(port, f"GET /watch.css HTTP/1.1\r\n{HOST}\r\n").startswith(b"HTTP/1.1 200")
    assert len(served.open) <= 4
    assert all(ended(one) for one in idle[:6])
    for one in idle:
        one.close()


def test_no_more_bytes_are_on_their_way_than_fit(served, port, large, monkeypatch):
    monkeypatch.setattr(server_module, "MOST_BYTES", 1.5 * len(large))
    asked = f"GET /large HTTP/1.1\r\n{HOST}\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.sendall(asked)
        while not served.underway:
            threading.Event().wait(0.01)
        assert told(port, asked.decode()).startswith(b"HTTP/1.1 503")
        assert told(port, f"GET /watch.css HTTP/1.1\r\n{HOST}\r\n").startswith(b"HTTP/1.1 200")


def test_another_address_of_this_machine_needs_the_token(tmp_path):
    with Server("0.0.0.0", 0, Site(Shelf(tmp_path), (), "secret")) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for address in ("127.0.0.1", "127.0.0.2"):
            with socket.create_connection((address, server.server_port), timeout=20) as other:
                asked = "GET {} HTTP/1.1\r\nHost: " + f"{address}:{server.server_port}\r\n"
                files = other.makefile("rb")
                for path, status in (("/", b"403"), ("/?token=wrong", b"403"), ("/?token=secret", b"303")):
                    other.sendall(f"{asked.format(path)}\r\n".encode())
                    head = list(iter(files.readline, b"\r\n"))
                    assert status in head[0]
                    length = next(int(line.split()[1]) for line in head if line.startswith(b"Content-Length"))
                    files.read(length)
        server.shutdown()
