"""FTP. Connection and listings are fsspec's; files are written here, through one data connection each: fsspec's own
writer opens another for every 64 KiB."""

import contextlib
import errno
import ftplib
import tempfile
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from synapse.language import _

from .address import Location
from .server import ANSWER_SECONDS, CONNECT_SECONDS, Entry, Login, Server, Upload, join


class FtpServer(Server):
    lists_hidden = False  # vsftpd leaves them out

    def __init__(self, place: Location, login: Login) -> None:
        super().__init__(place, login)
        from fsspec.implementations.ftp import FTPFileSystem

        self._folder = place.path or '/'
        self._fs: Any = FTPFileSystem(
            place.host.strip('[]'),
            port=place.port or 21,
            username=login.username or None,
            password=login.password or None,
            timeout=CONNECT_SECONDS,
            encoding=login.options.get('encoding', 'utf-8'),
            skip_instance_cache=True,
        )
        self._ftp: ftplib.FTP = self._fs.ftp
        self._ftp.timeout = ANSWER_SECONDS  # from now on: a server may have to save a large file first
        if self._ftp.sock is not None:
            self._ftp.sock.settimeout(ANSWER_SECONDS)
        self._ftp.voidcmd('TYPE I')

    def make_folder(self) -> list[str]:
        made, missing = '', []
        for part in self._folder.split('/'):
            if not part:
                continue
            made = f'{made}/{part}'
            if not self._is_folder(made):
                self._ftp.mkd(made)
                missing.append(made)
        return missing

    def remove_folder(self, path: str) -> None:
        self._ftp.rmd(path)

    def _is_folder(self, path: str) -> bool:
        before = self._ftp.pwd()
        try:
            self._ftp.cwd(path)
        except ftplib.error_perm:
            return False
        self._ftp.cwd(before)
        return True

    def entries(self) -> list[Entry]:
        self._fs.invalidate_cache()
        found = self._fs.ls(self._folder, detail=True)
        self._ftp.voidcmd('TYPE I')
        return [
            Entry(item['name'].rpartition('/')[2], int(item.get('size') or 0), _modified(item))
            for item in found
            if item['type'] == 'file'
        ]

    def size(self, name: str) -> int | None:
        try:
            return self._ftp.size(self._path(name))
        except ftplib.error_perm:  # also where the server has no SIZE, which is not in RFC 959
            with contextlib.suppress(FileNotFoundError):
                return next((entry.size for entry in self.entries() if entry.name == name), None)
        return None

    def read(self, name: str) -> BinaryIO:
        # A file of this machine, since a second transfer cannot begin on this connection before the first has ended.
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        self._ftp.retrbinary(f'RETR {self._path(name)}', file.write, blocksize=1 << 20)
        file.seek(0)
        return cast(BinaryIO, file)

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _FtpUpload(self._ftp, self._path(name))

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        source, target = self._path(part), self._path(name)
        if not replace and self.size(name) is not None:
            raise FileExistsError(errno.EEXIST, 'File exists', target)
        try:
            self._ftp.rename(source, target)
        except ftplib.error_perm:
            if not replace or self.size(name) is None:
                raise
            # Some servers do not rename onto a file that exists.
            self._ftp.delete(target)
            self._ftp.rename(source, target)

    def remove(self, name: str) -> None:
        self._ftp.delete(self._path(name))

    def close(self) -> None:
        self._ftp.close()

    def check_name(self, name: str) -> None:
        if '\r' in name or '\n' in name:
            raise ValueError(_('A line break in a name cannot be sent by FTP.'))

    def _path(self, name: str) -> str:
        return join(self._folder, name)


class _FtpUpload(Upload):
    def __init__(self, ftp: ftplib.FTP, path: str) -> None:
        self._ftp = ftp
        self._data = ftp.transfercmd(f'STOR {path}')

    def write(self, data: bytes) -> None:
        self._data.sendall(data)

    def finish(self) -> None:
        self._data.close()
        self._ftp.voidresp()

    def abort(self) -> None:
        self._data.close()


def _modified(item: dict[str, Any]) -> float | None:
    try:
        return datetime.strptime(str(item['modify'])[:14], '%Y%m%d%H%M%S').replace(tzinfo=UTC).timestamp()
    except (KeyError, ValueError):
        return None
