"""Windows and Samba shares by smbprotocol, the library under fsspec's SMB file system.

That file system keeps dead connections for the whole process, cannot replace a file, and makes a mistyped share of
itself; so the library is called with connections of our own.
"""

import contextlib
import errno
import re
import socket
from collections import deque
from collections.abc import Iterator
from pathlib import PureWindowsPath
from stat import S_ISREG
from typing import Any, BinaryIO, cast

from synapse.language import _

from .address import Location
from .server import ANSWER_SECONDS, CONNECT_SECONDS, Entry, Login, Server, Upload, quiet

PIECE = 1024**2
AT_ONCE = 4
"""Writes on their way at a time: one by one, each waits for the server."""

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
_RESERVED = re.compile(r'(?i)(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?')


class SmbServer(Server):
    def __init__(self, place: Location, login: Login) -> None:
        super().__init__(place, login)
        quiet('smbprotocol', 'smbclient', 'spnego')
        import smbclient

        domain, separator, user = login.username.rpartition(';')
        self._smb: Any = smbclient
        self._share = place.path.strip('/').partition('/')[0]
        self._root = '\\\\' + place.host.strip('[]') + '\\' + place.path.strip('/').replace('/', '\\')
        self._kept: dict[str, Any] = {}
        self._with: dict[str, Any] = {
            'username': f'{domain}\\{user}' if separator else login.username or None,
            'password': login.password or None,
            'port': place.port or 445,
            'connection_timeout': CONNECT_SECONDS,
            'connection_cache': self._kept,
        }
        try:
            session = self._do('register_session', place.host.strip('[]'))
        except BaseException:
            self.close()
            raise
        # The library waits without end for an answer; so the system ends a connection that is cut without a word.
        with contextlib.suppress(AttributeError, OSError):
            session.connection.transport._sock.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(ANSWER_SECONDS * 1000)
            )

    def _do(self, function: str, *arguments: Any, **options: Any) -> Any:
        with _plain_errors():
            return getattr(self._smb, function)(*arguments, **options, **self._with)

    def make_folder(self) -> list[str]:
        missing = []
        made = '\\\\' + self.place.host.strip('[]') + '\\' + self._share
        if not self._exists(made):
            raise FileNotFoundError(errno.ENOENT, f'There is no share {self._share}', self._share)
        for part in self.place.path.strip('/').split('/')[1:]:
            made = f'{made}\\{part}'
            if part and not self._exists(made):
                self._do('mkdir', made)
                missing.append(made)
        return missing

    def remove_folder(self, path: str) -> None:
        self._do('rmdir', path)

    def _exists(self, path: str) -> bool:
        try:
            self._do('stat', path)
        except FileNotFoundError:
            return False
        return True

    def entries(self) -> list[Entry]:
        found = []
        with _plain_errors():
            for item in self._smb.scandir(self._root, **self._with):
                if item.is_file():
                    known = item.smb_info
                    found.append(Entry(item.name, known.end_of_file, known.last_write_time.timestamp()))
        return found

    def size(self, name: str) -> int | None:
        try:
            known = self._do('stat', self._path(name))
        except FileNotFoundError:
            return None
        return int(known.st_size) if S_ISREG(known.st_mode) else 0

    def read(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._do('open_file', self._path(name), 'rb', buffering=PIECE))

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _SmbUpload(self._do('open_file', self._path(name), 'xb', buffering=0))

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        self._do('replace' if replace else 'rename', self._path(part), self._path(name))

    def remove(self, name: str) -> None:
        self._do('remove', self._path(name))

    def check_name(self, name: str) -> None:
        wrong = _FORBIDDEN.search(name)
        if wrong:
            raise ValueError(_('A name on a Windows share cannot contain {sign}.', sign=wrong[0]))
        if _RESERVED.fullmatch(PureWindowsPath(name).name) or name.endswith((' ', '.')):
            raise ValueError(_('Windows reserves this name, or drops its last letter.'))

    def close(self) -> None:
        self._smb.reset_connection_cache(connection_cache=self._kept, fail_on_error=False)

    def _path(self, name: str) -> str:
        return f'{self._root}\\{name}'


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise what the library raises as the class of its number: its own is no `FileNotFoundError` where that is 2."""
    try:
        yield
    except OSError as error:
        if type(error).__name__ != 'SMBOSError':
            raise
        if error.errno:
            raise OSError(error.errno, error.strerror, error.filename) from error
        # What has no number, such as STATUS_DISK_FULL; what the library has no name for, it says as STATUS_UNKNOWN.
        status = re.search(r'STATUS_(?!UNKNOWN)(\w+)', str(error)) or re.search(r'(NtStatus 0x[0-9a-f]+)', str(error))
        raise OSError(status[1].replace('_', ' ').lower() if status else str(error)) from error


class _SmbUpload(Upload):
    def __init__(self, file: Any) -> None:
        self._file, self._opened = file, file.fd
        self._piece = min(PIECE, self._opened.connection.max_write_size)
        self._sent: deque[Any] = deque()
        self._offset = 0

    def write(self, data: bytes) -> None:
        tree = self._opened.tree_connect
        for start in range(0, len(data), self._piece):
            piece = bytes(data[start : start + self._piece])
            request, __ = self._opened.write(piece, self._offset, send=False)
            self._sent.append(
                self._opened.connection.send(request, sid=tree.session.session_id, tid=tree.tree_connect_id)
            )
            self._offset += len(piece)
            if len(self._sent) >= AT_ONCE:
                self._receive()

    def finish(self) -> None:
        while self._sent:
            self._receive()
        self._file.close()

    def abort(self) -> None:
        try:
            self._file.close()
        finally:
            self._opened._connected = False  # else it warns of an open file where the server is gone

    def _receive(self) -> None:
        self._opened.connection.receive(self._sent.popleft(), timeout=ANSWER_SECONDS)
