"""Real servers to deliver to, each a process of its own on a free port of this machine."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from synapse.destinations import Destination
from tests.parts.harness import wait_until

USER, PASSWORD = 'anna', 'geheim-1'
LIMIT_BYTES = 3 * 1024**2
"""The largest file that a server on a full disk can write."""
_SBIN = os.pathsep.join([os.environ.get('PATH', ''), '/usr/sbin', '/usr/local/sbin'])

WEBDAV = """
import sys
from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp
users = {'*': {'anna': {'password': 'geheim-1'}}}
app = WsgiDAVApp({'provider_mapping': {'/': sys.argv[2]}, 'simple_dc': {'user_mapping': users}, 'verbose': 0,
                  'property_manager': False, 'lock_storage': False, 'logging': {'enable': False}})
wsgi.Server(('127.0.0.1', int(sys.argv[1])), app).start()
"""
FTP = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
known = DummyAuthorizer()
known.add_user('anna', 'geheim-1', sys.argv[2], perm='elradfmwMT')
FTPHandler.authorizer = known
FTPServer(('127.0.0.1', int(sys.argv[1])), FTPHandler).serve_forever()
"""


class Program:
    """The program of a server."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._start = start
        self._process = start()

    def cut(self) -> None:
        """Kill it with all its processes, so that every connection breaks."""
        with contextlib.suppress(psutil.NoSuchProcess):
            descendants = psutil.Process(self._process.pid).children(recursive=True)
            self._process.kill()  # first, as it might replace its children
            for process in descendants:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.cut()
        self._process = self._start()


@dataclass
class RunningServer:
    """A server that answers.

    :param address: a folder that does not exist yet
    :param folder: the same folder on this machine; None where a server keeps its files elsewhere
    """

    kind: str
    address: str
    secrets: dict[str, str]
    folder: Path | None
    home: Path
    program: Program
    known_hosts: str = ''

    def with_folder(self, name: str) -> 'RunningServer':
        """The same server with another folder to deliver to."""
        folder = self.folder / name if self.folder else None
        return replace(self, address=f'{self.address}/{name}', folder=folder)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Destination]:
        with Destination(self.address, self.secrets, known_hosts=self.known_hosts) as destination:
            destination.prepare()
            yield destination

    def restart(self) -> None:
        """Kill it and start it again, with the files it had."""
        self.program.restart()
        if self.folder is None:
            s3_client(self.secrets).create_bucket(Bucket='bucket')


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return int(listener.getsockname()[1])


def missing(kind: str) -> str:
    """Why a kind of server cannot be started here, empty if it can."""
    programs = {'sftp': ['sshd', 'ssh-keygen'], 'smb': ['smbd', 'smbpasswd']}.get(kind, [])
    packages = {
        'sftp': ['paramiko'],
        'ftp': ['pyftpdlib'],
        'webdav': ['webdav4', 'wsgidav', 'cheroot'],
        's3': ['s3fs', 'moto', 'flask'],
        'smb': ['smbclient'],
    }[kind]
    lacking = [name for name in programs if shutil.which(name, path=_SBIN) is None]
    lacking += [name for name in packages if find_spec(name) is None]
    if kind == 'smb' and os.geteuid() != 0:
        lacking.append('the rights of root, which smbd needs')
    return f'lacks {", ".join(lacking)}' if lacking else ''


@contextlib.contextmanager
def running(kind: str, home: Path, *, is_full: bool = False) -> Iterator[RunningServer]:
    """Start a server with its files in `home`.

    :param is_full: whether it can write only `LIMIT_BYTES` to a file
    """
    home.mkdir(parents=True, exist_ok=True)
    server = _STARTERS[kind](home, _limited if is_full else None)
    try:
        yield server
    finally:
        server.program.cut()


def _limited() -> None:
    import resource  # not on Windows

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))


def _started(
    command: list[str], home: Path, port: int, before: Callable[[], None] | None, timeout: float = 60
) -> subprocess.Popen[bytes]:
    with (home / 'server.log').open('ab') as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=before,
        )
    deadline = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1):
            return process
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(
                f'{command[0]} did not start: {(home / "server.log").read_text(errors="replace")[-2000:]}'
            )
        time.sleep(0.02)


def _files(home: Path) -> Path:
    files = home / 'files'
    files.mkdir(exist_ok=True)
    return files


def start_sftp(home: Path, before: Callable[[], None] | None) -> RunningServer:
    port, files = free_port(), _files(home)
    for name in ('host', 'user'):
        if not (home / name).exists():
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', str(home / name)], check=True)
    shutil.copy(home / 'user.pub', home / 'authorized')
    lines = [f'Port {port}', 'ListenAddress 127.0.0.1', f'HostKey {home}/host', f'AuthorizedKeysFile {home}/authorized']
    lines += [f'PidFile {home}/pid', 'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'LogLevel ERROR']
    (home / 'conf').write_text('\n'.join([*lines, 'Subsystem sftp internal-sftp', '']))
    if os.geteuid() == 0:
        Path('/run/sshd').mkdir(exist_ok=True)
    program = shutil.which('sshd', path=_SBIN) or ''
    start = partial(_started, [program, '-D', '-e', '-f', str(home / 'conf')], home, port, before)
    kind, key, _ = (home / 'host.pub').read_text().split(maxsplit=2)
    (home / 'known_hosts').write_text(f'[127.0.0.1]:{port} {kind} {key}\n')
    secrets = {'destination_username': getpass.getuser(), 'destination_key_file': str(home / 'user')}
    address = f'sftp://127.0.0.1:{port}{files}/new/films'
    return RunningServer(
        'sftp', address, secrets, files / 'new' / 'films', home, Program(start), known_hosts=str(home / 'known_hosts')
    )


def start_ftp(home: Path, before: Callable[[], None] | None) -> RunningServer:
    port, files = free_port(), _files(home)
    start = partial(_started, [sys.executable, '-c', FTP, str(port), str(files)], home, port, before)
    return RunningServer(
        'ftp', f'ftp://127.0.0.1:{port}/new/films', _login(), files / 'new' / 'films', home, Program(start)
    )


def start_webdav(home: Path, before: Callable[[], None] | None) -> RunningServer:
    port, files = free_port(), _files(home)
    start = partial(_started, [sys.executable, '-c', WEBDAV, str(port), str(files)], home, port, before)
    address = f'webdav://127.0.0.1:{port}/new/films'
    return RunningServer('webdav', address, _login(), files / 'new' / 'films', home, Program(start))


def start_s3(home: Path, before: Callable[[], None] | None) -> RunningServer:
    port = free_port()
    start = partial(_started, [sys.executable, '-m', 'moto.server', '-p', str(port)], home, port, before)
    endpoint = f'http://127.0.0.1:{port}'
    secrets = _login() | {'destination_endpoint_url': endpoint, 'destination_region': 'us-east-1'}
    server = RunningServer('s3', 's3://bucket/new/films', secrets, None, home, Program(start))
    s3_client(secrets).create_bucket(Bucket='bucket')
    return server


def s3_client(secrets: dict[str, str]) -> Any:
    """Amazon's own client of a server."""
    return _s3_client(secrets['destination_endpoint_url'])


@cache
def _s3_client(endpoint: str) -> Any:
    import boto3

    own = {'aws_access_key_id': USER, 'aws_secret_access_key': PASSWORD}
    return boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1', **own)


def start_smb(home: Path, before: Callable[[], None] | None) -> RunningServer:
    port, files = free_port(), _files(home)
    own = [f'{name} = {home}' for name in ('private dir', 'lock directory', 'state directory', 'cache directory')]
    own += [f'pid directory = {home}', f'ncalrpc dir = {home}/rpc', f'passdb backend = tdbsam:{home}/passdb.tdb']
    lines = ['[global]', 'server role = standalone server', f'smb ports = {port}', 'interfaces = 127.0.0.1/8', *own]
    lines += ['bind interfaces only = yes', 'load printers = no', 'disable spoolss = yes', 'map to guest = never']
    lines += [f'log file = {home}/log', '[share]', f'path = {files}', 'read only = no', 'force user = root', '']
    (home / 'conf').write_text('\n'.join(lines))
    typed = f'{PASSWORD}\n{PASSWORD}\n'.encode()
    options = ['-c', str(home / 'conf'), '-s', '-a', 'root']
    subprocess.run(['smbpasswd', *options], input=typed, check=True, capture_output=True)
    program = shutil.which('smbd', path=_SBIN) or ''
    command = [program, '-F', '--no-process-group', '-s', str(home / 'conf'), '-l', str(home)]
    start = partial(_started_smb, command, home, port, before)
    secrets = _login() | {'destination_username': 'root'}
    address = f'smb://127.0.0.1:{port}/share/new/films'
    return RunningServer('smb', address, secrets, files / 'new' / 'films', home, Program(start))


def _started_smb(
    command: list[str], home: Path, port: int, before: Callable[[], None] | None
) -> subprocess.Popen[bytes]:
    process = _started(command, home, port, before)
    # Beside what a killed one has left, it may take connections a moment before it can open a share.
    wait_until(lambda: _has_share(port), timeout=60)
    return process


def _has_share(port: int) -> bool:
    import smbclient  # the extra `servers` brings it
    from smbprotocol.exceptions import SMBException

    known: dict[str, Any] = {}
    try:
        smbclient.listdir(r'\\127.0.0.1\share', username='root', password=PASSWORD, port=port, connection_cache=known)
    except (OSError, SMBException):
        return False
    finally:
        smbclient.reset_connection_cache(connection_cache=known, fail_on_error=False)
    return True


def _login() -> dict[str, str]:
    return {'destination_username': USER, 'destination_password': PASSWORD}


_STARTERS = {'sftp': start_sftp, 'ftp': start_ftp, 'webdav': start_webdav, 's3': start_s3, 'smb': start_smb}
KINDS = tuple(_STARTERS)
