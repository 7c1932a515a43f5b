"""Calls of a control room that is running on the same machine."""

import json
import uuid
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from synapse.language import _, language, tag_of

if TYPE_CHECKING:
    from ssl import SSLContext


class Refused(Exception):
    """The control room refused a request, with an error as the API describes it."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error['message'])
        self._error = error

    def words(self, about_field: Callable[[str, str], str] = lambda name, text: text) -> str:
        """Return what is wrong: a line, and one for each field.

        :param about_field: returns what to say about a field, given its name and what is wrong with it
        """
        message, fields = self._error['message'], self._error.get('fields', {})
        for name, text in fields.items():
            # The message may repeat what is wrong with the fields, for programs that show nothing else.
            message = message.replace(f'{name}: {text}', '').replace(text, '')
        said = ' '.join(f'{message} {self._error.get("hint", "")}'.split())
        about = (f'{name}: {about_field(name, text)}' for name, text in fields.items())
        return '\n  '.join(filter(None, (said, *about)))


class Api:
    """Calls of a control room, a connection for each. `http.client` is imported five times as fast as httpx.

    :param certificate: the one that it has, for `https:`; whatever its name, as this is the same machine

    Each raises `Refused` if it answers with an error, and `OSError`, `HTTPException` or `ValueError` if none comes.
    """

    def __init__(
        self, base: str, headers: dict[str, str], *, timeout: float = 60, certificate: Path | None = None
    ) -> None:
        self._address = urlsplit(base)
        self._certificate = certificate
        self._headers = headers
        self._timeout = timeout

    def get(self, path: str) -> dict[str, Any]:
        return dict(self._call('GET', path))

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return an answer that is a list."""
        return list(self._call('GET', path))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {'Content-Type': 'application/json', 'Idempotency-Key': uuid.uuid4().hex}
        return dict(self._call('POST', path, json.dumps(body).encode(), headers))

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._call('PUT', path, json.dumps(body).encode(), {'Content-Type': 'application/json'}))

    def delete(self, path: str) -> None:
        status, answer = self._answer('DELETE', path, None, {})
        if status >= 400:
            self._checked(status, json.loads(answer))

    def text(self, path: str) -> str:
        """Return an answer that is no JSON."""
        status, answer = self._answer('GET', path, None, {})
        if status < 400:
            return answer.decode()
        return str(self._checked(status, json.loads(answer)))

    def _call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        status, answer = self._answer(method, path, body, headers or {})
        return self._checked(status, json.loads(answer))

    def _answer(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request(
                method, f'/api/v1/{path}', body, {'Accept-Language': tag_of(language()), **self._headers, **headers}
            )
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port = self._address.hostname or '', self._address.port
        if self._address.scheme == 'https':
            return HTTPSConnection(host, port, timeout=self._timeout, context=trusting(self._certificate))
        return HTTPConnection(host, port, timeout=self._timeout)

    @staticmethod
    def _checked(status: int, answer: Any) -> Any:
        if status < 400:
            return answer
        error = answer.get('error') if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            raise ValueError(_('the answer {status} is not one of Synapse', status=status))
        raise Refused(error)


def trusting(certificate: Path | None) -> 'SSLContext':
    """Trust this certificate, and no other."""
    import ssl  # takes as long to import as all the rest

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if certificate is not None:
        context.load_verify_locations(certificate)
    return context
