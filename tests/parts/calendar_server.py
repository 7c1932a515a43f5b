"""A real server that publishes a calendar, and does what a test says instead."""

import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a reader may give up
            super().handle_error(request, client_address)


class CalendarServer:
    """Publishes `text` at every path, with an ETag.

    :param host: where it listens
    """

    def __init__(self, host: str = '127.0.0.1') -> None:
        self.text = b''
        self.answer: Answer = self.publish
        self.asked: list[dict[str, str]] = []
        """The headers of each request, in lower case."""
        self.paths: list[str] = []
        self.closing = threading.Event()
        self.status = 0
        """Of the last answer of `publish`."""
        handler = self._handler()
        self._server = _Server((host, 0), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def address(self, path: str = '/team/calendar.ics', host: str = '127.0.0.1') -> str:
        return f'http://{host}:{self.port}{path}'

    def encrypt(self, pem: Path) -> None:
        """Serve https from now on, with this certificate and key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def publish(self, request: BaseHTTPRequestHandler) -> None:
        etag = f'"{sha256(self.text).hexdigest()[:12]}"'
        self.status = 304 if request.headers.get('If-None-Match') == etag else 200
        body = self.text if self.status == 200 else b''
        send(request, self.status, body, ETag=etag, Content_Type='text/calendar')

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self) -> None:
                server.asked.append({name.lower(): value for name, value in self.headers.items()})
                server.paths.append(self.path)
                try:
                    server.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                return

        return Handler


def send(request: BaseHTTPRequestHandler, status: int, body: bytes = b'', **headers: str) -> None:
    """Answer as a whole; `Content_Type` is `Content-Type`."""
    request.send_response(status)
    for name, value in {'Content_Length': str(len(body)), **headers}.items():
        request.send_header(name.replace('_', '-'), value)
    request.end_headers()
    request.wfile.write(body)


def answering(status: int, body: bytes = b'', **headers: str) -> Answer:
    return lambda request: send(request, status, body, **headers)


@contextmanager
def calendar_server(host: str = '127.0.0.1') -> Iterator[CalendarServer]:
    server = CalendarServer(host)
    try:
        yield server
    finally:
        server.close()
