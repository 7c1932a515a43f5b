"""Real servers that notifications are sent to: for HTTP in good and bad moods, and for mail."""

import contextlib
import datetime
import email
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = 'keeper', 'hunter-of-the-night'


@dataclass
class HttpReceiver:
    """Answers each request with `status`, or never while `is_hanging`; keeps what came."""

    status: int = 200
    is_hanging: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)
    let_go: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request['body'] for request in self.requests]

    def wait(self, count: int = 1, timeout: float = 30) -> list[dict[str, Any]]:
        """Return the bodies of all requests once there are as many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, timeout), self.requests
        return self.bodies


@contextlib.contextmanager
def http_receiver(port: int = 0, **mood: Any) -> Iterator[HttpReceiver]:
    receiver = HttpReceiver(**mood)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers['Content-Length'] or 0))
            with receiver.came:
                body = json.loads(data) if data[:1] == b'{' else {'text': data.decode()}
                receiver.requests.append({'path': self.path, 'headers': dict(self.headers), 'body': body})
                receiver.came.notify_all()
            if receiver.is_hanging:
                receiver.let_go.wait()
            with contextlib.suppress(OSError):
                self.send_response(receiver.status)
                self.send_header('Content-Length', '2')
                self.end_headers()
                self.wfile.write(b'{}')

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that was ended in time has gone

    server = Server(('127.0.0.1', port), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailServer:
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        with self.came:
            self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
            self.came.notify_all()
        return '250 OK'

    def wait(self, count: int = 1, timeout: float = 30) -> list[EmailMessage]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.mails) >= count, timeout), self.mails
        return self.mails


@contextlib.contextmanager
def mail_server(*, tls: Path | None = None) -> Iterator[MailServer]:
    """A server for mail, in the clear and for everyone; only with STARTTLS and a login if `tls` is given.

    :param tls: the folder for its certificate, `tls.pem`
    """
    keeper = MailServer()
    context = _context(tls) if tls is not None else None

    def allowed(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)

    more: dict[str, Any] = {}
    if context is not None:
        more = {'tls_context': context, 'require_starttls': True, 'authenticator': allowed, 'auth_required': True}
    controller = Controller(keeper, hostname='127.0.0.1', port=free_port(), **more)
    controller.start()
    keeper.port = controller.port
    try:
        yield keeper
    finally:
        controller.stop()


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as server:
        return int(server.getsockname()[1])


def _context(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, '127.0.0.1')])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    parts = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (folder / 'tls.pem').write_bytes(parts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / 'tls.pem')
    return context
