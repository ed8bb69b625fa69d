"""How answers travel: HTTP/1.1 from the standard library, one thread for each connection, nothing written down of who asked.

Who is slow, or never reads, costs nobody else anything: each connection has until a moment, there are so many at most, and so
many bytes on their way.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dessine.live.site import ALWAYS, Answer, Site

IDLE = 30.0
"""Seconds that a connection has to ask something, from its first letter to its last too."""
SLOWEST = 10_000
"""Bytes that a visitor takes in a second, at least, after as long: a poor telephone does."""
MOST = 128
"""Connections at once; a browser has up to six. For one more, that goes which has been waiting for longest."""
MOST_BYTES = 128_000_000
"""Of answers that are on their way; twice the largest picture at least."""
BUSY = Answer(503, "text/plain", b"Too much is on its way to others: ask again in a moment.\n", {"Retry-After": "2"})
FOREVER = float("inf")


@dataclass
class Connection:
    """until: when it is closed, by time.monotonic(); since: when it began to wait, or to be answered; asks: it waits"""

    until: float
    since: float
    asks: bool = True


class Server(ThreadingHTTPServer):
    """Listens from its making on; `serve_forever` answers. host: a name or an address; port: 0 for a free one"""

    daemon_threads = True  # nobody who still looks keeps the program from ending
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, site: Site):
        self.site, self.underway = site, 0
        self.open: dict[socket.socket, Connection] = {}
        self._lock = threading.Lock()
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        """Without asking a name service what this machine is called, as HTTPServer does: that may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for it; where there are too many, one that waits must go, the oldest first."""
        with self._lock:
            if len(self.open) >= MOST:
                self._end(min(self.open, key=lambda one: (not self.open[one].asks, self.open[one].since)))
            now = time.monotonic()
            self.open[request] = Connection(now + IDLE, now)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        """It is none any more."""
        with self._lock:
            self.open.pop(request, None)
        super().close_request(request)

    def service_actions(self) -> None:
        """Several times a second: end what has had its time."""
        with self._lock:
            for one in [one for one, about in self.open.items() if about.until < time.monotonic()]:
                self._end(one)

    def _end(self, one: socket.socket) -> None:
        """Whoever reads from it, or writes to it, is told at once that there is nobody."""
        del self.open[one]
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

    def note(self, one: socket.socket, seconds: float, asks: bool = False) -> None:
        """A connection has so much time from now on. asks: for its next question"""
        with self._lock:
            if one in self.open:
                now = time.monotonic()
                self.open[one] = Connection(now + seconds, now, asks)

    @contextmanager
    def sending(self, size: int) -> Iterator[bool]:
        """Whether so many bytes may be sent now; inside it they are on their way."""
        with self._lock:
            fits = not self.underway or self.underway + size <= MOST_BYTES
            self.underway += size * fits
        try:
            yield fits
        finally:
            with self._lock:
                self.underway -= size * fits

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who has gone while we spoke has gone; any other mistake is ours, and told without what was asked."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version, server_version, sys_version = "HTTP/1.1", "dessine", ""
    server: Server

    def handle_one_request(self) -> None:
        """One question, and the answer to it."""
        self.server.note(self.connection, IDLE, asks=True)
        super().handle_one_request()

    def do_GET(self) -> None:
        """A page, a picture, or what has changed."""
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what comes with a question is not read, and must not be taken for the next one
        self.server.note(self.connection, FOREVER)
        try:
            answer = self.server.site.answer(self.path, self.headers)
        except Exception:
            self.close_connection = True
            self._send(Answer(500, "text/plain", b"This is a mistake in dessine: its terminal tells more.\n"))
            raise
        self._send(answer)

    def do_HEAD(self) -> None:
        """The same without its body. Every other method is one that this server does not have."""
        self.do_GET()

    def _send(self, answer: Answer) -> None:
        with self.server.sending(len(answer.body)) as fits:
            self._write(answer if fits else BUSY)

    def _write(self, answer: Answer) -> None:
        self.server.note(self.connection, IDLE + len(answer.body) / SLOWEST)
        self.send_response(answer.status)
        text = answer.kind.startswith(("text/", "application/json"))
        self.send_header("Content-Type", f"{answer.kind}; charset=utf-8" if text else answer.kind)
        for name, value in (ALWAYS | answer.headers).items():
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """To what is no question: under the same headers as every answer, and without a word of what came."""
        self.close_connection, status = True, HTTPStatus(code)
        self._send(Answer(status, "text/plain", f"{status.phrase}: dessine watch answers to GET and HEAD.\n".encode()))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: an address may hold a token."""
