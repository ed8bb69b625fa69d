"""How answers travel: HTTP/1.1 from the standard library, one thread for each visitor, nothing written down of who asked."""

from __future__ import annotations

import socket
import socketserver
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dessine.live.site import ALWAYS, Answer, Site

IDLE = 30.0
"""Seconds after which a connection that asks nothing is closed."""


class Server(ThreadingHTTPServer):
    """Listens from its making on; `serve_forever` answers. host: a name or an address; port: 0 for a free one"""

    daemon_threads = True  # nobody who still looks keeps the program from ending
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, site: Site):
        self.site = site
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        """Without asking a name service what this machine is called, as HTTPServer does: that may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who has gone while we spoke has gone; any other mistake is ours, and told without what was asked."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version, server_version, sys_version = "HTTP/1.1", "dessine", ""
    timeout = IDLE
    server: Server

    def do_GET(self) -> None:
        """A page, a picture, or what has changed."""
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what comes with a question is not read, and must not be taken for the next one
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
