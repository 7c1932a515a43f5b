"""SFTP by paramiko, the library under fsspec's own SFTP file system.

That file system is not used: it accepts any key of a host. sshfs (on asyncssh) does too unless told otherwise, and
was no faster, see `benchmarks/delivery.py`.
"""

import contextlib
import errno
import stat
from pathlib import Path
from typing import Any, BinaryIO

from .address import Location
from .errors import HostKeyChanged, HostKeyUnknown
from .known_hosts import OWN_FILE, accepted, host_key
from .server import ANSWER_SECONDS, CONNECT_SECONDS, Entry, Login, Server, Upload, join, not_a_folder, quiet

PIECE = 32_000
"""Bytes in a write: servers take at least 32,768 in a packet. Larger ones are split by the library, and then wait for
each other: 20 MB took 20 s on loopback instead of 0.4 s."""


class SftpServer(Server):
    def __init__(self, place: Location, login: Login) -> None:
        super().__init__(place, login)
        # `/~/folder` is below the home folder, as in other programs.
        self._folder = place.path.removeprefix('/~/') if place.path.startswith('/~/') else place.path or '/'
        quiet('paramiko', 'paramiko.transport')
        self._client = self._connected()
        try:
            self._sftp: Any = self._client.open_sftp()
            self._sftp.get_channel().settimeout(ANSWER_SECONDS)
        except BaseException:
            self._client.close()
            raise

    def _connected(self) -> Any:
        import paramiko

        place, login = self.place, self.login
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(_KnownKeys(place, login.known_hosts))
        has_own_login = bool(login.password or login.key_file)
        try:
            client.connect(
                place.host.strip('[]'),
                port=place.port or 22,
                username=login.username or None,
                password=login.password or None,
                key_filename=str(Path(login.key_file).expanduser()) if login.key_file else None,
                passphrase=login.options.get('passphrase') or login.password or None,
                timeout=CONNECT_SECONDS,
                banner_timeout=CONNECT_SECONDS,
                auth_timeout=CONNECT_SECONDS,
                # Servers end the connection after a few wrong keys.
                look_for_keys=not has_own_login,
                allow_agent=not has_own_login,
            )
        except BaseException:
            client.close()
            raise
        return client

    def make_folder(self) -> list[str]:
        made, missing = '/' if self._folder.startswith('/') else '', []
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(self._sftp.stat(self._folder or '.').st_mode or 0):
                return []
        for part in self._folder.split('/'):
            if not part:
                continue
            made = f'{made}{part}'
            try:
                if not stat.S_ISDIR(self._sftp.stat(made).st_mode or 0):
                    raise not_a_folder(made)
            except FileNotFoundError:
                self._sftp.mkdir(made)
                missing.append(made)
            made += '/'
        return missing

    def remove_folder(self, path: str) -> None:
        self._sftp.rmdir(path)

    def entries(self) -> list[Entry]:
        return [
            Entry(item.filename, item.st_size or 0, item.st_mtime)
            for item in self._sftp.listdir_iter(self._folder or '.')
            if stat.S_ISREG(item.st_mode or 0)
        ]

    def size(self, name: str) -> int | None:
        try:
            return self._sftp.lstat(self._path(name)).st_size or 0
        except FileNotFoundError:
            return None

    def read(self, name: str) -> BinaryIO:
        file = self._sftp.open(self._path(name), 'rb')
        file.prefetch()
        return file  # type: ignore[no-any-return]

    def upload(self, name: str, *, size: int | None, replace: bool) -> Upload:
        return _SftpUpload(self._sftp.open(self._path(name), 'wx'))

    def rename(self, part: str, name: str, *, replace: bool) -> None:
        source, target = self._path(part), self._path(name)
        if replace:
            self._replace(source, target)
            return
        if self.size(name) is not None:
            raise FileExistsError(errno.EEXIST, 'File exists', target)
        try:
            # Refused if the target exists: draft-ietf-secsh-filexfer-02, 6.5; OpenSSH does it by a hard link.
            self._sftp.rename(source, target)
        except OSError as error:
            if self.size(name) is not None:
                raise FileExistsError(errno.EEXIST, 'File exists', target) from error
            raise

    def _replace(self, source: str, target: str) -> None:
        try:
            self._sftp.posix_rename(source, target)
        except OSError:  # an extension of OpenSSH that other servers may lack
            with contextlib.suppress(FileNotFoundError):
                self._sftp.remove(target)
            self._sftp.rename(source, target)

    def remove(self, name: str) -> None:
        self._sftp.remove(self._path(name))

    def close(self) -> None:
        self._client.close()

    def _path(self, name: str) -> str:
        return join(self._folder, name) if self._folder else name


class _SftpUpload(Upload):
    def __init__(self, file: Any) -> None:
        self._file = file
        file.set_pipelined(True)

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self._file.write(data[start : start + PIECE])

    def finish(self) -> None:
        self._file.close()

    def abort(self) -> None:
        # Closing would wait for the answers of a server that may be gone.
        self._file.set_pipelined(False)
        self._file._close(async_=True)


class _KnownKeys:
    """Accepts only keys that a person has accepted; for paramiko, which is given none itself."""

    def __init__(self, place: Location, file: str) -> None:
        self._host, self._port = place.host.strip('[]'), place.port or 22
        self._files = [*([Path(file)] if file else []), OWN_FILE]

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        shown = host_key(self._host, self._port, key.get_name(), key.asbytes())
        known = [item for item in accepted(self._files, shown.host) if item[0] == shown.type]
        if any(blob == key.asbytes() for _, blob, _ in known):
            return
        if known:
            raise HostKeyChanged(shown, known[0][2])
        raise HostKeyUnknown(shown)
