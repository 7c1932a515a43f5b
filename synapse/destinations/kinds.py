"""The kinds of destinations: which module delivers to them, what must be installed for it, and what they cannot do."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from .address import Location
from .errors import PackageMissing
from .server import Login, Server

EXTRAS: dict[str, tuple[str, ...]] = {
    'sftp': ('paramiko',),
    's3': ('s3fs',),
    'webdav': ('webdav4',),
    'smb': ('smbprotocol',),
}
"""The optional dependencies of `pyproject.toml` by name, and the packages to install for each."""
_IMPORTED = {'paramiko': 'paramiko', 's3fs': 's3fs', 'webdav4': 'webdav4', 'smbprotocol': 'smbclient'}


@dataclass(frozen=True, slots=True)
class Kind:
    """How one scheme is delivered to."""

    module: str
    server: str
    extra: str = ''
    limits: tuple[str, ...] = ()
    """What it cannot do, a sentence each, for people."""

    @property
    def is_installed(self) -> bool:
        return not self.extra or is_installed(self.extra)


_FTP_LIMITS = (
    'FTP sends the password and the files unencrypted.',
    'FTP cannot prevent that another program takes the same name at the same moment.',
)
_KINDS = {
    'file': Kind('local', 'LocalFolder'),
    'sftp': Kind('sftp', 'SftpServer', 'sftp'),
    'ftp': Kind('ftp', 'FtpServer', limits=_FTP_LIMITS),
    'webdav': Kind(
        'webdav', 'WebdavServer', 'webdav', ('webdav:// sends the password and the files unencrypted; see webdavs://.',)
    ),
    'webdavs': Kind('webdav', 'WebdavServer', 'webdav'),
    's3': Kind('s3', 'S3Server', 's3', ('A bucket is never created; it must exist.',)),
    'smb': Kind('smb', 'SmbServer', 'smb', (r'Names on a share cannot contain \ : * ? " < > or |.',)),
}
_OTHER = Kind('other', 'OtherServer', limits=('This kind of server is not tested with Synapse; press Try it.',))


def kind_of(place: Location) -> Kind:
    return _KINDS.get(place.scheme, _OTHER)


def is_installed(extra: str) -> bool:
    """Whether the packages of an extra can be imported."""
    return all(find_spec(_IMPORTED[package]) is not None for package in EXTRAS[extra])


def connect(place: Location, login: Login) -> Server:
    """Connect to a server.

    :raises PackageMissing: if its kind needs packages that are not installed
    :raises Exception: whatever its library raises
    """
    kind = kind_of(place)
    if not kind.is_installed:
        raise PackageMissing(place.scheme, kind.extra, EXTRAS[kind.extra])
    server: Callable[[Location, Login], Server] = getattr(import_module(f'.{kind.module}', __package__), kind.server)
    return server(place, login)
