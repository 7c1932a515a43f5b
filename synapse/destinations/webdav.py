"""WebDAV (RFC 4918) by webdav4, the library behind fsspec's WebDAV file system.

That file system collects a file on this machine before it sends it, and passes `#`, `?` and `%` in names as they are;
so files are sent by its client, piece by piece, under quoted names.
"""

import contextlib
import errno
import queue
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote

from synapse.language import _

from .address import Location
from .server import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Entry,
    Login,
    Server,
    Upload,
    join,
    not_a_folder,
    option_flag,
    quiet,
)


class WebdavServer(Server):
    def __init__(self, place: Location, login: Login) -> None:
        super().__init__(place, login)
        import httpx
        from webdav4.client import Client

        quiet('httpx')
        scheme = 'https' if place.scheme == 'webdavs' else 'http'
        port = '' if place.port is None else f':{place.port}'
        self._folder = place.path.strip('/')
        auth = httpx.BasicAuth(login.username, login.password) if login.username or login.password else None
        if auth and option_flag(login.options.get('digest')):
            auth = httpx.DigestAuth(login.username, login.password)  # type: ignore[assignment]
        self._client: Any = Client(
            f'{scheme}://{place.host}{port}/',
            auth=auth,
            retry=False,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )

    def make_folder(self) -> list[str]:
        made, missing = '', []
        for part in self._folder.split('/') if self._folder else []:
            made = f'{made}/{quote(part)}'.lstrip('/')
            known = self._properties(made)
            if known is None:
                self._client.mkdir(made)
                missing.append(unquote(f'/{made}'))
            elif not known.collection:
                raise not_a_folder(unquote(f'/{made}'))
        if not made:
            self._client.propfind('', headers={'Depth': '0'})
        return missing  # not to be removed: DELETE of a collection takes all that is in it (RFC 4918, 9.6.1)

    def entries(self) -> list[Entry]:
        answers = self._client.propfind(f'{quote(self._folder)}/'.lstrip('/'), headers={'Depth': '1'}).responses
        return [
            Entry(unquote(item.href).rpartition('/')[2], known.content_length or 0, _timestamp(known.modified))
            for item in answers.values()
            if not (known := item.properties).collection
        ]

    def size(self, name: str) -> int | None:
        known = self._properties(self._path(name))
        return None if known is None else known.content_length or 0

    def _properties(self, path: str) -> Any:
        # Not by `info`, which looks for a quoted name as it is among the answers.
        from webdav4.client import ResourceNotFound

        try:
            answers = self._client.propfind(path, headers={'Depth': '0'}).responses
        except ResourceNotFound:
            return None
        return next(iter(answers.values())).properties

    def read(self, name: str) -> BinaryIO:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        with self._client.http.stream('GET', self._client.join_url(self._path(name))) as response:
            response.raise_for_status()
            for piece in response.iter_bytes(1 << 20):
                file.write(piece)
        file.seek(0)
        return cast(BinaryIO, file)

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _WebdavUpload(self._client.http, self._client.join_url(self._path(name)), size)

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        from webdav4.client import ResourceAlreadyExists

        try:
            self._client.move(self._path(part), self._path(name), overwrite=replace)
        except ResourceAlreadyExists as error:
            raise FileExistsError(errno.EEXIST, 'File exists', name) from error

    def remove(self, name: str) -> None:
        self._client.remove(self._path(name))

    def close(self) -> None:
        self._client.http.close()

    def _path(self, name: str) -> str:
        return quote(join(self._folder, name).lstrip('/'))


class _WebdavUpload(Upload):
    """One PUT request in a thread of its own, fed with what is written."""

    def __init__(self, http: Any, url: Any, size: int | None) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
        self._problem: BaseException | None = None
        self._is_aborted = False
        headers = {} if size is None else {'content-length': str(size)}
        self._thread = threading.Thread(target=self._send, args=(http, url, headers), daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        self._pass_on(data)

    def finish(self) -> None:
        self._pass_on(None)
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def abort(self) -> None:
        self._is_aborted = True
        with contextlib.suppress(queue.Full):
            self._pieces.put_nowait(None)
        self._thread.join(timeout=CONNECT_SECONDS)

    def _pass_on(self, piece: bytes | None) -> None:
        while True:
            if self._problem is not None:
                raise self._problem
            try:
                self._pieces.put(piece, timeout=0.5)
            except queue.Full:
                continue
            return

    def _send(self, http: Any, url: Any, headers: dict[str, str]) -> None:
        try:
            response = http.put(url, content=self._body(), headers=headers)
            if not response.is_success:
                raise OSError(f'{response.status_code} {response.reason_phrase}')
        except BaseException as error:  # raised again by the thread that writes
            self._problem = error

    def _body(self) -> Iterator[bytes]:
        while True:
            piece = self._pieces.get()
            if self._is_aborted:
                raise ConnectionAbortedError(_('The transfer was stopped.'))
            if piece is None:
                return
            yield piece


def _timestamp(moment: Any) -> float | None:
    return moment.timestamp() if moment is not None else None
